import contextlib

import jax
import numpy as np
import pytest

import jaxtape as jt

X = np.ones((2, 3), "float32")


class Scale(jt.layers.Layer):
    def build(self, input_shape):
        self.rate = self.add_weight((input_shape[-1],), "ones", name="rate")

    def call(self, inputs):
        return inputs * self.rate


class Penalised(jt.layers.Layer):
    """Adds the sum of its inputs to `losses`."""

    def call(self, inputs):
        self.add_loss(jt.reduce_sum(inputs))
        return inputs


class Mode(jt.layers.Layer):
    """1 while training, 0 when not, -1 when nobody said."""

    def call(self, inputs, training=None):
        return inputs * 0 + (-1 if training is None else int(training))


class Trains(jt.layers.Layer):
    def call(self, inputs, training=True):
        return inputs * 0 + int(training)


def test_weights_are_made_by_the_first_call():
    layer = Scale()
    assert (layer.built, layer.weights) == (False, [])
    np.testing.assert_array_equal(layer(X).numpy(), X)
    assert layer.built
    assert [w.shape for w in layer.weights] == [(3,)]
    assert layer.weights[0].name == f"{layer.name}/rate"


def test_weights_of_other_kinds():
    layer = jt.layers.Layer(dtype="float16")
    assert layer.add_weight((2,)).dtype == "float16"
    count = layer.add_weight(dtype="int32", trainable=False)
    assert (count.dtype, int(count)) == ("int32", 0)
    assert layer.non_trainable_weights == [count]
    assert layer.count_params() == 3


def test_get_and_set_weights():
    layer = jt.layers.Dense(2, input_shape=(3,))
    kernel, bias = np.arange(6.0).reshape(3, 2), np.array([7.0, 8.0])
    layer(X)
    layer.set_weights([kernel, bias])
    for found, expected in zip(layer.get_weights(), (kernel, bias), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([np.ones((3, 2))], "has 2 weights; `weights` has 1"),
        ([np.ones((3, 2)), np.ones(3)], r"shape \(2,\).*shape \(3,\)"),
        ([np.ones((3, 2)), np.ones(2, complex)], "complex"),
    ],
)
def test_wrong_weights_change_nothing(weights, message):
    layer = jt.layers.Dense(2, kernel_initializer="zeros")
    layer(X)
    with pytest.raises((ValueError, TypeError), match=message):
        layer.set_weights(weights)
    assert not any(weight.any() for weight in layer.get_weights())


def test_c12_freezing_holds_from_the_next_step_on():
    model = jt.Sequential([jt.layers.Dense(2, input_shape=(3,)), jt.layers.Dense(1)])
    optimizer = jt.optimizers.SGD(0.1)
    for step in range(6):
        model.layers[0].trainable = step < 3
        before = model.get_weights()
        with jt.GradientTape() as tape:
            loss = jt.reduce_sum(model(X))
        watched = model.trainable_variables
        optimizer.apply(tape.gradient(loss, watched), watched)
        changed = [
            (a != b).any() for a, b in zip(before, model.get_weights(), strict=True)
        ]
        assert changed[3]
        assert changed[1] == (step < 3)
        assert len(watched) == (4 if step < 3 else 2)


def test_a_layer_frozen_before_it_is_built_stays_frozen():
    layer = jt.layers.Dense(2, trainable=False)
    layer(X)
    assert (layer.trainable_weights, len(layer.weights)) == ([], 2)
    layer.trainable = True
    assert len(layer.trainable_weights) == 2


def test_penalties_follow_the_weights():
    layer = jt.layers.Dense(1, kernel_regularizer="l2", kernel_initializer="ones")
    layer(X)
    assert float(layer.losses[0]) == pytest.approx(0.01 * 3)
    layer.kernel.assign(2 * jt.ones((3, 1)))
    assert float(layer.losses[0]) == pytest.approx(0.01 * 12)


@pytest.mark.parametrize("covered", [False, True])
def test_added_losses_are_those_of_the_last_call(covered):
    class Network(jt.Model):
        def __init__(self):
            super().__init__()
            self.body, self.side = jt.layers.Dense(2), Penalised()

        def call(self, inputs):
            return self.body(self.side(inputs))

    model = Network()
    for step in range(4):
        with jt.GradientTape() if covered else contextlib.nullcontext():
            model((step + 1) * X)
            losses = model.losses
        assert [float(loss) for loss in losses] == [6.0 * (step + 1)]
    assert len(model.side._added_losses) == 1


@pytest.mark.parametrize("covered", [False, True])
def test_a_layer_that_is_called_twice_adds_twice(covered):
    shared = jt.layers.Activation("relu", activity_regularizer=jt.regularizers.l1(1.0))

    class Twice(jt.Model):
        def __init__(self):
            super().__init__()
            self.shared = shared

        def call(self, inputs):
            return self.shared(inputs) + self.shared(2 * inputs)

    model = Twice()
    for _ in range(3):
        with jt.GradientTape() if covered else contextlib.nullcontext():
            model(X)
        assert len(model.losses) == 2


def test_training_reaches_layers_inside_models_that_do_not_take_it():
    class Inner(jt.Model):
        def __init__(self):
            super().__init__()
            self.mode = Mode()

        def call(self, inputs):
            return self.mode(inputs)

    model = jt.Sequential([jt.Sequential([Inner()])])
    for training, expected in ((True, 1), (False, 0), (None, -1)):
        assert float(model(X, training=training)[0, 0]) == expected
    assert float(model(X, True)[0, 0]) == 1


def test_an_inner_call_may_say_otherwise():
    class Frozen(jt.Model):
        def __init__(self):
            super().__init__()
            self.mode = Mode()

        def call(self, inputs, training=None):
            return self.mode(inputs, training=False)

    assert float(Frozen()(X, training=True)[0, 0]) == 0


