"""`jt.function`: expected values are worked out by hand beside each claim."""

import copy
import pickle
import warnings

import jax
import numpy as np
import pytest

import jaxtape as jt
from tests.compile_counter import count_compiles

ONE = jt.constant(1.0)
RATE, OFFSET, LOG = 2.0, 1.0, []
TWO = np.ones(2)


def scaled(x):
    return x * RATE


def shifted(x):
    return x + OFFSET


@jt.function
def picklable(x):
    return x + 1.0


class Scale(jt.Module):
    def __init__(self, weight=2.0):
        super().__init__()
        self.weight = jt.Variable(weight)
        self.rate, self.calls = 1.0, 0

    @jt.function
    def __call__(self, x):
        return self.weight * x * self.rate

    @jt.function
    def add(self, x):
        self.weight.assign_add(x)
        return self.weight


def count(function):
    return function.experimental_get_tracing_count()


def test_the_second_call_neither_runs_python_nor_compiles():
    calls = []
    f = jt.function(lambda x: calls.append(0) or x * 3.0)
    with pytest.warns(UserWarning, match="`calls`"):
        assert float(f(jt.constant(2.0))) == 6.0
    with count_compiles() as compiles:
        assert float(f(jt.constant(5.0))) == 15.0
    assert (len(calls), compiles.count) == (1, 0)


def test_arrays_are_inputs_and_python_values_are_structure():
    f = jt.function(lambda x, n: x**n)
    assert float(f(np.float32(2.0), 3)) == 8.0
    assert float(f(jt.constant(3.0), n=3)) == 27.0
    assert count(f) == 1
    assert float(f(jt.constant(2.0), 4)) == 16.0
    assert count(f) == 2


@pytest.mark.parametrize(
    ("first", "second"), [(0.0, -0.0), (1, True), (1, 1.0), ("a", "b")]
)
def test_python_values_differ_by_type_and_bits(first, second):
    f = jt.function(lambda x, n: x)
    f(ONE, first), f(ONE, second), f(ONE, first)
    assert count(f) == 2


def test_another_shape_is_another_program():
    f = jt.function(jt.reduce_sum)
    assert float(f(jt.ones((3,)))) == 3.0
    assert float(f(jt.ones((4,)))) == 4.0
    assert float(f(jt.ones((3,)))) == 3.0
    assert count(f) == 2


def test_results_nest_as_they_were_returned():
    f = jt.function(lambda x: {"same": x, "rest": (x + 1.0, None, "text", 3)})
    made = f(ONE)
    assert (float(made["same"]), float(made["rest"][0])) == (1.0, 2.0)
    assert made["rest"][1:3] == (None, "text")
    assert int(made["rest"][3]) == 3


def test_arguments_may_be_nested_and_hold_objects():
    model = jt.layers.Dense(1, kernel_initializer="ones", input_shape=(2,))
    f = jt.function(lambda batch, layer: layer(batch["x"]) + batch["y"][0])
    made = f({"x": np.ones((1, 2), "float32"), "y": [ONE, 5]}, model)
    assert made.numpy().tolist() == [[3.0]]


def test_variables_are_read_and_assigned():
    total = jt.Variable(1.0)
    f = jt.function(lambda x: total.assign_add(x))
    assert [float(f(ONE)), float(f(ONE))] == [2.0, 3.0]
    total.assign(10.0)
    assert float(f(ONE)) == 11.0
    assert float(total) == 11.0


def test_an_earlier_read_keeps_its_value():
    weight = jt.Variable([1.0, 2.0])
    before, host = weight.read_value(), weight.numpy()
    f = jt.function(lambda: weight.assign(weight * 3.0))
    f(), f()
    assert (before.numpy().tolist(), host.tolist()) == ([1.0, 2.0], [1.0, 2.0])
    assert weight.numpy().tolist() == [9.0, 18.0]


