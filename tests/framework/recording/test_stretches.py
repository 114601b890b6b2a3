"""In turns that go as the ones before, a model's call is taken at once, if it may be.

The numbers are those of gradient descent in NumPy, in float64, by the chain rule.
"""

import copy
import dataclasses
import gc
import itertools
import pickle
import threading
import weakref

import jax
import numpy as np
import pytest

import jaxtape as jt
from jaxtape.framework.recording import rehearsal
from jaxtape.framework.recording.node import begin
from tests.in_threads import frequent_switches
from tests.interruption import interrupted_everywhere

pytestmark = pytest.mark.filterwarnings("ignore:Compile")  # many tests, one loop
RATE = 0.1
X = np.random.default_rng(0).normal(size=(16, 3)).astype(np.float32)
Y = np.tanh(X @ [[1.0], [-2.0], [0.5]]).astype(np.float32)


@pytest.fixture
def taken(monkeypatch):
    """One entry for each call of a model that was taken at once."""
    made = []
    skip = rehearsal.Rehearsal.skip

    def noted(self, layer, argument, how):
        result = skip(self, layer, argument, how)
        if result is not None:
            made.append(how)
        return result

    monkeypatch.setattr(rehearsal.Rehearsal, "skip", noted)
    return made


def sequential():
    return jt.Sequential(
        [jt.layers.Dense(4, "tanh", input_shape=(3,)), jt.layers.Dense(1)]
    )


def functional():
    inputs = jt.Input((3,))
    hidden = jt.layers.Dense(4, "tanh")(inputs)
    return jt.Model(inputs, jt.layers.Dense(1)(hidden))


def nested():
    first = jt.Sequential([jt.layers.Dense(4, input_shape=(3,))])
    return jt.Sequential(
        [first, jt.layers.Activation("tanh"), jt.layers.Flatten(), jt.layers.Dense(1)]
    )


class Subclass(jt.Model):
    """Its `call` is the user's own, which runs each time."""

    calls = 0

    def __init__(self):
        super().__init__()
        self.layers_of_mine = sequential()

    def call(self, inputs):
        Subclass.calls += 1
        return self.layers_of_mine(inputs)


MODELS = [sequential, functional, nested, Subclass]


