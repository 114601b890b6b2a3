"""Very many calls under one tape: the row B20. A million calls are marked `slow`."""

import pytest

import jaxtape as jt


@pytest.fixture(autouse=True)
def execution():
    """No program of 10,000 calls is compiled here: XLA would take most of the time."""
    jt.config.execution("op_by_op")
    yield
    jt.config.execution("auto")


def chain(count):
    """The sum of 2 v over half as many calls as `count`, and its derivative by v."""
    v, total = jt.Variable(1.0), jt.constant(0.0)
    with jt.GradientTape() as tape:
        for _ in range(count // 2):
            total = total + v * 2.0
    return float(total), float(tape.gradient(total, v))


@pytest.mark.filterwarnings("ignore:.*10,?000")
@pytest.mark.parametrize(
    "count",
    [
        10**4,
        pytest.param(10**5, marks=pytest.mark.slow),
        pytest.param(10**6, marks=pytest.mark.full),
    ],
)
def test_b20_a_tape_holds_very_many_calls(count):
    assert chain(count) == (count, count)


@pytest.mark.full
@pytest.mark.filterwarnings("ignore:.*10,?000")
def test_b20_a_tape_holds_a_hundred_thousand_calls_when_programs_are_compiled():
    jt.config.execution("auto")
    assert chain(10**5) == (10**5, 10**5)


def multiply_many(count):
    y = jt.Variable(1.0).value
    with jt.GradientTape():
        for _ in range(count):
            y = y * 1.0  # four lines into the function
    return y


def test_b20_ten_thousand_pending_calls_warn_with_count_and_line():
    with pytest.warns(UserWarning, match=r"10,?000\b") as caught:
        multiply_many(10_001)
    line = multiply_many.__code__.co_firstlineno + 4
    assert [(w.filename, w.lineno) for w in caught] == [(__file__, line)]


def test_b20_fewer_pending_calls_do_not_warn():
    assert [float(multiply_many(6000)) for _ in range(2)] == [1.0, 1.0]


def test_b20_the_number_of_pending_calls_is_bounded_by_choice(monkeypatch):
    monkeypatch.setattr(jt.config.bounds, "pending_nodes", 50)
    v, y = jt.Variable(1.0), jt.constant(0.0)
    with jt.GradientTape() as tape:
        for _ in range(1000):
            y = y + v
    assert (float(y), float(tape.gradient(y, v))) == (1000.0, 1000.0)