@pytest.mark.parametrize("optimizer", [jt.optimizers.SGD(0.1), jt.optimizers.Adam(0.1)])
def test_two_updates_in_one_call_are_two_steps_of_a_loop(optimizer):
    def step(a, b, optimizer):
        with jt.GradientTape() as tape:
            loss = jt.reduce_sum(a * a) * b
        optimizer.apply_gradients(zip(tape.gradient(loss, [a, b]), [a, b], strict=True))
        return loss

    def variables():
        return jt.Variable([1.0, 2.0]), jt.Variable(3.0)

    (a, b), (c, d) = variables(), variables()
    other = type(optimizer)(0.1)
    for _ in range(4):
        step(c, d, other)
    twice = jt.function(lambda: (step(a, b, optimizer), step(a, b, optimizer)))
    twice(), twice()
    np.testing.assert_allclose(a.numpy(), c.numpy(), rtol=1e-6)
    np.testing.assert_allclose(b.numpy(), d.numpy(), rtol=1e-6)
    assert int(optimizer.iterations) == 4


def test_a_variable_assigned_before_an_update_is_updated_from_there():
    weight, other = jt.Variable(1.0), jt.Variable(1.0)
    optimizer = jt.optimizers.SGD(0.5)
    optimizer.build([weight, other])

    @jt.function
    def step():
        weight.assign(10.0)
        with jt.GradientTape() as tape:
            loss = weight * 2.0 + other
        variables = [weight, other]
        optimizer.apply_gradients(
            zip(tape.gradient(loss, variables), variables, strict=True)
        )
        return weight * 1.0

    assert float(step()) == 9.0  # 10 - 0.5 * 2
    assert (float(weight), float(other)) == (9.0, 0.5)


def test_a_variable_assigned_after_an_update_keeps_that_value():
    weight, other = jt.Variable(1.0), jt.Variable(1.0)
    optimizer = jt.optimizers.SGD(0.5)

    @jt.function
    def step():
        with jt.GradientTape() as tape:
            loss = weight * 2.0 + other
        variables = [weight, other]
        optimizer.apply_gradients(
            zip(tape.gradient(loss, variables), variables, strict=True)
        )
        weight.assign(weight + 10.0)

    step()
    assert (float(weight), float(other)) == (10.0, 0.5)  # 1 - 1 + 10


def test_a_tape_around_it_sees_arguments_and_variables():
    weight, x = jt.Variable(2.0), jt.constant(3.0)
    f = jt.function(lambda x: weight * x * x)
    with jt.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = f(x) + f(2.0 * x)
    assert float(tape.gradient(y, x)) == 60.0  # 2 w x + 8 w x
    assert float(tape.gradient(y, weight)) == 45.0  # x^2 + 4 x^2


def test_second_derivatives_go_through_it():
    x = jt.constant(2.0)
    f = jt.function(lambda x: x**3)
    with jt.GradientTape() as outer:
        outer.watch(x)
        with jt.GradientTape() as inner:
            inner.watch(x)
            y = f(x)
        first = inner.gradient(y, x)
    assert float(outer.gradient(first, x)) == 12.0


def test_an_update_inside_of_it_counts_under_a_tape_too():
    weight = jt.Variable(1.0)
    other = jt.Variable(4.0)
    optimizer = jt.optimizers.SGD(0.5)

    @jt.function
    def step():
        with jt.GradientTape() as tape:
            loss = weight * weight + other
        pairs = zip(tape.gradient(loss, [weight, other]), [weight, other], strict=True)
        optimizer.apply_gradients(pairs)
        return loss

    step()
    with jt.GradientTape():
        step()
    assert (float(weight), float(other)) == (0.0, 3.0)


def test_functions_nest():
    inner = jt.function(lambda x: x * RATE)
    outer = jt.function(lambda x: inner(x) + inner(x + 1.0))
    assert float(outer(ONE)) == 6.0


def test_programs_belong_to_each_object():
    one, two = Scale(2.0), Scale(5.0)
    assert (float(one(ONE)), float(two(ONE))) == (2.0, 5.0)
    one.rate = 10.0
    assert (float(one(ONE)), float(two(ONE))) == (20.0, 5.0)


def test_an_attribute_it_does_not_use_makes_no_new_program():
    scale = Scale()
    scale(ONE)
    scale.calls = 7
    scale(ONE)
    assert count(scale.__call__) == 1


def test_methods_of_a_base_and_of_a_class_have_programs_of_their_own():
    class Base:
        @jt.function
        def step(self, x):
            return x + 1.0

    class Derived(Base):
        @jt.function
        def step(self, x):
            return super().step(x) * 2.0

    derived = Derived()
    assert [float(derived.step(ONE)) for _ in range(3)] == [4.0] * 3
    assert float(super(Derived, derived).step(ONE)) == 2.0
    assert count(derived.step) == 1
    assert count(super(Derived, derived).step) == 1