class Network:
    """Two layers, tanh(x @ a + b) @ c + d, in jaxtape and in NumPy."""

    def __init__(self, make=sequential):
        self.model = make()
        self.model(X)
        self.optimizer = jt.optimizers.SGD(RATE)
        self.expected = [np.asarray(w, float) for w in self.model.get_weights()]

    def turn(self, x=X, y=Y, **options):
        """One ordinary turn; the tape's `with` is always this line."""
        with jt.GradientTape() as tape:
            output = self.model(x, **options)
            loss = jt.reduce_mean(jt.square(output - y))
        self.descend(tape, loss)
        self.expect(x, y)
        return output

    def descend(self, tape, loss):
        variables = self.model.trainable_variables
        gradients = tape.gradient(loss, variables)
        self.optimizer.apply_gradients(zip(gradients, variables, strict=True))

    def output(self, x=X):
        a, b, c, d = self.expected
        return np.tanh(np.asarray(x, float) @ a + b) @ c + d

    def expect(self, x=X, y=Y, error=None):
        """Takes a step in NumPy; `error` is the derivative by the output."""
        a, b, c, d = self.expected
        x = np.asarray(x, float)
        hidden = np.tanh(x @ a + b)
        if error is None:
            error = 2 * (hidden @ c + d - y) / len(x)
        inner = (error @ c.T) * (1 - hidden**2)
        gradients = x.T @ inner, inner.sum(0), hidden.T @ error, error.sum(0)
        for value, gradient in zip(self.expected, gradients, strict=True):
            value -= RATE * gradient

    def check(self):
        for found, value in zip(self.model.get_weights(), self.expected, strict=True):
            np.testing.assert_allclose(found, value, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("make", MODELS)
def test_from_the_second_turn_that_goes_as_before(taken, make):
    network = Network(make)
    outputs = []
    for _ in range(8):
        expected = network.output()
        outputs.append((network.turn(), expected))
    network.check()
    assert len(taken) >= 8 - 3  # two are recorded, one is compared op by op
    for output, expected in outputs:
        np.testing.assert_allclose(output, expected, rtol=2e-5, atol=2e-6)


def test_the_calls_of_a_users_own_model_run_each_time(taken):
    network = Network(Subclass)
    Subclass.calls = 0
    for _ in range(8):
        network.turn()
    assert Subclass.calls == 8
    assert len(taken) >= 4


def test_what_a_layer_does_besides_is_done_each_time(taken):
    class Counting(jt.layers.Dense):
        calls = 0

        def call(self, inputs):
            Counting.calls += 1
            return super().call(inputs)

    activated = []

    def counting_tanh(x):
        activated.append(None)
        return jt.tanh(x)

    network = Network(
        lambda: jt.Sequential(
            [jt.layers.Dense(4, counting_tanh, input_shape=(3,)), Counting(1)]
        )
    )
    Counting.calls = 0
    activated.clear()
    for _ in range(8):
        network.turn()
    network.check()
    assert Counting.calls == len(activated) == 8
    assert taken == []


def test_an_activation_that_cannot_be_hashed(taken):
    @dataclasses.dataclass
    class Scaled:
        factor: float

        def __call__(self, x):
            return jt.tanh(x * self.factor)

    network = Network(
        lambda: jt.Sequential(
            [jt.layers.Dense(4, Scaled(1.0), input_shape=(3,)), jt.layers.Dense(1)]
        )
    )
    for _ in range(6):
        network.turn()
    network.check()


def test_a_constant_of_the_model_that_was_used_before_its_call(taken):
    """The model multiplies by its own constant, whatever the data was multiplied by."""
    own, other = jt.constant(2.0), jt.constant(3.0)
    inputs = jt.Input((3,))
    dense = jt.layers.Dense(1, kernel_initializer="ones")
    model = jt.Model(inputs, dense(inputs) * own)
    optimizer, data = jt.optimizers.SGD(0.0), jt.constant(X)
    for turn in range(8):
        factor = other if turn == 6 else own
        with jt.GradientTape() as tape:
            loss = jt.reduce_sum(model(data * factor))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(
            zip(gradients, model.trainable_variables, strict=True)
        )
        expected = 2.0 * (3.0 if turn == 6 else 2.0) * X.sum(dtype=float)
        assert float(loss) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("method", ["call", "__call__"])
@pytest.mark.parametrize("turn_of_change", [0, 3, 5])
def test_a_method_of_a_class_that_is_replaced(method, turn_of_change, monkeypatch):
    """A hook of a debugger or a mock: it sees every call from then on."""
    network, seen = Network(), []
    original = getattr(jt.layers.Dense, method)

    def noted(self, *args, **options):
        seen.append(self.name)
        return original(self, *args, **options)

    for turn in range(8):
        if turn == turn_of_change:
            monkeypatch.setattr(jt.layers.Dense, method, noted)
        network.turn()
    network.check()
    assert len(seen) == 2 * (8 - turn_of_change)


def test_a_loss_of_a_model_that_is_called_alone_after_being_a_part():
    network = Network(Subclass)
    part = network.model.layers_of_mine
    for turn in range(9):
        if turn == 5:
            part.add_loss(jt.constant(7.0))
        with jt.GradientTape() as tape:
            output = (network.model if turn < 6 else part)(X)
            loss = jt.reduce_mean(jt.square(output - Y))
        network.descend(tape, loss)
        assert len(part.losses) == (1 if turn == 5 else 0)


def test_an_optimizer_keeps_no_model():
    network = Network()
    for _ in range(6):
        network.turn()
    name, optimizer = weakref.ref(network.model), network.optimizer
    del network
    gc.collect()
    assert name() is None
    assert int(optimizer.iterations) == 6


def test_an_activity_regularizer_adds_its_loss_each_time(taken):
    network = Network(
        lambda: jt.Sequential(
            [
                jt.layers.Dense(4, "tanh", input_shape=(3,), activity_regularizer="l2"),
                jt.layers.Dense(1),
            ]
        )
    )
    for _ in range(8):
        network.turn()
        assert len(network.model.losses) == 1
    assert taken == []


def _other_activation(network):
    network.model.layers[0].activation = jt.activations.linear


def _other_call(network):
    layer = network.model.layers[0]
    layer.call = lambda inputs: jt.matmul(inputs, layer.kernel) + layer.bias


def _other_layer(network):
    model = network.model
    last = model.pop()
    weights = model.pop().get_weights()
    model.add(jt.layers.Dense(4))
    model.layers[0].set_weights(weights)
    model.add(last)


class Linear(jt.layers.Dense):
    def call(self, inputs):
        return jt.matmul(inputs, self.kernel) + self.bias


def _other_class(network):
    network.model.layers[0].__class__ = Linear


@pytest.mark.parametrize(
    "change",
    [_other_activation, _other_call, _other_layer, _other_class],
    ids=lambda f: f.__name__,
)
def test_a_layer_that_is_changed_computes_something_else(taken, change):
    """Without its tanh the network is linear: x @ a @ c + b @ c + d."""
    network = Network()
    for _ in range(6):
        network.turn()
    change(network)
    variables = network.model.trainable_variables
    for _ in range(6):
        a, b, c, d = network.expected
        with jt.GradientTape() as tape:
            output = network.model(X)
            loss = jt.reduce_mean(jt.square(output - Y))
        gradients = tape.gradient(loss, variables)
        network.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        x = X.astype(float)
        hidden = x @ a + b
        error = 2 * (hidden @ c + d - Y) / len(x)
        np.testing.assert_allclose(output, hidden @ c + d, rtol=2e-5, atol=2e-6)
        inner = error @ c.T
        for value, gradient in zip(
            (a, b, c, d),
            (x.T @ inner, inner.sum(0), hidden.T @ error, error.sum(0)),
            strict=True,
        ):
            value -= RATE * gradient
    network.check()


def test_attributes_that_are_set_in_each_turn(taken):
    network = Network()
    for turn in range(10):
        network.model.note = turn
        network.turn()
    network.check()
    assert taken == []


def test_other_batches_and_other_kinds_of_data(taken):
    network = Network()
    sizes = [16, 16, 16, 16, 7, 7, 7, 7, 16, 16, 16, 16]
    kinds = itertools.cycle([np.asarray, jt.constant, jax.numpy.asarray])
    for size, kind in zip(sizes, kinds, strict=False):
        network.turn(kind(X[:size]), Y[:size])
    network.check()
    assert len(taken) >= 3


def test_training_is_told_as_before_or_not_at_all(taken):
    network = Network()
    for options in [{}, {"training": True}, {"training": False}] * 2:
        for _ in range(4):
            network.turn(**options)
    network.turn(training=None)
    network.check()
    assert len(taken) >= 8


def test_two_calls_in_one_turn_and_one_on_the_other(taken):
    """The model of its own output, and of the data once more."""
    model = jt.Sequential([jt.layers.Dense(3, input_shape=(3,))])
    optimizer = jt.optimizers.SGD(RATE)
    kernel, bias = (np.asarray(w, float) for w in model.get_weights())
    x = X.astype(float)
    for _ in range(8):
        with jt.GradientTape() as tape:
            data = jt.constant(X)
            loss = jt.reduce_sum(model(model(data)) + model(data)) / len(X)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(
            zip(gradients, model.trainable_variables, strict=True)
        )
        first = x @ kernel + bias
        error = np.ones((len(x), 3)) / len(x)
        by_first = error @ kernel.T + error
        gradient = first.T @ error + x.T @ by_first, (error + by_first).sum(0)
        kernel, bias = kernel - RATE * gradient[0], bias - RATE * gradient[1]
    np.testing.assert_allclose(model.get_weights()[0], kernel, rtol=2e-5, atol=2e-6)
    np.testing.assert_allclose(model.get_weights()[1], bias, rtol=2e-5, atol=2e-6)
    assert len(taken) == 3 * (8 - 3)


@pytest.mark.parametrize("turn_of_change", [2, 3, 4, 5, 6])
@pytest.mark.parametrize("place", ["before", "between", "after", "in the gradient"])
def test_a_turn_that_goes_another_way(taken, place, turn_of_change):
    network = Network()
    x, scale = X, 1.0
    for turn in range(9):
        is_other = turn == turn_of_change
        with jt.GradientTape() as tape:
            if is_other and place == "before":
                jt.square(jt.constant(X))
            output = network.model(x)
            if is_other and place == "between":
                output = output * 1.0
                assert np.isfinite(float(output[0, 0]))
            loss = jt.reduce_mean(jt.square(output - Y))
            if is_other and place == "after":
                loss = loss * 1.0
        if is_other and place == "in the gradient":
            scale = 2.0
            variables = network.model.trainable_variables
            weight = jt.constant(2.0)
            gradients = tape.gradient(loss, variables, output_gradients=weight)
            network.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        else:
            scale = 1.0
            network.descend(tape, loss)
        network.expect(error=scale * 2 * (network.output() - Y) / len(X))
        network.check()
    assert len(taken) >= 2


def test_a_loss_added_from_outside_counts_until_the_next_call(taken):
    network = Network()
    for turn in range(12):
        if turn in (5, 8):
            network.model.add_loss(jt.constant(3.0))
            assert [float(loss) for loss in network.model.losses] == [3.0]
        network.turn()
        assert network.model.losses == []
    network.check()


def test_losses_come_with_a_copy():
    model = sequential()
    model(X)
    model.add_loss(jt.constant(3.0))
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert [float(loss) for loss in other.losses] == [3.0]


def test_in_two_threads_at_once(taken):
    """Each thread takes its own steps of one model; none is lost or torn."""
    model = jt.Sequential([jt.layers.Dense(1, input_shape=(3,))])
    optimizer = jt.optimizers.SGD(0.25)
    start = model.get_weights()[0]
    rows = np.eye(3, dtype=np.float32)

    def train(row):
        for _ in range(40):
            with jt.GradientTape() as tape:
                loss = jt.reduce_sum(model(rows[row : row + 1]))
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply_gradients(
                zip(gradients, model.trainable_variables, strict=True)
            )

    with frequent_switches():
        threads = [threading.Thread(target=train, args=(row,)) for row in (0, 2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    # The derivative of a row of the identity's output is 1 at its own weight.
    expected = start - np.float32(0.25) * 40 * np.array([[1.0], [0.0], [1.0]])
    np.testing.assert_allclose(model.get_weights()[0], expected, rtol=1e-6, atol=1e-5)
    np.testing.assert_allclose(model.get_weights()[1], [-20.0], rtol=1e-6)


def test_interrupted_everywhere(taken):
    """After Ctrl-C at any place of a turn, a turn was made whole or not at all."""
    network = Network()
    for _ in range(4):
        network.turn()
    before = [[value.copy() for value in network.expected]]

    def step():
        with jt.GradientTape() as tape:
            loss = jt.reduce_mean(jt.square(network.model(X) - Y))
        network.descend(tape, loss)

    def check():
        begin()  # Ctrl-C within a tape's own enter or exit leaves a region open
        found = network.model.get_weights()
        network.expected = [value.copy() for value in before[0]]
        is_old = _is_near(found, network.expected)
        network.expect()
        assert is_old or _is_near(found, network.expected)
        if not is_old:
            before[0] = [value.copy() for value in network.expected]

    for _ in range(4):
        step()
        check()
    interrupted_everywhere(step, check, stride=7)
    assert taken


def _is_near(found, expected):
    return all(
        np.allclose(a, b, rtol=2e-5, atol=2e-6)
        for a, b in zip(found, expected, strict=True)
    )
