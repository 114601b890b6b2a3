import io

import pytest

import jaxtape as jt
from jaxtape.errors import BodyError
from tests.golden_values import golden

CASES = golden("printing")["cases"]
STRUCTURES = golden("printing")["structures"]


def printed(*inputs, **arguments):
    stream = io.StringIO()
    jt.print(*inputs, output_stream=stream, **arguments)
    return stream.getvalue()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["text"][:20])
def test_a_tensor_is_printed_as_by_tensorflow(case):
    tensor = jt.constant(case["values"], dtype=case["dtype"])
    assert printed("x:", tensor, **case["arguments"]) == case["text"]


@pytest.mark.parametrize("row", STRUCTURES, ids=lambda row: row["expression"])
def test_what_is_no_tensor_is_printed_as_by_tensorflow(row):
    names = {"tf": jt, "x": jt.constant([1.0, 2.5]), "printed": printed}
    assert eval(f"printed({row['expression']})", names) == row["text"]


def test_it_goes_to_the_error_stream(capsys):
    jt.print("loss", jt.constant(0.5))
    assert capsys.readouterr() == ("", "loss 0.5\n")


def test_a_pending_value_is_printed_under_a_tape():
    x = jt.Variable(3.0)
    with jt.GradientTape() as tape:
        y = x * x
        assert printed(y) == "9\n"
    assert float(tape.gradient(y, x)) == 6.0


def test_a_recorded_function_has_no_values_to_print():
    with pytest.raises(BodyError, match=r"@jt\.function"):
        jt.function(lambda x: jt.print(x))(jt.constant(1.0))
