import functools

import numpy as np
import pytest

import jaxtape as jt
from jaxtape.framework import config
from jaxtape.framework.errors import ArgumentError, ShapeError
from tests.golden_values import float32, golden, keras_signature, signature_of
from tests.recorded_calls import recorded_calls, structure

GOLDEN = golden("losses")
CONFIGS = golden("initializers")["keras_defaults"]["configs"]
CLASSES = (
    *("BinaryCrossentropy", "CategoricalCrossentropy", "Huber", "MeanAbsoluteError"),
    *("MeanSquaredError", "SparseCategoricalCrossentropy"),
)
FUNCTIONS = (
    *("binary_crossentropy", "categorical_crossentropy", "huber"),
    *("mean_absolute_error", "mean_squared_error", "sparse_categorical_crossentropy"),
)

# Where jaxtape differs from Keras on purpose; see the test of each.
TRUNCATED_LABEL = "sparse_float_labels"
NOT_SQUEEZED = ("binary_crossentropy", "binary_vector_and_column")


class Cubed(jt.losses.Loss):
    def call(self, y_true, y_pred):
        return abs(y_pred - y_true) ** 3


class Doubled(jt.losses.MeanSquaredError):
    def call(self, y_true, y_pred):
        return 2 * super().call(y_true, y_pred)


def inputs_of(case):
    given = GOLDEN["inputs"][case["inputs"]]
    y_true = np.asarray(given["y_true"])
    kind = "int32" if y_true.dtype.kind == "i" else "float32"
    return y_true.astype(kind), float32(given["y_pred"])


def weights_of(case):
    name = case["sample_weight"]
    return None if name is None else float32(GOLDEN["sample_weights"][name])


def compare(cases, losses, tolerance):
    """Values and gradients of `losses` against `cases`, all in one program."""
    inputs = [(y_true, jt.constant(y_pred)) for y_true, y_pred in map(inputs_of, cases)]
    predictions = [y_pred for _, y_pred in inputs]
    with jt.GradientTape() as tape:
        tape.watch(predictions)
        values = [loss(*given) for loss, given in zip(losses, inputs, strict=True)]
    gradients = tape.gradient(values, predictions)
    close = {"rtol": tolerance("float32"), "atol": tolerance("float32"), "strict": True}
    for case, value, gradient in zip(cases, values, gradients, strict=True):
        np.testing.assert_allclose(
            value.numpy(), float32(case["value"]), err_msg=ids(case), **close
        )
        np.testing.assert_allclose(
            gradient.numpy(), float32(case["gradient"]), err_msg=ids(case), **close
        )


def ids(case):
    parts = (case.get("loss", case.get("function")), *case["arguments"].values())
    return "-".join(map(str, (*parts, case["inputs"], case.get("sample_weight"))))


@pytest.fixture
def _in_one_program(monkeypatch):
    """Compiled whole, which takes a fraction of the time of op by op."""
    monkeypatch.setattr(config.switches, "execution", "compiled")


@pytest.mark.one_in(3)
@pytest.mark.usefixtures("_in_one_program")
@pytest.mark.parametrize("name", CLASSES)
def test_classes_have_keras_s_values_and_gradients(name, tolerance):
    cases = [
        case
        for case in GOLDEN["cases"]
        if case["loss"] == name and "value" in case
        if case["inputs"] != TRUNCATED_LABEL
    ]
    losses = [getattr(jt.losses, name)(**case["arguments"]) for case in cases]
    weighted = [
        functools.partial(loss, sample_weight=weights_of(case))
        for case, loss in zip(cases, losses, strict=True)
    ]
    assert len(cases) >= 8
    compare(cases, weighted, tolerance)


@pytest.mark.usefixtures("_in_one_program")
def test_functions_have_keras_s_values_and_gradients(tolerance):
    cases = [case for case in GOLDEN["functions"] if "value" in case]
    functions = [
        functools.partial(getattr(jt.losses, case["function"]), **case["arguments"])
        for case in cases
    ]
    assert {case["function"] for case in cases} == set(FUNCTIONS)
    compare(cases, functions, tolerance)


@pytest.mark.parametrize("case", [c for c in GOLDEN["cases"] if "error" in c], ids=ids)
def test_what_keras_refuses_is_refused(case):
    y_true, y_pred = inputs_of(case)
    with pytest.raises(ValueError, match=r"got 'average'|label (3|-1) in row 0"):
        getattr(jt.losses, case["loss"])(**case["arguments"])(y_true, y_pred)


