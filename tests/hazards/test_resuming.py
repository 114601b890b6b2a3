"""A training that breaks off and goes on ends as the one that did not, to the bit."""

import functools
import math

import numpy as np
import pytest

import jaxtape as jt
from jaxtape.callbacks import BackupAndRestore, Callback, EarlyStopping, LambdaCallback
from jaxtape.framework.training import feeds

SAMPLES, BATCH, EPOCHS = 20, 8, 3
STEPS = math.ceil(SAMPLES / BATCH)
chance = np.random.default_rng(0)
X = chance.normal(size=(SAMPLES, 3)).astype("float32")
Y = X.sum(1, keepdims=True)
VALIDATION = (X[:BATCH], Y[:BATCH])


class Crash(Exception):
    """What breaks off a training without warning."""


def crash(*given):
    raise Crash


@functools.cache
def model_of(make):
    """A model with slots, and the first values of all its variables."""
    model = make()
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    return model, [variable.numpy() for variable in variables_of(model)]


def variables_of(model):
    return [*model.variables, *model.optimizer.variables]


def renewed(make):
    """The model as a new process makes it, with the programs of the last one."""
    jt.utils.set_random_seed(0)
    model, values = model_of(make)
    for variable, value in zip(variables_of(model), values, strict=True):
        variable.assign(value)
    return model


def as_new(make):
    """The model as a new process makes it, programs and all."""
    jt.utils.set_random_seed(0)
    model = make()
    model.compile("adam", "mse")
    return model


def dropping():
    layers = [jt.layers.Dropout(0.5), jt.layers.Dense(1)]
    return jt.Sequential([jt.Input((3,)), *layers])


class At(Callback):
    """Crashes after so many steps; `interval` steps are looked at together."""

    def __init__(self, steps, interval=1):
        super().__init__()
        self.steps, self.step_interval, self.seen = steps, interval, []

    def on_train_steps_end(self, step, logs=None):
        self.seen.append(int(self.model.optimizer.iterations))
        if self.seen[-1] == self.steps:
            crash()


def outcome(model):
    """All that has to be the same: variables, random streams, history."""
    values = [variable.numpy().tolist() for variable in variables_of(model)]
    history = model.history
    return values, jt.random.normal(()).numpy(), history.epoch, history.history


def train(data, *callbacks, make=dropping, **arguments):
    """What a process trains; returns its outcome."""
    model = renewed(make)
    given = {"epochs": EPOCHS, "verbose": 0, "callbacks": list(callbacks), **arguments}
    model.fit(**data(), **given)
    return outcome(model)


def arrays():
    return {"x": X, "y": Y, "batch_size": BATCH, "validation_data": VALIDATION}


def generator():
    def batches():
        for number in range(100):
            yield X[number % 5 :][:BATCH], Y[number % 5 :][:BATCH]

    return {"x": batches(), "steps_per_epoch": STEPS}


class Turning(jt.utils.PyDataset):
    """Changes at the end of every epoch, as data sets do that shuffle themselves."""

    def __init__(self):
        super().__init__()
        self.turned = 0

    def __len__(self):
        return STEPS

    def __getitem__(self, number):
        rows = (np.arange(BATCH) + number * BATCH + self.turned) % SAMPLES
        return X[rows], Y[rows]

    def on_epoch_end(self):
        self.turned += 1


def dataset():
    return {"x": Turning()}


def crashed_and_resumed(folder, data, crashing, **arguments):
    """The outcome of the second of two processes."""
    with pytest.raises(Crash):
        train(data, BackupAndRestore(folder, save_freq=1), crashing, **arguments)
    return train(data, BackupAndRestore(folder, save_freq=1, verbose=0), **arguments)


@pytest.mark.parametrize("steps", [1, STEPS, STEPS + 1, STEPS + 2])
@pytest.mark.parametrize("data", [arrays, generator, dataset])
def test_after_any_step_it_goes_on_exactly(tmp_path, data, steps, capsys):
    found = crashed_and_resumed(tmp_path, data, At(steps))
    assert found == train(data)


@pytest.mark.parametrize("steps", [1, STEPS - 1, STEPS + 1])
def test_samples_that_stay_on_the_host_go_on_exactly(tmp_path, monkeypatch, steps):
    expected = train(arrays)
    monkeypatch.setattr(jt.config.bounds, "resident_bytes", 0)
    monkeypatch.setattr(feeds, "_STACKED_BYTES", 2 * BATCH * 4 * 4)  # two batches
    assert crashed_and_resumed(tmp_path, arrays, At(steps)) == expected


HOOKS = ["test_begin", "test_end", "epoch_end", "train_end"]


@pytest.mark.parametrize("hook", HOOKS)
def test_broken_off_in_a_hook_it_goes_on_exactly(tmp_path, hook):
    crashing = LambdaCallback(on_train_end=crash)
    if hook != "train_end":
        crashing = Callback()
        setattr(crashing, f"on_{hook}", crash)
    assert crashed_and_resumed(tmp_path, arrays, crashing) == train(arrays)


