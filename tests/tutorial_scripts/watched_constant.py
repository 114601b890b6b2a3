import tensorflow as tf

x = tf.constant(3.0)
with tf.GradientTape() as tape:
    y = x * x
unwatched = tape.gradient(y, x)
print(unwatched)

with tf.GradientTape() as tape:
    tape.watch(x)
    y = x * x
watched = tape.gradient(y, x)
print(watched)

# Of these four the tape watches only the first by itself.
x0 = tf.Variable(3.0, name="x0")
x1 = tf.Variable(4.0, name="x1", trainable=False)
x2 = tf.Variable(5.0, name="x2") + 1.0
x3 = tf.constant(7.0, name="x3")
with tf.GradientTape() as tape:
    y = x0**2 + x1**2 + x2**2 + x3**2
    print([variable.name.split(":")[0] for variable in tape.watched_variables()])
gradients = tape.gradient(y, [x0, x1, x2, x3])
for gradient in gradients:
    print(gradient)

# And here it watches what it is told to.
with tf.GradientTape(watch_accessed_variables=False) as tape:
    tape.watch(x1)
    y = tf.math.log(x1) * x0
by_x0, by_x1 = tape.gradient(y, [x0, x1])
print(by_x0, by_x1.numpy())

zeros = tf.GradientTape(watch_accessed_variables=False)
with zeros:
    y = x0 * x0
by_none = zeros.gradient(y, x0, unconnected_gradients=tf.UnconnectedGradients.ZERO)
print(by_none)

# Only what happens while the tape is watching is recorded.
x = tf.Variable(2.0)
with tf.GradientTape() as tape:
    y = x * 3.0
    with tape.stop_recording():
        z = y * y
print(tape.gradient(z, x))
