import warnings

import numpy as np
import pytest

import jaxtape as jt
from tests.compile_counter import count_compiles


def pair():
    return [jt.Variable([1.0, 2.0], name="a"), jt.Variable(3.0, name="b")]


def test_the_numbers_must_agree():
    variables = pair()
    with pytest.raises(ValueError, match="got 1 gradients for 2 variables"):
        jt.optimizers.SGD().apply([jt.ones(2)], variables)
    assert variables[0].tolist() == [1.0, 2.0]


def test_apply_gradients_returns_the_number_of_updates():
    optimizer, (a, _) = jt.optimizers.SGD(), pair()
    for expected in (1, 2):
        assert int(optimizer.apply_gradients([(jt.ones(2), a)])) == expected


@pytest.mark.parametrize("door", ["apply", "apply_gradients"])
def test_a_variable_without_gradient_is_named_at_the_user_s_line(door):
    optimizer, (a, b) = jt.optimizers.SGD(0.5), pair()
    given = {
        "apply": ([jt.ones(2), None], [a, b]),
        "apply_gradients": ([(jt.ones(2), a), (None, b)],),
    }
    with pytest.warns(UserWarning, match=r"1 of 2 variables .*: 'b'") as caught:
        getattr(optimizer, door)(*given[door])
    assert caught[0].filename == __file__
    assert (a.tolist(), float(b)) == ([0.5, 1.5], 3.0)


def test_no_gradient_at_all_raises():
    optimizer, variables = jt.optimizers.Adam(), pair()
    with pytest.raises(ValueError, match="all of these are None: 'a', 'b'"):
        optimizer.apply([None, None], variables)
    assert int(optimizer.iterations) == 0
    with pytest.raises(ValueError, match="no gradients"):
        optimizer.apply_gradients([])


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
def test_a_gradient_of_another_shape_raises_and_nothing_changes(kind):
    optimizer, variables = getattr(jt.optimizers, kind)(0.1), pair()
    with pytest.raises(ValueError, match=r"'a' has shape \(1,\).* shape \(2,\)"):
        optimizer.apply([jt.ones(1), jt.constant(1.0)], variables)
    assert (variables[0].tolist(), float(variables[1])) == ([1.0, 2.0], 3.0)
    assert int(optimizer.iterations) == 0


@pytest.mark.parametrize("rate", [float("nan"), float("inf"), -0.1])
def test_a_learning_rate_must_be_finite_and_not_negative(rate):
    with pytest.raises(ValueError, match=f"got {rate}"):
        jt.optimizers.SGD(rate)
    optimizer = jt.optimizers.SGD(0.5)
    with pytest.raises(ValueError, match=f"got {rate}"):
        optimizer.learning_rate = rate
    assert float(optimizer.learning_rate) == 0.5


def test_a_learning_rate_must_be_a_number():
    with pytest.raises(TypeError, match="'fast'"):
        jt.optimizers.SGD("fast")


def train_once(optimizer, w):
    with jt.GradientTape() as tape:
        loss = jt.reduce_sum(w * w)
    optimizer.apply([tape.gradient(loss, w)], [w])


def test_assigning_the_learning_rate_compiles_nothing():
    optimizer, w = jt.optimizers.SGD(0.1), jt.Variable([1.0, 2.0])
    for _ in range(4):
        train_once(optimizer, w)
    optimizer.learning_rate = 0.2
    train_once(optimizer, w)
    with count_compiles() as compiles:
        for step in range(10):
            optimizer.learning_rate = 0.1 / (step + 1)
            train_once(optimizer, w)
    assert compiles.count == 0


def test_a_schedule_sees_the_number_of_updates():
    w = jt.Variable(0.0)
    optimizer = jt.optimizers.SGD(lambda step: 0.5**step)
    for _ in range(4):
        optimizer.apply([jt.constant(1.0)], [w])
    assert float(w) == -(1 + 0.5 + 0.25 + 0.125)
    assert float(optimizer.learning_rate) == 0.5**4