def test_an_object_of_slots_is_watched_and_keeps_its_programs():
    class Slotted:
        __slots__ = ("rate",)

        @jt.function
        def scaled(self, x):
            return x * self.rate

    slotted = Slotted()
    slotted.rate = 2.0
    assert [float(slotted.scaled(ONE)) for _ in range(3)] == [2.0] * 3
    assert count(slotted.scaled) == 1
    slotted.rate = 3.0
    assert float(slotted.scaled(ONE)) == 3.0


def test_a_variable_around_it_that_was_deleted_is_an_error():
    rate = 2.0
    f = jt.function(lambda x: x * rate)  # noqa: F821
    f(ONE)
    del rate
    with pytest.raises(NameError, match="rate"):
        f(ONE)


@pytest.mark.parametrize("mode", ["auto", "op_by_op"])
def test_another_shape_is_noticed_without_a_program_too(mode):
    f = jt.function(lambda x: jt.reduce_sum(x) + x.shape[0])
    jt.config.execution(mode)
    try:
        found = [float(f(jt.ones((n,)))) for n in (3, 3, 4, 3, 4)]
    finally:
        jt.config.execution("auto")
    assert found == [6.0, 6.0, 8.0, 6.0, 8.0]


def test_copies_of_an_object_have_state_of_their_own():
    scale = Scale()
    scale.add(ONE)
    for other in (copy.deepcopy(scale), pickle.loads(pickle.dumps(scale))):
        assert float(other.add(ONE)) == 4.0
    assert float(scale.weight) == 3.0


def test_it_is_pickled_by_its_name():
    assert pickle.loads(pickle.dumps(picklable)) is picklable


@pytest.mark.parametrize("function", [scaled, lambda x: shifted(x) * RATE])
def test_a_changed_global_is_used(function, monkeypatch):
    f = jt.function(function)
    before = float(f(ONE))
    monkeypatch.setitem(globals(), "RATE", 5.0)
    assert float(f(ONE)) == before / 2.0 * 5.0
    monkeypatch.setitem(globals(), "RATE", 2.0)
    assert float(f(ONE)) == before
    assert count(f) == 2  # the first program is found again


def test_a_changed_variable_around_it_is_used():
    rate = 1.0

    def change(value):
        nonlocal rate
        rate = value

    f = jt.function(lambda x: x * rate)
    f(ONE)
    change(7.0)
    assert float(f(ONE)) == 7.0


def test_a_changed_default_list_and_array_are_used():
    def f(x, options={"by": 2.0}, parts=[1.0], array=TWO):  # noqa: B006
        return x * options["by"] * sum(parts) * float(array.sum())

    g = jt.function(f)
    assert float(g(ONE)) == 4.0
    f.__defaults__[0]["by"] = 3.0
    assert float(g(ONE)) == 6.0
    f.__defaults__[1].append(1.0)
    assert float(g(ONE)) == 12.0
    TWO[0] = 2.0
    assert float(g(ONE)) == 18.0


def test_a_changed_setting_of_a_layer_is_used():
    layer = jt.layers.Dropout(0.0)
    f = jt.function(lambda x: layer(x, training=True))
    assert f(jt.ones((4,))).numpy().tolist() == [1.0] * 4
    layer.rate = 1.0
    assert f(jt.ones((4,))).numpy().tolist() == [0.0] * 4


def test_a_frozen_layer_is_not_trained():
    model = jt.Sequential([jt.layers.Dense(1, input_shape=(2,)), jt.layers.Dense(1)])

    @jt.function
    def num_gradients(x):
        with jt.GradientTape() as tape:
            loss = jt.reduce_sum(model(x))
        return len(tape.gradient(loss, model.trainable_variables))

    x = jt.ones((1, 2))
    assert int(num_gradients(x)) == 4
    model.layers[0].trainable = False
    assert int(num_gradients(x)) == 2


def test_lambdas_of_a_loop_are_told_apart_by_what_they_capture():
    made = [float(jt.function(lambda x, k=k: x * k)(ONE)) for k in (1.0, 2.0, 3.0)]
    assert made == [1.0, 2.0, 3.0]


