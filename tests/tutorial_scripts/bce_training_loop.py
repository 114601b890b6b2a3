import tensorflow as tf
import numpy as np

rng = np.random.default_rng(13)
x_train = rng.normal(size=(64, 2)).astype("float32")
y_train = (x_train[:, 0] * x_train[:, 1] > 0).astype("float32")[:, None]

inputs = tf.keras.Input(shape=(2,), name="point")
x = tf.keras.layers.Dense(16, activation="relu", name="hidden")(inputs)
outputs = tf.keras.layers.Dense(1, activation="sigmoid", name="same_sign")(x)
model = tf.keras.Model(inputs, outputs, name="xor")
model.set_weights(
    [
        rng.normal(size=(2, 16)).astype("float32"),
        0.1 * rng.normal(size=16).astype("float32"),
        np.zeros((16, 1), "float32"),
        np.zeros(1, "float32"),
    ]
)

bce = tf.keras.losses.BinaryCrossentropy()
optimizer = tf.keras.optimizers.RMSprop(learning_rate=0.01)
loss_metric = tf.keras.metrics.Mean(name="loss")
accuracy_metric = tf.keras.metrics.BinaryAccuracy()

# Last weights of zero say 1/2 to everything: the first loss is ln 2.
first_loss = bce(y_train, model(x_train)).numpy()
print(f"first loss {first_loss:.4f}")


@tf.function
def train_step(x, y):
    with tf.GradientTape() as tape:
        predictions = model(x, training=True)
        loss = bce(y, predictions)
    gradients = tape.gradient(loss, model.trainable_weights)
    optimizer.apply_gradients(zip(gradients, model.trainable_weights))
    loss_metric.update_state(loss)
    accuracy_metric.update_state(y, predictions)
    return loss


for epoch in range(30):
    loss_metric.reset_state()
    accuracy_metric.reset_state()
    for start in range(0, len(x_train), 16):
        batch = slice(start, start + 16)
        train_step(tf.constant(x_train[batch]), tf.constant(y_train[batch]))
    if epoch % 10 == 9:
        print(
            f"Epoch {epoch + 1}: loss {loss_metric.result():.4f}, "
            f"accuracy {accuracy_metric.result() * 100:.2f}"
        )

logits = tf.math.log(model(x_train) / (1 - model(x_train)))
from_logits = tf.nn.sigmoid_cross_entropy_with_logits(labels=y_train, logits=logits)
by_logits = tf.reduce_mean(from_logits)
by_hand = tf.reduce_mean(
    tf.keras.losses.binary_crossentropy(y_train, model(x_train), from_logits=False)
)
difference = abs(float(by_logits - by_hand))
print(f"loss at the end {by_hand:.4f}")
