"""Arguments of callbacks are checked when they are given, by their names."""

import inspect
import math

import numpy as np
import pytest

import jaxtape as jt
from jaxtape.callbacks import (
    CSVLogger,
    EarlyStopping,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
    TensorBoard,
)
from jaxtape.framework.errors import ArgumentError, ArgumentTypeError, JaxtapeError

GIVEN = {
    "CSVLogger": {"filename": "log.csv"},
    "EarlyStopping": {},
    "LearningRateScheduler": {"schedule": lambda epoch: 0.1},
    "ModelCheckpoint": {"filepath": "model"},
    "ReduceLROnPlateau": {},
    "TensorBoard": {},
    "TerminateOnNaN": {},
}
VALUES = [None, "text", math.nan, math.inf, -1, 1e30, 10**30, [1], {2}, object(), b"a"]


def refusal(make, **arguments):
    """What a callback says of its arguments; empty if it takes them."""
    try:
        make(**arguments)
    except JaxtapeError as error:
        return f"{error} ({isinstance(error, TypeError | ValueError)})"
    return ""


@pytest.mark.parametrize("name", GIVEN)
@pytest.mark.filterwarnings("ignore:TensorBoard does not support")
def test_any_value_is_taken_or_refused_by_our_own_error(name):
    kind = getattr(jt.callbacks, name)
    for argument in inspect.signature(kind).parameters:
        for value in VALUES:
            said = refusal(kind, **{**GIVEN[name], argument: value})
            assert not said or (f"`{argument}`" in said and "(True)" in said)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EarlyStopping(patience="3"), "`patience` of Early.*integer; got '3'"),
        (lambda: EarlyStopping(patience=-1), "`patience` of Early.*negative; got -1"),
        (lambda: EarlyStopping(min_delta=None), "`min_delta`.* a number; got None"),
        (lambda: EarlyStopping(baseline=math.nan), "`baseline`.* finite; got nan"),
        (lambda: EarlyStopping(monitor=None), "`monitor` .*a text; got None"),
        (lambda: ReduceLROnPlateau(min_lr="0"), "`min_lr`.* a number; got '0'"),
        (lambda: ReduceLROnPlateau(cooldown=0.5), "`cooldown`.* integer; got 0.5"),
        (lambda: LearningRateScheduler(0.1), "`schedule` must be a func.*; got 0.1"),
        (lambda: LambdaCallback(on_epoch_end=3), "`on_epoch_end`.* func.*; got 3"),
        (lambda: CSVLogger("a", separator=", "), "`separator`.*one letter; got ', '"),
        (lambda: CSVLogger(3), "`filename` must be a text or a pathlib.Path; got 3"),
        (lambda: CSVLogger(""), "`filename` is empty"),
        (lambda: TensorBoard(3), "`log_dir` must be a text or a pathlib.Path; got 3"),
        (lambda: TensorBoard(histogram_freq=0.5), "`histogram_freq`.*; got 0.5"),
        (lambda: ModelCheckpoint(3), "`filepath` must be a text or a .*; got 3"),
        (lambda: ModelCheckpoint("a", verbose=[]), r"`verbose`.*integer; got \[\]"),
    ],
)
def test_a_wrong_setting_is_named(make, message):
    with pytest.raises((ArgumentError, ArgumentTypeError), match=message):
        make()


def test_numpy_numbers_are_numbers():
    stopping = EarlyStopping(patience=np.int64(2), min_delta=np.float32(0.5))
    assert (stopping.patience, stopping.min_delta) == (2, 0.5)
