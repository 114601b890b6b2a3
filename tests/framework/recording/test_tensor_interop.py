"""A Tensor among NumPy, JAX, matplotlib and tqdm."""

import io
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tqdm
from jax.test_util import check_grads
from matplotlib.figure import Figure

import jaxtape as jt

X = np.float32([0.5, 1.0, 2.0])


@pytest.fixture
def x():
    return jt.constant(X)


def gradient_of(function, x):
    with jt.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
    return tape.gradient(y, x)


@pytest.mark.parametrize(
    ("function", "slope"),
    [
        (np.exp, np.exp(X)),
        (np.log, 1 / X),
        (np.sin, np.cos(X)),
        (np.square, 2 * X),
        (np.sum, np.ones(3)),
        (np.mean, np.full(3, 1 / 3)),
        (np.max, np.float32([0, 0, 1])),
        (lambda x: np.add(x, X), np.ones(3)),
        (lambda x: np.multiply(X, x), X),
        (lambda x: np.maximum(x, 1.5), np.float32([0, 0, 1])),
        (lambda x: np.where(X > 0.7, x, 0.0), np.float32([0, 1, 1])),
        (lambda x: np.concatenate([x, x]), np.full(3, 2.0)),
        (lambda x: np.stack([x, x], axis=1), np.full(3, 2.0)),
        (lambda x: np.dot(x, X), X),
        (lambda x: np.reshape(x, (3, 1)), np.ones(3)),
        (lambda x: np.linalg.norm(x), X / np.linalg.norm(X)),
    ],
)
def test_a_numpy_function_is_recorded(x, function, slope):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert isinstance(function(x), jt.Tensor)
        np.testing.assert_allclose(function(x), function(X), rtol=1e-6)
        np.testing.assert_allclose(gradient_of(function, x), slope, rtol=1e-5)


@pytest.mark.parametrize(
    "op", [lambda a, b: a * b, lambda a, b: a - b, lambda a, b: a @ b]
)
@pytest.mark.parametrize("make", [np.asarray, jnp.asarray])
def test_an_array_on_the_left_is_recorded(x, op, make):
    found = op(make(X), x)
    assert isinstance(found, jt.Tensor)
    np.testing.assert_allclose(found, op(X, X), rtol=1e-6)
    assert gradient_of(lambda t: op(make(X), t), x) is not None


def test_an_augmented_array_becomes_a_tensor_when_a_tensor_is_added(x):
    total = np.float32(0.0)
    total += x
    assert isinstance(total, jt.Tensor)


@pytest.mark.parametrize("read", [np.asarray, np.array, lambda x: x.numpy(), list])
def test_reading_as_an_array_does_not_warn(x, read):
    with jt.GradientTape() as tape:
        tape.watch(x)
        y = x * 2
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            np.testing.assert_array_equal(read(y), 2 * X)


def test_asarray_casts(x):
    assert np.asarray(x, dtype=np.float64).dtype == np.float64
    assert np.array(x, dtype="int32").tolist() == [0, 1, 2]


def test_an_array_read_from_a_tensor_may_be_changed(x):
    array = np.array(x)
    array[0] = 9
    np.testing.assert_array_equal(x, X)


def test_a_ufunc_writes_into_the_array_it_is_given(x):
    out = np.zeros(3, np.float32)
    returned = np.multiply(x, 2.0, out=out)
    assert returned is out
    np.testing.assert_array_equal(out, 2 * X)


def test_an_array_is_changed_in_place_by_a_tensor(x):
    array = X.copy()
    array[1:] = x[1:] * 10
    np.testing.assert_array_equal(array, [0.5, 10.0, 20.0])


@pytest.mark.parametrize("method", ["reduce", "accumulate"])
def test_a_ufunc_method_computes_on_the_host(x, method):
    found = getattr(np.add, method)(x)
    np.testing.assert_allclose(found, getattr(np.add, method)(X))


def test_a_numpy_function_without_a_namesake_computes_on_the_host(x):
    assert np.array2string(x) == np.array2string(X)
    assert np.array_equal(x, X)
    np.testing.assert_array_equal(np.histogram(x, bins=2)[0], [2, 1])


def test_random_state_and_pandas_like_consumers_see_a_sequence(x):
    assert np.random.default_rng(0).choice(x) in X
    assert np.isscalar(float(x[0]))


@pytest.mark.parametrize(
    "convert",
    [jnp.asarray, jnp.array, lambda t: jnp.zeros(3).at[:].set(t)],
)
def test_a_conversion_by_jax_under_a_tape_warns_with_the_remedy(x, convert):
    with jt.GradientTape() as tape:
        tape.watch(x)
        y = x * 2
        with pytest.warns(UserWarning, match=r"jt\.numpy.*jt\.op\(f\)") as caught:
            found = convert(y)
    np.testing.assert_array_equal(np.asarray(found), 2 * X)
    assert caught[0].filename == __file__


def test_a_conversion_by_jax_outside_a_tape_does_not_warn(x):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(jnp.asarray(x * 2), 2 * X)


def test_a_conversion_by_jax_of_a_value_that_no_tape_covers_does_not_warn(x):
    y = x * 2
    with jt.GradientTape(), warnings.catch_warnings():
        warnings.simplefilter("error")
        jnp.asarray(y)


