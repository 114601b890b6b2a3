"""TensorFlow's tutorials, with their import line changed and nothing else.

What a script prints is what TensorFlow prints (`goldens/tutorials.json`); the values in
`RIGHT` come from mathematics.
"""

import math
import re
from pathlib import Path

import numpy as np
import pytest

from tests.golden_values import golden

SCRIPTS = sorted(Path(__file__).with_name("tutorial_scripts").glob("*.py"))
PRINTED = golden("tutorials")["scripts"]
SLOW = {  # to compile; about 30 of 50 seconds
    "adversarial_model",
    "integrated_gradients",
    "reinforce",
    "vgg16_head",
}
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*(?:e[-+]?\d+)?|\bnan\b|\binf\b)")

# Variables of the scripts at their ends, by script.
RIGHT = {
    "adversarial_model": {},
    "batch_jacobian": {
        "batch_jacobian.shape": (4, 2, 3),
        "error": 0,
        "off_diagonal": 0,
    },
    # The gradient of log 2, whatever the labels, before the last weights are trained.
    "bce_training_loop": {"first_loss": math.log(2), "difference": 0},
    "custom_relu": {},
    # |(3, 4, 12)| = 13: half of it is (1.5, 2, 6), and 5 and 12 to norm 1 are these.
    "gradient_clipping": {
        "norm": 13,
        "by_value[0]": [2, 2],
        "by_value[1]": 2,
        "by_norm[0]": [0.6, 0.8],
        "by_norm[1]": 1,
        "by_global_norm[0]": [1.5, 2],
        "by_global_norm[1]": 6,
    },
    # The trapezoid rule's error is of order 1 / steps ** 2.
    "integrated_gradients": {"completeness_error": 0},
    # d sin(b) b / db = sin(9) + 9 cos(9), times db / da = 6.
    "intermediate_gradients": {
        "dz_dx": 5,
        "dz_dy": 1,
        "dy_dx": 4,
        "gradients['b']": math.sin(9) + 9 * math.cos(9),
        "gradients['a']": 6 * (math.sin(9) + 9 * math.cos(9)),
        "by_hidden": [[5, -6, 7]],
        "by_kernel": [[0, -6, 7], [0, 12, -14]],
    },
    # v0 ** 2 v1 ** 3 at (1, 2).
    "jacobian": {
        "by_x[0, :, 0]": [[1, 2, 0], [-1, 0.5, 4]],
        "by_W[0, :, :, 0]": [[1, 2, 3], [0, 0, 0]],
        "gradient": [16, 12],
        "hessian": [[16, 24], [24, 12]],
        "total": 24,
    },
    "l2_by_add_n": {"penalty_error": 0, "kernel_error": 0, "elsewhere": 0},
    "linear_regression": {
        "dw_fitting": 0,
        "db_fitting": 0,
        "dw_first": -35,
        "db_first": -12,
        "w": 2,
        "b": 1,
    },
    "nested_tapes": {
        "first": 75,
        "second": 30,
        "third": 6,
        "dz_dx": [4, 108],
        "dy_dx": [2, 6],
        "duv": 108,
    },
    # The prize is to the right of every room.
    "reinforce": {"np.argmax(probs, axis=1)": [1, 1, 1]},
    "soft_argmax": {
        "hard": None,
        "of_sum": [0, 0, 0],
        "soft": [-0.2365, -0.0125, 0.2490],
        "tf.argmax(scores)": 2,
    },
    "vgg16_head": {"unchanged": True, "base_model.count_params()": 14_714_688},
    "watched_constant": {
        "unwatched": None,
        "watched": 6,
        "gradients[0]": 6,
        "gradients[1]": None,
        "gradients[2]": None,
        "gradients[3]": None,
        "by_x0": None,
        "by_x1": 0.75,
        "by_none": 0,
    },
}
TOLERANCE = {  # where it is not that of rounded sums
    "integrated_gradients": 1e-2,  # 50 steps
    "soft_argmax": 1e-4,  # four digits above
}


def run(path):
    """The script's variables when it has run with its import line changed."""
    source = path.read_text(encoding="utf-8")
    assert source.startswith("import tensorflow as tf\n")
    changed = source.replace("import tensorflow as tf", "import jaxtape as tf", 1)
    assert "tensorflow" not in changed
    names = {"__name__": path.stem}
    exec(compile(changed, path, "exec"), names)
    return names


def assert_same_text(printed, expected):
    """Equal but for the last digits of numbers, and the width that they take."""
    printed = printed.replace("jt.Tensor", "tf.Tensor")
    words = ["".join(NUMBER.sub("#", text).split()) for text in (printed, expected)]
    assert words[0] == words[1], printed
    numbers = [list(map(float, NUMBER.findall(t))) for t in (printed, expected)]
    # Up to a hundred steps of training, each rounded to float32 in another order.
    np.testing.assert_allclose(*numbers, rtol=2e-4, atol=1e-5, err_msg=printed)


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, marks=[pytest.mark.slow] if path.stem in SLOW else [])
        for path in SCRIPTS
    ],
    ids=lambda path: path.stem,
)
def test_a_tutorial_ends_with_the_right_numbers(path, capsys, quick_programs):
    names = run(path)
    printed = capsys.readouterr()
    assert_same_text(printed.out, "\n".join(PRINTED[path.stem]["output"]))
    for line in PRINTED[path.stem]["errors"]:
        assert line in printed.err
    for expression, value in RIGHT[path.stem].items():
        found = eval(expression, names)
        if value is None:
            assert found is None, expression
        else:
            tolerance = TOLERANCE.get(path.stem, 1e-5)
            np.testing.assert_allclose(found, value, tolerance, tolerance, expression)


def test_there_are_fifteen_tutorials_each_with_its_numbers():
    names = [path.stem for path in SCRIPTS]
    assert len(names) == 15
    assert names == sorted(RIGHT) == sorted(PRINTED)


def test_a_wrong_number_or_word_is_noticed():
    assert_same_text("loss 0.50001, 3", "loss 0.5,  3.0")
    for wrong in ("loss 0.501, 3", "los 0.5, 3", "loss 0.5, 3 4"):
        with pytest.raises(AssertionError):
            assert_same_text(wrong, "loss 0.5, 3")
