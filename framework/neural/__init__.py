"""What `jt.nn` is made of: activations, losses, statistics, convolution, pooling."""
