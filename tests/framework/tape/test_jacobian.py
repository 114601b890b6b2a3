"""Jacobians: by rows and by columns, of structures, in parts, and of one another.

Expected numbers come from the calculus, or from `jax.jacobian` of the same function.
The docstrings name the tests of TensorFlow's `backprop_test.py` that demand the same.
"""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxtape as jt

X = np.array([0.3, -1.2, 0.8, 2.0], np.float32)
W = np.array([[0.5, -0.4], [0.1, 0.9], [-0.7, 0.2], [0.3, 0.6]], np.float32)
STEPS = range(3)  # when a structure is new, seen again, and known


def assert_close(found, expected, rtol=1e-5):
    np.testing.assert_allclose(found, expected, rtol, 1e-5)


def rows(x):
    return jt.sin(x[:2]) * x[2:]


def plain_rows(x):
    return jnp.sin(x[:2]) * x[2:]


def columns(x):
    return jt.concat([jt.sin(x) * x[::-1], x, x**2], 0)


def plain_columns(x):
    return jnp.concatenate([jnp.sin(x) * x[::-1], x, x**2])


BOTH = pytest.mark.parametrize(
    ("function", "plain"),
    [(rows, plain_rows), (columns, plain_columns)],
    ids=["by_rows", "by_columns"],
)


@pytest.mark.parametrize("uses_pfor", [True, False])
def test_jacobian_by_two_sources(uses_pfor):
    """testPfor, testWhileLoop: of x x y, diag(2 x y) and diag(x x)"""
    for step in STEPS:
        x, y = jt.constant([1.0 + step, 2.0]), jt.constant([3.0, 4.0])
        with jt.GradientTape() as tape:
            tape.watch([x, y])
            z = x * x * y
        found = tape.jacobian(z, [x, y], experimental_use_pfor=uses_pfor)
        assert_close(found[0], np.diag(2 * x.numpy() * y.numpy()))
        assert_close(found[1], np.diag(x.numpy() ** 2))


@pytest.mark.parametrize("uses_pfor", [True, False])
def test_a_persistent_tape_gives_its_jacobian_twice(uses_pfor):
    """testPersistentTape"""
    x = jt.Variable(X)
    with jt.GradientTape(persistent=True) as tape:
        y = x * x
    for _ in STEPS:
        found = tape.jacobian(y, x, experimental_use_pfor=uses_pfor)
        assert_close(found, np.diag(2 * X))


def test_a_jacobian_spends_a_tape_that_is_not_persistent():
    x = jt.Variable(X)
    with jt.GradientTape() as tape:
        y = x * x
    tape.jacobian(y, x)
    with pytest.raises(RuntimeError, match=r"persistent=True"):
        tape.jacobian(y, x)


def test_jacobian_through_gather_is_dense():
    """test_indexed_slices"""
    table = jt.Variable(W)
    for _ in STEPS:
        with jt.GradientTape() as tape:
            y = jt.gather(table, [2, 0, 2])
        expected = jax.jacobian(lambda w: w[jnp.array([2, 0, 2])])(W)
        assert_close(tape.jacobian(y, table), expected)


@pytest.mark.one_in(5)
@BOTH
@pytest.mark.parametrize("chunk_size", [None, 1, 3, 1_000])
def test_the_chunk_size_changes_no_number(function, plain, chunk_size):
    x, expected = jt.Variable(X), jax.jit(jax.jacobian(plain))(X)
    for _ in STEPS:
        with jt.GradientTape() as tape:
            y = function(x)
        found = tape.jacobian(y, x, chunk_size=chunk_size)
        assert_close(found, expected)
        x.assign(X)


def test_parallel_iterations_is_a_chunk_size():
    """test_parallel_iterations"""
    x = jt.Variable(X)
    with jt.GradientTape() as tape:
        y = columns(x)
    found = tape.jacobian(y, x, parallel_iterations=3)
    assert_close(found, jax.jacobian(plain_columns)(X))


