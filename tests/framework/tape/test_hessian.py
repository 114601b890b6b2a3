"""Second derivatives: Hessians, their products with vectors, and the value beside.

Expected numbers come from the calculus, or from `jax.hessian` of the same function.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxtape as jt

X = np.array([0.3, -1.2, 0.8, 2.0], np.float32)
V = np.array([1.0, 0.5, -2.0, 0.1], np.float32)
W = np.array([[0.5, -0.4], [0.1, 0.9], [-0.7, 0.2], [0.3, 0.6]], np.float32)
STEPS = range(3)  # when a structure is new, seen again, and known


def assert_close(found, expected, rtol=1e-4):
    np.testing.assert_allclose(found, expected, rtol, 1e-5)


def bowl(x):
    return jt.reduce_sum(jt.sin(x) * x[::-1] ** 2)


def plain_bowl(x):
    return jnp.sum(jnp.sin(x) * x[::-1] ** 2)


HESSIAN = jax.jit(jax.hessian(plain_bowl))(X)


@pytest.mark.one_in(2)
@pytest.mark.parametrize("chunk_size", [None, 1, 3, 100])
def test_hessian_of_a_function(chunk_size):
    x = jt.Variable(X)
    for _ in STEPS:
        with jt.GradientTape() as tape:
            y = bowl(x)
        assert_close(tape.hessian(y, x, chunk_size=chunk_size), HESSIAN)


def test_hvp_of_a_function():
    x = jt.Variable(X)
    for _ in STEPS:
        with jt.GradientTape() as tape:
            y = bowl(x)
        assert_close(tape.hvp(y, x, V), HESSIAN @ V)


@pytest.mark.slow
def test_blocks_of_several_sources():
    def plain(w, x, b):
        return jnp.sum(jnp.tanh(x @ w) ** 2) + b**3

    x, w, b = jt.Variable(X), jt.Variable(W), jt.Variable(3.0)
    expected = jax.hessian(plain, (0, 1, 2))(W, X, 3.0)
    _, products = jax.jvp(jax.grad(plain, (0, 1, 2)), (W, X, 3.0), (W, V, 2.0))
    for _ in STEPS:
        with jt.GradientTape(persistent=True) as tape:
            y = jt.reduce_sum(jt.tanh(jt.tensordot(x, w, 1)) ** 2) + b**3
        found = tape.hessian(y, [w, x, b])
        for row, expected_row in zip(found, expected, strict=True):
            for block, expected_block in zip(row, expected_row, strict=True):
                assert_close(block, expected_block)
        for found, product in zip(
            tape.hvp(y, [w, x, b], [W, V, 2.0]), products, strict=True
        ):
            assert_close(found, product)


def test_the_sources_structure_stands_twice():
    x, b = jt.Variable(X), jt.Variable(2.0)
    with jt.GradientTape(persistent=True) as tape:
        y = jt.reduce_sum(x**2) * b
    found = tape.hessian(y, {"x": x, "rest": (b,)})
    assert_close(found["x"]["x"], 4 * np.eye(4))
    assert_close(found["x"]["rest"][0], 2 * X)
    assert_close(found["rest"][0]["x"], 2 * X)
    assert_close(found["rest"][0]["rest"][0], 0.0)
    assert_close(tape.hvp(y, {"x": x}, {"x": V})["x"], 4 * V)


def test_none_stands_in_the_rows_and_columns_of_an_unconnected_source():
    x, other = jt.Variable(X), jt.Variable(2.0)
    with jt.GradientTape(persistent=True) as tape:
        y = bowl(x)
    for _ in STEPS:
        found = tape.hessian(y, [x, other])
        assert [found[0][1], *found[1]] == [None, None, None]
        assert_close(found[0][0], HESSIAN)
        assert tape.hvp(y, [x, other], [V, 1.0])[1] is None
        filled = tape.hessian(y, [x, other], "zero")
        assert [block.shape for row in filled for block in row] == [
            (4, 4),
            (4,),
            (4,),
            (),
        ]
        assert_close(tape.hvp(y, [x, other], [V, 1.0], "zero")[1], 0.0)


def test_zeros_stand_where_a_gradient_is_constant():
    x = jt.Variable(X)
    for _ in STEPS:
        with jt.GradientTape(persistent=True) as tape:
            y = jt.reduce_sum(3 * x)
        np.testing.assert_array_equal(tape.hessian(y, x), np.zeros((4, 4), np.float32))
        np.testing.assert_array_equal(tape.hvp(y, x, V), np.zeros(4, np.float32))


def test_elements_of_a_target_are_summed():
    x = jt.Variable(X)
    with jt.GradientTape(persistent=True) as tape:
        targets = [x**3, jt.reduce_sum(x**2)]
    expected = np.diag(6 * X + 2)
    assert_close(tape.hessian(targets, x), expected)
    assert_close(tape.hvp(targets, x, V), expected @ V)


def test_a_source_twice_is_one_point_with_two_directions():
    x = jt.Variable(X)
    with jt.GradientTape(persistent=True) as tape:
        y = jt.reduce_sum(x**3)
    for found in tape.hvp(y, [x, x], [V, X]):
        assert_close(found, 6 * X * (V + X))


def test_intermediate_values_are_sources():
    """z = sum(y^2 x) with y = exp(x): d^2 z / dy^2 = 2 x"""
    x = jt.Variable(X)
    with jt.GradientTape(persistent=True) as tape:
        y = jt.exp(x)
        z = jt.reduce_sum(y * y * x)
    assert_close(tape.hessian(z, y), np.diag(2 * X))
    assert_close(tape.hvp(z, y, V), 2 * X * V)
    expected = jax.hessian(lambda x: jnp.sum(jnp.exp(2 * x) * x))(X)
    assert_close(tape.hessian(z, [y, x])[1][1], expected)


def test_empty_and_zero_dimensional_sources():
    x, none = jt.Variable(2.0), jt.Variable(np.zeros((1, 0), np.float32))
    for _ in STEPS:
        with jt.GradientTape(persistent=True) as tape:
            y = x**3 + jt.reduce_sum(none**2)
        found = tape.hessian(y, [x, none])
        assert_close(found[0][0], 12.0)
        assert found[1][1].shape == (1, 0, 1, 0)
        assert_close(tape.hvp(y, x, 2.0), 24.0)
        assert tape.hvp(y, none, np.zeros((1, 0))).shape == (1, 0)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("reads", [1, 6])
@pytest.mark.parametrize("persistent", [False, True])
def test_reads_in_the_middle_change_nothing(reads, persistent):
    def plain(x):
        y = x
        for _ in range(reads):
            y = jnp.sin(y) * x
        return jnp.sum(y * x[::-1])

    expected = jax.jit(jax.hessian(plain))(X)
    x = jt.Variable(X)
    for method, options, answer in (
        ("hessian", (), expected),
        ("hvp", (V,), expected @ V),
    ):
        for _ in STEPS:
            with jt.GradientTape(persistent=persistent) as tape:
                y = x
                for _ in range(reads):
                    y = jt.sin(y) * x
                    y.numpy()
                y = jt.reduce_sum(y * x[::-1])
            for _ in range(1 + persistent):
                assert_close(getattr(tape, method)(y, x, *options), answer)


def test_the_products_of_a_large_step_that_was_read():
    """From a mebibyte on, what ran leaves residuals for its gradient"""
    x0 = np.linspace(-1, 1, 400_000, dtype=np.float32)
    x = jt.Variable(x0)
    for _ in STEPS:
        with jt.GradientTape() as tape:
            y = x**3
            float(y[0])
            z = jt.reduce_sum(y * x)
        assert_close(tape.hvp(z, x, x0), 12 * x0**3)


def test_all_reads_of_an_assigned_variable_count():
    """((a + e)^2 (b + e))'' = 4 a + 2 b, with v first a, then b"""
    v = jt.Variable([1.0, 2.0])
    for _ in STEPS:
        v.assign([1.0, 2.0])
        with jt.GradientTape(persistent=True) as tape:
            a = v * v
            v.assign([3.0, 4.0])
            y = jt.reduce_sum(a * v)
        assert_close(tape.hessian(y, v), np.diag([10.0, 16.0]))
        assert_close(tape.hvp(y, v, np.ones(2)), [10.0, 16.0])


def test_small_variables_that_an_optimizer_moved_together():
    variables = [jt.Variable(X), jt.Variable(0.5), jt.Variable(V)]
    optimizer = jt.optimizers.SGD(0.1)

    def plain(a, b, c):
        return jnp.sum(a**3 * c) * b

    @jax.jit
    def exact(*at):
        products = jax.jvp(jax.grad(plain, (0, 1, 2)), at, at)[1]
        return jax.hessian(plain, (0, 1, 2))(*at), products

    for _ in range(4):
        at = tuple(v.numpy() for v in variables)
        with jt.GradientTape(persistent=True) as tape:
            a, b, c = variables
            y = jt.reduce_sum(a**3 * c) * b
        gradients = tape.gradient(y, variables)
        hessian = tape.hessian(y, variables)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        after = tape.hvp(y, variables, at)
        expected, products = exact(*at)
        for i in range(3):
            assert_close(after[i], products[i])
            for j in range(3):
                assert_close(hessian[i][j], expected[i][j])


def test_newtons_step_uses_a_hessian_that_has_not_run_yet():
    """Of sum(v^4), x - H^-1 g = 2 x / 3"""
    v = jt.Variable([1.0, 2.0])
    for _ in range(4):
        before = v.numpy()
        with jt.GradientTape(persistent=True) as tape:
            y = jt.reduce_sum(v**4)
        slope, hessian = tape.gradient(y, v), tape.hessian(y, v)
        v.assign_sub(jt.linalg.solve(hessian, slope[:, None])[:, 0])
        assert_close(v, before * 2 / 3)


@pytest.mark.slow  # see the gradient of a Jacobian
def test_the_gradient_of_a_hessian_and_of_a_product():
    x, v = jt.Variable(X), jt.Variable(V)

    def plain(x, v):
        hessian = jax.hessian(plain_bowl)(x)
        return jnp.sum(hessian**2) + jnp.sum((hessian @ v) ** 2)

    for chunk_size in (None, 3):
        with jt.GradientTape() as outer:
            with jt.GradientTape(persistent=True) as inner:
                y = bowl(x)
            hessian = inner.hessian(y, x, chunk_size=chunk_size)
            product = inner.hvp(y, x, v)
            z = jt.reduce_sum(hessian**2) + jt.reduce_sum(product**2)
        found = outer.gradient(z, [x, v])
        for part, expected in zip(found, jax.grad(plain, (0, 1))(X, V), strict=True):
            assert_close(part, expected)


def test_the_vector_may_be_the_source_and_may_change_later():
    x = jt.Variable(X)
    for _ in STEPS:
        x.assign(X)
        with jt.GradientTape() as tape:
            y = jt.reduce_sum(x**3)
        product = tape.hvp(y, x, x)
        x.assign(2 * X)
        assert_close(product, 6 * X**2)


def test_dropout_is_the_same_in_both_derivatives():
    """Of sum(y^2), y = mask x / (1 - rate), the Hessian is diag(2 (y / x)^2)"""
    layer, x = jt.layers.Dropout(0.5), jt.Variable(X)
    for _ in STEPS:
        with jt.GradientTape(persistent=True) as tape:
            y = layer(x, training=True)
            z = jt.reduce_sum(y**2)
        assert_close(tape.hessian(z, x), np.diag(2 * (y.numpy() / X) ** 2))


def test_value_and_gradient_gives_both():
    x = jt.Variable(X)
    for _ in STEPS:
        with jt.GradientTape() as tape:
            y = bowl(x)
        value, slope = tape.value_and_gradient(y, [x])
        assert_close(value, plain_bowl(X))
        assert_close(slope[0], jax.grad(plain_bowl)(X))
    with pytest.raises(RuntimeError, match=r"persistent=True"):
        tape.value_and_gradient(y, [x])


@pytest.mark.parametrize("method", ["hessian", "hvp"])
def test_a_second_derivative_spends_a_tape_that_is_not_persistent(method):
    x = jt.Variable(X)
    options = (V,) if method == "hvp" else ()
    with jt.GradientTape() as tape:
        y = bowl(x)
    getattr(tape, method)(y, x, *options)
    with pytest.raises(RuntimeError, match=r"persistent=True"):
        getattr(tape, method)(y, x, *options)


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        ([V, V], r"`vectors` has 2 entries for 1 source\. Give one Tensor"),
        ([1.0, 2.0, 3.0, 4.0], r"`vectors` has 4 entries .*write jt\.constant"),
        (V[:3], r"`vectors\[0\]` has shape \(3,\), but its source has shape \(4,\)"),
        (None, r"`vectors\[0\]` .*NoneType"),
    ],
)
def test_vectors_that_do_not_fit_are_named(vectors, message):
    x = jt.Variable(X)
    with jt.GradientTape() as tape:
        y = bowl(x)
    with pytest.raises((ValueError, TypeError), match=message):
        tape.hvp(y, x, vectors)
    assert_close(tape.hvp(y, x, V), HESSIAN @ V)
