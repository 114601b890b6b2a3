"""Normalization and Rescaling; what `adapt` finds is compared with Keras."""

import numpy as np
import pytest

import jaxtape as jt
from jaxtape.layers import Normalization, Rescaling
from tests.golden_values import float32, golden

pytestmark = pytest.mark.usefixtures("quick_programs")

ADAPTED = golden("small_layers")["adapted"]
X = np.array([[0.0, 10.0], [2.0, 30.0]], "float32")


@pytest.mark.one_in(2, 1)
@pytest.mark.parametrize("case", ADAPTED, ids=lambda case: f"axis {case['axis']}")
def test_adapt_finds_what_keras_finds(case):
    layer = Normalization(axis=case["axis"])
    batches = [float32(batch) for batch in case["batches"]]
    layer.adapt(batches if len(batches) > 1 else batches[0])
    np.testing.assert_allclose(layer.mean, float32(case["mean"]), rtol=1e-5)
    np.testing.assert_allclose(layer.variance, float32(case["variance"]), rtol=1e-5)
    found = layer(batches[-1]).numpy()
    np.testing.assert_allclose(found, float32(case["output"]), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "data",
    [
        X,
        jt.constant(X),
        [X[:1], X[1:]],
        ((row[None], "label") for row in X),
        [(X, X[:, 0])],
    ],
)
def test_data_in_any_form(data):
    layer = Normalization()
    layer.adapt(data)
    assert layer.mean.tolist() == [[1.0, 20.0]]
    assert layer.variance.tolist() == [[1.0, 100.0]]


def test_adapting_again_forgets_the_first_data():
    layer = Normalization()
    layer.adapt(X)
    layer.adapt(X + 1)
    assert layer.mean.tolist() == [[2.0, 21.0]]


def test_before_adapt_inputs_pass():
    layer = Normalization()
    assert layer.mean is None
    np.testing.assert_array_equal(layer(X).numpy(), X)


def test_a_large_mean_costs_no_digits():
    rng = np.random.default_rng(0)
    x = (1e4 + rng.normal(size=(1000, 1))).astype("float32")
    layer = Normalization()
    layer.adapt([x[:100], x[100:]])
    np.testing.assert_allclose(layer.variance[0, 0], x.var(dtype="float64"), rtol=1e-6)


def test_a_model_begins_with_what_was_adapted(tmp_path):
    layer = Normalization()
    layer.adapt(X)
    model = jt.Sequential([layer, jt.layers.Dense(1, kernel_initializer="ones")])
    np.testing.assert_allclose(model(X).numpy(), [[-2.0], [2.0]])
    model.save(tmp_path / "model")
    again = jt.load_model(tmp_path / "model")
    np.testing.assert_allclose(again(X).numpy(), [[-2.0], [2.0]])


def test_one_mean_for_data_of_one_axis():
    layer = Normalization(input_shape=[1], axis=None)
    layer.adapt(X[:, 0])
    model = jt.Sequential([layer, jt.layers.Dense(1)])
    assert model.output_shape == (None, 1)
    assert layer(X[:, :1]).tolist() == [[-1.0], [1.0]]


def test_what_was_given_is_undone_by_its_inverse():
    given = {"mean": [1.0, 2.0], "variance": [4.0, 9.0]}
    forth, back = Normalization(**given), Normalization(**given, invert=True)
    np.testing.assert_allclose(back(forth(X)), X, atol=1e-5)
    assert not forth.weights
    assert forth.mean.tolist() == [[1.0, 2.0]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mean": 1.0}, r"go together: .* got shapes \(\) and None"),
        ({"mean": [1.0], "variance": 1.0}, r"got shapes \(1,\) and \(\)"),
        (
            {"mean": [1.0], "variance": [1.0], "axis": None},
            r"got shapes \(1,\) and \(1,\) for axis None",
        ),
    ],
)
def test_moments_that_do_not_belong_together(arguments, message):
    with pytest.raises(ValueError, match=message):
        Normalization(**arguments)


@pytest.mark.parametrize(
    ("axis", "shape", "message"),
    [
        (2, (None, 3), r"along axis \(2,\), .*got inputs of shape \(None, 3\)"),
        (-1, (None, None), r"whose lengths must be known; .* \(None, None\)"),
    ],
)
def test_axes_that_have_no_length(axis, shape, message):
    with pytest.raises(ValueError, match=message):
        Normalization(axis).build(shape)


def test_inputs_of_other_features_raise():
    layer = Normalization(name="n")
    layer.adapt(X)
    for other in (lambda: layer(X[:, :1]), lambda: layer.adapt(X[:, :1])):
        with pytest.raises(ValueError, match=r"'n'\) has 2 means .*got shape \(2, 1\)"):
            other()
    with pytest.raises(ValueError, match=r"mean of shape \(3,\); .*need \(2,\)"):
        Normalization(mean=[1.0] * 3, variance=[1.0] * 3)(X)


def test_data_that_is_refused():
    with pytest.raises(ValueError, match=r"was given its mean, 1\.0"):
        Normalization(mean=1.0, variance=1.0).adapt(X)
    with pytest.raises(ValueError, match=r"adapted to no data; got \[\]"):
        Normalization().adapt([])
    with pytest.raises(TypeError, match=r"got list \[1\.0, 2\.0\]"):
        Normalization().adapt([[1.0, 2.0]])
    with pytest.raises(TypeError, match="got int 3"):
        Normalization().adapt(3)


def test_images_become_floats():
    x = np.array([[0, 51, 255]], "uint8")
    found = Rescaling(1 / 255)(x)
    assert found.dtype == "float32"
    np.testing.assert_allclose(found, [[0, 0.2, 1]], rtol=1e-6)
    assert Rescaling(2.0)(jt.cast(x, "bfloat16")).dtype == "bfloat16"


def test_scales_that_are_refused():
    with pytest.raises(TypeError, match=r"`scale` of Rescaling .*; got '1/255'"):
        Rescaling("1/255")
    with pytest.raises(TypeError, match=r"`offset` of Rescaling .*; got None"):
        Rescaling(1.0, None)
    with pytest.raises(ValueError, match="one for each channel"):
        Rescaling([1.0, 2.0, 3.0])(X)
