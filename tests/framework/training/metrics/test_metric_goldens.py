"""Metrics give what Keras's give, batch after batch: `tests/goldens/metrics.json`."""

import inspect
import re

import numpy as np
import pytest

import jaxtape as jt
from tests.golden_values import golden, signature_of

pytestmark = pytest.mark.usefixtures("quick_programs")
GOLDEN = golden("metrics")


def name_of(case):
    arguments = ", ".join(f"{k}={v}" for k, v in case.get("arguments", {}).items())
    return f"{case['metric']}({arguments}) {case['batches']}"[:80]


def shown(metric, batches):
    for *values, weight in batches:
        metric.update_state(*map(np.asarray, values), sample_weight=weight)
        yield metric.result().numpy()


FIRST = {case["metric"]: case for case in reversed(GOLDEN["cases"])}
ALWAYS = ("AUC", "BinaryAccuracy", "F1Score", "MeanSquaredError", "Precision")


@pytest.mark.parametrize("case", [FIRST[name] for name in ALWAYS], ids=name_of)
def test_a_first_batch_gives_what_keras_gives(case):
    check(case, 1)


@pytest.mark.slow  # each shape of a batch is a program
@pytest.mark.parametrize("case", GOLDEN["cases"], ids=name_of)
def test_all_batches_give_what_keras_gives(case):
    check(case, len(GOLDEN["batches"][case["batches"]]))


def check(case, number):
    metric = getattr(jt.metrics, case["metric"])(**case["arguments"])
    found = list(shown(metric, GOLDEN["batches"][case["batches"]][:number]))
    # Keras adds up in float32: 10 eps.
    expected = case["results"][:number]
    np.testing.assert_allclose(found, expected, rtol=2e-6, atol=2e-7)
    assert found[0].dtype == np.float32


@pytest.mark.slow
@pytest.mark.parametrize("case", GOLDEN["values"], ids=lambda case: case["metric"])
def test_means_and_sums_are_those_of_keras(case):
    metric = getattr(jt.metrics, case["metric"])()
    found = list(shown(metric, case["batches"]))
    np.testing.assert_allclose(found, case["results"], rtol=1e-6)


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=name_of)
def test_configs_are_those_of_keras(case):
    metric = getattr(jt.metrics, case["metric"])(**case["arguments"])
    config = metric.get_config()
    expected = dict(case["config"])
    for both in (config, expected):
        both["name"] = re.sub(r"_\d+$", "", both["name"])  # of automatic names
    if "thresholds" in expected:  # Keras writes them as its arrays have them
        assert config.pop("thresholds") == pytest.approx(expected.pop("thresholds"))
    assert {name: config[name] for name in expected} == expected


@pytest.mark.parametrize("name", GOLDEN["signatures"])
def test_constructors_take_keras_arguments(name):
    kind = getattr(jt.metrics, name)
    known = {
        a.name
        for a in inspect.signature(kind).parameters.values()
        if a.kind is not a.VAR_KEYWORD
    }
    found = [row for row in signature_of(kind) if row[0] in known]
    assert found == GOLDEN["signatures"][name]


@pytest.mark.parametrize(("alias", "name"), GOLDEN["aliases"].items())
def test_names_are_those_of_keras(alias, name):
    if name != "MeanMetricWrapper":  # it has an argument without default
        assert type(jt.metrics.get(alias)) is getattr(jt.metrics, name)
