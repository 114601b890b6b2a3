"""Every layer, loss, optimizer and regularizer keeps the contracts of its kind."""

import collections
import contextlib

import jax
import pytest

import jaxtape as jt
from tests import contract_checks as checks
from tests.contract_row import BATCH
from tests.contracts import ROWS, final_classes

MODULES = (jt, jt.layers, jt.losses, jt.optimizers, jt.regularizers)


@pytest.fixture(autouse=True)
def _quick_programs():
    """XLA spends little time on programs; no claim is about its optimisations."""
    jt.config.execution("compiled")
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)
    jt.config.execution("auto")


def of_kinds(*kinds, has_slow=False):
    """These rows; second ones of a class and large programs may be slow."""
    return pytest.mark.parametrize(
        "row",
        [
            pytest.param(row, marks=[pytest.mark.slow] * (has_slow and row.is_slow))
            for row in ROWS
            if row.kind in kinds
        ],
        ids=str,
    )


KINDS = ("layer", "loss", "optimizer", "regularizer")
every_row = of_kinds(*KINDS)
every_row_in_time = of_kinds(*KINDS, has_slow=True)
# An update is no function that is differentiated, and variables have known shapes.
differentiable = of_kinds("layer", "loss", "regularizer")


def refusal(row, contract):
    """The error that a row ends in instead of keeping a contract, if it does."""
    if contract in row.refuses:
        return pytest.raises(jt.errors.JaxtapeError, match=row.refuses[contract])
    return contextlib.nullcontext()


@pytest.mark.one_in(4)
@every_row_in_time
def test_a_function_computes_what_plain_calls_do(row):
    checks.check_function(row)


@pytest.mark.slow  # half of all compiling in this file
@every_row
def test_calls_op_by_op_compute_the_same(row):
    checks.check_op_by_op(row)


@pytest.mark.one_in(4, 1)
@every_row_in_time
def test_a_repeated_call_compiles_nothing(row):
    jt.config.execution("auto")
    checks.check_compiles(row)


@pytest.mark.one_in(4)
@every_row_in_time
def test_the_tape_s_gradients_are_those_of_jax_grad(row):
    checks.check_tape(row)


@pytest.mark.slow  # what the op's own rule gives is in the tables of ops
@differentiable
def test_gradients_match_finite_differences(row):
    checks.check_derivative(row)


@pytest.mark.one_in(5)
@every_row_in_time
def test_half_precision_keeps_dtypes(row):
    checks.check_half(row)


@differentiable
def test_a_symbolic_shape_is_the_real_one(row):
    checks.check_symbolic(row)


@pytest.mark.filterwarnings("ignore:The loop at")  # each size compiles anew
@pytest.mark.one_in(5, 1)
@every_row_in_time
def test_a_batch_of_one_and_an_empty_one_are_finite(row):
    checks.check_small(row)


@pytest.mark.one_in(5, 2)
@every_row_in_time
def test_an_object_made_from_the_config_computes_the_same(row):
    with refusal(row, "config"):
        checks.check_config(row)


@pytest.mark.one_in(4)
@of_kinds("layer", "optimizer")  # losses and regularizers are saved with these
@pytest.mark.filterwarnings("ignore:Optax")  # its settings have to be given again
def test_what_is_loaded_goes_on_as_what_was_saved(row):
    checks.check_saving(row)


def test_every_class_has_a_row():
    known = {row.cls for row in ROWS}
    assert not [cls for cls in final_classes(*MODULES) if cls not in known]


def test_no_two_rows_have_the_same_name():
    counts = collections.Counter(map(str, ROWS))
    assert not [name for name, count in counts.items() if count > 1]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_the_batch_is_the_only_axis_of_its_length(row):
    shapes = [part.shape for part in row.parts()]
    assert shapes
    assert all(shape[0] == BATCH not in shape[1:] for shape in shapes)
