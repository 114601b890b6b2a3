import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxtape as jt
from jaxtape.framework import seeds
from jaxtape.framework.errors import ArgumentError, ArgumentTypeError, ShapeError
from tests.golden_values import golden, keras_signature, signature_of

CASES = golden("initializers")["cases"]
CONFIGS = golden("initializers")["keras_defaults"]["configs"]
NAMES = sorted({case["initializer"] for case in CASES})
SEEDED = [name for name in NAMES if "seed" in CONFIGS[name]]


def make(case, **arguments):
    maker = getattr(jt.initializers, case["initializer"])
    return maker(**case["arguments"], **arguments)


def ids(case):
    return f"{case['initializer']}-{case['arguments']}-{case['shape']}"


def of_kind(kind):
    return pytest.mark.parametrize("case", [c for c in CASES if kind in c], ids=ids)


@of_kind("constant")
def test_constants_are_keras_s(case):
    expected = np.full(case["shape"], case["constant"], "float32")
    np.testing.assert_array_equal(make(case)(case["shape"]), expected)


@of_kind("diagonal")
def test_identity_is_keras_s(case):
    expected = case["diagonal"] * np.eye(*case["shape"], dtype="float32")
    np.testing.assert_array_equal(make(case)(case["shape"]), expected)


@of_kind("gain")
def test_orthogonal_has_rows_or_columns_of_length_gain(case):
    matrix = np.asarray(make(case, seed=1)(case["shape"]), "float64")
    matrix = matrix.reshape(-1, case["shape"][-1])
    short = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
    expected = case["gain"] ** 2 * np.eye(short.shape[1])
    np.testing.assert_allclose(short.T @ short, expected, atol=1e-5)


@of_kind("error")
def test_shapes_that_keras_refuses_are_refused(case):
    with pytest.raises(ShapeError, match=f"{case['shape'][0]}"):
        make(case)(case["shape"])