def test_columns_by_several_sources():
    """A target larger than its sources together, some of them intermediate"""
    x = jt.Variable(X[:2])
    for _ in STEPS:
        with jt.GradientTape() as tape:
            e = jt.exp(x)
            y = jt.concat([e * x, x**2, e, e * e], 0)

        def plain(x, e):
            return jnp.concatenate([e * x, x**2, e, e * e])

        found = tape.jacobian(y, [e, x])
        assert_close(found[0], jax.jacobian(plain, 1)(X[:2], np.exp(X[:2])))
        assert_close(found[1], jax.jacobian(lambda x: plain(x, jnp.exp(x)))(X[:2]))


def test_targets_and_sources_may_nest():
    x, w = jt.Variable(X), jt.Variable(W)
    for _ in STEPS:
        with jt.GradientTape() as tape:
            targets = {"wide": jt.tensordot(x, x, 0), "rest": (jt.tensordot(x, w, 1),)}
        found = tape.jacobian(targets, {"x": x, "w": [w]}, "zero")
        wide, (rest,) = found["wide"], found["rest"]
        assert_close(wide["x"], jax.jacobian(lambda x: jnp.tensordot(x, x, 0))(X))
        assert_close(wide["w"][0], np.zeros((4, 4, 4, 2)))
        assert_close(rest["x"], W.T)
        assert_close(rest["w"][0], jax.jacobian(lambda w: X @ w)(W))


def test_none_stands_where_there_is_no_path():
    x, other = jt.Variable(X), jt.Variable(W)
    with jt.GradientTape(persistent=True) as tape:
        y = x * x
    for _ in STEPS:
        assert tape.jacobian(y, other) is None
        assert tape.jacobian([y, jt.stop_gradient(y)], x)[1] is None
        zeros = tape.jacobian(y, other, unconnected_gradients="zero")
        np.testing.assert_array_equal(zeros, np.zeros((4, 4, 2), np.float32))


def test_a_source_may_stand_twice():
    x = jt.Variable(X)
    with jt.GradientTape(persistent=True) as tape:
        y, wide = rows(x), columns(x)
    for target, plain in ((y, plain_rows), (wide, plain_columns)):
        for found in tape.jacobian(target, [x, x]):
            assert_close(found, jax.jacobian(plain)(X))


def test_a_target_may_be_the_source():
    x = jt.Variable(X)
    with jt.GradientTape(persistent=True) as tape:
        y = x * x
    assert_close(tape.jacobian(y, y), np.eye(4))
    assert_close(tape.jacobian(x, [x, y])[0], np.eye(4))
    assert tape.jacobian(x, y) is None


@pytest.mark.parametrize("chunk_size", [None, 1])
def test_empty_shapes(chunk_size):
    x = jt.constant(np.zeros((1, 0), np.float32))
    for _ in STEPS:
        with jt.GradientTape(persistent=True) as tape:
            tape.watch(x)
            targets = [x * x, jt.reduce_sum(x), jt.concat([x, jt.ones((1, 2))], 1)]
        found = tape.jacobian(targets, x, chunk_size=chunk_size)
        assert [f.shape for f in found] == [(1, 0, 1, 0), (1, 0), (1, 2, 1, 0)]


def test_zero_dimensional_target_and_source():
    x = jt.Variable(2.0)
    for _ in STEPS:
        with jt.GradientTape() as tape:
            targets = [x**3, jt.stack([x**2, x])]
        found = tape.jacobian(targets, x)
        assert_close(found[0], 12.0)
        assert_close(found[1], [4.0, 1.0])


