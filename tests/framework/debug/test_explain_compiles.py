"""`jt.debug.explain_compiles`: which line, how long, and what was new."""

import re
import warnings

import jax
import numpy as np
import pytest

import jaxtape as jt
from jaxtape.framework.recording import compiling, slots
from jaxtape.framework.recording.site import Site
from tests.halving import halving_optimizer
from tests.lines import line_of


class Trainer:
    """Mean of w x over a batch, by a step that can take all kinds of turns."""

    def __init__(self):
        self.w = jt.Variable(np.ones((5, 3)), name="weights")
        self.optimizer = halving_optimizer()

    def step(self, batch, power=None, num_sines=0, is_doubled=False):
        with jt.GradientTape() as tape:
            y = jt.matmul(batch, self.w)
            if power is not None:
                y = to_the_power(y, power)
            for _ in range(num_sines):
                y = jt.sin(y)
            if is_doubled:
                y = jt.abs(y)
            loss = jt.reduce_mean(y)
        gradient = tape.gradient(loss, self.w)
        self.optimizer.apply_gradients([(gradient, self.w)])


@jt.op
def to_the_power(base, exponent: int):
    return base**exponent


LAUNCH = line_of(Trainer.step, "apply_gradients")
MATMUL = line_of(Trainer.step, "jt.matmul")


def batch_of(length, dtype=np.float32):
    return np.ones((length, 5), dtype)


def compiles_of(run):
    """What is listed newly after `run`."""
    before = jt.debug.explain_compiles()
    run()
    after = jt.debug.explain_compiles()
    known = before.num_forgotten + len(before.compiles)
    return after.compiles[known - after.num_forgotten :]


def second_compile(first, second):
    """The compile of a step, after another step of the same trainer."""
    trainer = Trainer()
    trainer.step(**first)
    (found,) = compiles_of(lambda: trainer.step(**second))
    return found


def test_a_compile_names_its_line_its_function_and_its_time():
    trainer = Trainer()
    (found,) = compiles_of(lambda: trainer.step(batch_of(31)))
    assert (found.line, found.function) == (LAUNCH, "step")
    assert found.num_calls == 4  # matmul, reduce_mean, gradient, update
    assert 0.001 < found.seconds < 60


def test_a_step_that_compiles_nothing_is_not_listed():
    trainer = Trainer()
    trainer.step(batch_of(30))
    assert compiles_of(lambda: [trainer.step(batch_of(30)) for _ in range(5)]) == ()


def test_another_batch_size_names_the_argument_as_it_was_written():
    found = second_compile({"batch": batch_of(32)}, {"batch": batch_of(17)})
    assert found.reasons == (
        f"batch: float32[32,5] -> float32[17,5] (matmul at {MATMUL})",
    )


def test_another_dtype_names_the_argument():
    numbers = batch_of(29, np.int32)
    found = second_compile({"batch": batch_of(29)}, {"batch": numbers})
    assert found.reasons == (
        f"batch: float32[29,5] -> int32[29,5] (matmul at {MATMUL})",
    )


def test_another_option_is_named():
    x = batch_of(28)
    found = second_compile({"batch": x, "power": 2}, {"batch": x, "power": 3})
    line = line_of(Trainer.step, "to_the_power(y")
    assert found.reasons == (f"option exponent of to_the_power: 2 -> 3 (at {line})",)


def test_the_first_call_that_differs_is_named_with_its_line():
    x = batch_of(27)
    found = second_compile({"batch": x}, {"batch": x, "num_sines": 1})
    mean, sine = line_of(Trainer.step, "reduce_mean"), line_of(Trainer.step, "jt.sin")
    assert found.reasons == (f"call 2: reduce_mean at {mean} -> sin at {sine}",)


def test_a_setting_is_named():
    trainer = Trainer()
    trainer.step(batch_of(26))
    with jax.default_matmul_precision("highest"):
        (found,) = compiles_of(lambda: trainer.step(batch_of(26)))
    (reason,) = found.reasons
    assert reason == "setting jax.default_matmul_precision: None -> highest"


