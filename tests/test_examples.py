import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression

from tests.compile_counter import count_compiles

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
TIME_LIMIT = 120  # seconds: twice what an example may take, for a slow machine
# Three minutes of training, and 100 episodes more.
TIME_LIMITS = {"actor_critic": 360}
PRINTED = {  # what an example prints, and the least and largest value that is right
    "actor_critic": {
        r"training took (\S+) s": (0, 180),
        r"mean return of 100 fresh episodes: (\S+)": (475, 500),  # gymnasium: solved
    },
    "adversarial_training": {
        # The same script with TensorFlow 2.21: 8.2 percent to 75.1, 66.9 points.
        r"epsilon 0.00: accuracy \S+ to (\S+),": (0.95, 1),
        r"epsilon 0.20: accuracy \S+ to \S+, gained (\S+) points": (50, 100),
    },
    "apply_gradients_effect": {
        # Taylor: a step of rate r down a gradient g moves its function by -r * |g|**2,
        # less a term of the second order.
        r"first step: .* (\S+) times -rate": (0.95, 1.05),
        r"steps down the loss: R2 held out (\S+)": (0.2, 1),
        # R2 is 0 for who says the mean to everyone (scikit-learn's r2_score).
        r"steps down the prediction: R2 held out (\S+)": (-np.inf, 0),
    },
    "custom_gradient": {
        # A unit that stays 0 has the loss of relu(x)**2, for x uniform in [-2, 2]:
        # 2/3 on average, and four standard errors of 1,024 draws are 0.14.
        r"unit with relu: loss \S+ -> (\S+)": (0.53, 0.81),
        r"unit with leaking_relu: loss \S+ -> (\S+)": (0, 0.05),
        r"wrong whole numbers at last: (\d+) of 4": (0, 0),
    },
    "custom_train_step": {
        r"accuracy held out: (\S+)": (0.9, 1),
        # The same computation, in float32.
        r"weights of the plain fit: (\S+)": (0, 1e-5),
    },
    "digits_fit": {
        r"took (\S+) s": (0, 60),
        # 98 percent is the mean of three seeds; one may be two standard deviations
        # of the mistakes in 360 images below it: 2 * sqrt(0.98 * 0.02 / 360).
        r"accuracy held out: (\S+)": (0.965, 1),
    },
    "digits_tape": {
        r"accuracy held out: (\S+)": (0.965, 1),
        r"losses from fit's: (\S+)": (0, 1e-5),
    },
    "fgsm": {
        r"epsilon 0.00: accuracy (\S+)": (0.9, 1),
        r"epsilon 0.20: accuracy (\S+)": (0, 0.3),
        # Madry et al., 2018: the stronger attack
        r"less that under FGSM, at most: (\S+)": (-1, 0),
    },
    "gan": {
        # Of a normal cluster 1 - exp(-9 / 2) = 0.989 lie within three standard
        # deviations. The least of eight has at most an eighth; half of it is asked.
        r"within 3 standard deviations: (\S+),": (0.8, 1),
        r"least cluster: (\S+),": (0.0625, 0.125),
    },
    "gradient_clipping": {
        # All entries keep their signs or become 0, so less than 90 degrees.
        r"clip_by_value: turned by (\S+) degrees": (1, 90),
        r"clip_by_norm: turned by (\S+) degrees": (1, 90),
        r"clip_by_global_norm: turned by (\S+) degrees": (0, 0.1),  # float32
        r"without clipping: loss (?:nan|inf|\S+e\+\d+) after (\d+) steps": (1, 50),
        # The variance of a sum of 30 numbers from 0 to 1 is 30 / 12; half of it.
        r"fresh sequences: loss (\S+), of guessing the mean 2.5": (0, 1.25),
    },
    "higher_order": {
        r"x cubed at 5: 125, 75, 30, (\S+)": (6, 6),
        # At (1, 1) the second derivatives are 2 + 1200 x**2 - 400 y, -400 x and 200.
        r"Hessian at \(1, 1\): \[\[802.0, -400.0\], \[-400.0, (\S+)\]\]": (200, 200),
        r"steps, (\S+) from \(1, 1\)": (0, 1e-6),  # float32
    },
    "integrated_gradients": {
        # Completeness is a theorem; the trapezoid rule is O(1 / steps**2) from it.
        r"trapezoid rule: .* within (\S+) percent": (0, 0.1),
    },
    "jacobian": {
        r"jacobian \(4, 2, 4, 3\), batch_jacobian \((\d), 2, 3\)": (4, 4),
        r"between different targets: (\S+)": (0, 0),
        r"largest difference from calculus: (\S+)": (0, 1e-5),  # float32, values to 14
        # sqrt(2 / 100,000) = 0.005 by chance; 3 * 0.08**2 = 0.02, since arcs are bent
        r"differ by at most (\S+)": (0, 0.035),
    },
    "l2_regularization": {
        r"added to the loss: .* (\S+) from 0.01 \* sum\(W\*\*2\)": (0, 1e-6),
        r"added to dense/kernel: .* (\S+) from 0.02 \* W": (0, 1e-6),  # float32
        r"added to dense_1/kernel: .* (\S+) from nothing": (0, 1e-6),
        r"from ridge regression: (\S+)": (0, 1e-4),
    },
    "newton": {
        r"(\d+) steps": (1, 9),  # fewer than 10
        r"largest difference from scikit-learn (\S+)": (0, 1e-5),  # float32
    },
    "polynomial": {
        r"dz/dx = (\S+),": (5, 5),  # 2x + 1 at 2
        r"dz/dy = (\S+)": (1, 1),
        r"\nconstant: None\nwatched constant: (\S+)": (4, 4),  # 2x at 2
        r"derivative 0: relative difference from NumPy (\S+)": (0, 1e-6),  # float32
        r"derivative 1: relative difference from NumPy (\S+)": (0, 1e-6),
        r"derivative 2: relative difference from NumPy (\S+)": (0, 1e-6),
    },
    "regression": {
        r"relative difference (\S+),": (0, 1e-6),
        r"largest coefficient error (\S+)": (0, 1e-4),
    },
    "regression_fit": {
        r"relative difference (\S+),": (0, 1e-6),
        r"largest coefficient error (\S+)": (0, 1e-4),
    },
    "reinforce": {
        r"training took (\S+) s": (0, 120),
        r"mean return of 100 fresh episodes: (\S+)": (475, 500),  # gymnasium: solved
    },
    "saliency": {
        # The differences are good to NUDGE**2 times a third derivative, near 1e-4.
        r"finite differences: (\S+) of": (0, 1e-3),
        r"salient pixels lose (\S+) times": (1.5, np.inf),  # 1 is a blind choice
    },
    "soft_argmax": {
        r"hard (\S+), gradient None": (1, 1),
        r"sum (\S+), gradient \[-?0. +-?0. +-?0. *\]": (1, 1),
        # With p = softmax([0.1, 0.9, 0.2]), the soft index is m = p[1] + 2 p[2] and its
        # derivatives are p[i] * (i - m).
        r"soft 1.0243, gradient \[(\S+) -0.0125  0.249 \]": (-0.2365, -0.2365),
        r"soft at temperature 0.1: (\S+)": (1.0006, 1.0006),
        # The pattern is the matched filter, which no filter beats but by chance.
        r"ratio (\S+)": (0.98, 1.005),
    },
    "vgg16_transfer": {
        r"accuracy held out: (\S+)": (0.9, 1),
        r"changed weights of the frozen base: (\d+) of 26": (0, 0),
        r"took (\S+) s": (0, 60),
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs_and_prints_a_right_result(path, tmp_path):
    finished = subprocess.run(
        [sys.executable, path],
        cwd=tmp_path,
        env={**os.environ, "MPLBACKEND": "Agg"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIME_LIMITS.get(path.stem, TIME_LIMIT),
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    for pattern, (least, most) in PRINTED[path.stem].items():
        found = re.search(pattern, finished.stdout)
        assert found, finished.stdout
        assert least <= float(found[1]) <= most


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_is_short_and_says_first_what_it_shows(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) < 100
    assert lines[0].startswith('"""')
    assert lines[2].startswith("Prints ")


@pytest.mark.slow
def test_digits_reach_98_percent_on_the_mean_of_three_seeds(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    digits_fit = imported("digits_fit", monkeypatch)
    assert np.mean([digits_fit.main(seed) for seed in range(3)]) >= 0.98


@pytest.mark.slow
def test_reinforce_compiles_nothing_after_its_second_update(monkeypatch, tmp_path):
    reinforce = imported("reinforce", monkeypatch)
    play, counts = reinforce.play, []

    def played(carts, policy):
        counts.append(compiles.count)
        return play(carts, policy)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(reinforce, "play", played)
    monkeypatch.setattr(reinforce, "UPDATES", 6)
    with count_compiles() as compiles:
        reinforce.main(seed=0)
    *training, _ = counts
    assert training[2:] == [training[2]] * 4


@pytest.mark.slow
def test_newton_finds_the_minimum_that_scikit_learn_finds(monkeypatch):
    x, y = load_breast_cancer(return_X_y=True)
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    solver = LogisticRegression(C=1.0, solver="newton-cholesky", tol=1e-12)
    exact = solver.fit(x, y)
    found, steps = imported("newton", monkeypatch).fit(x, y)
    assert steps < 10
    np.testing.assert_allclose(found[:-1], exact.coef_[0], atol=1e-5)
    np.testing.assert_allclose(found[-1], exact.intercept_[0], atol=1e-5)


def imported(name, monkeypatch):
    """An example as a module."""
    monkeypatch.syspath_prepend(ROOT / "examples")
    return importlib.import_module(name)