def test_the_function_squeezes_like_the_class_where_keras_raises():
    refused = [
        (case["function"], case["inputs"])
        for case in GOLDEN["functions"]
        if "error" in case
    ]
    assert refused == [NOT_SQUEEZED]
    y_true, y_pred = inputs_of({"inputs": NOT_SQUEEZED[1]})
    values = jt.losses.binary_crossentropy(y_true, y_pred)
    expected = jt.losses.BinaryCrossentropy(reduction="none")(y_true, y_pred)
    assert values.numpy().tolist() == expected.numpy().tolist()


@pytest.mark.parametrize("name", [*CLASSES, *FUNCTIONS])
def test_arguments_and_defaults_are_keras_s(name):
    assert signature_of(getattr(jt.losses, name)) == keras_signature(name)


@pytest.mark.parametrize("name", CLASSES)
def test_config_is_keras_s_and_makes_the_same_loss(name):
    loss = getattr(jt.losses, name)()
    config = loss.get_config()
    missing = {"Huber": {"delta": 1.0}, "SparseCategoricalCrossentropy": {"axis": -1}}
    assert config == CONFIGS[name] | missing.get(name, {})  # Keras forgets these
    again = jt.losses.deserialize(jt.losses.serialize(loss))
    assert type(again) is type(loss)
    assert again.get_config() == config


def test_config_keeps_the_dtype():
    loss = jt.losses.Huber(delta=2.0, dtype="float16")
    again = jt.losses.Huber.from_config(loss.get_config())
    assert (again.dtype, again.delta) == ("float16", 2.0)


@pytest.mark.parametrize("weights", [None, [1.0, 2.0]])
@pytest.mark.parametrize("name", CLASSES)
def test_a_call_records_one_op(name, weights):
    loss, y_pred = getattr(jt.losses, name)(), jt.constant([[0.2, 0.8], [0.5, 0.5]])
    y_true = np.array([0, 1] if "Sparse" in name else [[0.0, 1.0], [1.0, 0.0]])
    assert len(recorded_calls(lambda: loss(y_true, y_pred, weights))) == 1


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (jt.losses.Huber(0.5), jt.losses.Huber(0.7)),
        (
            jt.losses.BinaryCrossentropy(label_smoothing=0.1),
            jt.losses.BinaryCrossentropy(label_smoothing=0.2),
        ),
    ],
)
def test_numbers_are_inputs_not_structure(first, second):
    y_true, y_pred = jt.constant([[0.0], [1.0]]), jt.constant([[0.1], [3.0]])
    same = structure(lambda: first(y_true, y_pred))
    assert same == structure(lambda: second(y_true, y_pred))
    assert float(first(y_true, y_pred)) != float(second(y_true, y_pred))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", CLASSES)
def test_half_precision_keeps_its_dtype(name, dtype, tolerance):
    p = np.array([[0.25, 0.75], [0.5, 0.5]])
    y_true = np.array([0, 1] if "Sparse" in name else [[0, 1], [1, 0]])
    loss = getattr(jt.losses, name)()
    value = loss(y_true, jt.constant(p, dtype))
    assert value.dtype == dtype
    exact = loss(y_true, jt.constant(p)).numpy()
    np.testing.assert_allclose(float(value), exact, rtol=tolerance(dtype))


def test_a_dtype_is_that_of_the_computation():
    loss = jt.losses.MeanSquaredError(dtype="float32")
    value = loss([[0.0]], jt.constant([[300.0]], "float16"))
    assert value.dtype == "float32"
    assert float(value) == 90_000.0  # beyond float16


def test_integer_predictions_have_a_float32_loss():
    value = jt.losses.MeanSquaredError()([[0]], [[3]])
    assert value.dtype == "float32"
    assert float(value) == 9.0


@pytest.mark.parametrize("dtype", ["int32", "bool"])
def test_a_loss_is_a_floating_point_number(dtype):
    with pytest.raises(ArgumentError, match=f"got {dtype}"):
        jt.losses.MeanSquaredError(dtype=dtype)


def test_float64_without_x64_names_the_switch():
    with pytest.raises(ArgumentError, match="enable_x64"):
        jt.losses.MeanSquaredError(dtype="float64")