def test_a_block_has_its_sources_dtype():
    half_x = np.array([0.5, -1.25, 0.75, 2.0], np.float32)  # exact in bfloat16
    half, x = jt.Variable(half_x, dtype="bfloat16"), jt.Variable(half_x)
    for _ in STEPS:
        with jt.GradientTape() as tape:
            y = jt.cast(half, "float32") * x
            targets = [y, jt.concat([y, y, y], 0)]
        for blocks in tape.jacobian(targets, [half, x]):
            assert [block.dtype for block in blocks] == ["bfloat16", "float32"]
            assert_close(jt.cast(blocks[0][:4], "float32"), np.diag(half_x))


def test_an_integer_source_has_none_although_it_is_watched():
    """testGradientInteger"""
    count = jt.constant([1, 2])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with jt.GradientTape(persistent=True) as tape:
            tape.watch(count)
            y = jt.cast(count, "float32") * 2
        assert tape.gradient(y, count) is None
        assert tape.jacobian(y, count) is None
    expected = [
        "Tensor has dtype int32, so its gradient will be None. Cast it",
        "source of gradient() has dtype int32",
        "source of jacobian() has dtype int32",
    ]
    for warning, text in zip(caught, expected, strict=True):
        assert text in str(warning.message)
        assert warning.filename == __file__


def test_complex_blocks_are_conjugated_as_gradients_are():
    """d|z|^2 = 2 z and d(z z) = conj(2 z), by TensorFlow's convention"""
    z0 = np.array([1 + 2j, 3 - 1j], np.complex64)
    z = jt.Variable(z0)
    for _ in STEPS:
        with jt.GradientTape() as tape:
            targets = [jt.abs(z) ** 2, z * z]
        found = tape.jacobian(targets, z)
        assert_close(found[0], np.diag(2 * z0))
        assert_close(found[1], np.diag(np.conj(2 * z0)))


@pytest.mark.one_in(5)
@pytest.mark.parametrize("reads", [1, 3, 6])
@pytest.mark.parametrize("persistent", [False, True])
def test_reads_in_the_middle_change_nothing(reads, persistent):
    def plain(x):
        y = x
        for _ in range(reads + 1):
            y = jnp.sin(y) * x
        return y

    x, expected = jt.Variable(X), jax.jit(jax.jacobian(plain))(X)
    for _ in STEPS:
        with jt.GradientTape(persistent=persistent) as tape:
            y = x
            for _ in range(reads):
                y = jt.sin(y) * x
                y.numpy()
            y = jt.sin(y) * x
        for _ in range(1 + persistent):
            assert_close(tape.jacobian(y, x), expected)


@pytest.mark.filterwarnings("ignore:Compile 5 of")  # one line, many programs
def test_a_persistent_tape_is_asked_between_its_reads():
    x = jt.Variable(X)
    with jt.GradientTape(persistent=True) as tape:
        y, expected = x, np.ones(4, np.float32)
        for _ in range(6):
            expected = np.cos(y.numpy()) * expected
            y = jt.sin(y)
            y.numpy()
            assert_close(tape.jacobian(y, x), np.diag(expected))


def test_what_is_called_while_stopped_or_before_reset_does_not_count():
    x = jt.Variable(X)
    for _ in STEPS:
        with jt.GradientTape(persistent=True) as tape:
            forgotten = x * x
            tape.reset()
            y = x * x
            with tape.stop_recording():
                hidden = y * x
            z = y * 3 + hidden + forgotten
        assert_close(tape.jacobian(z, x), np.diag(6 * X))
        assert tape.jacobian([hidden, forgotten], x) == [None, None]


def test_all_reads_of_an_assigned_variable_count():
    """(v at 1, 2)^2 times (v at 3, 4): d((a + e)^2 (b + e)) / de = 2 a b + a^2"""
    v = jt.Variable([1.0, 2.0])
    for _ in STEPS:
        v.assign([1.0, 2.0])
        with jt.GradientTape() as tape:
            a = v * v
            v.assign([3.0, 4.0])
            targets = [a * v, jt.concat([a * v, a, v], 0)]
        by_rows, by_columns = tape.jacobian(targets, v)
        assert_close(by_rows, np.diag([7.0, 20.0]))
        blocks = [np.diag([7.0, 20.0]), np.diag([2.0, 4.0]), np.eye(2)]
        assert_close(by_columns, np.vstack(blocks))


