"""Policy gradients (REINFORCE) on gymnasium's CartPole-v1, 16 episodes in each update.

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

UPDATES = 50  # seeds 0 to 4 pass 475 after 20 to 31
EPISODES = 16  # in each update
STEPS = 500  # where CartPole-v1 ends an episode; one shape for all batches
DISCOUNT = 0.99


def main(seed: int) -> None:
    """Train, draw the learning curve, and play fresh episodes."""
    jt.random.set_seed(seed)
    hidden = jt.layers.Dense(128, activation="relu", input_shape=(4,))
    policy = jt.Sequential([hidden, jt.layers.Dense(2)])
    weights = policy.trainable_variables
    loss_fn = jt.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = jt.optimizers.Adam(learning_rate=0.01)
    carts = gymnasium.make_vec("CartPole-v1", num_envs=EPISODES)
    carts.reset(seed=seed)  # fixes where all later episodes start
    history, start = [], time.perf_counter()
    for _ in (progress := trange(UPDATES, file=sys.stdout, mininterval=1.0)):
        states, actions, rewards = play(carts, policy)
        advantages = advantages_of(rewards)
        with jt.GradientTape() as tape:
            # The mean of -advantage * log p(action | state)
            loss = loss_fn(actions, policy(states), sample_weight=advantages)
        gradients = tape.gradient(loss, weights)
        optimizer.apply_gradients(zip(gradients, weights, strict=True))
        history.append(rewards.sum(axis=0).mean())
        progress.set_postfix(mean_return=f"{history[-1]:.0f}")
    print(f"training took {time.perf_counter() - start:.1f} s")

    draw(history)
    fresh = gymnasium.make_vec("CartPole-v1", num_envs=100)
    fresh.reset(seed=1_000_000 + seed)  # starts that training has not seen
    _, _, rewards = play(fresh, policy)
    print(f"mean return of 100 fresh episodes: {rewards.sum(axis=0).mean():.1f}")


def play(carts: gymnasium.vector.VectorEnv, policy: jt.Model) -> tuple:
    """One episode on each cart, actions sampled: states, actions and rewards.

    Each is (500, carts, ...); where an episode has ended the reward is 0.
    """
    states = np.zeros((STEPS, carts.num_envs, 4), np.float32)
    actions = np.zeros((STEPS, carts.num_envs), np.int32)
    rewards = np.zeros((STEPS, carts.num_envs), np.float32)
    is_running = np.ones(carts.num_envs, bool)
    state, _ = carts.reset()
    for step in range(STEPS):
        states[step] = state
        actions[step] = jt.random.categorical(policy(state), 1).numpy()[:, 0]
        state, reward, terminated, truncated, _ = carts.step(actions[step])
        rewards[step] = reward * is_running
        is_running &= ~(terminated | truncated)
        if not is_running.any():
            break
    return states, actions, rewards


def advantages_of(rewards: np.ndarray) -> np.ndarray:
    """Discounted rewards to come, less their mean at that step; of deviation 1."""
    returns, following = np.zeros_like(rewards), 0.0
    for step in reversed(range(STEPS)):
        returns[step] = following = rewards[step] + DISCOUNT * following
    is_real = rewards > 0  # CartPole pays 1 for every step
    # An ended episode counts as 0 in the mean, and teaches nothing.
    advantages = (returns - returns.mean(axis=1, keepdims=True)) * is_real
    return advantages / (advantages[is_real].std() + 1e-6)


def draw(history: list[float]) -> None:
    """Save the learning curve as reinforce.png."""
    figure = Figure()
    axes = figure.subplots()
    axes.plot(history)
    axes.axhline(475, color="black", linewidth=1)
    axes.set(xlabel=f"update of {EPISODES} episodes", ylabel="mean return, 475 solves")
    figure.savefig("reinforce.png", dpi=120)
    print("picture: reinforce.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    main(parser.parse_args().seed)
