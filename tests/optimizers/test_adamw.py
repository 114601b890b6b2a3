import pytest

import jaxtape as jt
from tests.optimizers.golden_steps import (
    cases_of,
    check_case,
    check_signature,
    title,
)


@pytest.mark.parametrize("case", cases_of("AdamW"), ids=title)
def test_twenty_steps_are_keras_s(case):
    check_case(case)


def test_first_arguments_are_keras_s():
    check_signature("AdamW")


def test_a_decay_must_be_given():
    with pytest.raises(ValueError, match="`weight_decay`; got None"):
        jt.optimizers.AdamW(weight_decay=None)


def test_it_is_found_by_keras_s_name():
    assert type(jt.optimizers.get("adamw")) is jt.optimizers.AdamW
