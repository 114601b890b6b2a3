"""Functional models: what they compute, against NumPy, and what they refuse."""

import collections
import copy
import json

import numpy as np
import pytest

import jaxtape as jt
from jaxtape.framework.errors import (
    ArgumentError,
    ArgumentTypeError,
    NotBuiltError,
    ShapeError,
)
from jaxtape.layers import Activation, Add, Dense, Dropout, Flatten

X = np.linspace(-1, 1, 6, dtype="float32").reshape(2, 3)


def branches():
    """A model of ops, layers, a shared layer, and outputs in a dictionary."""
    x = jt.Input((3,), name="x")
    shared = Dense(3, name="shared")
    hidden = shared(jt.nn.relu(shared(x)))
    joined = jt.concat([hidden, 2 * x - 1, jt.numpy.sin(x)], axis=-1)
    outputs = {"joined": joined, "mean": jt.reduce_mean(joined, 1), "last": x[:, -1]}
    return jt.Model(x, outputs, name="branches")


def branches_in_numpy(model, x):
    kernel, bias = model.get_layer("shared").get_weights()
    hidden = np.maximum(x @ kernel + bias, 0) @ kernel + bias
    joined = np.concatenate([hidden, 2 * x - 1, np.sin(x)], -1)
    return {"joined": joined, "mean": joined.mean(1), "last": x[:, -1]}


def check(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-5, atol=1e-6)


def test_layers_and_ops_are_computed_as_numpy_does():
    model = branches()
    check(model(X), branches_in_numpy(model, X))
    assert len(model.weights) == 2


@pytest.mark.parametrize("batch", [0, 1, 5])
def test_the_batch_may_have_any_length(batch):
    model = branches()
    x = np.ones((batch, 3), "float32")
    check(model(x), branches_in_numpy(model, x))


@pytest.mark.parametrize(
    "copied",
    [
        lambda model: jt.Model.from_config(json.loads(json.dumps(model.get_config()))),
        jt.clone_model,
        copy.deepcopy,
    ],
    ids=["config", "clone", "deepcopy"],
)
def test_copies_have_the_same_steps_and_weights_of_their_own(copied):
    model = branches()
    again = copied(model)
    again.set_weights([weight + 1 for weight in model.get_weights()])
    check(again(X), branches_in_numpy(again, X))
    check(model(X), branches_in_numpy(model, X))
    assert len(again.weights) == 2
    assert again.get_config()["steps"] == model.get_config()["steps"]
    assert list(again.variables_by_path()) == list(model.variables_by_path())


def test_inputs_and_outputs_nest_as_they_were_given():
    a, b, c = (jt.Input((3,), name=name) for name in "abc")
    model = jt.Model({"p": a, "q": [b, (c,)]}, [a + b, {"r": (b * c,)}])
    first, second = model({"p": X, "q": [2 * X, (3 * X,)]})
    np.testing.assert_allclose(first, 3 * X, rtol=1e-6)
    np.testing.assert_allclose(second["r"][0], 6 * X**2, rtol=1e-6)


@pytest.mark.parametrize(
    "nest",
    [
        lambda z, a: {"z": z, "a": a},
        lambda z, a: {"a": a, "z": z},
        lambda z, a: [{"z": z, "a": a}],
        lambda z, a: {"z": z, "more": {"y": a}},
        lambda z, a: collections.OrderedDict(z=z, a=a),
    ],
    ids=["z first", "a first", "in a list", "nested", "ordered"],
)
def test_inputs_in_dictionaries_of_any_order_are_taken_by_their_keys(nest):
    z, a = jt.Input((3,), name="z"), jt.Input((3,), name="a")
    model = jt.Model(nest(z, a), jt.layers.Subtract()([z, a]))
    ten, one = np.full((2, 3), 10, np.float32), np.ones((2, 3), np.float32)
    assert model(nest(ten, one)).tolist() == [[9.0] * 3] * 2
    assert model.predict(nest(ten, one), verbose=0).tolist() == [[9.0] * 3] * 2
    inner = model(nest(z, a))
    assert jt.Model([z, a], inner)([ten, one]).tolist() == [[9.0] * 3] * 2
    model.compile(loss="mse")
    assert model.evaluate(nest(ten, one), np.full((2, 3), 9.0), verbose=0) == 0


