"""Bad input raises at once: what was given, what was expected, how to mend it.

Each row is a faulty call in the middle of a training step. It must raise our error at
the user's line, and leave every variable, slot and the step around it as they were.
"""

import traceback

import numpy as np
import pytest

import jaxtape as jt

X = np.ones((4, 3), np.float32)
Y = np.ones((4, 2), np.float32)

ROWS = {
    "matmul": (
        lambda s: jt.matmul(X, X),
        ValueError,
        [r"matmul", r"float32\[4,3\], float32\[4,3\]", r"jt\.transpose"],
    ),
    "operator": (
        lambda s: s.weight + np.ones((5, 5), np.float32),
        ValueError,
        [r"add", r"float32\[2,2\], float32\[5,5\]", r"[Rr]eshape"],
    ),
    "Dense": (
        lambda s: s.dense(np.ones((4, 5), np.float32)),
        ValueError,
        [r"Dense\('", r"last axis 3", r"\(4, 5\)", r"Build a new layer"],
    ),
    "Dense on objects": (
        lambda s: s.dense(np.ones((4, 3), object)),
        TypeError,
        [r"`inputs`", r"object", r"\(4, 3\)", r"astype\('float32'\)"],
    ),
    "Dense on text": (
        lambda s: s.dense(np.array([["a", "b", "c"]])),
        TypeError,
        [r"`inputs`", r"<U1", r"numbers", r"astype"],
    ),
    "loss": (
        lambda s: jt.losses.MeanSquaredError()(X, Y),
        ValueError,
        [r"mean_squared_error", r"\(4, 3\) and \(4, 2\)", r"Reshape"],
    ),
    "loss of a vector": (
        lambda s: jt.losses.MeanSquaredError()(np.ones(4, np.float32), Y),
        ValueError,
        [r"mean_squared_error", r"\(4,\) and \(4, 2\)", r"Reshape"],
    ),
    "class loss": (
        lambda s: jt.losses.CategoricalCrossentropy()(X, Y),
        ValueError,
        [r"categorical_crossentropy", r"\(4, 3\) and \(4, 2\)", r"Reshape"],
    ),
    "sparse class loss": (
        lambda s: jt.losses.SparseCategoricalCrossentropy()(np.ones(5, np.int32), Y),
        ValueError,
        [r"sparse_categorical_crossentropy", r"\(5,\)", r"\(4, 2\)", r"one-hot"],
    ),
    "assign": (
        lambda s: s.weight.assign(X),
        ValueError,
        [r"'weight'", r"\(2, 2\)", r"\(4, 3\)", r"Reshape"],
    ),
    "assign of objects": (
        lambda s: s.weight.assign(np.ones((2, 2), object)),
        TypeError,
        [r"`value`", r"object", r"\(2, 2\)", r"astype"],
    ),
    "assign of another kind": (
        lambda s: s.weight.assign(np.ones((2, 2), np.complex64)),
        TypeError,
        [r"'weight'", r"float32", r"complex64", r"jt\.cast"],
    ),
    "target": (
        lambda s: s.other_tape().gradient(1.0, s.weight),
        TypeError,
        [r"gradient\(\)", r"target", r"float", r"jt\.constant"],
    ),
    "source": (
        lambda s: s.other_tape().gradient(s.weight * 1.0, X),
        TypeError,
        [r"gradient\(\)", r"source", r"ndarray", r"jt\.constant"],
    ),
    "watch": (
        lambda s: s.other_tape().watch(X),
        ValueError,
        [r"watch\(\)", r"ndarray", r"jt\.constant"],
    ),
    "spent tape": (
        lambda s: s.spent.gradient(s.weight * 1.0, s.weight),
        RuntimeError,
        [r"tape", r"persistent=True"],
    ),
    "learning rate": (
        lambda s: setattr(s.optimizer, "learning_rate", float("nan")),
        ValueError,
        [r"`learning_rate`", r"finite", r"nan", r"0\.1"],
    ),
    "learning rate at construction": (
        lambda s: jt.optimizers.SGD(float("inf")),
        ValueError,
        [r"`learning_rate`", r"finite", r"inf", r"0\.1"],
    ),
    "learning rate of text": (
        lambda s: jt.optimizers.SGD("fast"),
        (TypeError, ValueError),
        [r"`learning_rate`", r"'fast'", r"0\.1"],
    ),
    "number of gradients": (
        lambda s: s.optimizer.apply([jt.ones((2, 2))] * 2, [s.weight]),
        ValueError,
        [r"2 gradients for 1 variable", r"in the same order"],
    ),
    "shape of a gradient": (
        lambda s: s.optimizer.apply_gradients([(jt.ones(3), s.weight)]),
        ValueError,
        [r"'weight'", r"\(3,\)", r"\(2, 2\)", r"order"],
    ),
    "index": (
        lambda s: s.weight[2],
        IndexError,
        [r"Index 2", r"axis 0", r"\(2, 2\)", r"-2 to 1"],
    ),
    "axis": (
        lambda s: jt.reduce_sum(s.weight, axis=2),
        ValueError,
        [r"reduce_sum", r"float32\[2,2\]", r"axis 2", r"`axis` must"],
    ),
    "rank of images": (
        lambda s: jt.layers.Conv2D(2, 2)(np.ones((5, 4, 3), np.float32)),
        ValueError,
        [r"Conv2D\('", r"4 axes", r"\(5, 4, 3\)", r"x\[None\]"],
    ),
    "channels of images": (
        lambda s: built_convolution()(np.ones((1, 5, 4, 2), np.float32)),
        ValueError,
        [r"Conv2D\('", r"3 channels", r"got 2", r"\(1, 5, 4, 2\)", r"channels_first"],
    ),
    "rank of sequences": (
        lambda s: jt.layers.LSTM(2)(X),
        ValueError,
        [r"LSTM\('", r"\(batch, steps, features\)", r"\(4, 3\)", r"Reshape"],
    ),
    "rank of a batch": (
        lambda s: jt.layers.Flatten()(np.float32(1)),
        ValueError,
        [r"Flatten\('", r"batch axis", r"\(\)", r"x\[None\]"],
    ),
    "name of a layer": (
        lambda s: jt.saving.deserialize_keras_object({"class_name": "Dens"}),
        ValueError,
        [r"layer", r"'Dens'", r"Did you mean .*'Dense'", r"custom_objects"],
    ),
    "name of a loss": (
        lambda s: jt.losses.get("mean_squared_eror"),
        ValueError,
        [r"loss", r"'mean_squared_eror'", r"Did you mean 'mean_squared_error'"],
    ),
    "name of an optimizer": (
        lambda s: jt.optimizers.get("adm"),
        ValueError,
        [r"optimizer", r"'adm'", r"Did you mean 'adam'"],
    ),
    "name of an activation": (
        lambda s: jt.layers.Dense(2, activation="rellu"),
        ValueError,
        [r"activation", r"'rellu'", r"Did you mean 'relu'"],
    ),
    "parameters of an unbuilt model": (
        lambda s: unbuilt().count_params(),
        ValueError,
        [r"Sequential\('", r"not built", r"layer\.build\("],
    ),
    "weights of an unbuilt model": (
        lambda s: unbuilt().set_weights([X]),
        ValueError,
        [r"Sequential\('", r"0 weights", r"`weights` has 1", r"get_weights"],
    ),
    "update of an unbuilt model": (
        lambda s: s.optimizer.apply_gradients(zip([], unbuilt().weights, strict=True)),
        ValueError,
        [r"no gradients", r"model\.trainable_variables", r"called or built"],
    ),
    "saving of an unbuilt model": (
        lambda s: unbuilt().save_weights("never.weights.safetensors"),
        ValueError,
        [r"Sequential '", r"no weights", r"model\.build\("],
    ),
    "float64": (
        lambda s: jt.cast(s.weight, "float64"),
        ValueError,
        [r"`dtype`", r"float64", r"jt\.config\.enable_x64\(\)", r"float32"],
    ),
}


