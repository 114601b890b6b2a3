import tensorflow as tf
import numpy as np

rng = np.random.default_rng(11)
x = tf.constant(rng.normal(size=(4, 3)).astype("float32"))
W = tf.constant(rng.normal(size=(3, 2)).astype("float32"))

with tf.GradientTape(persistent=True) as tape:
    tape.watch(x)
    y = tf.tanh(x @ W)
batch_jacobian = tape.batch_jacobian(y, x)
full = tape.jacobian(y, x)
print("y", y.shape, "x", x.shape, "batch_jacobian", batch_jacobian.shape)
print("jacobian", full.shape)

# The full Jacobian has the same blocks on its diagonal and zeros elsewhere.
blocks = tf.stack([full[i, :, i] for i in range(4)])
same = bool(np.allclose(blocks, batch_jacobian, atol=1e-6))
off_diagonal = tf.reduce_sum(tf.abs(full)) - tf.reduce_sum(tf.abs(blocks))
print(same, f"{abs(off_diagonal.numpy()):.4f}")

# d tanh(x W) / dx = (1 - y ** 2) W^T, example by example.
by_hand = (1 - y**2)[:, :, tf.newaxis] * tf.transpose(W)[tf.newaxis]
error = tf.reduce_max(tf.abs(by_hand - batch_jacobian)).numpy()
print(f"error {error:.4f}")
print(batch_jacobian[0])

# Examples that are mixed by batch normalization have no such blocks; layers that
# are not, have, whatever their shapes.
model = tf.keras.Sequential(
    [
        tf.keras.layers.Dense(4, activation="elu", use_bias=False),
        tf.keras.layers.Dense(2, activation="elu", use_bias=False),
    ]
)
images = tf.reshape(tf.range(24, dtype=tf.float32), [2, 4, 3]) / 24.0
model.build(images.shape)
model.set_weights([np.full(w.shape, 0.5, "float32") for w in model.get_weights()])
with tf.GradientTape() as tape:
    tape.watch(images)
    outputs = model(images)
jacobians = tape.batch_jacobian(outputs, images)
print(jacobians.shape)
print(tf.reduce_sum(jacobians, axis=[2, 4])[1].numpy().tolist())