def test_a_variable_is_named():
    def run(shape):
        v = jt.Variable(np.ones(shape), name="carried")
        optimizer = halving_optimizer()
        with jt.GradientTape() as tape:
            loss = jt.reduce_prod(jt.cos(v))
        optimizer.apply_gradients([(tape.gradient(loss, v), v)])

    run((25, 2))
    (found,) = compiles_of(lambda: run((25, 4)))
    assert found.reasons[0].startswith(
        "Variable 'carried': float32[25,2] -> float32[25,4] (cos at "
    )


def test_the_nearest_of_several_programs_is_compared():
    trainer = Trainer()
    trainer.step(batch_of(24), num_sines=2)
    trainer.step(batch_of(24))
    (found,) = compiles_of(lambda: trainer.step(batch_of(23), num_sines=2))
    assert found.reasons[0].startswith("batch: float32[24,5] -> float32[23,5]")


def test_a_program_unlike_any_other_says_so():
    def run():
        with jt.GradientTape():
            y = jt.math.lgamma(jt.math.atan(jt.math.acosh(jt.constant(np.full(22, 2)))))
        float(y[0])

    run()
    (found,) = compiles_of(run)
    assert found.reasons == ("nothing like it was compiled before",)


def test_many_arguments_that_differ_are_counted():
    def run(length):
        xs = [jt.constant(np.ones(length)) for _ in range(5)]
        with jt.GradientTape():
            y = jt.reduce_sum(jt.stack([jt.math.tan(x) for x in xs]))
        float(y)

    run(21)
    run(21)
    run(20)
    (found,) = compiles_of(lambda: run(20))
    assert len(found.reasons) == 4
    assert found.reasons[-1] == "and 2 more arguments"


def test_a_program_that_was_dropped_says_so(monkeypatch):
    trainer, other = Trainer(), Trainer()
    monkeypatch.setattr(jt.config.bounds, "programs", 1)
    trainer.step(batch_of(19))
    other.step(batch_of(19), num_sines=3)
    (found,) = compiles_of(lambda: trainer.step(batch_of(19)))
    assert "was dropped" in found.reasons[0]


def test_other_results_that_are_held_are_named():
    x = jt.constant(np.ones(18))

    def tangent(is_held):
        with jt.GradientTape():
            middle = jt.math.tan(x)
            y = middle * 2.0
        kept = middle if is_held else None
        middle = None
        y.numpy()
        return kept

    tangent(False)
    tangent(False)
    (found,) = compiles_of(lambda: tangent(True))
    assert found.reasons == (
        "results that are held now and were not before: "
        f"tan at {line_of(tangent, 'jt.math.tan')}",
    )


def test_single_calls_are_summed_up():
    before = jt.debug.explain_compiles()
    length = 1009  # no other test has it
    jt.math.cosh(jt.constant(np.ones(length))).numpy()
    after = jt.debug.explain_compiles()
    assert after.num_single == before.num_single + 1
    assert after.single_seconds > before.single_seconds
    assert after.compiles == before.compiles
    assert f"{after.num_single} single calls compiled on their own" in str(after)


def test_a_users_own_jit_is_not_counted():
    before = jt.debug.explain_compiles().num_single
    jax.jit(lambda x: x * 2.5)(np.ones(1013)).block_until_ready()
    assert jt.debug.explain_compiles().num_single == before


def test_the_report_prints_a_paragraph_for_each_compile():
    trainer = Trainer()
    trainer.step(batch_of(16))
    trainer.step(batch_of(15))
    report = jt.debug.explain_compiles()
    text = str(report)
    assert repr(report) == text
    assert re.match(rf"{len(report.compiles)} programs compiled in \d+\.\d\d s", text)
    assert re.search(
        rf"\d+\. step at {re.escape(LAUNCH)}, compile \d+ of this line: 4 calls, "
        rf"\d+\.\d\d s\n    batch: float32\[16,5\] -> float32\[15,5\] "
        rf"\(matmul at {re.escape(MATMUL)}\)\n",
        text,
    )