def test_an_unknown_reduction_is_told():
    with pytest.raises(ArgumentError, match=r"'sum_over_batch_size'.*got 'average'"):
        Cubed(reduction="average")


def test_what_a_loss_was_made_with_is_read_only():
    loss = jt.losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.1, axis=0)
    assert (loss.from_logits, loss.label_smoothing, loss.axis) == (True, 0.1, 0)
    for name in ("reduction", "dtype", "from_logits", "label_smoothing", "axis"):
        with pytest.raises(AttributeError, match=name):
            setattr(loss, name, None)


# A loss of one's own: errors 1, 2, 3 have values 1, 8, 27.
def own_inputs():
    return jt.constant([0.0, 0.0, 0.0]), jt.constant([1.0, -2.0, 3.0])


@pytest.mark.parametrize(
    ("reduction", "weights", "expected"),
    [
        ("sum_over_batch_size", None, 12.0),
        ("sum", None, 36.0),
        ("none", None, [1.0, 8.0, 27.0]),
        (None, [1, 0, 2], [1.0, 0.0, 54.0]),
        ("sum", [1, 0, 2], 55.0),
        ("mean", [1, 0, 2], 55.0 / 3),
        ("mean_with_sample_weight", [1, 0, 2], 55.0 / 3),
        ("mean_with_sample_weight", [0, 0, 2], 27.0),
        ("mean_with_sample_weight", None, 12.0),
        ("mean_with_sample_weight", 5.0, 12.0),
        ("sum", np.array([True, False, False]), 1.0),
    ],
)
def test_a_loss_of_one_s_own_is_reduced(reduction, weights, expected):
    value = Cubed(reduction=reduction)(*own_inputs(), weights)
    np.testing.assert_allclose(value.numpy(), expected, rtol=1e-6)


def test_a_loss_of_one_s_own_has_gradients():
    y_true, y_pred = own_inputs()
    with jt.GradientTape() as tape:
        tape.watch(y_pred)
        value = Cubed("cubed", "sum")(y_true, y_pred)
    assert tape.gradient(value, y_pred).numpy().tolist() == [3.0, -12.0, 27.0]


def test_a_loss_of_one_s_own_gets_targets_in_the_predictions_dtype():
    seen = []

    class Look(jt.losses.Loss):
        def call(self, y_true, y_pred):
            seen.append((y_true.dtype.name, y_pred.dtype.name))
            return y_pred

    Look()([1, 2], jt.constant([1.0, 2.0], "float16"))
    Look(dtype="float32")([True, False], jt.constant([1.0, 2.0], "float16"))
    assert seen == [("float16", "float16"), ("float32", "float32")]


def test_a_built_in_loss_may_be_given_another_call():
    y_true, y_pred = own_inputs()
    plain = float(jt.losses.MeanSquaredError()(y_true, y_pred))
    assert float(Doubled()(y_true, y_pred)) == 2 * plain


def test_a_loss_of_one_s_own_has_a_name_and_a_config():
    assert Cubed().get_config() == {"name": "cubed", "reduction": "sum_over_batch_size"}
    assert Cubed.from_config({"name": "c", "reduction": "sum"}).name == "c"


def test_a_loss_needs_a_call():
    with pytest.raises(NotImplementedError, match=r"Loss must define call"):
        jt.losses.Loss()([0.0], [0.0])


@pytest.mark.parametrize("name", CLASSES)
def test_the_loss_of_an_empty_batch_is_zero(name):
    y_true = np.zeros(0 if "Sparse" in name else (0, 3), "int32")
    y_pred = jt.constant(np.zeros((0, 3), "float32"))
    loss = getattr(jt.losses, name)
    values = [loss(reduction=r)(y_true, y_pred) for r in ("sum", "mean")]
    assert [float(value) for value in values] == [0.0, 0.0]