def test_inputs_in_a_list_may_come_by_name():
    a, b = jt.Input((3,), name="a"), jt.Input((3,), name="b")
    model = jt.Model([a, b], a - b)
    np.testing.assert_allclose(model({"b": X, "a": 3 * X}), 2 * X, rtol=1e-6)


def test_models_are_layers_at_any_depth():
    inner = jt.Sequential([Dense(4, "relu"), Dense(3)])
    x = jt.Input((3,))
    middle = jt.Model(x, Add()([inner(x), x]))
    y = jt.Input((3,))
    outer = jt.Model(y, middle(middle(y)))

    def block(value):
        k1, b1, k2, b2 = inner.get_weights()
        return np.maximum(value @ k1 + b1, 0) @ k2 + b2 + value

    np.testing.assert_allclose(outer(X), block(block(X)), rtol=1e-5, atol=1e-6)
    assert len(outer.weights) == 4


def test_a_subclass_is_a_layer_of_a_functional_model():
    class Doubled(jt.Model):
        def call(self, inputs, scale=2.0):
            return {"out": inputs * scale}

    x = jt.Input((3,))
    model = jt.Model(x, Doubled()(x, scale=3.0)["out"])
    np.testing.assert_allclose(model(X), 3 * X, rtol=1e-6)


def test_parts_are_cut_out_of_a_model():
    x = jt.Input((3,))
    hidden = Dense(4, name="hidden")(x)
    model = jt.Model(x, Dense(2, name="head")(hidden))
    features = jt.Model(model.input, model.get_layer("hidden").output)
    head = jt.Model(model.get_layer("head").input, model.output)
    np.testing.assert_allclose(head(features(X)), model(X), rtol=1e-6)
    assert features.weights[0] is model.weights[0]
    again = jt.Model.from_config(json.loads(json.dumps(head.get_config())))
    assert again.input_shape == (None, 4)


def test_training_reaches_the_layers():
    x = jt.Input((3,))
    model = jt.Model(x, Dropout(1.0)(x))
    assert not model(X, training=True).numpy().any()
    np.testing.assert_array_equal(model(X), X)
    frozen = jt.Model(x, Dropout(1.0)(x, training=False))
    np.testing.assert_array_equal(frozen(X, training=True), X)


