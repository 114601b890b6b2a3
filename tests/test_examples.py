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
PRINTED = {  # what an example prints, and the least and largest value that is right
    "apply_gradients_effect": {
        # Taylor: a step of rate r down a gradient g moves its function by -r * |g|**2,
        # less a term of the second order.
        r"first step: .* (\S+) times -rate": (0.95, 1.05),
        r"steps down the loss: R2 held out (\S+)": (0.2, 1),
        # R2 is 0 for who says the mean to everyone (scikit-learn's r2_score).
        r"steps down the prediction: R2 held out (\S+)": (-np.inf, 0),
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
    },
    "integrated_gradients": {
        # Completeness is a theorem; the trapezoid rule is O(1 / steps**2) from it.
        r"trapezoid rule: .* within (\S+) percent": (0, 0.1),
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
    "regression": {
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
        r"salient pixels loses (\S+) times": (1.5, np.inf),  # 1 is a blind choice
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
        timeout=TIME_LIMIT,
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
