import copy

import jax
import numpy as np
import pytest

import jaxtape as jt
from jaxtape.framework.masking import MaskedTensor, mask_of

IDS = np.array([[3, 1, 0], [2, 0, 0]])
MASK = [[True, True, False], [True, False, False]]


class Counting(jt.layers.Layer):
    """The number of steps that count, for each sequence; -1 without a mask."""

    def call(self, inputs, mask=None):
        if mask is None:
            return inputs[:, 0, 0] * 0 - 1
        return jt.reduce_sum(jt.cast(mask, "float32"), 1)


class Halving(jt.layers.Layer):
    """Every other step."""

    def call(self, inputs):
        return inputs[:, ::2]

    def compute_mask(self, inputs, mask=None):
        return None if mask is None else mask[:, ::2]


class Scaling(jt.layers.Layer):
    supports_masking = True

    def call(self, inputs):
        return inputs * 2.0


class Forgetful(jt.layers.Layer):
    def call(self, inputs):
        return inputs * 2.0


class Pair(jt.layers.Layer):
    """Masks by the names of several inputs."""

    def build(self, left_shape, right_shape):
        self.shapes = (left_shape, right_shape)

    def call(self, left, right, right_mask=None):
        return left if right_mask is None else left * jt.cast(right_mask, "float32")


class Total(jt.layers.Layer):
    """The sum over the steps that count."""

    def call(self, inputs, mask=None):
        counts = 1.0 if mask is None else jt.cast(mask, "float32")[..., None]
        return jt.reduce_sum(inputs * counts, 1)


def embedded(ids=IDS):
    return jt.layers.Embedding(5, 2, mask_zero=True)(ids)


def test_masks_pass_through_layers_that_work_on_each_step():
    model = jt.Sequential(
        [
            jt.layers.Embedding(5, 2, mask_zero=True),
            jt.layers.Dense(3, activation="relu"),
            jt.layers.Activation("tanh"),
            jt.layers.Dropout(0.5),
            jt.layers.LayerNormalization(),
            Scaling(),
        ]
    )
    outputs = model(IDS)
    assert mask_of(outputs).tolist() == MASK
    assert Counting()(outputs).tolist() == [2.0, 1.0]


def test_a_mask_may_be_given_in_any_form():
    x = np.ones((2, 3, 2), "float32")
    for mask in (MASK, np.array(MASK), np.array(MASK, "int32"), jt.constant(MASK)):
        assert Counting()(x, mask=mask).tolist() == [2.0, 1.0]
    assert Counting()(embedded(), mask=[[True] * 3] * 2).tolist() == [3.0, 3.0]
    assert Counting()(x).tolist() == [-1.0, -1.0]


def test_a_layer_computes_the_mask_of_its_outputs():
    halved = Halving()(embedded())
    assert mask_of(halved).tolist() == [[True, False], [True, False]]
    assert Halving().supports_masking


def test_ops_have_no_masks():
    x = embedded()
    assert isinstance(x, MaskedTensor)
    assert mask_of(x + 1) is None
    assert mask_of(copy.deepcopy(x)) is None
    assert jax.tree.leaves(x)[0].shape == (2, 3, 2)


@pytest.mark.parametrize("in_model", [False, True])
def test_a_layer_that_does_not_pass_masks_on_warns(in_model):
    layer, embedding = Forgetful(name="late"), jt.layers.Embedding(5, 2, mask_zero=True)
    apply = jt.Sequential([embedding, layer]) if in_model else lambda ids: layer(x)
    x = embedding(IDS)
    with pytest.warns(UserWarning, match=r"Forgetful\('late'\).* Tensor with a mask"):
        outputs = apply(IDS)
    assert mask_of(outputs) is None


def test_masks_of_arguments_by_name():
    x = jt.ones((2, 3))
    layer, other = Pair(), embedded()
    assert layer(x, jt.zeros((2, 3))).tolist() == [[1.0] * 3] * 2
    assert layer.shapes == ((2, 3), (2, 3))
    assert Pair()(x, right=other).tolist() == np.array(MASK, "float32").tolist()
    built = Pair()
    built(x, right=other.numpy())
    assert built.shapes == ((2, 3), (2, 3, 2))


