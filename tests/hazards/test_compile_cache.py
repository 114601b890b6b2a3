"""Rows C1 to C9, C12 and C14 of the hazards: what is compiled, and when anew.

The default device, of row C8, is in `test_two_devices.py`.
"""

import contextlib
import functools
import gc
import math
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxtape as jt
from jaxtape.framework.recording import slots
from tests.compile_counter import count_compiles
from tests.halving import halve, halving_optimizer
from tests.memory import resident_bytes

COVERED = pytest.mark.parametrize(
    "covered", [False, True], ids=["at once", "under a tape"]
)


def maybe_tape(covered):
    return jt.GradientTape() if covered else contextlib.nullcontext()


# C1: scalars of five types in turn


@pytest.mark.one_in(5)
@COVERED
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int32"])
def test_c1_a_scalar_of_each_type_gives_the_dtype_that_jax_gives(covered, dtype):
    x = jt.constant(jnp.ones(3, dtype))
    for _ in range(2):
        for scalar in (1, 1.0, True, np.int64(1), np.float32(1)):
            with maybe_tape(covered):
                found = x + scalar
            if isinstance(scalar, np.int64):
                scalar = np.int32(1)  # as every int64 array while x64 is off
            assert found.numpy().dtype == (jnp.ones(3, dtype) + scalar).dtype
            assert found.dtype == found.numpy().dtype


def type_and_value(x, scalar):
    return x * {int: 2.0, float: 3.0, bool: 5.0}[type(scalar)] + float(scalar)


def test_c1_a_structural_scalar_stands_with_its_type():
    described = jt.op(type_and_value)
    found = [float(described(jt.constant(1.0), s)) for s in (1, True, 1, True)]
    assert found == [3.0, 6.0, 3.0, 6.0]


def test_c1_a_structural_float_and_an_int_differ():
    described = jt.op(lambda x, scalar: x * math.gamma(scalar) * (type(scalar) is int))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the number changes at every call
        found = [float(described(jt.constant(2.0), s)) for s in (3, 3.0, 3, 3.0)]
    assert found == [4.0, 0.0, 4.0, 0.0]


# C2: zero and minus zero


@COVERED
def test_c2_one_by_zero_and_by_minus_zero(covered):
    one, found = jt.constant(1.0), []
    for zero in (0.0, -0.0, 0.0, -0.0):
        with maybe_tape(covered):
            found.append(one / zero)
    assert [float(y) for y in found] == [math.inf, -math.inf] * 2


def test_c2_structural_zeros_differ_by_their_bits():
    signed = jt.op(lambda x, zero: x * math.copysign(1.0, zero))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = [float(signed(jt.constant(7.0), z)) for z in (0.0, -0.0, 0.0, -0.0)]
    assert found == [7.0, -7.0, 7.0, -7.0]


# C3: NaN a thousand times


@COVERED
def test_c3_a_thousand_nans_are_one_program(covered):
    x = jt.constant(np.ones(3))

    def last_of(count):
        for _ in range(count):
            with maybe_tape(covered):
                y = x * float("nan")
        return y.numpy()

    last_of(2)
    with count_compiles() as compiles:
        assert np.isnan(last_of(1_000)).all()
    assert compiles.count == 0


def test_c3_a_structural_nan_equals_itself():
    traces = []

    def scaled(x, number):
        traces.append(number)
        return x * float(math.isnan(number))

    lifted = jt.framework.lifting.lift(scaled)
    for _ in range(20):
        assert float(lifted(jt.constant(2.0), float("nan"))) == 2.0
    assert len(traces) <= 4  # as an input, which fails, and as structure


# C4: a learning rate that changes at every step


@pytest.mark.parametrize("make", [jt.optimizers.SGD, jt.optimizers.Adam])
def test_c4_a_thousand_learning_rates_are_one_program(make):
    v, optimizer = jt.Variable(np.ones(13)), make(0.5)

    def step(number):
        optimizer.learning_rate = 0.5 * 0.99**number
        with jt.GradientTape() as tape:
            loss = jt.reduce_sum(v)
        optimizer.apply_gradients([(tape.gradient(loss, v), v)])

    for number in range(3):
        step(number)
    with count_compiles() as compiles:
        for number in range(3, 1_000):
            step(number)
    assert compiles.count == 0
    if make is jt.optimizers.SGD:  # a geometric series: 0.5 / 0.01
        assert v.numpy()[0] == pytest.approx(1 - 50 * (1 - 0.99**1_000), rel=1e-4)


