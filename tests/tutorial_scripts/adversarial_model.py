import tensorflow as tf
import numpy as np


class Classifier(tf.keras.Model):
    def __init__(self, units, classes):
        super().__init__()
        self.hidden = tf.keras.layers.Dense(units, activation="tanh")
        self.logits = tf.keras.layers.Dense(classes)

    def call(self, inputs, training=False):
        return self.logits(self.hidden(inputs))


rng = np.random.default_rng(3)
centers = np.array([[1.5, 0.0], [-1.5, 0.0], [0.0, 1.5]])
labels = rng.integers(0, 3, size=90)
images = (centers[labels] + 0.6 * rng.normal(size=(90, 2))).astype("float32")

model = Classifier(12, 3)
model(tf.zeros((1, 2)))  # makes the weights
for variable in model.trainable_variables:
    variable.assign(0.5 * rng.normal(size=variable.shape).astype("float32"))

loss_object = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
optimizer = tf.keras.optimizers.Adam(learning_rate=0.02)


def create_adversarial_pattern(inputs, labels):
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        loss = loss_object(labels, model(inputs))
    return tf.sign(tape.gradient(loss, inputs))


def accuracy(inputs):
    guesses = tf.argmax(model(inputs), axis=-1)
    return tf.reduce_mean(tf.cast(guesses == labels, tf.float32))


@tf.function
def train_step(inputs, labels):
    with tf.GradientTape() as inner:
        inner.watch(inputs)
        loss = loss_object(labels, model(inputs, training=True))
    attacked = inputs + 0.3 * tf.sign(inner.gradient(loss, inputs))
    with tf.GradientTape() as tape:
        clean = loss_object(labels, model(inputs, training=True))
        robust = loss_object(labels, model(attacked, training=True))
        loss = 0.5 * clean + 0.5 * robust
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    return clean, robust


images = tf.convert_to_tensor(images)
for epoch in range(40):
    clean, robust = train_step(images, labels)
    if epoch % 10 == 0:
        print(f"Epoch {epoch}, clean {clean:.4f}, attacked {robust:.4f}")

pattern = create_adversarial_pattern(images, labels)
print("sign of each pixel:", tf.unique(tf.reshape(pattern, [-1]))[0].shape)
for epsilon in (0.0, 0.3, 0.6):
    print(f"epsilon {epsilon}: accuracy {accuracy(images + epsilon * pattern):.3f}")