def test_settings_of_jax_are_obeyed():
    f = jt.function(lambda x: x / 3.0)
    assert f(1.0 * ONE).dtype == "float32"
    with jax.enable_x64(True):
        exact = f(jt.constant(1.0, dtype="float64"))
        assert exact.dtype == "float64"
        assert float(exact) == 1.0 / 3.0
    assert f(1.0 * ONE).dtype == "float32"


def test_random_numbers_are_new_at_each_call_and_follow_the_seed():
    f = jt.function(lambda: jt.random.normal((3,)))
    jt.random.set_seed(1)
    first, second = f().numpy(), f().numpy()
    jt.random.set_seed(1)
    assert (f().numpy() == first).all()
    assert (first != second).all()
    jt.random.set_seed(1)
    assert (jt.random.normal((3,)).numpy() == first).all()


def test_variables_may_be_made_the_first_time():
    class Lazy:
        weight = None

        @jt.function
        def add(self, x):
            if self.weight is None:
                self.weight = jt.Variable(1.0)
            return self.weight.assign_add(x)

    lazy = Lazy()
    assert [float(lazy.add(ONE)), float(lazy.add(ONE))] == [2.0, 3.0]


def test_variables_made_at_every_call_are_refused():
    f = jt.function(lambda x: jt.Variable(0.0).assign_add(x))
    with pytest.raises(jt.errors.ArgumentError, match="makes 1 variables whenever"):
        f(ONE)


@pytest.mark.parametrize(
    "read", [float, bool, lambda v: v.numpy(), lambda v: [0, 1][v.astype("int32")]]
)
def test_values_cannot_be_read_while_it_is_recorded(read):
    weight = jt.Variable(1.0)
    for value in (lambda x: x, lambda x: weight, lambda x: weight * x):
        f = jt.function(lambda x, value=value: read(value(x)))
        with pytest.raises(jt.errors.BodyError, match=r"jt\.while_loop, or drop the"):
            f(ONE)
    assert float(weight) == 1.0


def test_nothing_changes_when_it_raises():
    weight = jt.Variable(1.0)

    @jt.function
    def f(x):
        weight.assign(x)
        raise KeyError("half way")

    with pytest.raises(KeyError, match="half way"):
        f(jt.constant(5.0))
    assert float(weight) == 1.0
    assert float(weight * 2.0) == 2.0


def test_a_tensor_that_it_stored_has_no_value_outside():
    class Keeper:
        @jt.function
        def call(self, x):
            self.last = x * 2.0
            return self.last

    keeper = Keeper()
    assert float(keeper.call(ONE)) == 2.0
    with pytest.raises(jt.errors.BodyError, match=r"`last` of a Keeper at .*\.py:\d+"):
        float(keeper.last)


def test_a_list_that_grew_is_named():
    def f(x):
        LOG.append(1)
        return x

    with pytest.warns(UserWarning, match="the global `LOG` changed while f"):
        jt.function(f)(ONE)


NUMBERS = [
    np.float32(0.0),
    np.float32(-0.0),
    np.float32(1.0),
    np.float32(np.nan),
    np.float32(np.inf),
]


def test_numbers_of_numpy_that_come_often_keep_their_bits():
    """1 / x tells 0.0 from -0.0, which compare equal; a NaN equals nothing."""
    inverse = jt.function(lambda x: 1.0 / x)
    expected = np.float32([np.inf, -np.inf, 1.0, np.nan, 0.0])
    for _ in range(30):  # from some ten times on they are on the device
        found = [inverse(number).numpy() for number in NUMBERS]
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("number", "dtype"),
    [
        (np.int32(1), "int32"),
        (np.float32(1.0), "float32"),
        (np.bool_(True), "bool"),
        (np.int64(1), "int32"),
        (np.float64(1.0), "float32"),
        (np.float16(1.0), "float16"),
        (np.uint8(1), "uint8"),
    ],
)
def test_equal_numbers_of_numpy_keep_their_dtypes(number, dtype):
    """Python calls all of these equal, and hashes them alike."""
    same = jt.function(lambda x: x)
    others = np.int32(1), np.float32(1.0), np.bool_(True), number
    for _ in range(30):
        found = [same(other) for other in others][-1]
        assert found.dtype == dtype
        assert found.numpy() == 1