# C5: lambdas made in a loop


@pytest.mark.filterwarnings("ignore:jt.op.. has lifted")
@pytest.mark.filterwarnings("ignore:`captured")
@pytest.mark.parametrize("count", [30, pytest.param(1_000, marks=pytest.mark.full)])
def test_c5_a_lambda_made_in_a_loop_is_right_every_time(count):
    wrong = []
    for number in range(count):
        add = jt.op(lambda x, number=number: x + number)
        if float(add(jt.constant(0.5))) != number + 0.5:
            wrong.append(number)
        del add  # so that the next one may get its id
    assert wrong == []


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:jt.op.. has lifted")
@pytest.mark.filterwarnings("ignore:`captured")
def test_c5_freed_functions_whose_id_comes_again_are_told_apart():
    def make(source):
        return eval(f"lambda x: x * {source}")

    ids, wrong = set(), []
    for number in range(10):
        function = make(float(number))
        ids.add(id(function))
        if float(jt.op(function)(jt.constant(2.0))) != 2.0 * number:
            wrong.append(number)
        del function
        gc.collect()
    assert wrong == []


# C6: what a function captures changes

RATE = 1.0


def by_global(x):
    return x * RATE


def value_or_complaint(function, x, expected):
    """The new value, or an error that says that a captured value changed."""
    try:
        found = float(function(jt.constant(x)))
    except jt.errors.ArgumentError as error:
        return "changed" in str(error)
    return found == expected


@pytest.mark.filterwarnings("ignore:`captured")
@COVERED
def test_c6_a_rebound_cell(covered):
    rate = 1.0

    def scaled(x):
        return x * rate

    lifted, fine = jt.op(scaled), []
    for rate in (1.0, 2.0, 3.0, 2.0):
        with maybe_tape(covered):
            fine.append(value_or_complaint(lifted, 4.0, 4.0 * rate))
    assert all(fine)


@pytest.mark.filterwarnings("ignore:`captured")
def test_c6_nonlocal():
    count = 0

    def bump():
        nonlocal count
        count += 1

    lifted, fine = jt.op(lambda x: x * count), []
    for expected in range(1, 5):
        bump()
        fine.append(value_or_complaint(lifted, 2.0, 2.0 * expected))
    assert all(fine)


@pytest.mark.filterwarnings("ignore:`")
def test_c6_a_mutated_default_argument():
    def scaled(x, settings={"rate": 1.0}):  # noqa: B006 (that is the hazard)
        return x * settings["rate"]

    lifted, fine = jt.op(scaled), []
    for rate in (1.0, 2.0, 3.0):
        scaled.__defaults__[0]["rate"] = rate
        fine.append(value_or_complaint(lifted, 4.0, 4.0 * rate))
    assert all(fine)


@pytest.mark.filterwarnings("ignore:`captured")
def test_c6_a_global(monkeypatch):
    lifted, fine = jt.op(by_global), []
    for rate in (1.0, 2.0, 3.0):
        monkeypatch.setitem(globals(), "RATE", rate)
        fine.append(value_or_complaint(lifted, 4.0, 4.0 * rate))
    assert all(fine)


class Scaler:
    def __init__(self, rate):
        self.rate = rate

    def scale(self, x):
        return x * self.rate


@pytest.mark.filterwarnings("ignore:`")
def test_c6_an_attribute_of_self():
    scaler = Scaler(1.0)
    lifted, fine = jt.op(scaler.scale), []
    for rate in (1.0, 2.0, 3.0):
        scaler.rate = rate
        fine.append(value_or_complaint(lifted, 4.0, 4.0 * rate))
    assert all(fine)


@pytest.mark.filterwarnings("ignore:`")
def test_c6_a_captured_list_and_array_changed_in_place():
    rates, weights = [1.0], np.ones(1)
    lifted, fine = jt.op(lambda x: x * rates[0] * weights[0]), []
    for rate in (1.0, 2.0, 3.0):
        rates[0], weights[0] = rate, rate
        fine.append(value_or_complaint(lifted, 4.0, 4.0 * rate * rate))
    assert all(fine)


