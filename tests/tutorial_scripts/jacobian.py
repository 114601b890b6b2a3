import tensorflow as tf

x = tf.constant([[1.0, 2.0, 3.0]])
W = tf.Variable([[1.0, -1.0], [2.0, 0.5], [0.0, 4.0]])
b = tf.Variable([0.5, -0.5])
with tf.GradientTape(persistent=True) as tape:
    tape.watch(x)
    y = tf.matmul(x, W) + b
by_x = tape.jacobian(y, x)
by_W, by_b = tape.jacobian(y, [W, b])
print(y.shape, x.shape, "->", by_x.shape)
print(tf.squeeze(by_x))
print(by_W.shape, by_b.shape)
print(by_W[0, :, :, 1].numpy().tolist())
print(by_b.numpy().tolist())

# Of one number at each of many places: the Jacobian is diagonal.
x = tf.linspace(-2.0, 2.0, 5)
with tf.GradientTape() as tape:
    tape.watch(x)
    y = tf.nn.sigmoid(x)
diagonal = tf.linalg.diag_part(tape.jacobian(y, x))
print(f"{tf.reduce_sum(tf.abs(diagonal - y * (1 - y))):.4f}")

# The Hessian is the Jacobian of a gradient.
v = tf.Variable([1.0, 2.0])
with tf.GradientTape() as outer:
    with tf.GradientTape() as inner:
        f = v[0] ** 2 * v[1] ** 3
    gradient = inner.gradient(f, v)
hessian = outer.jacobian(gradient, v)
print(gradient.numpy(), hessian.numpy().tolist())
print("Newton:", tf.linalg.solve(hessian, gradient[:, tf.newaxis])[:, 0].numpy())

layer = tf.keras.layers.Dense(2, activation="relu", kernel_initializer="ones")
inputs = tf.ones([3, 4])
with tf.GradientTape() as tape:
    outputs = layer(inputs)
jacobian = tape.jacobian(outputs, layer.kernel)
print("kernel", layer.kernel.shape, "Jacobian", jacobian.shape)
total = int(tf.reduce_sum(jacobian))
print(total)