def test_numbers_and_schedules_take_turns():
    w, optimizer = jt.Variable(0.0), jt.optimizers.SGD(1.0)
    for rate in (1.0, lambda step: 0.5, 0.25, lambda step: 0.125, 2.0):
        optimizer.learning_rate = rate
        optimizer.apply([jt.constant(1.0)], [w])
    assert float(w) == -(1.0 + 0.5 + 0.25 + 0.125 + 2.0)


def test_a_constraint_holds_after_each_update():
    w = jt.Variable([1.0, 3.0], constraint=lambda w: jt.maximum(w, 0.0))
    jt.optimizers.SGD(1.0).apply([jt.constant([2.0, 2.0])], [w])
    assert w.tolist() == [0.0, 1.0]


def test_only_one_kind_of_clipping():
    with pytest.raises(ValueError, match=r"'clipnorm': 1\.0, 'clipvalue': 2\.0"):
        jt.optimizers.SGD(clipnorm=1.0, clipvalue=2.0)


@pytest.mark.parametrize("name", ["clipnorm", "clipvalue", "global_clipnorm"])
def test_limits_must_be_positive(name):
    with pytest.raises(ValueError, match=rf"`{name}` must be positive; got -1\.0"):
        jt.optimizers.SGD(**{name: -1.0})


def test_a_huge_gradient_is_clipped_without_overflow():
    w = jt.Variable([0.0, 0.0])
    jt.optimizers.SGD(1.0, clipnorm=5.0).apply([jt.constant([3e25, 4e25])], [w])
    np.testing.assert_allclose(w.numpy(), [-3.0, -4.0], rtol=1e-6)


def test_slots_are_variables_that_are_not_trained():
    optimizer, w = jt.optimizers.Adam(), jt.Variable([1.0, 2.0])
    optimizer.apply([jt.ones(2)], [w])
    shapes = [v.shape for v in optimizer.variables]
    assert shapes.count((2,)) >= 2
    assert not any(v is not w and v.trainable for v in optimizer.variables)


def test_what_is_no_variable_raises():
    with pytest.raises(TypeError, match="got Tensor"):
        jt.optimizers.SGD().apply([jt.ones(2)], [jt.ones(2)])


def test_optimizers_have_names():
    assert isinstance(jt.optimizers.get("adam"), jt.optimizers.Adam)
    optimizer = jt.optimizers.SGD()
    assert jt.optimizers.get(optimizer) is optimizer
    with pytest.raises(ValueError, match="'sdg'"):
        jt.optimizers.get("sdg")


def test_an_update_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        jt.optimizers.Adam().apply([jt.ones(2)], [pair()[0]])


def test_the_variables_of_an_optimizer_are_its_own():
    """Keras 3.15.1: iterations, learning_rate, two slots; not what it updates."""
    v, optimizer = jt.Variable([1.0, 2.0]), jt.optimizers.Adam(0.1)
    optimizer.build([v])
    assert optimizer.variables[0] is optimizer.iterations
    assert optimizer.variables[1] is optimizer.learning_rate
    assert [slot.shape for slot in optimizer.variables[2:]] == [(2,), (2,)]


def test_a_learning_rate_may_be_a_function_without_arguments():
    v, optimizer = jt.Variable(1.0), jt.optimizers.SGD(lambda: 0.25)
    optimizer.apply([jt.constant(2.0)], [v])
    assert float(v) == 0.5


@pytest.mark.parametrize("wrap", [lambda g, v: [g], lambda g, v: g])
def test_gradients_without_their_variables_say_so(wrap):
    v, optimizer = jt.Variable([1.0, 2.0]), jt.optimizers.SGD(0.1)
    with pytest.raises(TypeError, match="zip"):
        optimizer.apply_gradients(wrap(jt.constant([1.0, 1.0]), v))
    assert v.tolist() == [1.0, 2.0]