def test_c6_a_value_that_changes_before_the_launch_is_never_silently_used():
    """What was called with a rate of 1 is computed with 1, or refused."""
    scaler = Scaler(1.0)
    lifted = jt.op(scaler.scale)
    for rate in (2.0, 3.0, 4.0):
        scaler.rate = 1.0
        with jt.GradientTape():
            y = lifted(jt.constant(4.0))
            scaler.rate = rate
        try:
            found = float(y)
        except jt.errors.JaxtapeError as error:
            found = 4.0 if "changed" in str(error) else None
        assert found == 4.0


# C7: functions and arguments that are easily confused


@pytest.mark.filterwarnings("ignore:`")
def test_c7_partials():
    def scaled(x, rate, by=1):
        return x * rate * by

    found = []
    for rate, by in ((2.0, 1), (3.0, 1), (3.0, 5), (2.0, 1)):
        lifted = jt.op(functools.partial(scaled, rate=rate, by=by))
        found.append(float(lifted(jt.constant(1.0))))
    assert found == [2.0, 3.0, 15.0, 2.0]


@pytest.mark.filterwarnings("ignore:`")
def test_c7_bound_methods_of_two_instances():
    first, second = Scaler(2.0), Scaler(3.0)
    lifted = [jt.op(first.scale), jt.op(second.scale)]
    found = [float(function(jt.constant(1.0))) for function in lifted * 2]
    assert found == [2.0, 3.0] * 2


class Chameleon:
    """Equal to everything, with the same hash."""

    def __init__(self, rate):
        self.rate = rate

    def __eq__(self, other):
        return True

    def __hash__(self):
        return 0


@pytest.mark.filterwarnings("ignore:`")
def test_c7_objects_that_claim_to_be_equal():
    lifted = jt.op(lambda x, chameleon: x * chameleon.rate)
    chameleons = [Chameleon(2.0), Chameleon(3.0), Chameleon(4.0)]
    found = [float(lifted(jt.constant(1.0), c)) for c in chameleons * 2]
    assert found == [2.0, 3.0, 4.0] * 2


@pytest.mark.filterwarnings("ignore:`")
@pytest.mark.parametrize(
    ("first", "second", "use"),
    [
        ([1, 2], [1, 3], lambda x, a: x * a[1]),
        ({"a": 2}, {"a": 3}, lambda x, a: x * a["a"]),
        (slice(0, 2), slice(0, 3), lambda x, a: x * a.stop),
        ({2}, {3}, lambda x, a: x * max(a)),
        ("ab", "abc", lambda x, a: x * len(a)),
        (range(2), range(3), lambda x, a: x * len(a)),
        (int, float, lambda x, a: x * (2 if a is int else 3)),
        ((2, None), (3, None), lambda x, a: x * a[0]),
    ],
    ids=["list", "dict", "slice", "set", "str", "range", "type", "tuple"],
)
def test_c7_structural_arguments_of_every_kind(first, second, use):
    lifted = jt.op(use)
    found = [float(lifted(jt.constant(1.0), a)) for a in (first, second) * 2]
    expected = [float(use(1.0, first)), float(use(1.0, second))]
    assert found == expected * 2


@pytest.mark.filterwarnings("ignore:`")
def test_c7_a_list_that_is_changed_in_place():
    lifted, argument, found = jt.op(lambda x, a: x * len(a)), [1], []
    for _ in range(3):
        found.append(float(lifted(jt.constant(1.0), argument)))
        argument.append(1)
    assert found == [1.0, 2.0, 3.0]


# C8: settings that are switched between calls and inside a tape


@COVERED
def test_c8_x64(covered):
    data, dtypes = np.full(3, 0.1), []
    for enabled in (False, True, False, True):
        with jax.enable_x64(enabled):
            with maybe_tape(covered):
                y = jt.reduce_sum(jt.constant(data) * 3.0)
            dtypes.append(str(y.numpy().dtype))
            assert float(y) == pytest.approx(0.9, rel=1e-12 if enabled else 1e-6)
    assert dtypes == ["float32", "float64"] * 2