def test_an_assignment_before_the_question_changes_nothing():
    x = jt.Variable(X)
    for _ in STEPS:
        x.assign(X)
        with jt.GradientTape() as tape:
            y = columns(x)
        x.assign(2 * X)
        assert_close(tape.jacobian(y, x), jax.jacobian(plain_columns)(X))


@pytest.mark.one_in(5)
@pytest.mark.parametrize("chunk_size", [None, 1, 3])
@BOTH
def test_the_gradient_of_a_jacobian(function, plain, chunk_size):
    x = jt.Variable(X)
    expected = jax.jit(jax.grad(lambda x: jnp.sum(jax.jacobian(plain)(x) ** 2)))(X)
    for _ in STEPS:
        with jt.GradientTape() as outer:
            with jt.GradientTape() as inner:
                y = function(x)
            found = inner.jacobian(y, x, chunk_size=chunk_size)
            penalty = jt.reduce_sum(found**2)
        assert_close(outer.gradient(penalty, x), expected)


@pytest.mark.one_in(2)
@BOTH
def test_the_jacobian_of_a_jacobian(function, plain):
    x, expected = jt.Variable(X), jax.jit(jax.jacobian(jax.jacobian(plain)))(X)
    for _ in STEPS:
        with jt.GradientTape() as outer:
            with jt.GradientTape() as inner:
                y = function(x)
            found = inner.jacobian(y, x)
        assert_close(outer.jacobian(found, x), expected)


@pytest.mark.parametrize("is_read", [False, True])
def test_the_jacobian_of_a_gradient_is_the_hessian(is_read):
    x = jt.Variable(X)
    for _ in STEPS:
        with jt.GradientTape() as outer:
            with jt.GradientTape() as inner:
                y = jt.reduce_sum(rows(x))
            if is_read:
                float(y)
            slope = inner.gradient(y, x)
            if is_read:
                slope.numpy()
        expected = jax.jit(jax.hessian(lambda x: plain_rows(x).sum()))(X)
        assert_close(outer.jacobian(slope, x), expected)


def test_hundreds_of_elements():
    x0 = np.linspace(-1, 1, 300, dtype=np.float32)
    x = jt.Variable(x0)
    with jt.GradientTape(persistent=True) as tape:
        y = x * jt.reduce_sum(x**2)
    expected = np.eye(300) * np.sum(x0**2) + 2 * np.outer(x0, x0)
    for chunk_size in (None, 7):
        assert_close(tape.jacobian(y, x, chunk_size=chunk_size), expected, 1e-4)


@pytest.mark.parametrize("chunk_size", [0, -1, 2.5, "4"])
def test_a_bad_chunk_size_is_named(chunk_size):
    x = jt.Variable(X)
    with jt.GradientTape() as tape:
        y = x * x
    with pytest.raises(
        ValueError, match=rf"`chunk_size`.*at least 1; got {chunk_size!r}"
    ):
        tape.jacobian(y, x, chunk_size=chunk_size)


def test_an_unknown_word_for_unconnected_gradients_is_named():
    x = jt.Variable(X)
    with jt.GradientTape() as tape:
        y = x * x
    with pytest.raises(ValueError, match="got 'nonsense'"):
        tape.jacobian(y, x, unconnected_gradients="nonsense")
    assert_close(tape.jacobian(y, x), np.diag(2 * X))


@pytest.mark.parametrize("role", ["target", "source"])
def test_what_is_no_tensor_is_refused_with_its_type(role):
    x = jt.Variable(X)
    with jt.GradientTape() as tape:
        y = x * x
    given = {"target": (X, x), "source": (y, X)}[role]
    with pytest.raises(TypeError, match=rf"jacobian\(\) .* as {role}; got ndarray"):
        tape.jacobian(*given)
