import tensorflow as tf

x = tf.Variable(2.0)
with tf.GradientTape(persistent=True) as tape:
    y = x**2
    z = y + x
dz_dx = tape.gradient(z, x)
dz_dy = tape.gradient(z, y)
dy_dx = tape.gradient(y, x)
del tape
print("dz/dx:", dz_dx.numpy())
print("dz/dy:", dz_dy.numpy())
print("dy/dx:", dy_dx.numpy())

# One call for several: sources in a dictionary give gradients in a dictionary.
a = tf.constant(3.0)
with tf.GradientTape() as tape:
    tape.watch(a)
    b = a * a
    c = tf.sin(b) * b
gradients = tape.gradient(c, {"a": a, "b": b})
print({name: f"{gradient:.4f}" for name, gradient in gradients.items()})

# A hidden layer's output is an intermediate value too.
hidden_layer = tf.keras.layers.Dense(3, activation="relu")
output_layer = tf.keras.layers.Dense(1)
inputs = tf.constant([[1.0, -2.0]])
hidden_layer.build(inputs.shape)
output_layer.build((1, 3))
hidden_layer.set_weights([tf.constant([[1.0, 2.0, 3.0], [1.0, 0.0, 1.0]]), tf.zeros(3)])
output_layer.set_weights([tf.constant([[5.0], [-6.0], [7.0]]), tf.zeros([1])])
with tf.GradientTape() as tape:
    hidden = hidden_layer(inputs)
    output = output_layer(hidden)
by_hidden, by_kernel = tape.gradient(output, [hidden, hidden_layer.kernel])
print(by_hidden)
print(by_kernel)