@COVERED
def test_c8_x64_switched_inside(covered):
    data = np.full(3, 0.1)
    for _ in range(3):
        results = []
        with maybe_tape(covered):
            for enabled in (False, True, False, True):
                with jax.enable_x64(enabled):
                    results.append((jt.constant(data) * 3.0, jt.constant([1, 2]) + 1))
        dtypes = [[(str(y.dtype), str(y.numpy().dtype)) for y in r] for r in results]
        narrow = [("float32", "float32"), ("int32", "int32")]
        wide = [("float64", "float64"), ("int64", "int64")]
        assert dtypes == [narrow, wide] * 2


def test_c8_x64_by_the_switch_that_messages_name():
    try:
        jt.config.enable_x64()
        assert jt.constant(np.ones(2)).dtype == "float64"
    finally:
        jt.config.enable_x64(False)
    assert jt.constant(np.ones(2)).dtype == "float32"


@COVERED
def test_c8_promotion(covered):
    a, b = jt.constant([1, 2]), jt.constant([0.5, 0.5])
    for _ in range(3):
        with maybe_tape(covered):
            assert (a + b).dtype == "float32"
            strict = jax.numpy_dtype_promotion("strict")
            with strict, pytest.raises(ValueError, match="strict"):
                a + b
            assert (a + b).tolist() == [1.5, 2.5]


@COVERED
def test_c8_rank_promotion(covered):
    a, b = jt.constant([1, 2]), jt.constant([[1, 2], [3, 4]])
    for _ in range(3):
        with maybe_tape(covered):
            strict = jax.numpy_rank_promotion("raise")
            with strict, pytest.raises(ValueError, match="could not be broadcast"):
                a + b
            assert (a + b).tolist() == [[2, 4], [4, 6]]


@COVERED
def test_c8_debug_nans(covered):
    x = jt.constant(np.inf)

    def difference():
        with maybe_tape(covered):
            y = x - x
        return float(y)

    for _ in range(2):
        assert math.isnan(difference())
        with jax.debug_nans(True), pytest.raises(FloatingPointError):
            difference()


@pytest.mark.parametrize("impl", ["rbg", "unsafe_rbg"])
def test_c8_the_implementation_of_random_numbers(impl):
    """Toggling it gives the numbers that it gave before, each time."""

    def draw():
        jt.random.set_seed(0)
        with jt.GradientTape():
            y = jt.random.normal((3,))
        assert y.dtype == "float32"
        return y.tolist()

    first = draw()
    with jax.default_prng_impl(impl):
        other = draw()
    assert draw() == first
    with jax.default_prng_impl(impl):
        assert draw() == other


# C9: weak and strong scalars


@pytest.mark.one_in(5)
@COVERED
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("scalar", [2, 2.0, True])
def test_c9_a_python_number_takes_the_dtype_it_meets(covered, dtype, scalar):
    x = jt.constant(jnp.ones(3, dtype))
    for _ in range(2):
        with maybe_tape(covered):
            results = [x * scalar, scalar * x, x + scalar, x / scalar]
        assert [y.numpy().dtype for y in results] == [x.dtype] * 4


@COVERED
def test_c9_a_numpy_scalar_is_strong(covered):
    """As in JAX: np.float64 with x64 off counts as float32."""
    x = jt.constant(jnp.ones(3, "bfloat16"))
    with maybe_tape(covered):
        assert (x * np.float64(2.0)).dtype == "float32"
        assert (x * np.float32(2.0)).dtype == "float32"
        assert (x * 2.0).dtype == "bfloat16"


@pytest.mark.one_in(3)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("make", [jt.optimizers.SGD, jt.optimizers.Adam])
@pytest.mark.parametrize("rate", [0.5, np.float64(0.5)])
def test_c9_the_dtype_of_a_parameter_survives_an_update(dtype, make, rate):
    v, optimizer = jt.Variable(np.ones(3), dtype=dtype), make(rate)
    for _ in range(3):
        with jt.GradientTape() as tape:
            loss = jt.reduce_sum(v * np.float64(2.0))
        optimizer.apply_gradients([(tape.gradient(loss, v), v)])
        assert v.numpy().dtype == v.dtype == jnp.dtype(dtype)


