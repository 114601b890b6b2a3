"""Turns of a loop that go as the turns before are compared with them, not recorded.

The numbers are those of gradient descent in NumPy, in float64.
"""

import asyncio
import gc
import queue
import threading
import traceback
import weakref

import jax
import numpy as np
import pytest

import jaxtape as jt
from jaxtape.framework.recording import rehearsal, script
from jaxtape.framework.recording.node import begin
from jaxtape.framework.recording.slots import slots
from tests.compile_counter import count_compiles
from tests.in_threads import frequent_switches
from tests.interruption import interrupted_everywhere

pytestmark = pytest.mark.filterwarnings("ignore:Compile")  # many tests, one loop
RATE = 0.1
TURNS = 8
X = np.random.default_rng(0).normal(size=(16, 3)).astype(np.float32)
Y = (X @ [[1.0], [-2.0], [0.5]] + 0.3).astype(np.float32)


@pytest.fixture
def rehearsed(monkeypatch):
    """One entry for each turn whose update was made by a rehearsal."""
    made = []
    perform = rehearsal.Rehearsal.perform

    def noted(self, op, inputs):
        is_made = perform(self, op, inputs)
        if is_made:
            made.append(op.name)
        return is_made

    monkeypatch.setattr(rehearsal.Rehearsal, "perform", noted)
    return made


class Regression:
    """y = x @ w + b by gradient descent, in jaxtape and in NumPy."""

    def __init__(self):
        self.w = jt.Variable(np.zeros((3, 1), np.float32), name="w")
        self.b = jt.Variable(np.zeros(1, np.float32), name="b")
        self.optimizer = jt.optimizers.SGD(RATE)
        self.expected = [np.zeros((3, 1)), np.zeros(1)]

    @property
    def variables(self):
        return [self.w, self.b]

    def loss(self, x=X, y=Y):
        return jt.reduce_mean(jt.square(jt.matmul(jt.constant(x), self.w) + self.b - y))

    def turn(self, x=X, y=Y):
        """One ordinary turn; the tape's `with` is always this line."""
        with jt.GradientTape() as tape:
            loss = self.loss(x, y)
        self.descend(tape, loss)
        self.expect(x, y)
        return tape, loss

    def descend(self, tape, loss):
        gradients = tape.gradient(loss, self.variables)
        self.optimizer.apply_gradients(zip(gradients, self.variables, strict=True))

    def gradients(self, x=X, y=Y):
        """Of the mean squared error: 2 x^T (x w + b - y) / n."""
        w, b = self.expected
        x = np.asarray(x, float)
        error = 2 * (x @ w + b - y) / len(x)
        return [x.T @ error, error.sum(0)]

    def expect(self, x=X, y=Y, times=1.0):
        for value, gradient in zip(self.expected, self.gradients(x, y), strict=True):
            value -= RATE * times * gradient

    def check(self):
        for variable, value in zip(self.variables, self.expected, strict=True):
            np.testing.assert_allclose(variable.numpy(), value, rtol=2e-5, atol=1e-6)


def test_from_the_third_turn_on(rehearsed):
    model = Regression()
    for _ in range(TURNS):
        model.turn()
    model.check()
    assert rehearsed == ["sgd.apply_gradients"] * (TURNS - 2)