def test_a_number_of_numpy_follows_the_width_that_is_enabled():
    same = jt.function(lambda x: x)
    for _ in range(30):
        assert same(np.int64(3)).dtype == "int32"
    with jax.enable_x64(True):
        assert same(np.int64(2**40)).numpy() == 2**40
        assert same(np.int64(3)).dtype == "int64"
    assert same(np.int64(3)).dtype == "int32"


def test_a_number_in_a_traced_function_does_not_outlive_the_trace():
    double = jt.function(lambda x: 2.0 * x)
    seven = np.float32(7.25)
    traced = jax.jit(lambda: [double(seven) for _ in range(30)] and 1.0)
    assert traced() == 1.0
    assert [float(double(seven)) for _ in range(30)] == [14.5] * 30


def test_an_update_in_a_traced_function_is_refused_and_changes_nothing():
    v = jt.Variable(1.0)

    @jt.function
    def add(x):
        v.assign_add(x)
        return v * 2.0

    for calls_before in (0, 3):
        for _ in range(calls_before):
            add(np.float32(0.0))
        with pytest.raises(jt.errors.ExecutionError, match="that JAX traces"):
            jax.jit(lambda x: x + add(np.float32(5.0)).numpy())(1.0)
        assert float(v) == 1.0
        assert float(add(np.float32(0.0))) == 2.0


class _Initializing(jt.layers.Layer):
    def __init__(self):
        super().__init__()
        self.offset = jt.initializers.Constant(1.0)

    def call(self, x):
        return x + self.offset(())


def test_an_initializer_that_a_layer_calls_is_looked_at():
    layer = _Initializing()
    shift = jt.function(lambda x: layer(x))
    assert float(shift(ONE)) == 2.0
    layer.offset = jt.initializers.Constant(2.0)
    assert float(shift(ONE)) == 3.0


class _Named(jt.layers.Layer):
    def call(self, x):
        return x + self._rate + self._steps + self._known + self._names + self._kept_a


@pytest.mark.parametrize("name", ["_rate", "_steps", "_known", "_names", "_kept_a"])
def test_users_attributes_may_have_names_that_the_package_uses_too(name):
    layer = _Named()
    for other in ("_rate", "_steps", "_known", "_names", "_kept_a"):
        setattr(layer, other, 1.0)
    shift = jt.function(lambda x: layer(x))
    assert float(shift(ONE)) == 6.0
    setattr(layer, name, 3.0)
    assert float(shift(ONE)) == 8.0


def test_many_python_numbers_are_explained():
    f = jt.function(lambda x, rate: x * rate)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for rate in (0.1, 0.2, 0.3, 0.4):
            f(ONE, rate)
    with pytest.warns(UserWarning, match="for the 5th time"):
        f(ONE, 0.5)


def test_a_signature_takes_numbers_as_inputs_and_refuses_what_does_not_fit():
    signature = [jt.TensorSpec((None, 2)), jt.TensorSpec(())]
    f = jt.function(lambda x, rate: x * rate, input_signature=signature)
    assert f(np.ones((1, 2), "float32"), 2).numpy().tolist() == [[2.0, 2.0]]
    assert f(np.ones((1, 2), "float32"), 3.0).numpy().tolist() == [[3.0, 3.0]]
    assert count(f) == 1
    with pytest.raises(jt.errors.ShapeError, match=r"got \(2,\)"):
        f(np.ones(2, "float32"), 1.0)
    with pytest.raises(jt.errors.ArgumentTypeError, match="got int32"):
        f(np.ones((1, 2), "int32"), 1.0)
    with pytest.raises(jt.errors.ArgumentTypeError, match="of 2 arguments; got 1"):
        f(np.ones((1, 2), "float32"))


def test_inside_a_function_that_jax_traces_it_is_called_as_it_is():
    f = jt.function(lambda x: jt.square(jt.Variable(3.0) * x))
    assert float(jax.grad(lambda x: jax.tree.leaves(f(x))[0])(1.0)) == 18.0


def test_eager_runs_call_the_function_itself():
    calls = []
    f = jt.function(lambda x: calls.append(0) or x)
    jt.config.run_eagerly()
    try:
        f(ONE), f(ONE)
    finally:
        jt.config.run_eagerly(False)
    assert len(calls) == 2


@pytest.mark.parametrize("given", [3, "f"])
def test_what_is_no_function_is_refused(given):
    with pytest.raises(jt.errors.ArgumentTypeError, match=repr(given)):
        jt.function(given)