@pytest.mark.parametrize("function", [jnp.sin, jnp.sum, lambda t: jnp.add(X, t)])
def test_a_jax_function_refuses_a_tensor(x, function):
    with pytest.raises(TypeError):
        function(x)


def test_a_jax_function_of_a_covered_tensor_is_never_silent(x):
    with jt.GradientTape() as tape:
        tape.watch(x)
        y = x * 2
        with pytest.warns(UserWarning, match="jt.op"), pytest.raises(TypeError):
            jnp.sin(y)


def test_jit_takes_a_tensor(x):
    found = jax.jit(lambda t: t * 2 + 1)(x)
    np.testing.assert_allclose(np.asarray(found), 2 * X + 1)


def test_jit_computes_with_tensors_inside(x):
    found = jax.jit(lambda t: jt.reduce_sum(jt.square(t) + t)._array())(x)
    assert float(found) == pytest.approx(float(np.sum(X**2 + X)))


def test_jit_gives_a_tensor_back(x):
    found = jax.jit(lambda t: jt.square(t))(x)
    assert isinstance(found, jt.Tensor)
    np.testing.assert_allclose(found, X**2)


def test_grad_takes_a_tensor(x):
    found = jax.grad(lambda t: jt.reduce_sum(t**3)._array())(x)
    assert isinstance(found, jt.Tensor)
    np.testing.assert_allclose(found, 3 * X**2, rtol=1e-6)


def test_vmap_takes_a_tensor(x):
    found = jax.vmap(lambda t: t * t + 1)(x)
    np.testing.assert_allclose(np.asarray(found), X**2 + 1)


def test_tree_functions_take_a_tensor(x):
    found = jax.tree.map(lambda a: a + 1, {"x": [x]})
    np.testing.assert_allclose(np.asarray(found["x"][0]), X + 1)


def test_check_grads_takes_a_function_of_tensors():
    with jax.enable_x64(True):
        x = jt.constant(np.float64([0.5, 1.0, 2.0]))
        check_grads(
            lambda t: jt.reduce_sum(jt.exp(t) * t)._array(), (x,), 2, modes=("rev",)
        )


def test_a_tensor_passed_to_jax_under_a_tape_warns(x):
    with jt.GradientTape() as tape:
        tape.watch(x)
        y = x * 2
        with pytest.warns(UserWarning, match="GradientTape covers"):
            jax.jit(lambda t: t * 2)(y)


def test_reading_inside_a_trace_is_refused_with_the_remedy(x):
    with pytest.raises(jax.errors.ConcretizationTypeError, match="was read inside"):
        jax.jit(lambda t: t * float(t[0] * 2))(x)


def test_assigning_a_variable_inside_a_trace_is_refused(x):
    v = jt.Variable(X)

    def step(t):
        v.assign_add(t * 2)
        return v.read_value()

    with pytest.raises(
        RuntimeError, match="assigned inside a function that JAX traces"
    ):
        jax.jit(step)(x)
    np.testing.assert_array_equal(v, X)


def test_no_tracer_outlives_its_trace(x):
    kept = []
    jax.jit(lambda t: kept.append(t * 2) or t)(x)
    with pytest.raises((RuntimeError, jax.errors.JAXTypeError)):
        kept[0].numpy()
    np.testing.assert_array_equal(x * 2, 2 * X)


def test_what_was_pending_before_a_trace_is_a_value_after_it(x):
    layer = jt.layers.Dense(2)
    layer(np.ones((1, 3), np.float32))
    with jt.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    slope = tape.gradient(y, x)  # not read, so it waits
    jax.jit(lambda a: layer(a)._array())(np.ones((1, 3), np.float32))
    np.testing.assert_array_equal(y.numpy(), x.numpy() ** 2)
    np.testing.assert_array_equal(slope.numpy(), 2 * x.numpy())


def test_trained_variables_are_values_after_a_trace_that_reads_them():
    variables = [jt.Variable([1.0, 2.0]), jt.Variable([3.0, 4.0])]
    optimizer = jt.optimizers.SGD(1.0)
    optimizer.apply([jt.ones(2), jt.ones(2)], variables)  # they share a buffer now
    total = jax.jit(lambda a: (a * variables[0] * variables[1])._array())
    assert total(np.ones(2, np.float32)).tolist() == [0.0, 3.0]
    assert [(2 * variable).tolist() for variable in variables] == [[0, 2], [4, 6]]


def test_matplotlib_draws_a_tensor(x):
    axes = Figure().subplots()
    (line,) = axes.plot(x, x**2)
    axes.scatter(x, jt.Variable(X))
    axes.hist(x)
    np.testing.assert_allclose(line.get_ydata(), X**2)


def test_tqdm_shows_tensors():
    bar = tqdm.tqdm(total=1, file=io.StringIO())
    bar.set_postfix(loss=jt.constant(0.5), text=f"{jt.constant(0.25):.1f}")
    bar.close()
    assert "0.5" in bar.postfix
    assert "text=0.2" in bar.postfix


def test_tqdm_iterates_over_a_tensor(x):
    rows = tqdm.tqdm(x, file=io.StringIO())
    assert (rows.total, [float(row) for row in rows]) == (3, X.tolist())