def test_a_script_with_more_epochs_goes_on(tmp_path):
    backup = BackupAndRestore(tmp_path, delete_checkpoint=False)
    train(arrays, backup, epochs=1)
    assert train(arrays, backup) == train(arrays)


def test_a_first_epoch_with_another_number_is_no_hindrance(tmp_path):
    arguments = {"initial_epoch": 5, "epochs": 7}
    found = crashed_and_resumed(tmp_path, generator, At(STEPS + 1), **arguments)
    assert found == train(generator, **arguments)


def test_a_training_that_was_stopped_is_not_taken_up(tmp_path):
    stopping = EarlyStopping("loss", min_delta=1e9)
    crashing = LambdaCallback(on_train_end=crash)
    with pytest.raises(Crash):
        train(arrays, stopping, crashing, BackupAndRestore(tmp_path), epochs=9)
    found = train(arrays, stopping, BackupAndRestore(tmp_path, verbose=0), epochs=9)
    assert found == train(arrays, EarlyStopping("loss", min_delta=1e9), epochs=9)
    assert found[2] == [0, 1]


def test_steps_are_counted_on(tmp_path):
    """A callback that looks at every fifth step does so after the resumption too."""
    backup = BackupAndRestore(tmp_path, save_freq=2, verbose=0)
    with pytest.raises(Crash):
        train(arrays, backup, At(4))
    watching = At(0, interval=5)
    train(arrays, backup, watching, epochs=5)
    assert watching.seen == [5, 10, 15]


class Halving(Callback):
    """Changes the learning rate at a step; comes after what makes the checkpoint."""

    step_interval = 2

    def on_train_steps_end(self, step, logs=None):
        self.model.optimizer.learning_rate = 1e-3 / (1 + step)


def test_what_callbacks_do_at_a_step_is_in_its_checkpoint(tmp_path):
    backup = BackupAndRestore(tmp_path, save_freq=2, verbose=0)
    with pytest.raises(Crash):
        train(arrays, backup, Halving(), At(3))
    assert train(arrays, backup, Halving()) == train(arrays, Halving())


def test_a_history_with_nan_is_kept(tmp_path):
    spoiling = LambdaCallback(on_epoch_end=lambda _, logs: logs.update(odd=math.nan))
    backup = BackupAndRestore(tmp_path, verbose=0)
    with pytest.raises(Crash):
        train(arrays, spoiling, backup, At(STEPS + 1))
    _, _, epochs, history = train(arrays, spoiling, backup)
    assert epochs == [*range(EPOCHS)]
    assert np.isnan(history["odd"]).tolist() == [True] * EPOCHS


class Rivals(jt.Model):
    """Two optimizers, as in an adversarial training; `compile` knows of one."""

    def __init__(self):
        super().__init__()
        self.first, self.second = jt.layers.Dense(1), jt.layers.Dense(1)
        self.other = jt.optimizers.Adam(0.1, name="other")

    def call(self, x):
        return self.first(x) + self.second(x)

    def train_step(self, data):
        x, y = data
        for layer, optimizer in (self.first, self.optimizer), (self.second, self.other):
            with jt.GradientTape() as tape:
                loss = self.compute_loss(y=y, y_pred=self(x))
            variables = layer.trainable_variables
            gradients = tape.gradient(loss, variables)
            optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return {"loss": loss}


@pytest.mark.slow
def test_a_second_optimizer_goes_on_exactly(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "renewed", as_new)  # its slots are not there yet
    found = crashed_and_resumed(tmp_path, arrays, At(STEPS + 1), make=Rivals)
    assert found == train(arrays, make=Rivals)


def test_removing_the_checkpoint_leaves_other_files(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    train(arrays, BackupAndRestore(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_folder_that_only_had_the_checkpoint_is_removed(tmp_path):
    train(arrays, BackupAndRestore(tmp_path / "backup"))
    assert [*tmp_path.iterdir()] == []


def test_a_saved_model_is_no_checkpoint(tmp_path):
    renewed(dropping).save(tmp_path / "model")
    with pytest.raises(jt.errors.FileContentError, match="holds a saved model, not a"):
        train(arrays, BackupAndRestore(tmp_path / "model"))


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    with pytest.raises(Crash):
        train(arrays, BackupAndRestore(tmp_path), At(STEPS + 1))

    def wider():
        return jt.Sequential([jt.Input((3,)), jt.layers.Dense(2), jt.layers.Dense(1)])

    with pytest.raises(jt.errors.FileContentError, match="dense"):
        train(arrays, BackupAndRestore(tmp_path, verbose=0), make=wider)


@pytest.mark.parametrize("save_freq", [0, -1, 1.5, True, "step"])
def test_save_freq_is_epoch_or_a_number_of_steps(save_freq):
    with pytest.raises(ValueError, match=rf"'epoch' or a positive.*{save_freq!r}"):
        BackupAndRestore("backup", save_freq=save_freq)
