"""Rows D9 and D10 of the hazards: a model that serves while another one trains."""

import numpy as np
import pytest

import jaxtape as jt

X = np.random.default_rng(0).normal(size=(16, 3)).astype(np.float32)
Y = X[:, :1] - X[:, 1:2]


@pytest.fixture(params=[0, 4096], ids=["own buffers", "common buffer"])
def packed_size(request, monkeypatch):
    """Small variables can have buffers of their own, or share one."""
    monkeypatch.setattr(jt.config.bounds, "packed_size", request.param)


def make():
    hidden = jt.layers.Dense(4, activation="tanh", input_shape=(3,))
    return jt.Sequential([hidden, jt.layers.Dense(1)])


def train(model, optimizer, steps):
    losses = []
    for _ in range(steps):
        with jt.GradientTape() as tape:
            loss = jt.reduce_mean((model(X, training=True) - Y) ** 2)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(
            zip(gradients, model.trainable_variables, strict=True)
        )
        losses.append(loss)
    return [loss.numpy().tobytes() for loss in losses]


def bits(model):
    return [values.tobytes() for values in model.get_weights()]


# D9


@pytest.mark.parametrize("way", ["saved", "variables"])
def test_d9_a_served_model_is_not_reached_by_training(way, packed_size, tmp_path):
    trained, optimizer = make(), jt.optimizers.Adam(0.1)
    train(trained, optimizer, 2)
    if way == "saved":
        trained.save(tmp_path / "model", optimizer=optimizer)
        served = jt.load_model(tmp_path / "model", compile=False)
    else:
        served = make()
        served.set_weights(trained.variables)
    answer, before = served(X).numpy(), bits(served)
    assert before == bits(trained)
    for _ in range(3):
        train(trained, optimizer, 1)
        assert bits(served) == before
        np.testing.assert_array_equal(served(X), answer)
    assert bits(trained) != before


def test_d9_training_is_not_reached_by_what_was_loaded(tmp_path):
    first = make()
    first.optimizer = jt.optimizers.Adam(0.1)
    train(first, first.optimizer, 2)
    first.save(tmp_path)
    second, third = jt.load_model(tmp_path), jt.load_model(tmp_path)
    before = bits(third)
    train(second, second.optimizer, 3)
    assert bits(first) == bits(third) == before
    slots = [v.numpy().tobytes() for v in first.optimizer.variables]
    assert [v.numpy().tobytes() for v in third.optimizer.variables] == slots


# D10


def test_d10_donation_changes_no_bit(packed_size, monkeypatch):
    """Nothing is donated under `safe_steps`, nor where the values are held."""
    outcomes = []
    start = make().get_weights()
    for way in ("donated", "safe", "held"):
        model, optimizer, held = make(), jt.optimizers.Adam(0.1), []
        model.set_weights(start)
        monkeypatch.setattr(jt.config.switches, "safe_steps", way == "safe")
        losses = []
        for _ in range(5):
            if way == "held":
                held += [np.asarray(variable) for variable in model.variables]
            losses += train(model, optimizer, 1)
        slots = [variable.numpy().tobytes() for variable in optimizer.variables]
        outcomes.append((losses, bits(model), slots))
    assert outcomes[0] == outcomes[1] == outcomes[2]
