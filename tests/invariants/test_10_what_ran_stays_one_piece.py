"""Invariant 10: a value read inside a tape cuts the step into segments.

What ran is kept and not run again; the gradient is that of the uncut step.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxtape as jt
from tests.compile_counter import count_compiles
from tests.forward_counter import CountedSquare


def chain(x, length, reads):
    """x^(2^length) by squaring; reads every result whose number is in `reads`."""
    y, seen = x, []
    for number in range(length):
        y = y * y
        if number in reads:
            seen.append(float(y))
    return y, seen


@pytest.mark.parametrize("reads", [(), (2,), (0, 1, 2), range(5), range(7)])
@pytest.mark.parametrize("mode", ["op_by_op", "compiled"])
def test_the_gradient_is_that_of_the_uncut_step(reads, mode, monkeypatch):
    monkeypatch.setattr(jt.config.switches, "execution", mode)
    x = jt.Variable(1.25)
    for _ in range(3):
        with jt.GradientTape() as tape:
            y, seen = chain(x, 7, reads)
        assert seen == pytest.approx([1.25 ** (2 ** (n + 1)) for n in reads], rel=1e-4)
        assert float(tape.gradient(y, x)) == pytest.approx(128 * 1.25**127, rel=1e-4)


@pytest.mark.parametrize("num_reads", [0, 1, 3, 4, 5, 12])
def test_variables_read_in_every_segment_have_whole_gradients(num_reads):
    w, b = jt.Variable(2.0), jt.Variable(3.0)
    with jt.GradientTape() as tape:
        total = w * 0.0
        for number in range(12):
            total = total + w * w * b
            if number < num_reads:
                float(total)
    by_w, by_b = tape.gradient(total, [w, b])
    assert (float(total), float(by_w), float(by_b)) == (144.0, 144.0, 48.0)


@pytest.mark.parametrize("num_reads", [1, 4, 5, 9])
def test_targets_and_sources_in_early_segments(num_reads):
    x = jt.Variable(3.0)
    with jt.GradientTape(persistent=True) as tape:
        early = x * x
        late = early
        for _ in range(num_reads):
            float(late)
            late = late * 2.0
    assert float(tape.gradient(early, x)) == 6.0
    assert float(tape.gradient(late, early)) == 2.0**num_reads
    assert float(tape.gradient(late, x)) == 6.0 * 2.0**num_reads
    both = tape.gradient([early, late], x)
    assert float(both) == 6.0 + 6.0 * 2.0**num_reads


@pytest.mark.parametrize("num_reads", [1, 4, 6])
def test_output_gradients_and_unconnected_sources(num_reads):
    x, other = jt.Variable([1.0, 2.0]), jt.Variable(1.0)
    with jt.GradientTape() as tape:
        y = x * x
        for _ in range(num_reads):
            y.numpy()
            y = y + x
    by_x, by_other = tape.gradient(
        y, [x, other], output_gradients=jt.constant([3.0, 5.0])
    )
    assert by_x.tolist() == [3 * (2 + num_reads), 5 * (4 + num_reads)]
    assert by_other is None


@pytest.mark.parametrize("num_reads", [1, 3, 6])
def test_assignments_between_reads(num_reads):
    """v is read as 1, 2, 3, ...; each read contributes 2 v."""
    v = jt.Variable(1.0)
    with jt.GradientTape() as tape:
        total = v * v
        for _ in range(num_reads):
            float(total)
            v.assign_add(1.0)
            total = total + v * v
    expected = sum(2.0 * n for n in range(1, num_reads + 2))
    assert float(tape.gradient(total, v)) == expected
    assert float(v) == num_reads + 1


@pytest.mark.parametrize("num_reads", [1, 3, 6])
def test_reads_under_nested_tapes(num_reads):
    """y = k x^3 with k = num_reads + 1."""
    x, k = jt.Variable(2.0), num_reads + 1
    with jt.GradientTape() as outer:
        with jt.GradientTape() as inner:
            y = x**3
            for _ in range(num_reads):
                float(y)
                y = y + x**3
        first = inner.gradient(y, x)
        assert float(first) == 12.0 * k
    assert float(outer.gradient(first, x)) == 12.0 * k


def test_a_branch_on_a_value():
    x = jt.Variable(3.0)
    for _ in range(4):
        with jt.GradientTape() as tape:
            y = x * x
            y = y * x if y > 5.0 else y + x
        assert float(tape.gradient(y, x)) == 27.0


def test_a_loop_that_ends_at_a_value():
    x = jt.Variable(1.5)
    with jt.GradientTape() as tape:
        y = x * 1.0
        while float(y) < 20:
            y = y * x
    # 1.5^8 = 25.6 is the first power above 20
    assert float(tape.gradient(y, x)) == pytest.approx(8 * 1.5**7, rel=1e-5)


@pytest.mark.parametrize("num_reads", [1, 2, 4])
def test_up_to_four_reads_and_the_update_are_launched_together(num_reads):
    """The gradient of a few segments and the update are one compiled program."""
    v, optimizer = jt.Variable(np.ones(3)), jt.optimizers.SGD(0.0)

    def step():
        with jt.GradientTape() as tape:
            loss = jt.reduce_sum(v * v)
            for _ in range(num_reads):
                float(loss)
                loss = loss * 1.0
        gradient = tape.gradient(loss, v)
        optimizer.apply_gradients([(gradient, v)])
        assert gradient.tolist() == [2.0] * 3

    for _ in range(2):
        step()
    with count_compiles() as compiles:
        step()
    assert compiles.count == 0


def test_a_read_prefix_is_not_run_again_by_what_follows():
    square, x = CountedSquare(), jt.constant(3.0)
    with jt.GradientTape():
        y = square(x)
        float(y)
        z = y * 2.0
        assert float(z) == 18.0
    assert square.count() == 1


def forwards_of_a_cut_step(num_reads):
    """How often the squares are computed in the third of three equal steps."""
    square, v = CountedSquare(), jt.Variable(1.0)
    for _ in range(3):
        before = square.count()
        with jt.GradientTape() as tape:
            y = v
            for _ in range(num_reads):
                y = square(y)
                float(y)
        assert float(tape.gradient(y, v)) == 2.0**num_reads
    return square.count() - before


@pytest.mark.parametrize("num_reads", [1, 2, 4, 5, 8])
def test_a_read_prefix_is_computed_at_most_once_more(num_reads, monkeypatch):
    monkeypatch.setattr(jt.config.switches, "execution", "compiled")
    assert forwards_of_a_cut_step(num_reads) <= 2 * num_reads


@pytest.mark.parametrize("num_reads", [1, 5])
def test_a_large_read_prefix_is_not_computed_again(num_reads, monkeypatch):
    monkeypatch.setattr(jt.config.switches, "execution", "compiled")
    monkeypatch.setattr(jt.config.bounds, "kept_bytes", 0)
    assert forwards_of_a_cut_step(num_reads) == num_reads


def test_a_prefix_that_assigns_keeps_its_residuals(monkeypatch):
    """d(2 sum(v v w)) / dv = 4 v w and / dw = 2 v v, at the values that were read."""
    monkeypatch.setattr(jt.config.switches, "execution", "compiled")
    monkeypatch.setattr(jt.config.bounds, "kept_bytes", 0)
    v, w = jt.Variable([1.0, 2.0]), jt.Variable([3.0, 4.0])
    optimizer = jt.optimizers.SGD(0.5, momentum=0.5)
    zero = jt.constant([0.0, 0.0])
    optimizer.apply_gradients([(zero, v), (zero, w)])  # they share a buffer now
    for turn in range(3):
        with jt.GradientTape() as tape:
            y = jt.reduce_sum(v * v * w)
            w.assign_add([1.0, 1.0])
            assert float(y) == 19.0 + 5 * turn
            z = y * 2.0
        by_v, by_w = tape.gradient(z, [v, w])
        assert by_v.tolist() == [4.0 * (3 + turn), 8.0 * (4 + turn)]
        assert by_w.tolist() == [2.0, 8.0]
    assert w.tolist() == [6.0, 7.0]


class ActorCritic:
    """Two small networks, written out, and the same in plain JAX."""

    def __init__(self, seed):
        generator = np.random.default_rng(seed)
        shapes = [(4, 16), (16,), (16, 2), (16, 1)]
        self.start = [0.3 * generator.normal(size=s).astype(np.float32) for s in shapes]
        self.variables = [jt.Variable(array) for array in self.start]

    def __call__(self, state):
        w, b, policy, value = self.variables
        hidden = jt.math.tanh(jt.matmul(state, w) + b)
        return jt.nn.softmax(jt.matmul(hidden, policy)), jt.matmul(hidden, value)[0, 0]

    @staticmethod
    def plain_loss(parameters, states, actions):
        w, b, policy, value = parameters
        total = 0.0
        for state, action in zip(states, actions, strict=True):
            hidden = jnp.tanh(state @ w + b)
            probabilities = jax.nn.softmax(hidden @ policy)
            advantage = 1.0 - (hidden @ value)[0, 0]
            total += -jnp.log(probabilities[0, action]) * advantage + advantage**2
        return total


def play(agent, length, seed):
    """An episode under one tape, probabilities read at every state."""
    generator = np.random.default_rng(seed)
    states = generator.normal(size=(length, 1, 4)).astype(np.float32)
    actions = []
    with jt.GradientTape() as tape:
        total = jt.constant(0.0)
        for state in states:
            probabilities, value = agent(jt.constant(state))
            actions.append(int(generator.random() > probabilities.numpy()[0, 0]))
            advantage = 1.0 - value
            chosen = probabilities[0, actions[-1]]
            total = total - jt.math.log(chosen) * advantage + advantage * advantage
    return tape.gradient(total, agent.variables), states, actions


@pytest.mark.one_in(3)
@pytest.mark.parametrize("length", [1, 4, 17])
def test_the_gradient_of_an_episode_agrees_with_plain_jax(length):
    agent = ActorCritic(length)
    gradients, states, actions = play(agent, length, seed=1)
    expected = jax.jit(jax.grad(agent.plain_loss))(agent.start, states, actions)
    for found, right in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(found, right, rtol=1e-4, atol=1e-5)


def test_episodes_of_any_length_compile_nothing_after_the_third():
    agent, counts = ActorCritic(0), []
    for seed, length in enumerate([10, 24, 17, 31, 12, 40, 10, 55]):
        with count_compiles() as compiles:
            for gradient in play(agent, length, seed)[0]:
                gradient.numpy()
        counts.append(compiles.count)
    assert counts[3:] == [0] * 5


def test_short_episodes_compile_a_bounded_number():
    """Up to four segments are one program; a length is compiled once."""
    agent, lengths, counts = ActorCritic(0), [1, 3, 5] * 3, []
    for seed, length in enumerate(lengths):
        with count_compiles() as compiles:
            for gradient in play(agent, length, seed)[0]:
                gradient.numpy()
        counts.append(compiles.count)
    assert counts[6:] == [0] * 3


def test_a_program_for_variables_that_moved_is_found_again():
    policy = jt.Sequential([jt.layers.Dense(2, input_shape=(4,))])
    optimizer = jt.optimizers.Adam(0.01)

    def episode(length):
        with jt.GradientTape() as tape:
            total = 0.0
            for _ in range(length):
                value = jt.reduce_sum(policy(np.ones((1, 4), np.float32)) ** 2)
                if float(value) >= 0.0:
                    total = total + value
        gradients = tape.gradient(total, policy.trainable_variables)
        optimizer.apply_gradients(
            zip(gradients, policy.trainable_variables, strict=True)
        )

    episode(5)  # the optimizer puts kernel and bias into a common buffer
    episode(6)
    before = len(jt.debug.explain_compiles().compiles)
    episode(7)
    episode(8)
    assert len(jt.debug.explain_compiles().compiles) == before
