"""Activations with arguments; their values are in `test_layer_goldens.py`."""

import numpy as np
import pytest

import jaxtape as jt
from jaxtape.layers import ELU, LeakyReLU, PReLU, ReLU, Softmax

pytestmark = pytest.mark.usefixtures("quick_programs")

X = np.array([[-2.0, 0.0, 3.0]], "float32")


def test_the_earlier_name_of_the_slope_is_taken():
    layer = LeakyReLU(alpha=0.5)
    assert layer.get_config()["negative_slope"] == 0.5
    assert layer(X).tolist() == [[-1.0, 0.0, 3.0]]


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        (ReLU, {"max_value": -1.0}, "`max_value` of ReLU .*; got -1.0"),
        (ReLU, {"negative_slope": None}, "`negative_slope` of ReLU .*; got None"),
        (ReLU, {"threshold": -0.5}, "`threshold` of ReLU .*; got -0.5"),
        (LeakyReLU, {"alpha": -1}, "`negative_slope` of LeakyReLU .*; got -1"),
        (ELU, {"alpha": "1"}, "`alpha` of ELU must be a number; got '1'"),
        (PReLU, {"shared_axes": [0, 1]}, r"`shared_axes` of PReLU .*; got \[0, 1\]"),
        (Softmax, {"axis": []}, r"`axis` of Softmax .*; got \[\]"),
        (Softmax, {"axis": "last"}, "`axis` of Softmax .*; got 'last'"),
    ],
)
def test_arguments_that_are_refused(kind, arguments, message):
    with pytest.raises(ValueError, match=message):
        kind(**arguments)


def test_slopes_that_are_trained():
    layer = PReLU(alpha_initializer="ones")
    with jt.GradientTape() as tape:
        y = layer(X)
    (gradient,) = tape.gradient(y, layer.trainable_variables)
    assert gradient.tolist() == [-2.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((2, 4), r"shape \(3,\) for each sample; got inputs of shape \(2, 4\)"),
        ((2, 3, 3), r"shape \(3,\) for each sample; got inputs of shape \(2, 3, 3\)"),
    ],
)
def test_slopes_of_other_samples_raise(shape, message):
    layer = PReLU()
    layer(X)
    with pytest.raises(ValueError, match=message):
        layer(np.ones(shape, "float32"))


def test_slopes_need_known_lengths():
    with pytest.raises(ValueError, match=r"known lengths; got shape \(None, None, 3\)"):
        PReLU()(jt.Input((None, 3)))
    assert PReLU(shared_axes=1)(jt.Input((None, 3))).shape == (None, None, 3)
    with pytest.raises(ValueError, match=r"along axis 2; got inputs of shape \(1, 3\)"):
        PReLU(shared_axes=2)(X)


def test_a_softmax_of_what_a_mask_leaves():
    mask = np.array([[True, True, False]])
    found = Softmax()(np.zeros((2, 3), "float32"), mask=mask)
    assert found.tolist() == [[0.5, 0.5, 0.0]] * 2
    with pytest.raises(ValueError, match="a mask must have their shape"):
        Softmax()(X, mask=np.ones((1, 4), bool))
    with pytest.raises(ValueError, match="`axis` must name an axis of the inputs"):
        Softmax(axis=2)(X)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("kind", [ReLU, LeakyReLU, ELU, PReLU, Softmax])
def test_shapes_stay_in_models(kind):
    x = jt.Input((4, 3))
    model = jt.Model(x, kind()(x))
    assert model.output_shape == (None, 4, 3)
    assert model(np.ones((2, 4, 3), "float32")).shape == (2, 4, 3)
