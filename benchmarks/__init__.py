"""Speed and memory of jaxtape beside hand-written JAX: `python -m benchmarks`."""
