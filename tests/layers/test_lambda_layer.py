import numpy as np
import pytest

import jaxtape as jt
from jaxtape.framework.masking import mask_of
from jaxtape.layers import Lambda

X = np.array([[1.0, 2.0], [3.0, 4.0]], "float32")


def squared(x):
    return x**2


def first_feature(inputs, mask):
    return None if mask is None else mask[:, :1]


def halved(x, training=False):
    return x / 2 if training else x


def test_a_function_is_a_layer():
    model = jt.Sequential([jt.Input((2,)), Lambda(lambda x: jt.reduce_sum(x, 1))])
    assert model.output_shape == (None,)
    assert model(X).tolist() == [3.0, 7.0]


def test_several_inputs_and_further_arguments():
    layer = Lambda(
        lambda pair, power: pair[0] + pair[1] ** power, arguments={"power": 2}
    )
    x, y = jt.Input((2,)), jt.Input((2,))
    model = jt.Model([x, y], layer([x, y]))
    np.testing.assert_array_equal(model([X, X]).numpy(), X + X**2)


def test_training_is_passed_on():
    layer = Lambda(halved)
    np.testing.assert_array_equal(layer(X).numpy(), X)
    np.testing.assert_array_equal(layer(X, training=True).numpy(), X / 2)


def test_gradients_pass():
    x = jt.Variable(X)
    with jt.GradientTape() as tape:
        y = Lambda(squared)(x)
    np.testing.assert_array_equal(tape.gradient(y, x).numpy(), 2 * X)


def test_a_function_of_a_name_is_saved_by_it(tmp_path):
    model = jt.Sequential(
        [jt.Input((2,)), Lambda(squared), Lambda(jt.activations.relu)]
    )
    model.save(tmp_path / "model")
    again = jt.load_model(tmp_path / "model", custom_objects={"squared": squared})
    np.testing.assert_array_equal(again(X).numpy(), X**2)
    with pytest.raises(ValueError, match="no function of the name 'squared'"):
        jt.load_model(tmp_path / "model")


def test_a_lambda_has_no_written_form():
    layer = Lambda(lambda x: x, name="same")
    with pytest.raises(
        ValueError, match=r"`function` of Lambda\('same'\) .*no name .* with `def`"
    ):
        layer.get_config()


def test_a_mask_ends_unless_there_is_one_for_the_outputs():
    x = jt.layers.Embedding(3, 2, mask_zero=True)(np.array([[0, 1]]))
    assert mask_of(Lambda(squared)(x)) is None
    assert mask_of(Lambda(squared, mask=first_feature)(x)).tolist() == [[False]]
    mask = np.array([[True, False]])
    assert mask_of(Lambda(squared, mask=mask)(X[:1])).tolist() == [[True, False]]


def test_a_function_that_asks_for_the_mask_gets_it():
    seen = []

    def noted(x, mask=None):
        seen.append(mask)
        return x

    Lambda(noted)(jt.layers.Embedding(3, 2, mask_zero=True)(np.array([[0, 1]])))
    assert seen[0].tolist() == [[False, True]]


@pytest.mark.parametrize("function", [None, 3])
def test_what_is_no_function_raises(function):
    with pytest.raises(TypeError, match=f"function of Tensors; got {function}"):
        Lambda(function)


@pytest.mark.one_in(2)
@pytest.mark.parametrize(
    "layer", [Lambda(lambda x: x + jt.reduce_sum(x, 0)), jt.layers.Softmax(axis=0)]
)
def test_a_smaller_last_batch_is_not_filled_up(layer):
    """What fills it up would count in the sum."""
    model, x = jt.Sequential([jt.Input((2,)), layer]), np.concatenate([X, X[:1] + 1])
    found = model.predict(x, batch_size=2, verbose=0)
    expected = np.concatenate([layer(x[:2]), layer(x[2:])])
    np.testing.assert_array_equal(found, expected)
