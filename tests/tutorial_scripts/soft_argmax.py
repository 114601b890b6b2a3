import tensorflow as tf

scores = tf.Variable([0.1, 0.9, 0.2])
with tf.GradientTape() as tape:
    index = tf.cast(tf.argmax(scores), tf.float32)
hard = tape.gradient(index, scores)
print(index.numpy(), hard)

with tf.GradientTape() as tape:
    total = tf.reduce_sum(tf.nn.softmax(scores))
of_sum = tape.gradient(total, scores)
print("the whole row:", tf.reduce_max(tf.abs(of_sum)).numpy() < 1e-6)


def soft_argmax(values, temperature=1.0):
    weights = tf.nn.softmax(values / temperature, axis=-1)
    positions = tf.range(tf.shape(values)[-1], dtype=values.dtype)
    return tf.reduce_sum(weights * positions, axis=-1)


with tf.GradientTape() as tape:
    soft_index = soft_argmax(scores)
soft = tape.gradient(soft_index, scores)
print(f"soft index {soft_index:.4f}")
print(soft)

for temperature in (1.0, 0.1, 0.01):
    tf.print("temperature", temperature, "index", soft_argmax(scores, temperature))

# Descent through it: which scores put the soft index at 2?
optimizer = tf.keras.optimizers.Adam(learning_rate=0.1)
for _ in range(100):
    with tf.GradientTape() as tape:
        loss = tf.square(soft_argmax(scores, temperature=0.1) - 2.0)
    [gradient] = tape.gradient(loss, [scores])
    optimizer.apply_gradients([(gradient, scores)])
print("largest:", int(tf.argmax(scores)))