def test_a_model_with_loss_and_optimizer_of_keras(rehearsed):
    """A loop as Keras users write it; its losses are those of NumPy at its weights."""
    model = jt.Sequential([jt.layers.Dense(1, input_shape=(3,))])
    loss_of, optimizer = jt.losses.MeanSquaredError(), jt.optimizers.Adam(0.01)
    losses = []
    for _ in range(200):
        with jt.GradientTape() as tape:
            loss = loss_of(Y, model(X, training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(
            zip(gradients, model.trainable_variables, strict=True)
        )
        losses.append(loss)
    assert len(rehearsed) == 198
    kernel, bias = model.get_weights()
    found = np.mean((X @ kernel + bias - Y) ** 2)
    assert found < float(losses[-1]) < float(losses[0])
    assert int(optimizer.iterations) == 200


def _raise(model):
    def step():
        with jt.GradientTape():
            model.loss()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        step()


def _forget_the_gradient(model):
    with jt.GradientTape():
        model.loss()


def _assign_before(model):
    model.b.assign([0.25])
    model.expected[1][:] = 0.25
    model.turn()


def _assign_inside(model):
    """What was computed before the assignment keeps the value that it read."""
    with jt.GradientTape() as tape:
        loss = model.loss()
        model.b.assign([0.25])
    gradients = tape.gradient(loss, model.w)
    expected = model.gradients()[0]
    np.testing.assert_allclose(gradients, expected, rtol=1e-4, atol=1e-6)
    model.expected[1][:] = 0.25


def _apply_twice(model):
    with jt.GradientTape() as tape:
        loss = model.loss()
    gradients = tape.gradient(loss, model.variables)
    for _ in range(2):
        model.optimizer.apply_gradients(zip(gradients, model.variables, strict=True))
    model.expect(times=2.0)


def _scale(model):
    with jt.GradientTape() as tape:
        loss = model.loss()
    gradients = [0.5 * g for g in tape.gradient(loss, model.variables)]
    model.optimizer.apply_gradients(zip(gradients, model.variables, strict=True))
    model.expect(times=0.5)


def _weigh(model):
    with jt.GradientTape() as tape:
        loss = model.loss()
    weight = jt.constant(0.5)
    gradients = tape.gradient(loss, model.variables, output_gradients=weight)
    model.optimizer.apply_gradients(zip(gradients, model.variables, strict=True))
    model.expect(times=0.5)


def _leave_one_out(model):
    with jt.GradientTape() as tape:
        loss = model.loss()
    gradient = tape.gradient(loss, model.b)
    model.optimizer.apply_gradients([(gradient, model.b)])
    model.expected[1] -= RATE * model.gradients()[1]


def _swap(model):
    variables = [model.b, model.w]
    with jt.GradientTape() as tape:
        loss = model.loss()
    gradients = tape.gradient(loss, variables)
    model.optimizer.apply_gradients(zip(gradients, variables, strict=True))
    model.expect()


def _read_the_loss_inside(model):
    expected = np.mean((X @ model.expected[0] + model.expected[1] - Y) ** 2)
    with jt.GradientTape() as tape:
        loss = model.loss()
        assert float(loss) == pytest.approx(expected, rel=1e-4)
    model.descend(tape, loss)
    model.expect()


def _read_a_variable_inside(model):
    with jt.GradientTape() as tape:
        np.testing.assert_allclose(model.w.numpy(), model.expected[0], rtol=1e-4)
        loss = model.loss()
    model.descend(tape, loss)
    model.expect()


def _other_batch(model):
    model.turn(X[:5], Y[:5])


def _other_kind(model):
    model.turn(jax.numpy.asarray(X), Y)


def _x_is_y(model):
    """x w + b - x has three columns: the gradient of b is the sum over all of them."""
    with jt.GradientTape() as tape:
        x = jt.constant(X)
        error = jt.matmul(x, model.w) + model.b - x
        loss = jt.reduce_mean(jt.square(error))
    model.descend(tape, loss)
    w, b = model.expected
    error = 2 * (X.astype(float) @ w + b - X) / X.size
    model.expected[0] = w - RATE * (X.astype(float).T @ error).sum(1, keepdims=True)
    model.expected[1] = b - RATE * error.sum()


def _another_call(model):
    with jt.GradientTape() as tape:
        loss = 2.0 * model.loss()
    model.descend(tape, loss)
    model.expect(times=2.0)


def _two_tapes(model):
    with jt.GradientTape() as outer, jt.GradientTape() as tape:
        loss = model.loss()
    model.descend(tape, loss)
    model.expect()
    del outer


def _inside_the_tape(model):
    with jt.GradientTape() as tape:
        loss = model.loss()
        gradients = tape.gradient(loss, model.variables)
    model.optimizer.apply_gradients(zip(gradients, model.variables, strict=True))
    model.expect()


def _watch(model):
    x = jt.constant(X)
    with jt.GradientTape() as tape:
        tape.watch(x)
        loss = model.loss(x)
    model.descend(tape, loss)
    model.expect()


def _pause(model):
    with jt.GradientTape() as tape:
        with tape.stop_recording():
            jt.square(jt.constant(X))
        loss = model.loss()
    model.descend(tape, loss)
    model.expect()


def _start_again(model):
    with jt.GradientTape() as tape:
        jt.square(jt.matmul(jt.constant(X), model.w))
        tape.reset()
        loss = model.loss()
    model.descend(tape, loss)
    model.expect()


def _other_rate(model):
    model.optimizer.learning_rate = 0.05
    model.turn()
    model.optimizer.learning_rate = RATE
    for value, gradient in zip(model.expected, model.before, strict=True):
        value += 0.05 * gradient


def _frozen(model):
    model.b.trainable = False
    before = model.expected[1].copy()
    with jt.GradientTape() as tape:
        loss = model.loss()
    gradients = tape.gradient(loss, [model.w])
    model.optimizer.apply_gradients(zip(gradients, [model.w], strict=True))
    model.expect()
    model.expected[1] = before
    model.b.trainable = True


def _frozen_inside(model):
    with jt.GradientTape() as tape:
        model.b.trainable = False
        model.loss()
    assert tape.watched_variables() == (model.w,)
    model.b.trainable = True


def _eagerly(model):
    jt.config.run_eagerly(True)
    try:
        model.turn()
    finally:
        jt.config.run_eagerly(False)


def _other_settings_inside(model):
    with jt.GradientTape() as tape, jax.default_matmul_precision("highest"):
        loss = model.loss()
    model.descend(tape, loss)
    model.expect()


def _in_another_thread(model):
    thread = threading.Thread(target=model.turn)
    thread.start()
    thread.join()


def _read_in_another_thread(model):
    found = []
    expected = np.mean((X @ model.expected[0] + model.expected[1] - Y) ** 2)
    with jt.GradientTape() as tape:
        loss = model.loss()
        thread = threading.Thread(target=lambda: found.append(float(loss)))
        thread.start()
        thread.join()
    assert found == [pytest.approx(expected, rel=1e-4)]
    model.descend(tape, loss)
    model.expect()


def _hold_everything(model):
    with jt.GradientTape() as tape:
        product = jt.matmul(jt.constant(X), model.w)
        loss = jt.reduce_mean(jt.square(product + model.b - Y))
    product_before = X @ model.expected[0]
    model.descend(tape, loss)
    model.expect()
    np.testing.assert_allclose(product, product_before, rtol=1e-4, atol=1e-6)


def _second_gradient(model):
    tape, loss = model.turn()
    with pytest.raises(jt.errors.TapeError):
        tape.gradient(loss, model.w)


DEVIATIONS = [
    value
    for name, value in list(globals().items())
    if name.startswith("_") and getattr(value, "__module__", "") == __name__
]


@pytest.mark.parametrize("deviation", DEVIATIONS, ids=lambda f: f.__name__)
def test_a_turn_that_goes_another_way(rehearsed, deviation):
    model = Regression()
    for _ in range(5):
        model.turn()
    assert len(rehearsed) >= 3
    model.before = model.gradients()
    deviation(model)
    model.check()
    for _ in range(5):
        model.turn()
    model.check()
    assert len(rehearsed) >= 6  # it goes on as before, after two turns at most


def test_calls_that_are_alike_go_another_way_in_the_same_loop(rehearsed):
    """Where a branch is taken in one turn of five, at each place of the turn."""
    model = Regression()
    for turn in range(40):
        kind = turn // 5 if turn % 5 == 4 else None
        with jt.GradientTape() as tape:
            if kind == 0:
                model.b.assign_add([0.5])
                model.expected[1] += 0.5
            loss = model.loss()
            if kind == 1:
                loss = loss * 3.0
            if kind == 2:
                float(loss)
        if kind == 3:
            jt.square(X)  # of values that are there
        gradients = tape.gradient(loss, model.variables)
        if kind == 4:
            gradients = [3.0 * gradient for gradient in gradients]
        if kind == 5:
            continue
        model.optimizer.apply_gradients(zip(gradients, model.variables, strict=True))
        model.expect(times=3.0 if kind in (1, 4) else 1.0)
        if kind == 6:
            model.w.assign(model.w * 0.5)
            model.expected[0] *= 0.5
        model.check()
    assert len(rehearsed) > 25


def test_a_loop_that_never_goes_alike_is_left_alone(rehearsed):
    model = Regression()
    for turn in range(20):
        with jt.GradientTape() as tape:
            loss = model.loss()
            for _ in range(turn % 7):
                loss = loss * 1.0
        model.descend(tape, loss)
        model.expect()
    model.check()
    assert rehearsed == []


def test_parts_of_a_variable(rehearsed):
    """The gradient of (w[1:3] - 1)^2 + 3 w[n] by w, where n changes."""
    w, optimizer = jt.Variable(np.zeros(4, np.float32)), jt.optimizers.SGD(RATE)
    expected = np.zeros(4)
    for turn in range(TURNS):
        place = turn % 4
        with jt.GradientTape() as tape:
            part = w[1:3]
            loss = jt.reduce_sum(jt.square(part - 1.0)) + w[place] * 3.0
        optimizer.apply_gradients([(tape.gradient(loss, w), w)])
        np.testing.assert_allclose(part, expected[1:3], rtol=1e-5, atol=1e-6)
        gradient = np.zeros(4)
        gradient[1:3] = 2 * (expected[1:3] - 1)
        gradient[place] += 3
        expected -= RATE * gradient
    np.testing.assert_allclose(w, expected, rtol=1e-5, atol=1e-6)
    assert len(rehearsed) == TURNS - 2


@pytest.mark.parametrize("nest", [list, tuple, lambda found: {"w": found[0]}])
def test_sources_in_a_list_a_tuple_or_by_name(nest):
    model = Regression()
    for _ in range(TURNS):
        with jt.GradientTape() as tape:
            loss = model.loss()
            assert float(loss) >= 0
        gradients = tape.gradient(loss, nest(model.variables))
        assert gradients.__class__ is nest(model.variables).__class__
        if isinstance(gradients, dict):
            model.optimizer.apply_gradients([(gradients["w"], model.w)])
            model.expected[0] -= RATE * model.gradients()[0]
        else:
            model.optimizer.apply_gradients(
                zip(gradients, model.variables, strict=True)
            )
            model.expect()
    model.check()


def test_no_program_is_made_after_the_second_turn_that_reads():
    """Whichever way the sources are given."""
    w, optimizer = jt.Variable(np.ones(3, np.float32)), jt.optimizers.SGD(0.0)

    def turn(sources, only):
        with jt.GradientTape() as tape:
            loss = jt.reduce_sum(w * w)
            assert float(loss) == 3.0
            loss = loss * 1.0
        optimizer.apply_gradients([(only(tape.gradient(loss, sources)), w)])

    for sources, only in (
        (w, lambda found: found),
        ([w], lambda found: found[0]),
        ((w,), lambda found: found[0]),
        ({"w": w}, lambda found: found["w"]),
    ):
        counts = []
        for _ in range(6):
            with count_compiles() as compiles:
                turn(sources, only)
            counts.append(compiles.count)
        assert counts[2:] == [0, 0, 0, 0]


def test_loops_with_one_optimizer_in_turn(rehearsed):
    model = Regression()
    for _ in range(6):
        model.turn()
        with jt.GradientTape() as tape:
            loss = 2.0 * model.loss()
        model.descend(tape, loss)
        model.expect(times=2.0)
    model.check()
    assert len(rehearsed) == 8


def test_two_optimizers_in_one_turn(rehearsed):
    first, second = Regression(), Regression()
    for _ in range(6):
        first.turn()
        second.turn()
    first.check()
    second.check()
    assert len(rehearsed) >= 8


class TestAValueThatIsReadInTheTape:
    """Turns of reinforcement learning: what comes next depends on a value."""

    def turn(self, model, act=lambda: None):
        with jt.GradientTape() as tape:
            product = jt.matmul(jt.constant(X), model.w)
            read = product.numpy()
            act()
            error = product + model.b - Y
            loss = jt.reduce_mean(jt.square(error))
        model.descend(tape, loss)
        return product, read

    def test_is_the_value_and_stays_it(self, rehearsed):
        model = Regression()
        kept = []
        for _ in range(TURNS):
            product, read = self.turn(model)
            expected = X @ model.expected[0]
            np.testing.assert_allclose(read, expected, rtol=1e-4, atol=1e-6)
            kept.append((product, read))
            model.expect()
        model.check()
        assert len(rehearsed) == TURNS - 2
        for product, read in kept:
            np.testing.assert_array_equal(product.numpy(), read)

    @pytest.mark.parametrize("size", [3, 100])  # small ones share a buffer
    def test_with_numbers_and_data_on_both_sides(self, rehearsed, size):
        """loss = mean((3 y - 1)^2), y = 2 v + u: du = 6 (3 y - 1) / n, dv = 2 du."""
        u, v = (jt.Variable(np.zeros((100, size), np.float32)) for _ in range(2))
        optimizer, ones = jt.optimizers.SGD(size), np.ones((100, size), np.float32)
        expected = np.zeros(2)
        for _ in range(TURNS):
            with jt.GradientTape() as tape:
                y = 2.0 * (v * jt.constant(ones)) + u
                value = 2 * expected[1] + expected[0]
                np.testing.assert_allclose(y.numpy(), value, rtol=1e-4)
                loss = jt.reduce_mean(jt.square(y * 3.0 - jt.constant(ones)))
            gradients = tape.gradient(loss, [u, v])
            optimizer.apply_gradients(zip(gradients, [u, v], strict=True))
            expected -= np.array([1, 2]) * 6 * (3 * value - 1) / 100
            for variable, number in zip((u, v), expected, strict=True):
                np.testing.assert_allclose(variable.numpy(), number, rtol=1e-4)
        assert len(rehearsed) == TURNS - 2

    def test_at_times_only(self, rehearsed):
        model = Regression()
        for turn in range(24):
            with jt.GradientTape() as tape:
                product = jt.matmul(jt.constant(X), model.w)
                if turn % 6 < 3:
                    product.numpy()
                loss = jt.reduce_mean(jt.square(product + model.b - Y))
                if turn % 8 == 7:
                    float(loss)
            model.descend(tape, loss)
            model.expect()
            model.check()
        assert rehearsed

    def test_another_thread_that_assigns_meanwhile_changes_nothing(self, rehearsed):
        """The gradient is that at the values which the calls have read."""
        model = Regression()
        for _ in range(5):
            self.turn(model)
            model.expect()
        assert len(rehearsed) == 3

        def assign():
            thread = threading.Thread(target=lambda: model.w.assign(model.w + 1.0))
            thread.start()
            thread.join()

        self.turn(model, assign)
        model.expect()
        model.expected[0] += 1.0
        model.check()

    def test_that_is_left_by_an_error(self, rehearsed):
        model = Regression()
        for turn in range(10):
            if turn == 6:
                with pytest.raises(ZeroDivisionError):
                    self.turn(model, lambda: 1 / 0)
                continue
            self.turn(model)
            model.expect()
        model.check()
        assert len(rehearsed) == 6

    def test_the_tape_knows_where_it_left(self, rehearsed):
        model = Regression()
        for _ in range(5):
            with jt.GradientTape() as tape:
                product = jt.matmul(jt.constant(X), model.w)
                product.numpy()
                loss = jt.reduce_mean(jt.square(product + model.b - Y))
            model.descend(tape, loss)
        assert len(rehearsed) == 3
        assert tape.watched_variables() == (model.w, model.b)
        assert "matmul" in str(tape)


def test_a_variable_that_begins_to_share_a_buffer(rehearsed):
    """As where a base is trained, too, once its head has been for a while."""
    model = Regression()
    base = jt.Variable(np.eye(3, dtype=np.float32))
    more = jt.Variable(np.zeros(3, np.float32))
    optimizer = jt.optimizers.SGD(0.0)
    for turn in range(12):
        with jt.GradientTape() as tape:
            loss = model.loss(jt.matmul(jt.constant(X), base) + more)
        model.descend(tape, loss)
        model.expect()
        if turn >= 8:
            with jt.GradientTape() as tape:
                loss = model.loss(jt.matmul(jt.constant(X), base) + more)
            gradients = tape.gradient(loss, [base, more])
            optimizer.apply_gradients(zip(gradients, [base, more], strict=True))
        model.check()
    assert len(rehearsed) > 6


def test_a_program_of_variables_that_live_elsewhere(rehearsed):
    """Two models alike, of which one has its constants in two buffers.

    loss = sum((v f + g)^2), so dv = 2 f (v f + g).
    """

    def share(*variables):
        optimizer = jt.optimizers.SGD(0.0)
        optimizer.apply([jt.zeros(4)] * len(variables), list(variables))

    def make(value):
        return jt.Variable(np.full(4, value, np.float32))

    f, g, other_f, other_g = make(1.0), make(2.0), make(3.0), make(4.0)
    share(f, g)
    share(other_f, make(5.0))
    share(make(6.0), other_g)
    models = [
        (make(1.0), f, g, jt.optimizers.SGD(0.01)),
        (make(1.0), other_f, other_g, jt.optimizers.SGD(0.01)),
    ]
    kept = []

    def first():
        v, f, g, optimizer = models[0]
        with jt.GradientTape() as tape:
            kept.append(v * f + g)
            loss = jt.reduce_sum(jt.square(kept[-1]))
        optimizer.apply_gradients([(tape.gradient(loss, [v])[0], v)])

    expected = 1.0
    for turn in range(14):
        v, f, g, optimizer = models[1]
        with jt.GradientTape() as tape:
            loss = jt.reduce_sum(jt.square(v * f + g))
        optimizer.apply_gradients([(tape.gradient(loss, [v])[0], v)])
        assert float(loss) == pytest.approx(4 * (3 * expected + 4) ** 2, rel=1e-5)
        expected -= 0.01 * 6 * (3 * expected + 4)
        if turn == 8:
            first()
    assert rehearsed


def test_a_result_that_another_thread_reads_while_the_turn_ends(rehearsed):
    """The mean of w falls by the rate in each turn; it is read at any moment."""
    w, optimizer = (
        jt.Variable(np.zeros((64, 64), np.float32)),
        jt.optimizers.SGD(4096.0),
    )
    given, found, errors = queue.Queue(), [], []

    def read():
        while (result := given.get()) is not None:
            try:
                found.append(float(result))
            except Exception as error:
                errors.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    with frequent_switches():
        for _ in range(300):
            with jt.GradientTape() as tape:
                product = jt.matmul(w, jt.eye(64))
                loss = jt.reduce_mean(jt.tanh(w) * 0.0 + product)
            gradients = tape.gradient(loss, [w])
            given.put(loss)
            optimizer.apply_gradients(zip(gradients, [w], strict=True))
    given.put(None)
    reader.join()
    assert errors == []
    assert found == [-float(turn) for turn in range(300)]
    assert rehearsed


def test_a_loop_of_asyncio_in_between(rehearsed):
    w, optimizer = jt.Variable(8.0), jt.optimizers.SGD(0.5)

    async def double():
        return float(2.0 * w)

    for turn in range(16):
        with jt.GradientTape() as tape:
            y = 1.0 * w
        gradients = tape.gradient(y, [w])
        optimizer.apply_gradients(zip(gradients, [w], strict=True))
        if turn in (0, 8, 12):
            assert asyncio.run(double()) == 2 * (8.0 - 0.5 * (turn + 1))
    assert float(w) == 0.0
    assert rehearsed


def test_an_update_that_failed_is_not_made_later(rehearsed):
    w, optimizer = jt.Variable([0.0, 0.0]), jt.optimizers.SGD(1.0)
    for turn in range(12):
        with jt.GradientTape() as tape:
            y = jt.reduce_sum(w)
        pairs = [(tape.gradient(y, [w])[0], w)]

        def apply(z, pairs=pairs):
            optimizer.apply_gradients(pairs)
            return z

        if turn == 8:
            with pytest.raises(jt.errors.ExecutionError, match="JAX traces"):
                jax.jit(apply)(1.0)
        else:
            apply(1.0)
        count = turn + (turn < 8)
        assert (int(optimizer.iterations), w.numpy().tolist()) == (count, 2 * [-count])
    assert rehearsed


def test_a_turn_that_keeps_more_is_one_step(rehearsed):
    """Its update is recorded once, also where the program has to be another one."""
    slots.clear()
    model, kept = Regression(), []
    for turn in range(20):
        with jt.GradientTape() as tape:
            product = jt.matmul(jt.constant(X), model.w)
            loss = jt.reduce_mean(jt.square(product + model.b - Y))
        if turn % 4 == 3:
            kept.append((product, X @ model.expected[0]))
        del product
        model.descend(tape, loss)
        model.expect()
    model.check()
    for product, expected in kept:
        np.testing.assert_allclose(product, expected, rtol=1e-4, atol=1e-6)
    assert len(rehearsed) >= 14
    names = [[node.op.name for node in slot.path] for slot in slots._by_key.values()]
    assert max(path.count("sgd.apply_gradients") for path in names) == 1


@pytest.mark.parametrize("is_function", [False, True])
def test_a_thread_that_waits_keeps_the_value_that_it_has_read(rehearsed, is_function):
    """6,000 elements share no buffer: the value is not overwritten meanwhile."""
    w, optimizer = jt.Variable(np.ones(6000, np.float32)), jt.optimizers.SGD(1.0)
    has_read, may_go_on, found = threading.Event(), threading.Event(), []

    def other():
        with jt.GradientTape():
            y = jt.reduce_mean(w * 2.0)
            has_read.set()
            may_go_on.wait(30)
            found.append(float(y))

    def turn():
        with jt.GradientTape() as tape:
            loss = jt.reduce_sum(jt.square(w)) / 8.0
        gradients = tape.gradient(loss, [w])
        optimizer.apply_gradients(zip(gradients, [w], strict=True))

    if is_function:
        turn = jt.function(turn)
    thread = threading.Thread(target=other)
    for number in range(10):
        if number == 6:
            thread.start()
            has_read.wait(30)
        turn()
    may_go_on.set()
    thread.join()
    assert found == [pytest.approx(2 * 0.75**6)]
    assert float(jt.reduce_mean(w)) == pytest.approx(0.75**10)
    assert bool(rehearsed) is not is_function


@pytest.mark.parametrize("place", ["before", "inside", "after"])
def test_a_thread_that_assigns_in_the_middle_of_a_turn(rehearsed, place):
    """Calls keep the value of their moment: loss = w^2 / 2, gradient w.

    (Of variables that share a buffer, as small ones do.)
    """
    w, v, optimizer = jt.Variable(1.0), jt.Variable(0.0), jt.optimizers.SGD(0.5)

    def assign():
        thread = threading.Thread(target=lambda: w.assign(10.0))
        thread.start()
        thread.join()

    value = 1.0
    for turn in range(9):
        with jt.GradientTape() as tape:
            if turn == 6 and place == "before":
                assign()
            loss = 0.5 * w * w + v * 0.0
            if turn == 6 and place == "inside":
                assign()
        gradients = tape.gradient(loss, [w, v])
        if turn == 6 and place == "after":
            assign()
        start = 10.0 if turn == 6 else value
        read = start if place == "before" else value
        optimizer.apply_gradients(zip(gradients, [w, v], strict=True))
        assert float(loss) == pytest.approx(0.5 * read**2)
        value = start - 0.5 * read
        assert float(w) == pytest.approx(value)
    assert rehearsed


def test_a_thread_whose_turn_it_is_not_gets_no_gradient(rehearsed):
    model, raised = Regression(), []
    for turn in range(8):
        with jt.GradientTape() as tape:
            loss = model.loss()
        if turn == 6:

            def ask(tape=tape, loss=loss):
                try:
                    tape.gradient(loss, model.variables)
                except jt.errors.TapeError as error:
                    raised.append(str(error))

            thread = threading.Thread(target=ask)
            thread.start()
            thread.join()
        model.descend(tape, loss)
        model.expect()
    model.check()
    assert len(raised) == 1
    assert "another thread" in raised[0]
    assert rehearsed


def test_the_tape_tells_the_same_of_its_gradients():
    model, told = Regression(), []
    for _ in range(4):
        with jt.GradientTape() as tape:
            loss = model.loss()
        gradients = tape.gradient(loss, model.variables)
        model.optimizer.apply_gradients(zip(gradients, model.variables, strict=True))
        told.append(tape.explain(gradients, model.w))
    assert told[0] == told[1] == told[2] == told[3]


def test_the_tape_tells_the_same(rehearsed):
    model = Regression()
    told = []
    for _ in range(4):
        with jt.GradientTape() as tape:
            loss = model.loss()
        model.descend(tape, loss)
        texts = str(tape), repr(tape), tape.to_mermaid(), tape.explain(loss, model.w)
        told.append((texts, tape.watched_variables()))
    assert len(rehearsed) == 2
    assert told[0] == told[1] == told[2] == told[3]
    assert told[0][1] == (model.w, model.b)


def test_a_tape_in_the_middle_of_a_turn_tells_the_same():
    model = Regression()
    told = []
    for _ in range(4):
        with jt.GradientTape() as tape:
            loss = model.loss()
            told.append((str(tape), tape.watched_variables()))
        model.descend(tape, loss)
    assert told[0] == told[1] == told[2] == told[3]


def test_ctrl_c_anywhere_makes_an_update_whole_or_not_at_all(rehearsed, monkeypatch):
    """y = w with gradient 1: each update takes the rate from w."""
    monkeypatch.setattr(script, "MOST_MISSES", 1_000_000)
    w = jt.Variable(0.0)
    optimizer = jt.optimizers.SGD(1.0)

    def turn():
        with jt.GradientTape() as tape:
            y = w * 1.0
        gradients = tape.gradient(y, [w])
        optimizer.apply_gradients(zip(gradients, [w], strict=True))

    for _ in range(4):
        turn()
    before = [4]

    def check():
        begin()  # Ctrl-C within a tape's own enter or exit leaves a region open
        count = int(optimizer.iterations)
        assert count - before[0] in (0, 1)
        assert float(w) == -count
        for _ in range(3):
            turn()
        assert int(optimizer.iterations) == count + 3
        assert float(w) == -count - 3
        before[0] = count + 3

    inside = []

    def step():
        try:
            turn()
        except KeyboardInterrupt as interrupt:
            places = traceback.extract_tb(interrupt.__traceback__)
            inside.append(any("rehearsal.py" in place.filename for place in places))
            raise

    before[0] += 1  # one whole turn counts the places
    interrupted_everywhere(step, check)
    assert sum(inside) > 20


def test_nothing_is_kept(rehearsed):
    model = Regression()
    for _ in range(TURNS):
        tape, loss = model.turn()
    assert rehearsed
    names = [weakref.ref(variable) for variable in model.variables]
    del model, tape
    gc.collect()
    assert [name() for name in names] == [None, None]
    assert float(loss) >= 0  # a result may be held for as long as one likes
