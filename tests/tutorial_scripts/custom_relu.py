import tensorflow as tf


@tf.custom_gradient
def my_relu(x):
    def grad(upstream):
        return upstream * tf.cast(x > 0, tf.float32)

    return tf.maximum(x, 0.0), grad


@tf.custom_gradient
def leaky_backwards(x):
    """A ReLU whose gradient leaks, so that no unit dies."""

    def grad(upstream):
        return tf.where(x > 0, upstream, 0.1 * upstream)

    return tf.nn.relu(x), grad


@tf.custom_gradient
def straight_through(x):
    return tf.round(x), lambda upstream: upstream


x = tf.Variable([-2.0, -0.5, 0.0, 1.5, 3.0])
for function in (tf.nn.relu, my_relu, leaky_backwards, straight_through):
    with tf.GradientTape() as tape:
        y = function(x)
        loss = tf.reduce_sum(y * [1.0, 2.0, 3.0, 4.0, 5.0])
    print(y.numpy(), tape.gradient(loss, x).numpy())

# In a layer, as its activation.
model = tf.keras.Sequential(
    [
        tf.keras.Input(shape=(2,)),
        tf.keras.layers.Dense(3, activation=my_relu, kernel_initializer="ones"),
        tf.keras.layers.Dense(1, kernel_initializer="ones", use_bias=False),
    ]
)
inputs = tf.constant([[1.0, 2.0], [-3.0, 1.0]])
with tf.GradientTape() as tape:
    outputs = model(inputs)
    loss = tf.reduce_sum(outputs**2)
kernel_gradient, bias_gradient, last_gradient = tape.gradient(
    loss, model.trainable_variables
)
print(outputs.numpy().tolist())
print(kernel_gradient.numpy().tolist(), bias_gradient.numpy(), last_gradient[0])
