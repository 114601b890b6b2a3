"""An actor and its critic on gymnasium's CartPole-v1, updated after every episode.

Prints the training time and the mean return of 100 fresh episodes; 475 is solved.
"""

import argparse
import sys
import time

import gymnasium
import numpy as np
from matplotlib.figure import Figure
from tqdm import trange

import jaxtape as jt

STEPS = 500  # the longest episode of CartPole-v1
REWARD, DISCOUNT = 0.01, 0.99  # in place of the 1 of each step, to learn returns < 1
LAMBDA = 0.95  # of generalised advantage estimates: Schulman et al., 2016


def main(seed: int) -> None:
    """Train until 50 episodes average 495, draw the curve, play fresh episodes."""
    jt.random.set_seed(seed)
    actor, critic = network(2, activation="softmax"), network(1)
    actor_optimizer = jt.optimizers.Adam(learning_rate=0.003)
    critic_optimizer = jt.optimizers.Adam(learning_rate=0.01)
    actor_loss_fn = jt.losses.SparseCategoricalCrossentropy()
    critic_loss_fn = jt.losses.MeanSquaredError()
    cart, rng = gymnasium.make("CartPole-v1"), np.random.default_rng(seed)
    cart.reset(seed=seed)  # fixes where all later episodes start
    lengths, start = [], time.perf_counter()
    for _ in (progress := trange(1_000, file=sys.stdout, mininterval=1.0)):
        states, actions, length, has_fallen = play(cart, actor, rng)
        values = critic(states).numpy()[:, 0]
        advantages = advantages_of(values, length, has_fallen)
        targets = (values[:-1] + advantages)[:, None]  # after the end no error is left
        with jt.GradientTape(persistent=True) as tape:
            p = actor(states[:-1])  # the loss: mean of -advantage * log p(action)
            actor_loss = actor_loss_fn(actions, p, sample_weight=advantages)
            critic_loss = critic_loss_fn(targets, critic(states[:-1]))
        gradients = tape.gradient(actor_loss, actor.weights)
        actor_optimizer.apply_gradients(zip(gradients, actor.weights, strict=True))
        gradients = tape.gradient(critic_loss, critic.weights)
        critic_optimizer.apply_gradients(zip(gradients, critic.weights, strict=True))
        lengths.append(length)
        progress.set_postfix(mean_return=f"{np.mean(lengths[-50:]):.0f}")
        if np.mean(lengths[-50:]) >= 495:
            break
    print(f"training took {time.perf_counter() - start:.1f} s")
    draw(lengths)
    cart.reset(seed=1_000_000 + seed)  # starts that training has not seen
    fresh = [play(cart, actor, rng)[2] for _ in range(100)]  # 1 for each step
    print(f"mean return of 100 fresh episodes: {np.mean(fresh):.1f}")


def network(outputs: int, activation: str | None = None) -> jt.Model:
    """One hidden layer over the cart's four numbers."""
    hidden = jt.layers.Dense(64, activation="relu", input_shape=(4,))
    return jt.Sequential([hidden, jt.layers.Dense(outputs, activation)])


def play(cart: gymnasium.Env, actor: jt.Model, rng: np.random.Generator) -> tuple:
    """An episode, filled up by zeros: states, actions, its length, whether it fell."""
    states, actions = np.zeros((STEPS + 1, 4), np.float32), np.zeros(STEPS, np.int32)
    states[0], _ = cart.reset()
    for step in range(STEPS):
        actions[step] = rng.choice(2, p=actor(states[step : step + 1]).numpy()[0])
        states[step + 1], _, has_fallen, _, _ = cart.step(actions[step])
        if has_fallen:
            break
    return states, actions, step + 1, has_fallen


def advantages_of(values: np.ndarray, length: int, has_fallen: bool) -> np.ndarray:
    """How much better each action was than the critic thought; 0 after the end."""
    advantages, following = np.zeros(STEPS, np.float32), 0.0
    to_come = 0.0 if has_fallen else values[length]  # a time limit is no end
    for step in reversed(range(length)):
        td_error = REWARD + DISCOUNT * to_come - values[step]
        advantages[step] = following = td_error + DISCOUNT * LAMBDA * following
        to_come = values[step]
    return advantages


def draw(lengths: list[int]) -> None:
    """Save the learning curve as actor_critic.png."""
    axes = (figure := Figure()).subplots()
    axes.plot(lengths)
    axes.axhline(475, color="black", linewidth=1)
    axes.set(xlabel="episode", ylabel="return, 475 solves")
    figure.savefig("actor_critic.png", dpi=120)
    print("picture: actor_critic.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    main(parser.parse_args().seed)