def test_a_training_step_is_that_of_the_same_subclass():
    class Network(jt.Model):
        def __init__(self, layers):
            super().__init__()
            self.parts = layers

        def call(self, inputs):
            first, second = self.parts
            return second(first(inputs)) + inputs

    def trained(model):
        optimizer = jt.optimizers.SGD(0.1)
        for _ in range(3):
            with jt.GradientTape() as tape:
                loss = jt.reduce_mean(model(X) ** 2)
            variables = model.trainable_variables
            optimizer.apply_gradients(
                zip(tape.gradient(loss, variables), variables, strict=True)
            )
        return model.get_weights()

    x = jt.Input((3,))
    first, second = Dense(4, "tanh"), Dense(3)
    model = jt.Model(x, second(first(x)) + x)
    twin = Network([Dense(4, "tanh"), Dense(3)])
    twin(X)
    twin.set_weights(model.get_weights())
    for found, expected in zip(trained(model), trained(twin), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_inputs_are_cast_to_the_dtype_asked_for():
    x = jt.Input((3,), dtype="int32")
    assert jt.Model(x, x + 1)(np.array([[1.9, 2.0, 3.0]])).numpy().tolist() == [
        [2, 3, 4]
    ]


def test_variables_that_ops_take_are_the_model_s():
    scale = jt.Variable(3.0, name="scale")
    x = jt.Input((3,))
    model = jt.Model(x, x * scale)
    assert model.trainable_variables[0] is scale
    np.testing.assert_allclose(model(X), 3 * X, rtol=1e-6)
    with pytest.raises(ArgumentError, match=r"multiply.*Variable 'scale'"):
        model.get_config()


def test_a_function_of_one_s_own_is_named_where_it_has_no_written_form():
    mine = jt.op(lambda x: x * 2)
    x = jt.Input((3,))
    model = jt.Model(x, mine(x))
    np.testing.assert_allclose(model(X), 2 * X, rtol=1e-6)
    with pytest.raises(ArgumentError, match=r"test_functional\.py:\d+.*jt\.op"):
        model.get_config()


def test_losses_of_layers_are_those_of_the_last_call():
    x = jt.Input((3,))
    model = jt.Model(x, Activation("relu", activity_regularizer="l2")(x))
    assert model.losses == []
    model(X)
    expected = 0.01 * (np.maximum(X, 0) ** 2).sum() / 2
    assert float(model.losses[0]) == pytest.approx(expected)


def test_layers_have_keras_s_order():
    # [layer.name for layer in keras.Model(...).layers] of Keras 3.15
    a, b = jt.Input((3,), name="a"), jt.Input((3,), name="b")
    late = Dense(3, name="late")(b)
    deep = Dense(3, name="deep2")(Dense(3, name="deep1")(a))
    model = jt.Model([b, a], Add(name="sum")([late, deep]))
    names = [layer.name for layer in model.layers]
    assert names == ["a", "b", "deep1", "late", "deep2", "sum"]


def test_the_input_and_output_of_models_and_layers():
    x = jt.Input((3,), name="x")
    dense = Dense(2)
    y = dense(x)
    model = jt.Model([x], y)
    assert (model.inputs, model.input, model.output) == ([x], [x], y)
    assert (dense.input is x, dense.output is y) == (True, True)
    assert (model.input_shape, model.output_shape) == ([(None, 3)], (None, 2))
    with pytest.raises(NotBuiltError, match=r"Dense\('new'\) has no output"):
        _ = Dense(1, name="new").output
    with pytest.raises(NotBuiltError, match="has no defined input shape"):
        _ = jt.Sequential([Dense(1)]).input_shape


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([X, X, X], r"expected inputs .*'a' \(None, 3\).*found \[\(2, 3\)"),
        ([X], r"found \[\(2, 3\)\]"),
        (X, r"found \(2, 3\)"),
        ({"a": X, "c": X}, r"missing \['b'\], unexpected \['c'\]"),
        ([X, X[:, :2]], r"'b'.*expected shape \(None, 3\); found \(2, 2\)"),
        ([X[0], X], r"'a'.*expected shape \(None, 3\); found \(3,\)"),
    ],
)
def test_inputs_that_do_not_fit_are_told_with_those_that_would(inputs, message):
    a, b = jt.Input((3,), name="a"), jt.Input((3,), name="b")
    with pytest.raises((ArgumentError, ShapeError), match=message):
        jt.Model([a, b], a + b)(inputs)


def test_names_of_inputs_that_are_nearly_right_are_suggested():
    a, b = jt.Input((3,), name="left"), jt.Input((3,), name="right")
    model = jt.Model({"left": a, "right": b}, a + b)
    with pytest.raises(ArgumentError, match="Was 'rigth' for 'right' meant"):
        model({"left": X, "rigth": X})


def test_outputs_need_the_inputs_that_they_depend_on():
    a, b = jt.Input((3,), name="a"), jt.Input((3,), name="b")
    with pytest.raises(ArgumentError, match=r"depend on .*'b'.*not among its inputs"):
        jt.Model(a, a + b)
    with pytest.raises(ArgumentError, match=r"No output.*depends on its input .*'b'"):
        jt.Model([a, b], a + 1)
    with pytest.raises(ArgumentError, match="got an input twice"):
        jt.Model([a, a], a + 1)