@pytest.mark.parametrize("reduction", ["sum", "mean", "mean_with_sample_weight"])
def test_weights_that_are_all_zero_have_loss_and_gradient_zero(reduction):
    y_true, y_pred = own_inputs()
    loss = jt.losses.MeanSquaredError(reduction)
    with jt.GradientTape() as tape:
        tape.watch(y_pred)
        value = loss(y_true[:, None], y_pred[:, None], np.zeros(3))
    assert float(value) == 0.0
    assert tape.gradient(value, y_pred).numpy().tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("values", "weights"),
    [((3, 1), (2,)), ((3, 2), (2, 1)), ((3,), (3,)), ((3, 1), (3, 2))],
)
def test_weights_that_are_more_than_the_losses_raise(values, weights):
    x = np.zeros(values)
    with pytest.raises(ShapeError) as error:
        jt.losses.MeanSquaredError()(x, x, np.ones(weights))
    assert f"have shape {values[:-1]}" in str(error.value)
    assert f"got shape {weights}" in str(error.value)


def test_a_shape_error_leaves_the_tape_and_the_variable_as_they_were():
    w = jt.Variable([[1.0], [2.0]])
    with jt.GradientTape() as tape:
        y_pred = w * 2.0
        with pytest.raises(ShapeError, match=r"got \(3, 1\) and \(2, 1\)"):
            jt.losses.MeanSquaredError()(np.zeros((3, 1)), y_pred)
        value = jt.losses.MeanSquaredError()(np.zeros((2, 1)), y_pred)
    assert tape.gradient(value, w).numpy().tolist() == [[4.0], [8.0]]


@pytest.mark.parametrize("name", ["y_true", "y_pred", "sample_weight"])
def test_what_is_no_number_is_refused_by_its_argument_s_name(name):
    arguments = {"y_true": [[0.0]], "y_pred": [[0.0]], "sample_weight": None}
    with pytest.raises(TypeError, match=f"`{name}`"):
        jt.losses.MeanSquaredError()(**arguments | {name: np.array([["a"]])})


def test_a_batch_that_is_changed_after_the_call_changes_nothing():
    y_true, y_pred = np.ones((2, 1), "float32"), jt.Variable([[1.0], [1.0]])
    with jt.GradientTape() as tape:
        value = jt.losses.MeanSquaredError()(y_true, y_pred)
        y_true[:] = 7
    assert float(value) == 0.0
    assert tape.gradient(value, y_pred).numpy().tolist() == [[0.0], [0.0]]


# Keras 3.15.1, `keras.losses.get`: function names give functions.
@pytest.mark.parametrize("name", ["mse", "MSE", "mean_squared_error"])
def test_get_of_a_function_s_name_gives_the_function(name):
    assert jt.losses.get(name) is jt.losses.mean_squared_error
    assert jt.losses.mse is jt.losses.MSE is jt.losses.mean_squared_error
    assert jt.losses.mae is jt.losses.MAE is jt.losses.mean_absolute_error


@pytest.mark.parametrize("name", CLASSES)
def test_get_of_a_class_s_name_gives_a_loss(name):
    assert type(jt.losses.get(name)) is getattr(jt.losses, name)


def test_get_takes_configs_and_passes_losses_on():
    loss = jt.losses.get({"class_name": "Huber", "config": {"delta": 2.0}})
    assert loss.delta == 2.0
    assert jt.losses.get(loss) is loss
    assert jt.losses.get(None) is None


def test_get_of_an_unknown_name_suggests_the_closest():
    with pytest.raises(
        ArgumentError, match=r"'mean_square_error'.*'mean_squared_error'"
    ):
        jt.losses.get("mean_square_error")


def test_repr_says_what_the_loss_was_made_with():
    assert "'delta': 2.0" in repr(jt.losses.Huber(2.0))


@pytest.mark.parametrize(
    ("true_shape", "pred_shape"),
    [((4,), (4, 1)), ((4, 1), (4,)), ((4, 3), (4, 3, 1)), ((4, 3, 1), (4, 3))],
)
def test_a_function_of_targets_and_predictions_gets_them_in_one_shape(
    true_shape, pred_shape
):
    """As in Keras; (4,) against (4, 1) would be 16 differences."""
    rng = np.random.default_rng(0)
    true = rng.normal(size=true_shape).astype(np.float32)
    pred = rng.normal(size=pred_shape).astype(np.float32)
    expected = np.mean((true.ravel() - pred.ravel()) ** 2)

    def mean(y_true, y_pred):
        return jt.reduce_mean(jt.square(y_true - y_pred))

    def each(y_true, y_pred):
        return jt.square(y_true - y_pred)

    for fn in (mean, each):
        found = jt.losses.FunctionLoss(fn)(true, pred)
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)