def test_a_mask_of_no_numbers_leaves_the_layer_usable():
    layer = Counting()
    with pytest.raises(TypeError, match="`mask`"):
        layer(jt.ones((2, 3, 2)), mask="padding")
    assert layer(embedded()).tolist() == [2.0, 1.0]


def test_masks_are_there_under_a_tape_and_in_programs():
    embedding, total = jt.layers.Embedding(5, 2, mask_zero=True), Total()
    for ids in ([[3, 1, 0]], [[2, 2, 4]], [[1, 0, 0]]):
        with jt.GradientTape() as tape:
            sums = total(embedding(np.array(ids)))
        gradient = np.array(tape.gradient(sums, embedding.embeddings))
        counts = np.bincount(np.ravel(ids), minlength=5) * [0, 1, 1, 1, 1]
        np.testing.assert_array_equal(gradient[:, 0], counts)


def test_a_layer_without_masks_takes_the_short_way():
    layer = Scaling()
    assert layer._is_plain
    assert not Counting()._is_plain
    assert not jt.layers.Embedding(2, 2, mask_zero=True)._is_plain
    assert jt.layers.Embedding(2, 2)._is_plain


def test_a_function_hands_masks_in_and_out():
    counting, scaling = Counting(), Scaling()
    lengths = jt.function(counting)
    scaled = jt.function(lambda pair: {"all": [scaling(pair[0]), pair[1] * 2.0]})
    around = jt.function(lambda x: lengths(scaled([x, x])["all"][0]))
    for x in (embedded(), embedded().numpy(), embedded()):
        expected = counting(x).tolist()
        for _ in range(2):
            assert lengths(x).tolist() == expected
            assert around(x).tolist() == expected
    first, second = scaled([embedded(), jt.ones(1)])["all"]
    assert mask_of(first).tolist() == MASK
    assert mask_of(second) is None


def test_a_function_under_a_tape_sees_the_masks_of_its_arguments():
    total, scaling = Total(), Scaling()

    @jt.custom_gradient
    def own(x):
        return total(x), lambda upstream: x * 0.0

    again = jt.recompute_grad(lambda x: scaling(x))
    with jt.GradientTape():
        for x in (embedded(), embedded().numpy()):
            masked, scaled = own(x), again(x)
            np.testing.assert_array_equal(masked.numpy(), total(x).numpy())
            assert str(mask_of(scaled)) == str(mask_of(scaling(x)))


def two_inputs():
    x, y = jt.Input((3, 1)), jt.Input((3, 1))
    return jt.Model([x, y], [Counting()(Scaling()(x)), Counting()(y)])


@pytest.mark.parametrize("known", [True, False])
def test_a_sequential_takes_a_mask(known):
    entry = [jt.Input((3, 1))] if known else []
    model, inputs = jt.Sequential([*entry, Scaling(), Counting()]), jt.ones((2, 3, 1))
    for _ in range(2):
        assert model(inputs, mask=MASK).tolist() == [2.0, 1.0]
    assert mask_of(inputs) is None
    assert model(inputs).tolist() == [-1.0, -1.0]


def test_a_functional_model_takes_a_mask_for_each_input():
    model, inputs = two_inputs(), [jt.ones((2, 3, 1)), np.ones((2, 3, 1), "float32")]
    first, second = model(inputs, mask=[jt.constant(MASK), None])
    assert (first.tolist(), second.tolist()) == ([2.0, 1.0], [-1.0, -1.0])


def test_a_mask_is_given_inside_of_a_function_and_of_a_model():
    inner = jt.Sequential([Scaling(), Counting()])

    class Outer(jt.Model):
        def call(self, inputs):
            return inner(inputs, mask=inputs[:, :, 0] > 0)

    inputs = jt.constant([[[1.0], [1.0], [0.0]], [[1.0], [0.0], [0.0]]])
    for run in (Outer(), jt.function(Outer())):
        assert run(inputs).tolist() == [2.0, 1.0]


def test_masks_must_be_as_many_as_inputs():
    inputs = [jt.ones((2, 3, 1)), jt.ones((2, 3, 1))]
    with pytest.raises(ValueError, match="got 1 masks for 2 inputs"):
        two_inputs()(inputs, mask=jt.constant(MASK))