@pytest.mark.one_in(4)
@of_kind("std")
def test_draws_have_keras_s_limits_and_standard_deviation(case):
    count = min(-(-20_000 // math.prod(case["shape"])), 100)
    draws = [make(case, seed=i)(case["shape"]) for i in range(count)]
    values = np.stack([draw.numpy() for draw in draws]).astype("float64")
    # Four standard errors of the standard deviation of a normal, the widest of them.
    tolerance = 4 / math.sqrt(2 * values.size)
    assert abs(values.std() / case["std"] - 1) < tolerance
    mean = case["arguments"].get("mean", sum(case["limits"] or (0, 0)) / 2)
    assert abs(values.mean() - mean) < 4 * case["std"] / math.sqrt(values.size)
    low, high = case["limits"] or (-np.inf, np.inf)
    assert low - 1e-6 <= values.min()
    assert values.max() <= high + 1e-6


@pytest.mark.parametrize("name", NAMES)
def test_arguments_and_defaults_are_keras_s(name):
    assert signature_of(getattr(jt.initializers, name)) == keras_signature(name)


@pytest.mark.parametrize("name", NAMES)
def test_config_is_keras_s(name):
    config = getattr(jt.initializers, name)().get_config()
    expected = CONFIGS[name]
    if name == "Identity":
        expected = {"gain": 1.0}  # Keras forgets it, and with it the factor
    assert config == expected


@pytest.mark.parametrize("name", SEEDED)
def test_config_makes_the_same_draws(name):
    first = getattr(jt.initializers, name)(seed=3)
    again = jt.initializers.deserialize(jt.initializers.serialize(first))
    np.testing.assert_array_equal(first((4, 3)), again((4, 3)))


@pytest.mark.one_in(4)
@pytest.mark.parametrize("name", SEEDED)
def test_a_seed_draws_the_same_at_each_call(name):
    draw = getattr(jt.initializers, name)(seed=3)
    np.testing.assert_array_equal(draw((4, 3)), draw((4, 3)))


@pytest.mark.parametrize("name", SEEDED)
def test_without_a_seed_each_call_takes_the_next_key(name):
    draw = getattr(jt.initializers, name)()
    seeds.set_seed(11)
    first, second = draw((4, 3)), draw((4, 3))
    seeds.set_seed(11)
    assert np.array_equal(first, draw((4, 3)))
    assert not np.array_equal(first, second)


def test_large_seeds_draw_different_numbers():
    drawn = [
        float(jt.initializers.RandomNormal(seed=seed)(())) for seed in (0, -1, 2**32)
    ]
    assert len(set(drawn)) == 3


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", NAMES)
def test_half_precision_keeps_its_dtype(name, dtype):
    assert getattr(jt.initializers, name)()((4, 3), dtype).dtype == dtype


def test_float64_is_drawn_with_all_its_digits():
    with jax.enable_x64(True):
        draws = np.asarray(jt.initializers.HeNormal(seed=0)((4, 3), "float64"))
    assert draws.dtype == "float64"
    assert np.any(draws != draws.astype("float32"))


def test_float64_without_x64_names_the_switch():
    with pytest.raises(ArgumentError, match="enable_x64"):
        jt.initializers.Zeros()((2,), "float64")


def test_integers_are_constant_only():
    assert jt.initializers.Ones()((2,), "int32").dtype == "int32"
    with pytest.raises(ArgumentError, match="int32"):
        jt.initializers.RandomNormal()((2,), "int32")


@pytest.mark.parametrize("name", NAMES)
def test_an_initializer_draws_values_inside_a_jitted_function(name):
    drawn = []
    draw = getattr(jt.initializers, name)()
    jax.jit(lambda x: drawn.append(np.asarray(draw((4, 3)))) or x)(1.0)
    assert drawn[0].shape == (4, 3)


def test_initializers_record_nothing():
    with jt.GradientTape():
        drawn = jt.initializers.GlorotUniform()((4, 3))
    assert isinstance(drawn, jt.Tensor)
    assert isinstance(drawn._value, jax.Array)


# Keras 3.15.1, `keras.initializers.get`.
@pytest.mark.parametrize(
    ("identifier", "name"),
    [
        ("zeros", "Zeros"),
        ("zero", "Zeros"),
        ("one", "Ones"),
        ("normal", "RandomNormal"),
        ("uniform", "RandomUniform"),
        ("glorot_uniform", "GlorotUniform"),
        ("HeNormal", "HeNormal"),
        ("IdentityInitializer", "Identity"),
        ("OrthogonalInitializer", "Orthogonal"),
    ],
)
def test_get_knows_keras_s_names(identifier, name):
    assert type(jt.initializers.get(identifier)).__name__ == name


def test_get_passes_functions_and_none_on():
    assert jt.initializers.get(None) is None
    assert jt.initializers.get(jnp.ones) is jnp.ones


def test_get_of_an_unknown_name_suggests_the_closest():
    with pytest.raises(ArgumentError, match=r"glorot_unifrom.*'glorot_uniform'"):
        jt.initializers.get("glorot_unifrom")


@pytest.mark.parametrize("kind", [np.asarray, jnp.asarray, jt.constant])
def test_get_of_an_array_gives_its_values_for_its_shape(kind):
    values = np.array([[1.0, 2.0]], "float32")
    initializer = jt.initializers.get(kind(values))
    np.testing.assert_array_equal(initializer((1, 2)), values)
    with pytest.raises(ShapeError, match=r"\(2, 1\)"):
        initializer((2, 1))


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        ({"scale": 0.0}, "0.0"),
        ({"scale": math.nan}, "nan"),
        ({"mode": "fan"}, "'fan'"),
        ({"distribution": "gauss"}, "'gauss'"),
    ],
)
def test_variance_scaling_checks_its_arguments(arguments, given):
    with pytest.raises(ArgumentError, match=f"got {given}"):
        jt.initializers.VarianceScaling(**arguments)


def test_normal_means_truncated_normal_as_in_keras():
    scaling = jt.initializers.VarianceScaling(distribution="Normal")
    assert scaling.distribution == "truncated_normal"


def test_a_seed_must_be_an_integer():
    with pytest.raises(ArgumentTypeError, match=r"got 0\.5"):
        jt.initializers.RandomNormal(seed=0.5)


# Counted by hand: a 3x3 convolution of 8 channels feeds each of 16 from 72 numbers.
@pytest.mark.parametrize(
    ("shape", "axes", "fans"),
    [
        ((), (), (1, 1)),
        ((5,), (), (5, 5)),
        ((5, 7), (), (5, 7)),
        ((3, 3, 8, 16), (), (72, 144)),
        ((4, 2, 8), ([0], [1, 2]), (4, 16)),
    ],
)
def test_fans(shape, axes, fans):
    assert jt.initializers.compute_fans(shape, *axes) == fans


def test_tensorflow_s_names_for_initializers():
    """TensorFlow's normal one has a deviation of 0.05, its uniform one that range."""
    drawn = jt.random_normal_initializer()(shape=(200, 50), dtype="float32").numpy()
    assert abs(drawn.std() - 0.05) < 0.002
    drawn = jt.random_uniform_initializer()((200, 50)).numpy()
    assert -0.05 <= drawn.min() < -0.049
    assert 0.049 < drawn.max() <= 0.05
    weight = jt.Variable(jt.zeros_initializer()(shape=(2,), dtype="float32"))
    assert weight.numpy().tolist() == [0.0, 0.0]
    assert jt.ones_initializer()((2,)).numpy().tolist() == [1.0, 1.0]
    assert jt.constant_initializer(3.0)((1,)).numpy().tolist() == [3.0]
