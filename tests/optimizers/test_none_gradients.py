"""What `apply_gradients` says of gradients that are `None`.

Row "None gradients" of the table "What messages must say", and row G10 of the hazards.
"""

import gc
import re
import threading
import weakref

import numpy as np
import pytest

import jaxtape as jt
from tests.code_line import line
from tests.in_threads import in_a_thread


def pair():
    return [jt.Variable(np.ones(2, np.float32), name=name) for name in ("a", "b")]


def gradients_of(a, b, persistent=False):
    """Gradients of which the second is `None`, and the line of the reason."""
    with jt.GradientTape(persistent=persistent) as tape:
        cut, where = jt.stop_gradient(b), line()
        loss = jt.reduce_sum(a * cut)
    return tape.gradient(loss, [a, b]), where


def warned(optimizer, pairs):
    """The one warning of an update, and whether it points here."""
    with pytest.warns(UserWarning, match="no gradient") as caught:
        optimizer.apply_gradients(pairs)
    (warning,) = caught
    assert warning.filename == __file__
    return str(warning.message)


def test_the_warning_names_the_variable_the_op_and_the_line():
    a, b = pair()
    gradients, where = gradients_of(a, b)
    said = warned(jt.optimizers.SGD(0.5), zip(gradients, (a, b), strict=True))
    assert said == (
        "1 of 2 variables have no gradient and are left as they are:\n"
        f"  'b': the path crosses stop_gradient, at {where}, which lets no gradient "
        "through.\n"
        "Does the loss depend on them, inside the tape? "
        "Was a part of the loss forgotten?"
    )
    assert (a.tolist(), b.tolist()) == ([0.5, 0.5], [1.0, 1.0])


def test_all_none_is_an_error_with_the_reasons():
    a, b = pair()
    with jt.GradientTape() as tape:
        loss, where = jt.reduce_sum(jt.round(a)), line()
    gradients = tape.gradient(loss, [a, b])
    optimizer = jt.optimizers.Adam()
    said = rf"are None:\n  'a': the path crosses round, at {re.escape(where)}"
    with pytest.raises(ValueError, match=said) as caught:
        optimizer.apply_gradients(zip(gradients, [a, b], strict=True))
    assert "'b': the target does not depend on it" in str(caught.value)
    assert int(optimizer.iterations) == 0


def test_the_reason_is_there_when_tape_and_loss_are_gone():
    a, b = pair()
    gradients, where = gradients_of(a, b)
    gc.collect()
    said = warned(jt.optimizers.SGD(), zip(gradients, (a, b), strict=True))
    assert where in said


def test_a_loop_says_it_once():
    a, b = pair()
    optimizer = jt.optimizers.SGD(0.5)
    gradients, _ = gradients_of(a, b)
    warned(optimizer, zip(gradients, (a, b), strict=True))
    for _ in range(3):  # here a warning would be an error
        gradients, _ = gradients_of(a, b)
        optimizer.apply_gradients(zip(gradients, (a, b), strict=True))
    gradients, _ = gradients_of(b, a)
    assert "'a': the path" in warned(optimizer, zip(gradients, (b, a), strict=True))
    assert (a.tolist(), b.tolist()) == ([-1, -1], [1.5, 1.5])


def test_a_later_gradient_with_no_none_clears_the_reasons():
    a, b = pair()
    gradients, where = gradients_of(a, b)
    with jt.GradientTape() as tape:
        loss = jt.reduce_sum(a * b)
    tape.gradient(loss, [a, b])
    said = warned(jt.optimizers.SGD(), zip(gradients, (a, b), strict=True))
    assert where not in said
    assert "'b'. Does the loss" in said


def test_reasons_belong_to_the_thread_that_asked():
    a, b = pair()
    gradients, where = gradients_of(a, b)
    in_a_thread(lambda: gradients_of(b, a))
    said = warned(jt.optimizers.SGD(), zip(gradients, (a, b), strict=True))
    assert where in said


def test_another_variable_gets_no_reason():
    a, b = pair()
    gradients, where = gradients_of(a, b)
    other = jt.Variable([1.0, 1.0], name="other")
    said = warned(jt.optimizers.SGD(), zip(gradients, (a, other), strict=True))
    assert where not in said
    assert "'other'. Does" in said


def test_variables_with_one_reason_stand_together_and_many_reasons_are_cut():
    a, _ = pair()
    unused = [jt.Variable(1.0, name=f"unused_{n}") for n in range(20)]
    stopped = [jt.Variable(1.0, name=f"stopped_{n}") for n in range(15)]
    with jt.GradientTape() as tape:
        loss = jt.reduce_sum(a)
        for v in stopped:
            loss = loss + jt.stop_gradient(v)
            loss = loss * 1.0
    sources = [a, *unused, *stopped]
    pairs = zip(tape.gradient(loss, sources), sources, strict=True)
    said = warned(jt.optimizers.SGD(), pairs)
    assert "35 of 36 variables have no gradient" in said
    assert "'unused_0', 'unused_1', " in said


def test_what_is_kept_holds_neither_variables_nor_values():
    a, b = pair()
    gradients, _ = gradients_of(a, b)
    references = [weakref.ref(a), weakref.ref(b), weakref.ref(gradients[0])]
    del a, b, gradients
    jt.sync()
    gc.collect()
    assert [reference() for reference in references] == [None] * 3


def test_reasons_for_nothing_in_a_new_thread():
    """A thread without a gradient of its own warns as ever."""
    found = []

    def step():
        a, b = pair()
        found.append(warned(jt.optimizers.SGD(), [(jt.ones(2), a), (None, b)]))

    thread = threading.Thread(target=step)
    thread.start()
    thread.join(60)
    assert "'b'. Does the loss" in found[0]