def test_the_default_of_call_holds_when_nobody_says():
    layer = Trains()
    assert float(layer(X)[0, 0]) == 1
    assert float(layer(X, training=False)[0, 0]) == 0


def test_training_given_to_a_layer_that_does_not_take_it_is_for_those_inside():
    class Around(jt.layers.Layer):
        def __init__(self):
            super().__init__()
            self.mode = Mode()

        def call(self, inputs):
            return self.mode(inputs)

    for training, expected in ((True, 1), (False, 0), (None, -1)):
        assert float(Around()(X, training=training)[0, 0]) == expected
    inputs = jt.Input(X.shape[1:])
    fixed = jt.Model(inputs, Around()(inputs, training=True))
    assert float(fixed(X)[0, 0]) == 1
    np.testing.assert_array_equal(jt.layers.Flatten()(X, training=True), X)


def test_dropout_inside_nested_models_hears_of_training():
    inner = jt.Sequential([jt.layers.Dropout(1.0)])
    model = jt.Sequential([inner, jt.layers.Flatten()])
    assert not model(X, training=True).numpy().any()
    np.testing.assert_array_equal(model(X).numpy(), X)


def test_inputs_come_by_name_too():
    layer = jt.layers.Dense(2)
    assert layer(inputs=X).shape == (2, 2)


def test_text_raises():
    with pytest.raises(TypeError, match="the string 'abc'"):
        Scale()("abc")


def test_a_layer_without_call_says_so():
    with pytest.raises(NotImplementedError, match="Layer has no `call`"):
        jt.layers.Layer()(X)


# The orders of the next three tests are Keras 3.15.1's, `layer.get_weights()`.
def test_a_regularized_bias_comes_after_the_kernel():
    layer = jt.layers.Dense(3, bias_regularizer="l1")
    layer(np.ones((2, 4), np.float32))
    assert [weight.shape for weight in layer.get_weights()] == [(4, 3), (3,)]


def test_own_weights_come_before_those_of_parts():
    class Scaled(jt.layers.Layer):
        def __init__(self):
            super().__init__()
            self.inner = jt.layers.Dense(5)

        def build(self, input_shape):
            self.scale = self.add_weight((2,))

        def call(self, inputs):
            return self.inner(inputs) * self.scale[0]

    layer = Scaled()
    layer(np.ones((2, 3), np.float32))
    assert [v.shape for v in layer.variables] == [(2,), (3, 5), (5,)]


def test_a_layer_that_was_built_by_hand_keeps_its_weights():
    layer = jt.layers.Dense(1)
    layer.build((None, 3))
    layer.set_weights([np.full((3, 1), 2.0), [5.0]])
    assert layer(X).numpy().tolist() == [[11.0], [11.0]]  # 3 * 2 + 5
    layer.build((None, 3))
    assert len(layer.weights) == 2


def test_a_layer_that_builds_its_parts_makes_their_weights_once():
    class Scaled(jt.layers.Layer):
        def __init__(self):
            super().__init__()
            self.inner = jt.layers.Dense(5)

        def build(self, input_shape):
            self.inner.build(input_shape)
            super().build(input_shape)

        def call(self, inputs):
            return self.inner(inputs)

    layer = Scaled()
    layer(X)
    assert [v.shape for v in layer.variables] == [(3, 5), (5,)]


@pytest.mark.parametrize("is_called_first", [True, False])
def test_a_model_may_build_itself_and_then_its_layers(is_called_first):
    class Scaled(jt.Model):
        def __init__(self):
            super().__init__()
            self.inner = jt.layers.Dense(5)

        def build(self, input_shape):
            self.scale = self.add_weight((5,))
            super().build(input_shape)

        def call(self, inputs):
            return self.inner(inputs) * self.scale

    model = Scaled()
    if not is_called_first:
        model.build((None, 3))
    model(X)
    assert sorted(v.shape for v in model.variables) == [(3, 5), (5,), (5,)]


@pytest.mark.parametrize("trainable", [True, False])
def test_trainable_weights_come_first(trainable):
    class Counting(jt.layers.Layer):
        def build(self, input_shape):
            self.count = self.add_weight((2,), trainable=False)
            self.scale = self.add_weight((3,))

        def call(self, inputs):
            return inputs * self.scale

    layer = Counting()
    layer(np.ones((2, 3), np.float32))
    layer.trainable = trainable
    assert [v.shape for v in layer.variables] == [(3,), (2,)]


def test_an_activity_penalty_does_not_depend_on_the_batch_size():
    """Keras 3.15.1: five rows of four ones and a kernel of ones have the loss 12."""
    layer = jt.layers.Dense(
        3, activity_regularizer=jt.regularizers.L1(1.0), kernel_initializer="ones"
    )
    layer(np.ones((5, 4), np.float32))
    assert [float(loss) for loss in layer.losses] == [12.0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: jt.layers.Dense(3, activaton="relu"), "mean `activation`"),
        (lambda: jt.layers.Dense(3, input_shape=4), r"give \(4,\)"),
        (lambda: jt.Sequential(jt.layers.Dense(3)), "brackets"),
        (lambda: jt.optimizers.Adam(lr=0.1), "`lr`"),
    ],
)
def test_wrong_arguments_say_what_was_meant(make, message):
    with pytest.raises(TypeError, match=message):
        make()


def test_a_layer_that_is_first_called_inside_a_jit_keeps_its_weights():
    layer = jt.layers.Dense(2, kernel_initializer="ones")
    result = jax.jit(lambda x: layer(x)._array())(np.ones((1, 3), np.float32))
    assert result.tolist() == [[3.0, 3.0]]
    assert layer.kernel.numpy().tolist() == [[1.0, 1.0]] * 3
