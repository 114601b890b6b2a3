"""Batch Jacobians and per-example gradients: one block for each example.

Expected numbers come from the calculus, or from `jax.vmap(jax.jacobian(...))`. The
docstrings name the tests of TensorFlow's `backprop_test.py` that demand the same.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxtape as jt

X = np.array([[0.3, -1.2, 0.8], [2.0, 0.1, -0.5]], np.float32)
W = np.array([[0.5, -0.4], [0.1, 0.9], [-0.7, 0.2]], np.float32)
STEPS = range(3)  # when a structure is new, seen again, and known


def assert_close(found, expected, rtol=1e-5):
    np.testing.assert_allclose(found, expected, rtol, 1e-5)


def asked(method, target, source, persistent=False, **options):
    """A tape over `target(source)`, and what it says of it."""
    with jt.GradientTape(persistent=persistent) as tape:
        tape.watch(source)
        y = target(source)
    return getattr(tape, method)(y, source, **options)


@pytest.mark.parametrize("uses_pfor", [True, False])
def test_batch_jacobian_gives_the_blocks_of_the_examples(uses_pfor):
    """testPfor, testWhileLoop: of x x y by x, diag(2 x y) in each example"""
    x, y = jt.constant([[1.0, 2.0], [3.0, 4.0]]), jt.constant([[3.0, 4.0], [5.0, 6.0]])
    for _ in STEPS:
        with jt.GradientTape() as tape:
            tape.watch(x)
            z = x * x * y
        found = tape.batch_jacobian(z, x, experimental_use_pfor=uses_pfor)
        assert_close(found, [np.diag([6.0, 16.0]), np.diag([30.0, 48.0])])


@pytest.mark.parametrize("uses_pfor", [True, False])
def test_a_persistent_tape_gives_its_batch_jacobian_twice(uses_pfor):
    """testPersistentTape"""
    x = jt.Variable(X)
    with jt.GradientTape(persistent=True) as tape:
        y = x * x
    for _ in STEPS:
        found = tape.batch_jacobian(y, x, experimental_use_pfor=uses_pfor)
        assert_close(found, [np.diag(row) for row in 2 * X])


@pytest.mark.one_in(5)
@pytest.mark.parametrize("chunk_size", [None, 1, 2, 100])
@pytest.mark.parametrize("width", [2, 5])  # by rows, by columns
def test_the_chunk_size_changes_no_number(width, chunk_size):
    kernel = np.resize(W, (3, width))
    expected = jax.jit(jax.vmap(jax.jacobian(lambda x: jnp.tanh(x @ kernel))))(X)
    for _ in STEPS:
        found = asked(
            "batch_jacobian",
            lambda x: jt.tanh(x @ kernel),
            jt.Variable(X),
            chunk_size=chunk_size,
        )
        assert_close(found, expected)


def test_targets_and_sources_of_more_axes():
    x = np.arange(12, dtype=np.float32).reshape(2, 3, 2) / 10
    found = asked("batch_jacobian", lambda x: jt.sin(x[:, :2] @ W.T), jt.constant(x))
    expected = jax.vmap(jax.jacobian(lambda x: jnp.sin(x[:2] @ W.T)))(x)
    assert found.shape == (2, 2, 3, 3, 2)
    assert_close(found, expected)


@pytest.mark.slow
def test_batch_jacobian_of_a_jacobian():
    """test_nested_jacobian: of sum_i x_i^3, diag(6 x)"""
    x = jt.constant(X)
    for _ in STEPS:
        with jt.GradientTape() as outer:
            outer.watch(x)
            with jt.GradientTape() as inner:
                inner.watch(x)
                y = jt.sin(x) * x[:, :1]
            first = inner.batch_jacobian(y, x)
        plain = jax.jacobian(jax.jacobian(lambda x: jnp.sin(x) * x[:1]))
        assert_close(outer.batch_jacobian(first, x), jax.vmap(plain)(X))


def test_the_gradient_of_a_batch_jacobian_reaches_the_weights():
    def plain(x, w):
        blocks = jax.vmap(jax.jacobian(lambda x: jnp.tanh(x @ w)))(x)
        return jnp.sum(blocks**2)

    x, w = jt.constant(X), jt.Variable(W)
    expected = jax.jit(jax.grad(plain, 1))(X, W)
    for _ in STEPS:
        with jt.GradientTape() as outer:
            with jt.GradientTape() as inner:
                inner.watch(x)
                y = jt.tanh(x @ w)
            penalty = jt.reduce_sum(inner.batch_jacobian(y, x) ** 2)
        assert_close(outer.gradient(penalty, w), expected)


@pytest.mark.parametrize("reads", [1, 6])
def test_reads_in_the_middle_change_nothing(reads):
    def target(x):
        for _ in range(reads):
            x = jt.sin(x) * x[:, :1]
            x.numpy()
        return x

    def plain(x):
        for _ in range(reads):
            x = jnp.sin(x) * x[:1]
        return x

    expected = jax.jit(jax.vmap(jax.jacobian(plain)))(X)
    for _ in STEPS:
        found = asked("batch_jacobian", target, jt.Variable(X))
        assert_close(found, expected)


def test_degenerate_shape():
    """test_degenerate_shape"""
    for shape in ((1, 0), (0, 3)):
        x = jt.constant(np.zeros(shape, np.float32))
        for _ in STEPS:
            found = asked("batch_jacobian", lambda x: x * x, x)
            assert found.shape == (*shape, shape[1])


def test_zeros_stand_where_there_is_no_path():
    x, other = jt.constant(X), jt.constant(W[:2])
    with jt.GradientTape(persistent=True) as tape:
        tape.watch([x, other])
        y = x * x
    for word in ("none", "zero"):
        found = tape.batch_jacobian(y, other, unconnected_gradients=word)
        np.testing.assert_array_equal(found, np.zeros((2, 3, 2), np.float32))


def test_different_numbers_of_examples_are_refused():
    """testBadShape"""
    with pytest.raises(ValueError, match=r"same number of examples.* got 3 and 2"):
        asked("batch_jacobian", lambda x: jt.concat([x, x[:1]], 0), jt.constant(X))


def test_a_source_without_examples_is_refused():
    """testBadInputRank"""
    with pytest.raises(ValueError, match=r"source of shape \(batch.* got shape \(2,\)"):
        asked("batch_jacobian", lambda x: jt.stack([x, x]), jt.constant([1.0, 2.0]))


def test_a_target_without_examples_is_refused():
    """testBadOutputRank"""
    with pytest.raises(ValueError, match=r"target of shape \(batch.* got shape \(2,\)"):
        asked("batch_jacobian", lambda x: x[:, 0], jt.constant(X))


def test_a_structure_is_refused_with_a_way_out():
    x = jt.Variable(X)
    with jt.GradientTape() as tape:
        y = x * x
    with pytest.raises(TypeError, match="one Tensor or Variable as target; got a list"):
        tape.batch_jacobian([y, y], x)
    with pytest.raises(TypeError, match=r"got a tuple of 1.*persistent=True"):
        tape.batch_jacobian(y, (x,))
    with pytest.raises(TypeError, match="as source; got ndarray"):
        tape.batch_jacobian(y, X)


def test_per_example_gradients_of_a_network():
    """Each example's loss by itself, through jax.vmap(jax.grad)"""
    w, unused = jt.Variable(W), jt.Variable(1.0)

    def plain(w, x):
        return jnp.sum(jnp.tanh(x @ w) ** 2)

    for chunk_size in (None, 1, 2):
        with jt.GradientTape() as tape:
            losses = jt.reduce_sum(jt.tanh(jt.constant(X) @ w) ** 2, axis=1)
        found = tape.per_example_gradients(
            losses, {"w": w, "unused": unused}, chunk_size=chunk_size
        )
        assert_close(found["w"], jax.vmap(jax.grad(plain), (None, 0))(W, X))
        assert found["unused"] is None


def test_per_example_gradients_of_examples_that_influence_one_another():
    x = jt.Variable([1.0, 2.0, 4.0])
    for _ in STEPS:
        with jt.GradientTape() as tape:
            losses = (x - jt.reduce_mean(x)) ** 2
        expected = jax.jacobian(lambda x: (x - x.mean()) ** 2)(jnp.array([1.0, 2, 4]))
        assert_close(tape.per_example_gradients(losses, x), expected)


def test_per_example_zeros_stand_for_none_when_asked_for():
    x, other = jt.Variable([1.0, 2.0]), jt.Variable(W)
    with jt.GradientTape() as tape:
        losses = x * x
    found = tape.per_example_gradients(losses, [x, other], "zero")
    assert_close(found[0], np.diag([2.0, 4.0]))
    assert found[1].shape == (2, 3, 2)


def test_a_reduced_loss_has_no_per_example_gradients():
    x = jt.Variable(X)
    with pytest.raises(ValueError, match=r"shape \(batch,\).* got shape \(\)"):
        asked("per_example_gradients", jt.reduce_sum, x)
    with pytest.raises(TypeError, match="one Tensor or Variable as target; got a list"):
        asked("per_example_gradients", lambda x: [x[0], x[1]], x)
