"""Rows A5, B4, B11, B15, B21, C5, C6, C10 and C12 of the hazards, for `jt.function`."""

import gc
import threading
import weakref

import jax
import numpy as np
import pytest

import jaxtape as jt

ONE = jt.constant(1.0)
RATE = 1.0


def squares(x):
    return jt.reduce_sum(x * x * x)


def gradient_of(function, x):
    with jt.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
    return tape.gradient(y, x)


# A5: arrays that a function uses without taking them as arguments


@pytest.mark.parametrize(("size", "after"), [(8, 3.0), (100_000, 2.0)])
def test_a5_a_captured_array_is_new_if_small_and_fixed_if_large(size, after):
    array = np.full(size, 2.0, np.float32)
    f = jt.function(lambda x: jt.reduce_mean(x * array))
    assert float(f(ONE)) == 2.0
    array[:] = 3.0
    assert float(f(ONE)) == after


def test_a5_a_constant_keeps_the_values_it_was_made_of():
    array = np.ones(3, np.float32)
    constant = jt.constant(array)
    f = jt.function(lambda x: jt.reduce_sum(x * constant))
    f(ONE)
    array[:] = 9.0
    assert float(f(ONE)) == 3.0


def test_a5_an_argument_is_taken_as_it_is_at_each_call():
    array = np.ones(3, np.float32)
    f = jt.function(jt.reduce_sum)
    made = []
    for value in range(100):
        array[:] = value
        made.append(f(array))
        array[:] = -1.0
    assert [float(total) for total in made] == [3.0 * value for value in range(100)]


# B4: an exception between two assignments


def test_b4_a_function_assigns_all_or_nothing():
    first, second = jt.Variable(1.0), jt.Variable(1.0)

    def step(x):
        first.assign(x)
        second.assign(jt.reshape(x, (2, 3)))

    with pytest.raises(jt.errors.ShapeError, match=r"reshape .*float32\[\]"):
        jt.function(step)(jt.constant(5.0))
    assert (float(first), float(second)) == (1.0, 1.0)
    with pytest.raises(jt.errors.ShapeError, match="reshape"):
        step(jt.constant(5.0))
    assert (float(first), float(second)) == (5.0, 1.0)  # without it, the first stays


# B11: tapes, functions and JAX's own transformations inside of one another


def test_b11_a_tape_inside_a_function_and_a_function_inside_a_tape():
    x = jt.constant([1.0, 2.0])
    expected = [3.0, 12.0]  # 3 x^2
    inside = jt.function(lambda x: gradient_of(squares, x))
    assert inside(x).numpy().tolist() == expected
    assert gradient_of(jt.function(squares), x).numpy().tolist() == expected
    twice = jt.function(lambda x: gradient_of(jt.function(squares), x))
    assert twice(x).numpy().tolist() == expected


def test_b11_gradients_of_gradients_through_functions():
    x = jt.constant([1.0, 2.0])
    inner = jt.function(lambda x: gradient_of(squares, x))
    assert gradient_of(inner, x).numpy().tolist() == [6.0, 12.0]  # 6 x


@pytest.mark.parametrize("function", [squares, jt.function(squares)])
def test_b11_a_tape_inside_what_jax_maps(function):
    rows = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)
    found = jax.vmap(lambda row: gradient_of(function, jt.convert_to_tensor(row)))(rows)
    np.testing.assert_array_equal(found.numpy(), 3.0 * rows**2)


def test_b11_a_function_is_mapped_over_rows():
    rows = jt.constant([[1.0, 2.0], [3.0, 4.0]])
    found = jt.vectorized_map(jt.function(squares), rows)
    assert found.numpy().tolist() == [9.0, 91.0]
    mapped = jt.function(lambda rows: jt.vectorized_map(squares, rows))
    assert mapped(rows).numpy().tolist() == [9.0, 91.0]


def test_b11_loops_of_jax_may_read_variables_and_not_assign_them():
    weight = jt.Variable(2.0)

    def body(carry, x):
        return jt.square(weight * x)._array() + carry, None

    total, _ = jax.lax.scan(body, 0.0, np.array([1.0, 2.0], np.float32))
    assert float(total) == 20.0

    def assigning(carry, x):
        weight.assign(jt.convert_to_tensor(x))
        return carry, None

    with pytest.raises(jt.errors.ExecutionError, match="inside a function that JAX"):
        jax.lax.scan(assigning, 0.0, np.array([1.0], np.float32))
    assert float(weight) == 2.0


def test_b11_a_loop_inside_a_function_trains():
    weight, other = jt.Variable([4.0, 8.0]), jt.Variable(1.0)
    optimizer = jt.optimizers.SGD(0.25)
    variables = [weight, other]

    def train(step):
        with jt.GradientTape() as tape:
            loss = jt.reduce_sum(weight * weight) + other
        optimizer.apply_gradients(
            zip(tape.gradient(loss, variables), variables, strict=True)
        )
        return step + 1

    @jt.function
    def three_steps():
        return jt.while_loop(lambda step: step < 3, train, [jt.constant(0)])

    three_steps()
    assert weight.numpy().tolist() == [0.5, 1.0]  # each step halves it
    assert float(other) == 0.25
    three_steps()
    assert weight.numpy().tolist() == [0.0625, 0.125]


# B15: a value that leaves the recording


def test_b15_a_stored_tensor_names_the_attribute_and_the_line():
    class Agent:
        @jt.function
        def act(self, x):
            self.last_action = x + 1.0
            return x

    agent = Agent()
    agent.act(ONE)
    line = Agent.act.python_function.__code__.co_firstlineno + 2
    with pytest.raises(jt.errors.BodyError, match=rf"`last_action` .*\.py:{line};"):
        agent.last_action.numpy()


# B21: side effects


