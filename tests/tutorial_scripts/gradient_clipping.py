import tensorflow as tf

w1 = tf.Variable([3.0, 4.0])
w2 = tf.Variable(12.0)
with tf.GradientTape() as tape:
    loss = 0.5 * (tf.reduce_sum(w1**2) + w2**2)
gradients = tape.gradient(loss, [w1, w2])

by_value = [tf.clip_by_value(g, -2.0, 2.0) for g in gradients]
by_norm = [tf.clip_by_norm(g, 1.0) for g in gradients]
by_global_norm, norm = tf.clip_by_global_norm(gradients, 6.5)
tf.print("global norm:", norm)
print([g.numpy().tolist() for g in by_value])
print([g.numpy().tolist() for g in by_norm])
print([g.numpy().tolist() for g in by_global_norm])
print(f"global norm after: {tf.linalg.global_norm(by_global_norm).numpy():.4f}")

# The optimizers clip as well: one step of plain descent at rate 1.
for clipping in ({"clipvalue": 2.0}, {"clipnorm": 1.0}, {"global_clipnorm": 6.5}):
    variables = [tf.Variable([3.0, 4.0]), tf.Variable(12.0)]
    optimizer = tf.keras.optimizers.SGD(learning_rate=1.0, **clipping)
    optimizer.apply_gradients(zip(gradients, variables))
    print(clipping, [v.numpy().tolist() for v in variables])

# Far from the minimum of a steep function: without clipping it flies away.
for limit in (None, 1.0):
    x = tf.Variable(10.0)
    for _ in range(30):
        with tf.GradientTape() as tape:
            y = x**4
        gradient = tape.gradient(y, x)
        if limit is not None:
            gradient = tf.clip_by_norm(gradient, limit)
        x.assign_sub(0.5 * gradient)
    finite = bool(tf.math.is_finite(x))
    print(f"limit {limit}: finite {finite}")
print(f"x = {x.numpy():.4f}")