def built_convolution():
    layer = jt.layers.Conv2D(2, 2, kernel_initializer="ones")
    layer(np.ones((1, 5, 4, 3), np.float32))
    return layer


def unbuilt():
    return jt.Sequential([jt.layers.Dense(2)])


class Step:
    """What a training step has at hand, in the middle of it."""

    def __init__(self):
        self.weight = jt.Variable([[1.0, 2.0], [3.0, 4.0]], name="weight")
        self.dense = jt.layers.Dense(2)
        self.dense(X)
        self.optimizer = jt.optimizers.SGD(0.5, momentum=0.9)
        self.optimizer.apply_gradients([(jt.zeros((2, 2)), self.weight)])
        self.spent = jt.GradientTape()
        with self.spent:
            y = self.weight * 1.0
        self.spent.gradient(y, self.weight)

    def other_tape(self):
        with jt.GradientTape() as tape:
            _ = self.weight * 1.0
        return tape

    def state(self):
        slots = [variable.numpy() for variable in self.optimizer.variables]
        kernels = [variable.numpy() for variable in self.dense.variables]
        return (
            [self.weight.numpy(), float(self.optimizer.learning_rate)],
            slots,
            kernels,
        )


@pytest.mark.parametrize("name", ROWS)
def test_the_message_says_what_was_given_expected_and_how_to_mend_it(name):
    call, error, parts = ROWS[name]
    step = Step()
    with pytest.raises(error) as caught:
        call(step)
    for part in parts:
        assert caught.match(part)
    assert isinstance(caught.value, jt.errors.JaxtapeError)
    assert __file__ in [frame.filename for frame in traceback.extract_tb(caught.tb)][1:]


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", ROWS)
def test_a_refused_call_leaves_everything_as_it_was(name):
    call, error, _ = ROWS[name]
    step = Step()
    before = step.state()
    with jt.GradientTape() as tape:
        loss = jt.reduce_sum(step.weight**2)
        with pytest.raises(error):
            call(step)
        loss = loss + jt.reduce_sum(step.weight)
    gradient = tape.gradient(loss, step.weight)
    assert_same(step.state(), before)
    np.testing.assert_array_equal(gradient, 2 * step.weight.numpy() + 1)


def assert_same(state, before):
    for mine, theirs in zip(state, before, strict=True):
        for a, b in zip(mine, theirs, strict=True):
            np.testing.assert_array_equal(a, b)
