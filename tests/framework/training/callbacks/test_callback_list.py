"""CallbackList: the order of calls, and how often the training has to be left."""

import pytest

import jaxtape as jt
from jaxtape.callbacks import Callback, CallbackList, EarlyStopping, LambdaCallback
from jaxtape.framework.errors import ArgumentTypeError
from tests.training_course import run


class Noting(Callback):
    def __init__(self, notes, name=""):
        super().__init__()
        self.notes, self.name = notes, name

    def on_epoch_begin(self, epoch, logs=None):
        self.notes.append(f"{self.name}begin {epoch}")

    def on_epoch_end(self, epoch, logs=None):
        self.notes.append(f"{self.name}end {epoch}")


class Counting(Callback):
    """Notes at which steps it was called."""

    def __init__(self, interval):
        super().__init__()
        self.step_interval = interval
        self.steps = []

    def on_train_steps_end(self, step, logs=None):
        self.steps.append(step)


def test_callbacks_are_called_in_their_order_with_model_and_params():
    notes = []
    first, second = Noting(notes, "a "), Noting(notes, "b ")
    model, _ = run([first, [second]], {"loss": [1.0]})
    assert notes == ["a begin 0", "b begin 0", "a end 0", "b end 0"]
    assert first.model is second.model is model
    assert first.params == {"verbose": 0, "epochs": 1, "steps": 1}


def test_what_a_callback_changes_in_the_logs_is_what_later_ones_get():
    def change(epoch, logs):
        logs["twice"] = 2 * logs.pop("loss")

    seen = []
    look = LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(dict(logs)))
    _, history = run([LambdaCallback(on_epoch_end=change), look], {"loss": [3.0]})
    assert seen == [{"twice": 6.0}]
    assert history.history == {"twice": [6.0]}


@pytest.mark.parametrize(
    ("intervals", "common"),
    [([None], None), ([4, 6], 2), ([0], 0), ([0, 5], 5), ([None, 3], 3), ([], None)],
)
def test_the_interval_is_the_greatest_common_divisor(intervals, common):
    told = CallbackList([Counting(interval) for interval in intervals])
    assert told.step_interval == common


def test_each_is_called_at_multiples_of_its_own_interval_over_all_epochs():
    fours, sixes, always = Counting(4), Counting(6), Counting(0)
    run([fours, sixes, always], {"loss": [1.0, 1.0]}, steps=9, launch=100)
    # Launches end at 2, 4, 6, 8 and 9 of the first nine, then at 10, 12, ... of all.
    assert fours.steps == [4, 8, 12 - 9, 16 - 9]
    assert sixes.steps == [6, 12 - 9, 18 - 9]
    assert always.steps == [2, 4, 6, 8, 9, 1, 3, 5, 7, 9]


def test_a_launch_that_passes_a_multiple_is_told_of_once():
    counting = Counting(4)
    told = CallbackList([counting])
    told.on_train_begin()
    for step in (3, 9, 10):
        told.on_train_steps_end(step)
    assert counting.steps == [9]


@pytest.mark.parametrize(
    "hook",
    ["on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end"],
)
def test_a_callback_with_a_hook_for_batches_sees_each(hook):
    batches = []
    each = LambdaCallback(**{hook: lambda batch, logs=None: batches.append(batch)})
    told = CallbackList([EarlyStopping(), each])
    assert (told.watches_batches, told.step_interval) == (True, 1)
    run(each, {"loss": [1.0, 1.0]}, steps=2, launch=100)
    assert batches == [0, 1, 0, 1]


def test_a_method_of_a_subclass_watches_as_well():
    class Watching(Callback):
        def on_test_batch_end(self, batch, logs=None):
            self.batch = batch

    watching = Watching()
    told = CallbackList([watching, EarlyStopping()])
    assert told.watches_test_batches
    assert not told.watches_batches
    assert not told.watches_predict_batches
    told.on_test_batch_begin(7)
    told.on_test_batch_end(7)
    assert watching.batch == 7


@pytest.mark.parametrize("when", ["train", "test", "predict"])
def test_progress_goes_to_those_that_show_it(when):
    seen = []
    name = f"on_{when}_progress"
    showing = LambdaCallback(
        shows_progress=True, **{name: lambda step, read: seen.append((step, read()))}
    )
    told = CallbackList([Callback(), showing])
    assert told.shows_progress
    getattr(told, name)(3, lambda: {"loss": 1.0})
    assert seen == [(3, {"loss": 1.0})]
    assert not CallbackList([Callback()]).shows_progress


@pytest.mark.parametrize("when", ["test", "predict"])
def test_evaluations_and_predictions_are_told_of(when):
    notes = []
    hooks = [f"on_{when}_{rest}" for rest in ("begin", "batch_begin", "batch_end")]
    told = CallbackList(
        LambdaCallback(
            **{hook: lambda *given, hook=hook: notes.append(hook) for hook in hooks}
        )
    )
    assert getattr(told, f"watches_{when}_batches")
    getattr(told, hooks[0])()
    getattr(told, hooks[1])(0)
    getattr(told, hooks[2])(0, {})
    getattr(told, f"on_{when}_end")()
    assert notes == hooks


def test_keras_spelling_of_the_params():
    told = CallbackList(Callback(), add_history=True, epochs=3, steps=7, verbose=0)
    assert told.callbacks[0].params == {"epochs": 3, "steps": 7, "verbose": 0}
    assert CallbackList(told).callbacks == told.callbacks


def test_what_is_no_callback_is_named():
    with pytest.raises(ArgumentTypeError, match=r"got 'adam'. Derive it from"):
        CallbackList(["adam"])
    with pytest.raises(ArgumentTypeError, match=r"give an object, EarlyStopping\(\)"):
        CallbackList([EarlyStopping])


def test_an_unknown_hook_is_named():
    with pytest.raises(ArgumentTypeError, match="got 'on_epoch_stop', which is no"):
        LambdaCallback(on_epoch_stop=print)


def test_faces_show_the_same_classes():
    assert jt.keras.callbacks.EarlyStopping is jt.callbacks.EarlyStopping
