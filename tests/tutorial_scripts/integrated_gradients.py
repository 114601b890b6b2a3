import tensorflow as tf
import numpy as np

rng = np.random.default_rng(5)
image = tf.constant(rng.uniform(size=(4, 4, 1)).astype("float32"))
numbers = tf.constant(rng.normal(size=(3,)).astype("float32"))

picture_in = tf.keras.Input(shape=(4, 4, 1))
numbers_in = tf.keras.Input(shape=(3,))
features = tf.keras.layers.Conv2D(4, 3, activation="tanh")(picture_in)
features = tf.keras.layers.Flatten()(features)
features = tf.keras.layers.Concatenate()([features, numbers_in])
outputs = tf.keras.layers.Dense(2, activation="softmax")(features)
model = tf.keras.Model(inputs=[picture_in, numbers_in], outputs=outputs)
model.set_weights(
    [rng.normal(size=w.shape).astype("float32") for w in model.get_weights()]
)

m_steps = 50
alphas = tf.linspace(start=0.0, stop=1.0, num=m_steps + 1)


def interpolate(baseline, input):
    shape = [-1] + [1] * len(input.shape)
    alphas_x = tf.reshape(alphas, shape)
    return baseline[tf.newaxis] + alphas_x * (input - baseline)[tf.newaxis]


def compute_gradients(inputs, target_class_idx):
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        probs = model(inputs)[:, target_class_idx]
    return tape.gradient(probs, inputs)


def integral_approximation(gradients):
    grads = (gradients[:-1] + gradients[1:]) / tf.constant(2.0)
    return tf.math.reduce_mean(grads, axis=0)


inputs = [image, numbers]
baselines = [tf.zeros_like(part) for part in inputs]
paths = [interpolate(b, part) for b, part in zip(baselines, inputs)]
gradients = compute_gradients(paths, target_class_idx=1)
attributions = [
    (part - b) * integral_approximation(g)
    for part, b, g in zip(inputs, baselines, gradients)
]
for attribution in attributions:
    print(attribution.shape, tf.reduce_sum(attribution).numpy())
print(attributions[1].numpy())

# Completeness: the attributions add up to the difference that the input makes.
total = tf.add_n([tf.reduce_sum(attribution) for attribution in attributions])
ends = model([path[0:1] for path in paths]), model([path[-1:] for path in paths])
difference = ends[1][0, 1] - ends[0][0, 1]
tf.debugging.assert_near(total, difference, atol=0.001)
print(f"attributions {total:.4f}, difference of outputs {difference:.4f}")
completeness_error = abs(float(total / difference) - 1)
