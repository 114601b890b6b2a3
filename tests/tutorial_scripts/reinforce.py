import tensorflow as tf
import numpy as np

# A corridor of five rooms: the prize is in the last one, an episode begins in room 2.
ROOMS, GAMMA = 5, 0.9
rng = np.random.default_rng(1)

policy = tf.keras.Sequential(
    [
        tf.keras.layers.Dense(16, activation="relu", input_shape=(ROOMS,)),
        tf.keras.layers.Dense(2, activation="softmax"),
    ]
)
policy.set_weights(
    [0.5 * rng.normal(size=w.shape).astype("float32") for w in policy.get_weights()]
)
optimizer = tf.keras.optimizers.Adam(0.01)


def returns_of(rewards):
    total, returns = 0.0, []
    for reward in reversed(rewards):
        total = reward + GAMMA * total
        returns.insert(0, total)
    return returns


lengths = []
for episode in range(25):
    room, rewards, states, actions = 2, [], [], []
    while 0 < room < ROOMS - 1 and len(rewards) < 20:
        state = tf.one_hot([room], ROOMS)
        probs = policy(state)
        action = rng.choice(2, p=np.squeeze(probs.numpy()))
        states.append(state)
        actions.append(action)
        room += 1 if action == 1 else -1
        rewards.append(1.0 if room == ROOMS - 1 else -0.1)
    with tf.GradientTape() as tape:
        loss = 0.0
        for state, action, G in zip(states, actions, returns_of(rewards)):
            probs = policy(state, training=True)
            log_prob = tf.math.log(probs[0][action])
            loss += -log_prob * G
    grads = tape.gradient(loss, policy.trainable_variables)
    optimizer.apply_gradients(zip(grads, policy.trainable_variables))
    lengths.append(len(rewards))
    if (episode + 1) % 5 == 0:
        print(f"Episode {episode + 1}: loss {loss.numpy():.4f}, {lengths[-5:]} moves")

probs = policy(tf.eye(ROOMS)[1:4])
print("to the right:", probs[:, 1].numpy())
print("best actions:", [int(action) for action in tf.argmax(probs, axis=1)])
