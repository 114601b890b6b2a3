import tensorflow as tf
import numpy as np

rng = np.random.default_rng(0)
x = rng.normal(size=(16, 4)).astype("float32")
y = rng.normal(size=(16, 1)).astype("float32")

model = tf.keras.models.Sequential()
model.add(tf.keras.layers.Input(shape=(4,)))
model.add(
    tf.keras.layers.Dense(
        8, activation="relu", kernel_regularizer=tf.keras.regularizers.l2(0.01)
    )
)
model.add(tf.keras.layers.Dense(1))
model.set_weights(
    [rng.normal(size=w.shape).astype("float32") for w in model.get_weights()]
)

with tf.GradientTape(persistent=True) as tape:
    predictions = model(x, training=True)
    mse = tf.reduce_mean(tf.keras.losses.MSE(y, predictions))
    penalty = tf.add_n(model.losses)
    total = mse + penalty
plain = tape.gradient(mse, model.trainable_variables)
regularized = tape.gradient(total, model.trainable_variables)
del tape

kernel = model.layers[0].kernel.numpy()
print(len(model.losses), "penalty")
penalty_error = float(penalty) - 0.01 * np.sum(kernel**2)
added = [(r - p).numpy() for r, p in zip(regularized, plain)]
kernel_error = np.max(np.abs(added[0] - 0.02 * kernel))
elsewhere = max(np.max(np.abs(difference)) for difference in added[1:])

# And training with it.
optimizer = tf.keras.optimizers.Adam(learning_rate=0.05)
for step in range(60):
    with tf.GradientTape() as tape:
        predictions = model(x, training=True)
        loss = tf.reduce_mean((predictions - y) ** 2) + tf.add_n(model.losses)
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    if step % 20 == 0:
        print("step", step, "loss", loss.numpy())
print(f"penalty at the end: {model.losses[0]:.5f}")
