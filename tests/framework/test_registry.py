import pytest

from jaxtape.framework import registry
from jaxtape.framework.errors import ArgumentError, ArgumentTypeError


@pytest.fixture
def names(monkeypatch):
    """An empty list of metrics."""
    monkeypatch.setitem(registry._KINDS, "metric", {})


class Precision:
    def __init__(self, top_k=1):
        self.top_k = top_k

    def get_config(self):
        return {"top_k": self.top_k}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def accuracy(y_true, y_pred):
    return y_true == y_pred


@pytest.mark.usefixtures("names")
def test_a_decorated_class_is_found_by_its_names():
    registry.register_class("metric", "p")(Precision)
    found = [registry.find("metric", name) for name in ("Precision", "precision", "p")]
    assert found == [Precision] * 3


@pytest.mark.usefixtures("names")
def test_register_works_as_a_call_and_as_a_decorator():
    assert registry.register("metric", "accuracy", accuracy) is accuracy
    assert registry.register("metric", ("a", "b"))(accuracy) is accuracy
    assert registry.find("metric", "b") is accuracy


@pytest.mark.usefixtures("names")
def test_a_later_definition_takes_over_the_name():
    registry.register("metric", "accuracy", Precision)
    registry.register("metric", "accuracy", accuracy)
    assert registry.find("metric", "accuracy") is accuracy


@pytest.mark.usefixtures("names")
def test_unknown_name_is_told_the_closest_ones():
    registry.register("metric", ("accuracy", "Precision"), accuracy)
    with pytest.raises(ArgumentError, match=r"'acuracy'.*Did you mean 'accuracy'"):
        registry.find("metric", "acuracy")


@pytest.mark.usefixtures("names")
def test_name_that_resembles_none_is_told_them_all():
    registry.register("metric", ("accuracy", "Precision"), accuracy)
    with pytest.raises(ArgumentError, match="'Precision' or 'accuracy'"):
        registry.find("metric", "xyz")


@pytest.mark.usefixtures("names")
def test_get_takes_name_class_object_function_config_and_none():
    registry.register_class("metric")(Precision)
    instance = Precision(3)
    assert registry.get("metric", None) is None
    assert isinstance(registry.get("metric", "precision"), Precision)
    assert isinstance(registry.get("metric", Precision), Precision)
    assert registry.get("metric", instance) is instance
    assert registry.get("metric", accuracy) is accuracy
    assert registry.get("metric", registry.serialize(instance)).top_k == 3


@pytest.mark.usefixtures("names")
def test_get_refuses_what_is_no_identifier():
    with pytest.raises(ArgumentTypeError, match="got 3"):
        registry.get("metric", 3)


@pytest.mark.usefixtures("names")
def test_a_function_is_written_as_its_name_and_found_again():
    registry.register("metric", "accuracy", accuracy)
    assert registry.serialize(accuracy) == "accuracy"
    assert registry.deserialize("metric", "accuracy") is accuracy
    keras = {"class_name": "function", "config": "accuracy"}
    assert registry.deserialize("metric", keras) is accuracy


def test_a_lambda_cannot_be_written():
    with pytest.raises(ArgumentError, match="lambda"):
        registry.serialize(lambda x: x)


def test_a_config_needs_its_class_name():
    with pytest.raises(ArgumentError, match=r"'config': \{\}"):
        registry.deserialize("metric", {"config": {}})


# Keras's `to_snake_case`, from the names of its own classes.
@pytest.mark.parametrize(
    ("name", "snake"),
    [
        ("GlorotUniform", "glorot_uniform"),
        ("L1L2", "l1l2"),
        ("SGD", "sgd"),
        ("Conv2D", "conv2d"),
    ],
)
def test_snake_case_is_keras_s(name, snake):
    assert registry.snake_case(name) == snake
