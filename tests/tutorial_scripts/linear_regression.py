import tensorflow as tf

x = tf.constant([1.0, 2.0, 3.0, 4.0])
y = tf.constant([3.0, 5.0, 7.0, 9.0])


def gradients_at(w, b):
    w, b = tf.Variable(w), tf.Variable(b)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(w * x + b - y))
    return tape.gradient(loss, [w, b])


# The line y = 2 x + 1 goes through all four points.
dw_fitting, db_fitting = gradients_at(2.0, 1.0)
print(f"at w = 2, b = 1: dw = {dw_fitting}, db = {db_fitting}")
dw_first, db_first = gradients_at(0.0, 0.0)
print("at w = 0, b = 0: dw =", dw_first.numpy(), "db =", db_first.numpy())

w = tf.Variable(0.0, name="w")
b = tf.Variable(0.0, name="b")
learning_rate = 0.1
for step in range(401):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((w * x + b - y) ** 2)
    dw, db = tape.gradient(loss, [w, b])
    w.assign_sub(learning_rate * dw)
    b.assign_sub(learning_rate * db)
    if step % 100 == 0:
        print(f"step {step}: loss = {loss:.4f}")
print(f"w = {w.numpy():.4f}, b = {b.numpy():.4f}")