def test_a_variable_that_is_listed_twice_is_refused():
    v, optimizer = jt.Variable([1.0, 1.0], name="shared"), jt.optimizers.SGD(0.1)
    gradient = jt.constant([1.0, 2.0])
    with pytest.raises(ValueError, match="'shared' is listed twice"):
        optimizer.apply_gradients([(gradient, v), (gradient, v)])
    assert v.tolist() == [1.0, 1.0]


# Keras 3.15.1, SGD(0.1) from [1, 1] with the gradient [1, 2] at each of three steps,
# the setting assigned after the first.
@pytest.mark.parametrize(
    ("setting", "value", "expected"),
    [
        ("weight_decay", 0.5, [0.61725, 0.332]),
        ("clipnorm", 0.5, [0.85528, 0.71056]),
        ("clipvalue", 0.5, [0.8, 0.7]),
    ],
)
def test_a_setting_that_is_assigned_later_counts(setting, value, expected):
    v, optimizer = jt.Variable([1.0, 1.0]), jt.optimizers.SGD(0.1)
    pairs = [(jt.constant([1.0, 2.0]), v)]
    optimizer.apply_gradients(pairs)
    setattr(optimizer, setting, value)
    for _ in range(2):
        optimizer.apply_gradients(pairs)
    np.testing.assert_allclose(v.numpy(), expected, rtol=1e-4)


def test_a_note_on_an_optimizer_compiles_nothing():
    v, optimizer = jt.Variable([1.0, 1.0]), jt.optimizers.SGD(0.1)
    counts = []
    for step in range(4):
        optimizer.my_step, optimizer.clipnorm = step, 0.5
        with count_compiles() as compiles:
            optimizer.apply_gradients([(jt.constant([1.0, 2.0]), v)])
        counts.append(compiles.count)
    assert counts[2:] == [0, 0]


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_an_empty_variable_is_updated_beside_others(momentum):
    empty = jt.Variable(np.zeros((0, 3), np.float32))
    variables = [empty, *pair()]
    optimizer = jt.optimizers.SGD(0.5, momentum=momentum)
    optimizer.apply([jt.ones(v.shape) for v in variables], variables)
    assert [v.numpy().shape for v in variables] == [(0, 3), (2,), ()]
    assert variables[1].tolist() == [0.5, 1.5]


def test_a_config_holds_the_settings_of_the_moment():
    optimizer = jt.optimizers.SGD(0.5, clipnorm=2.0, name="mine")
    optimizer.learning_rate = 0.25
    optimizer.momentum = 0.5
    assert optimizer.get_config() == {
        "learning_rate": 0.25,
        "momentum": 0.5,
        "nesterov": False,
        "weight_decay": None,
        "clipnorm": 2.0,
        "clipvalue": None,
        "global_clipnorm": None,
        "name": "mine",
    }


def test_a_schedule_without_a_name_has_no_config_and_says_what_to_do():
    optimizer = jt.optimizers.Adam(lambda step: 0.5**step)
    with pytest.raises(ValueError, match=r"of Adam is a function.*lambda.*= 0\.01"):
        optimizer.get_config()
    optimizer.learning_rate = 0.5
    assert optimizer.get_config()["learning_rate"] == 0.5


def test_a_schedule_is_written_by_its_name():
    def halved(step):
        return 0.5**step

    config = jt.optimizers.SGD(halved).get_config()
    with jt.saving.custom_object_scope({"halved": halved}):
        again = jt.optimizers.SGD.from_config(config)
    assert config["learning_rate"] == "halved"
    assert float(again.learning_rate) == 1.0


def test_an_argument_that_is_no_attribute_is_named():
    class Forgetful(jt.optimizers.SGD):
        def __init__(self, strength=1.0, **options):
            super().__init__(**options)

    with pytest.raises(ValueError, match=r"Forgetful .*`strength`.*self\.strength"):
        Forgetful().get_config()