def test_inputs_and_outputs_are_symbolic():
    x = jt.Input((3,))
    with pytest.raises(ArgumentTypeError, match=r"`outputs`.*got int 3"):
        jt.Model(x, 3)
    with pytest.raises(ArgumentTypeError, match=r"`inputs`.*got Tensor"):
        jt.Model(jt.ones((1, 3)), x)
    with pytest.raises(ArgumentTypeError, match="got no `outputs`"):
        jt.Model(x)
    with pytest.raises(ArgumentError, match=r"at least one symbolic tensor; got \[\]"):
        jt.Model(x, [])


def test_names_of_layers_are_unique():
    x = jt.Input((3,))
    outputs = Dense(3, name="twice")(Dense(3, name="twice")(x))
    with pytest.raises(ArgumentError, match="two layers named 'twice'"):
        jt.Model(x, outputs)


def test_wrong_channels_are_told_where_the_layer_is_called():
    layer = Dense(2, name="head")
    layer(jt.Input((3,)))
    with pytest.raises(ShapeError, match=r"Dense\('head'\) expected.*last axis 3"):
        layer(jt.Input((4,)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["steps"][1].update(layer=9), r"calls layer 9; there are 2"),
        (
            lambda c: c["steps"][1]["args"][0].update(step=5),
            r"takes result 0 of step 5",
        ),
        (lambda c: c["layers"][1].update(class_name="Dens"), r"'Dens'.*'Dense'"),
        (lambda c: c["steps"][2].update(op="os.system"), r"the op 'os.system'"),
        (
            lambda c: c["steps"].append({"function": "numpy.save", **EMPTY}),
            r"the op 'numpy.save'",
        ),
    ],
)
def test_a_changed_config_is_refused(change, message):
    x = jt.Input((3,))
    config = json.loads(json.dumps(jt.Model(x, Dense(2)(x) + 1).get_config()))
    change(config)
    with pytest.raises(ArgumentError, match=message):
        jt.Model.from_config(config)


EMPTY = {"args": ["file"], "options": {}}


def test_a_deep_model_needs_no_recursion():
    # Python's limit is 1,000 calls within one another.
    layer = Flatten()
    x = y = jt.Input((3,))
    for _ in range(1000):
        y = layer(y)
    model = jt.Model(x, y)
    again = jt.Model.from_config(model.get_config())
    assert len(again.layers) == 2
    np.testing.assert_array_equal(copy.deepcopy(model)(X), X)


def test_a_functional_subclass_keeps_its_own_arguments():
    class Scaled(jt.Model):
        def __init__(self, *args, factor=2.0, **options):
            super().__init__(*args, **options)
            self.factor = factor

    x = jt.Input((3,))
    model = Scaled(x, x * 2, name="s")
    assert model.factor == 2.0
    np.testing.assert_allclose(model(X), 2 * X)


def test_slices_survive_a_saved_model(tmp_path):
    x = jt.Input((4,))
    model = jt.Model(x, x[:, 1:3] * 2.0 + x[..., :1])
    model.save(tmp_path / "model")
    values = np.arange(8, dtype="float32").reshape(2, 4)
    found = jt.load_model(tmp_path / "model")(values)
    np.testing.assert_array_equal(found, values[:, 1:3] * 2 + values[:, :1])


def test_inputs_get_or_lose_a_last_axis_of_one():
    """As in Keras; columns of a table are often vectors."""
    age, image = jt.Input((1,), name="age"), jt.Input((2, 2, 1), name="image")
    flat = jt.layers.Flatten()(image)
    model = jt.Model({"age": age, "image": image}, jt.layers.Concatenate()([age, flat]))
    given = {"age": np.float32([5.0, 6.0]), "image": np.ones((2, 2, 2))}
    expected = [[5.0, 1.0, 1.0, 1.0, 1.0], [6.0, 1.0, 1.0, 1.0, 1.0]]
    assert model(given).numpy().tolist() == expected
    assert model.predict(given, verbose=0).tolist() == expected
    single = jt.Model(age, age * 2.0)
    assert single(np.float32([1.0, 2.0])).numpy().tolist() == [[2.0], [4.0]]
    assert single(np.ones((2, 1, 1))).shape == (2, 1)