@pytest.mark.parametrize("scale", [2, 2.0, np.float64(2.0), jnp.float32(2.0)])
def test_c9_the_dtype_of_a_parameter_survives_an_assignment(scale):
    v = jt.Variable(np.ones(3), dtype="bfloat16")
    for covered in (False, True, True):
        with maybe_tape(covered):
            v.assign_sub(scale * v)
        assert v.numpy().dtype == v.dtype == jnp.bfloat16


def test_c9_a_variable_of_a_python_float_is_not_weak():
    v = jt.Variable(2.0)
    assert (v * jt.constant(jnp.ones(3, "bfloat16"))).dtype == "float32"


# C12: what takes part changes after the first step


def linear_step(variables, optimizer, inputs):
    with jt.GradientTape() as tape:
        loss = jt.add_n([jt.reduce_sum(v) for v in inputs])
    gradients = tape.gradient(loss, variables)
    optimizer.apply_gradients(zip(gradients, variables, strict=True))


@pytest.mark.parametrize("packed_size", [0, 4096])
def test_c12_trainable_flipped_after_a_step(packed_size, monkeypatch):
    monkeypatch.setattr(jt.config.bounds, "packed_size", packed_size)
    a, b = jt.Variable([0.0, 0.0]), jt.Variable([0.0, 0.0])
    optimizer, found = jt.optimizers.SGD(1.0), []
    for is_trainable in (True, True, False, False, True):
        b.trainable = is_trainable
        chosen = [v for v in (a, b) if v.trainable]
        linear_step(chosen, optimizer, [a, b])
        found.append((a.numpy()[0], b.numpy()[0]))
    assert found == [(-1, -1), (-2, -2), (-3, -2), (-4, -2), (-5, -3)]


def test_c12_a_frozen_variable_has_no_gradient():
    v = jt.Variable([1.0, 2.0])
    for is_trainable in (True, False, True, False):
        v.trainable = is_trainable
        with jt.GradientTape() as tape:
            y = v * v
        assert (tape.gradient(y, v) is not None) == is_trainable


def test_c12_a_variable_frozen_after_its_first_read_stays_watched():
    """As in TensorFlow: a tape watches a variable from its first read on."""
    v = jt.Variable([1.0, 2.0])
    with jt.GradientTape() as tape:
        y = v * v
        v.trainable = False
        z = y * v
    assert tape.gradient(z, v).tolist() == [3.0, 12.0]


def test_c12_a_frozen_layer_is_left_as_it_is():
    model = jt.Sequential([jt.layers.Dense(2, input_shape=(3,)), jt.layers.Dense(1)])
    optimizer, x = jt.optimizers.SGD(0.1), np.ones((4, 3), np.float32)
    kernels = [layer.kernel for layer in model.layers]
    for is_trainable in (True, False, False, True):
        model.layers[0].trainable = is_trainable
        before = [kernel.numpy() for kernel in kernels]
        with jt.GradientTape() as tape:
            loss = jt.reduce_mean(jt.square(model(x, training=True) - 3.0))
        chosen = model.trainable_variables
        gradients = tape.gradient(loss, chosen)
        optimizer.apply_gradients(zip(gradients, chosen, strict=True))
        moved = [
            bool((k.numpy() != b).any()) for k, b in zip(kernels, before, strict=True)
        ]
        assert moved == [is_trainable, True]


@pytest.mark.parametrize("packed_size", [0, 4096])
def test_c12_a_variable_added_after_the_first_step(packed_size, monkeypatch):
    monkeypatch.setattr(jt.config.bounds, "packed_size", packed_size)
    variables = [jt.Variable([0.0, 0.0]), jt.Variable([0.0, 0.0])]
    optimizer = jt.optimizers.SGD(1.0, momentum=0.5)
    for _ in range(3):
        linear_step(variables, optimizer, variables)
    variables.append(jt.Variable([0.0, 0.0]))
    linear_step(variables, optimizer, variables)
    # velocities 1, 1.5, 1.75, 1.875 sum to 6.125; the new one has taken one step
    assert [v.numpy()[0] for v in variables] == [-6.125, -6.125, -1.0]


