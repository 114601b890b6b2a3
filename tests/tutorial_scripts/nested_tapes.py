import tensorflow as tf

x = tf.Variable(5.0)
with tf.GradientTape() as tape3:
    with tf.GradientTape() as tape2:
        with tf.GradientTape() as tape1:
            y = x**3
        first = tape1.gradient(y, x)
    second = tape2.gradient(first, x)
third = tape3.gradient(second, x)
print(f"{y.numpy():g} {first.numpy():g} {second.numpy():g} {third.numpy():g}")

# A persistent tape answers more than once.
x = tf.constant([1.0, 3.0])
with tf.GradientTape(persistent=True) as tape:
    tape.watch(x)
    y = x * x
    z = y * y
dz_dx = tape.gradient(z, x)
dy_dx = tape.gradient(y, x)
print(dz_dx.numpy(), dy_dx.numpy())
del tape

# A mixed second derivative, two tapes side by side.
u, v = tf.Variable(2.0), tf.Variable(3.0)
with tf.GradientTape() as outer, tf.GradientTape() as inner:
    w = u**2 * v**3
    du = inner.gradient(w, u)
duv = outer.gradient(du, v)
print("d2w/dudv =", float(duv))

# The gradient's own size as a penalty, as in WGAN-GP.
kernel = tf.Variable([[1.0], [2.0]])
points = tf.constant([[3.0, 4.0], [1.0, 0.0]])
with tf.GradientTape() as outer_tape:
    with tf.GradientTape() as inner_tape:
        inner_tape.watch(points)
        score = tf.square(tf.matmul(points, kernel))
    slopes = inner_tape.gradient(score, points)
    sizes = tf.reduce_sum(tf.square(slopes), axis=1)
    penalty = tf.reduce_mean(sizes)
penalty_gradient = outer_tape.gradient(penalty, kernel)
print(slopes.numpy().tolist(), penalty.numpy(), penalty_gradient.numpy().ravel())

# Not persistent: the second question is an error.
with tf.GradientTape() as tape:
    y = u * v
tape.gradient(y, u)
try:
    tape.gradient(y, v)
except RuntimeError:
    print("a second time: RuntimeError")