def test_the_fifth_compile_of_one_loop_warns_once():
    trainer = Trainer()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for number in range(8):
            trainer.step(batch_of(14), num_sines=number)
    (warning,) = caught
    assert f"{warning.filename}:{warning.lineno}" == LAUNCH
    mean, sine = line_of(Trainer.step, "reduce_mean"), line_of(Trainer.step, "jt.sin")
    assert re.fullmatch(
        rf"Compile 5 of `step` at {re.escape(LAUNCH)}, after \d+\.\d s of compiling: "
        rf"call 5: reduce_mean at {re.escape(mean)} -> sin at {re.escape(sine)}\. "
        r"A Python `if` or loop that depends on the data .* "
        r"jt\.debug\.explain_compiles\(\) lists all\.",
        str(warning.message),
    )


def test_an_option_that_changes_at_every_step_is_named_in_the_warning():
    trainer = Trainer()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for number in range(2, 8):
            trainer.step(batch_of(13), power=number)
    texts = [str(w.message) for w in caught if "Compile 5" in str(w.message)]
    assert len(texts) == 1
    assert "option exponent of to_the_power: 5 -> 6" in texts[0]
    assert "Pass what changes as an array" in texts[0]


def test_a_size_that_was_warned_of_is_not_warned_of_again():
    trainer = Trainer()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for length in range(40, 48):
            trainer.step(batch_of(length))
    (warning,) = caught
    assert "jt.pad_batch" in str(warning.message)


def test_a_helper_that_reads_no_variable_is_no_loop():
    def double(dtype):
        with jt.GradientTape():
            y = jt.ones((9, 2), dtype) * 2.0
        y.numpy()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for dtype in ("float16", "bfloat16", "float32", "int32", "int8", "uint8"):
            double(dtype)
            double(dtype)


def test_five_models_are_five_loops():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for number in range(6):
            Trainer().step(batch_of(12), num_sines=10 + number)


@pytest.mark.parametrize("number", [pytest.param(3, marks=pytest.mark.slow), 4])
def test_fewer_compiles_than_five_are_no_reason_to_warn(number):
    trainer = Trainer()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for count in range(number):
            trainer.step(batch_of(11 - number), num_sines=20 + count)


def test_compiles_that_ctrl_c_ended_are_not_counted(monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    trainer = Trainer()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trainer.step(batch_of(17))
        with monkeypatch.context() as patch:
            patch.setattr(slots.Slot, "compile", interrupted)
            for number in range(6):
                with pytest.raises(KeyboardInterrupt):
                    trainer.step(batch_of(17), num_sines=30 + number)
        trainer.step(batch_of(17), num_sines=40)
    trainer.w.numpy()


def test_what_is_kept_is_bounded(monkeypatch):
    log, variable = compiling.Log(), jt.Variable(1.0)
    code = test_what_is_kept_is_bounded.__code__
    monkeypatch.setattr(compiling, "_MAX_LISTED", 3)
    monkeypatch.setattr(compiling, "_MAX_LOOPS", 2)
    monkeypatch.setattr(compiling, "_MAX_OUTLINES", 2)
    for number in range(10):
        entry = compiling.Compile(f"line {number}", "", 1, 0.1, 1, ())
        log.add(entry)
        log.count(f"line {number}")
        log.loop(Site(code, number), variable)
        log.remember(compiling.Outline("", (), (), frozenset(), frozenset(), number))
    assert [entry.line for entry in log.listed] == ["line 7", "line 8", "line 9"]
    assert log.num_forgotten == 7
    assert max(map(len, (log.num_of_line, log.loops))) <= 4
    assert [outline.demand for outline in log.outlines] == [8, 9]