@pytest.mark.parametrize("packed_size", [0, 4096])
def test_c12_the_optimizer_replaced(packed_size, monkeypatch):
    monkeypatch.setattr(jt.config.bounds, "packed_size", packed_size)
    variables = [jt.Variable([0.0, 0.0]), jt.Variable([0.0, 0.0])]
    for rate in (1.0, 10.0, 100.0, 1.0):
        optimizer = jt.optimizers.SGD(rate)
        for _ in range(2):
            linear_step(variables, optimizer, variables)
    assert [v.tolist() for v in variables] == [[-224.0, -224.0]] * 2


@pytest.mark.parametrize("packed_size", [0, 4096])
def test_c12_two_optimizers_for_the_same_variables(packed_size, monkeypatch):
    monkeypatch.setattr(jt.config.bounds, "packed_size", packed_size)
    a, b, c = variables = [jt.Variable([0.0, 0.0]) for _ in "abc"]
    first, second = jt.optimizers.SGD(1.0), jt.optimizers.SGD(10.0, momentum=0.0)
    for _ in range(3):
        linear_step([a, b], first, variables)
        linear_step([b, c], second, variables)
    assert [v.numpy()[0] for v in (a, b, c)] == [-3.0, -33.0, -30.0]


# C14: very many batch shapes


def batch_step(v, size):
    with jt.GradientTape() as tape:
        loss = jt.reduce_sum(jt.constant(np.ones((size, 3), np.float32)) * v)
    v.assign_sub(tape.gradient(loss, v))


def run_sizes(sizes, cap, monkeypatch):
    monkeypatch.setattr(jt.config.bounds, "programs", cap)
    slots.slots.clear()
    v = jt.Variable(np.zeros(3))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for size in sizes:
            batch_step(v, size)
            batch_step(v, size)
            assert len(slots.slots) <= cap
    assert v.tolist() == [-2.0 * sum(sizes)] * 3  # below 2^24: exact
    return [str(warning.message) for warning in caught]


def test_c14_batch_shapes_without_end_are_bounded_and_explained_once(monkeypatch):
    messages = run_sizes(range(1, 13), cap=4, monkeypatch=monkeypatch)
    (message,) = messages
    assert "float32[1,3] -> float32[2,3] -> float32[3,3]" in message
    assert "jt.pad_batch" in message
    assert __file__ in message


def test_c14_one_ragged_batch_is_not_explained(monkeypatch):
    assert run_sizes([128, 96] * 4, cap=8, monkeypatch=monkeypatch) == []


def test_c14_different_loops_are_not_taken_for_one(monkeypatch):
    def other_step(v, size):
        with jt.GradientTape() as tape:
            loss = jt.reduce_sum(jt.constant(np.ones((size, 3), np.float32)) * v)
        v.assign_sub(tape.gradient(loss, v))

    v = jt.Variable(np.zeros(3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for step, size in ((batch_step, 1_001), (batch_step, 1_002)):
            step(v, size)
            step(v, size)
        for size in (1_003, 1_004):
            other_step(v, size)
            other_step(v, size)


@pytest.mark.full
def test_c14_ten_thousand_batch_shapes(monkeypatch):
    before = resident_bytes()
    v = jt.Variable(np.zeros(3))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for size in range(1, 10_001):
            batch_step(v, size)
    assert len(slots.slots) <= jt.config.bounds.programs
    assert len([w for w in caught if "compiled anew" in str(w.message)]) <= 1
    assert resident_bytes() - before < 1e9


def test_c14_pad_batch_makes_the_shapes_one():
    v, total = jt.Variable(np.zeros(3)), 0
    counts = []
    for size in (5, 6, 7, 8, 5, 7):
        data = np.ones((size, 3), np.float32)
        with count_compiles() as compiles:
            padded, mask = jt.pad_batch(data, multiple_of=8)
            with jt.GradientTape() as tape:
                loss = jt.reduce_sum(jt.constant(padded) * v * mask[:, None])
            v.assign_sub(tape.gradient(loss, v))
            total += size
            assert v.tolist() == [-float(total)] * 3
        counts.append(compiles.count)
    assert counts[2:] == [0] * 4


def test_halving_is_exact():
    """The step that other tests count on."""
    v = jt.Variable([1.0, 3.0])
    halve(halving_optimizer(), [v], 5)
    assert v.tolist() == [1 / 32, 3 / 32]