def test_b21_a_side_effect_happens_once_for_each_program():
    seen = []

    def f(x):
        seen.append(x.shape)
        return x

    recorded = jt.function(f)
    with pytest.warns(UserWarning, match=r"`seen`, .* changed while f\(\)"):
        recorded(ONE)
    recorded(ONE)
    assert seen == [()]


# C5 and C6: what a function captures


def test_c5_lambdas_of_a_loop_never_meet():
    wrong = 0
    for k in range(300):  # a freed lambda's `id` is used again
        made = jt.function(lambda x, k=k: x * (k % 7))
        wrong += float(made(ONE)) != k % 7
    assert wrong == 0


def test_c6_whatever_changes_is_used(monkeypatch):
    class Agent:
        rate = 1.0

        @jt.function
        def scaled(self, x):
            return x * self.rate * RATE * self.factor()

        def factor(self):
            return self.options["by"][0]

    agent = Agent()
    agent.options = {"by": [1.0]}
    values = [float(agent.scaled(ONE))]
    agent.rate = 2.0
    values.append(float(agent.scaled(ONE)))
    agent.options["by"][0] = 3.0
    values.append(float(agent.scaled(ONE)))
    monkeypatch.setitem(globals(), "RATE", 5.0)
    values.append(float(agent.scaled(ONE)))
    monkeypatch.setattr(Agent, "factor", lambda self: 1.0)
    values.append(float(agent.scaled(ONE)))
    del agent.rate
    values.append(float(agent.scaled(ONE)))
    assert values == [1.0, 2.0, 6.0, 30.0, 10.0, 5.0]


def test_c6_a_redefined_function_is_used(monkeypatch):
    def helper(x):
        return x + 1.0

    g = jt.function(lambda x: helper_of_module(x) * 1.0)  # noqa: F821
    monkeypatch.setitem(globals(), "helper_of_module", helper)
    assert float(g(ONE)) == 2.0
    monkeypatch.setitem(globals(), "helper_of_module", lambda x: x + 5.0)
    assert float(g(ONE)) == 6.0


# C10 has a process with two devices to itself: see `test_two_devices.py`.

# C12: what is trained


def step_of(model, optimizer):
    @jt.function
    def step(x):
        with jt.GradientTape() as tape:
            loss = jt.reduce_sum(model(x))
        variables = model.trainable_variables
        optimizer.apply_gradients(
            zip(tape.gradient(loss, variables), variables, strict=True)
        )
        return loss

    return step


def test_c12_trainable_takes_effect_at_the_next_call():
    model = jt.Sequential([jt.layers.Dense(2, input_shape=(2,)), jt.layers.Dense(1)])
    step = step_of(model, jt.optimizers.SGD(0.1))
    x = jt.ones((1, 2))
    step(x)
    model.layers[0].trainable = False
    first, second = (layer.get_weights() for layer in model.layers)
    step(x)
    assert all(map(np.array_equal, model.layers[0].get_weights(), first))
    assert not np.array_equal(model.layers[1].get_weights()[0], second[0])
    model.layers[0].trainable = True
    step(x)
    assert not np.array_equal(model.layers[0].get_weights()[0], first[0])


def test_c12_a_layer_added_after_the_first_call_is_used_and_trained():
    model = jt.Sequential([jt.layers.Dense(1, kernel_initializer="ones")])
    step = step_of(model, jt.optimizers.SGD(0.1))
    x = jt.ones((1, 2))
    assert float(step(x)) == 2.0
    model.add(jt.layers.Dense(1, kernel_initializer="zeros"))
    assert float(step(x)) == 0.0
    assert float(step(x)) != 0.0


def test_c12_a_replaced_optimizer_is_used():
    class Trainer:
        def __init__(self):
            self.weight = jt.Variable(1.0)
            self.optimizer = jt.optimizers.SGD(0.5)

        @jt.function
        def step(self):
            with jt.GradientTape() as tape:
                loss = self.weight * 1.0
            gradient = tape.gradient(loss, self.weight)
            self.optimizer.apply_gradients([(gradient, self.weight)])

    trainer = Trainer()
    trainer.step()
    trainer.optimizer = jt.optimizers.SGD(0.25)
    trainer.step()
    assert float(trainer.weight) == 0.25
    trainer.optimizer.learning_rate = 0.125
    trainer.step()
    assert float(trainer.weight) == 0.125


# Threads, memory


def test_no_call_is_lost_between_threads():
    total = jt.Variable([0.0, 0.0])
    add = jt.function(lambda x: total.assign_add(x))

    def work():
        for _ in range(50):
            add(jt.ones((2,)))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert total.numpy().tolist() == [400.0, 400.0]


def test_an_object_and_its_programs_are_freed_together():
    class Holder:
        def __init__(self):
            self.weight = jt.Variable(np.ones(1000, np.float32))

        @jt.function
        def total(self, x):
            return jt.reduce_sum(self.weight * x)

    holder = Holder()
    holder.total(ONE), holder.total(ONE)
    weight = weakref.ref(holder.weight)
    del holder
    gc.collect()
    assert weight() is None


# C13: a notebook's cell that is run again


def test_c13_a_function_that_is_defined_again_is_used():
    cell = "@jt.function\ndef f(x):\n    return helper(x) * {k}\n"
    names = {"jt": jt}
    made = []
    for k, helper in ((2.0, "x"), (3.0, "x"), (3.0, "x + 1.0")):
        exec(f"def helper(x):\n    return {helper}", names)
        exec(cell.format(k=k), names)
        made.append(float(names["f"](ONE)))
    exec("def helper(x):\n    return x + 9.0", names)  # only the helper's cell
    made.append(float(names["f"](ONE)))
    assert made == [2.0, 3.0, 6.0, 30.0]
