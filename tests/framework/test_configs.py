"""Configs: what `get_config` returns makes an equal layer, also after JSON."""

import json

import numpy as np
import pytest

import jaxtape as jt
from jaxtape.framework import registry
from jaxtape.framework.errors import ArgumentError

LAYERS = {
    "activation": lambda: jt.layers.Activation("tanh"),
    "dense": lambda: jt.layers.Dense(
        3,
        "relu",
        kernel_initializer=jt.initializers.RandomNormal(stddev=0.5, seed=1),
        kernel_regularizer=jt.regularizers.L1L2(0.1, 0.2),
        name="head",
        trainable=False,
        dtype="float16",
    ),
    "dropout": lambda: jt.layers.Dropout(0.25, noise_shape=(None, 1), seed=7),
    "flatten": lambda: jt.layers.Flatten("channels_first"),
    "input": lambda: jt.layers.InputLayer((3, None), batch_size=2, dtype="int32"),
}


class Scaled(jt.layers.Layer):
    """A layer of a user that takes all kinds of arguments."""

    def __init__(self, factor=1.0, axes=(), inner=None, table=None, **options):
        super().__init__(**options)
        self.factor, self.axes, self.inner, self.table = factor, axes, inner, table


class Bare(jt.layers.Layer):
    """A layer of a user that takes no name."""

    def __init__(self, units):
        super().__init__()
        self.units = units


class Forgetful(jt.layers.Layer):
    """A layer of a user that does not keep its argument."""

    def __init__(self, units, **options):
        super().__init__(**options)


class Renaming(jt.layers.Layer):
    """A layer of a user that keeps its argument as something else."""

    def __init__(self, units, **options):
        super().__init__(**options)
        self.units = jt.layers.Dense(units)


def through_json(value):
    return json.loads(json.dumps(value))


@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
def test_a_config_makes_an_equal_layer_after_json(make):
    layer = make()
    config = layer.get_config()
    again = type(layer).from_config(through_json(config))
    assert again is not layer
    assert again.get_config() == config


@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
def test_a_written_layer_is_found_by_its_name(make):
    layer = make()
    written = through_json(registry.serialize(layer))
    assert written["class_name"] == type(layer).__name__
    again = registry.deserialize("layer", written)
    assert type(again) is type(layer)
    assert again.get_config() == layer.get_config()


def test_the_config_of_dense_has_the_entries_of_keras():
    # list(keras.layers.Dense(3).get_config()) of Keras 3.15, its quantization aside
    keras = """name trainable dtype units activation use_bias kernel_initializer
        bias_initializer kernel_regularizer bias_regularizer kernel_constraint
        bias_constraint"""
    config = jt.layers.Dense(3).get_config()
    assert set(keras.split()) == config.keys() - {"activity_regularizer"}
    assert config["dtype"] == "float32"
    assert config["activation"] == "linear"


def test_values_of_every_kind_come_back_as_what_they_were():
    inner = [jt.layers.Dense(2, name="a"), {"b": jt.initializers.Ones()}]
    layer = Scaled(np.float32(0.5), (1, (2, None)), inner, np.arange(3), name="mine")
    written = through_json(registry.serialize(layer))
    again = registry.deserialize("layer", written, {"Scaled": Scaled})
    assert (again.factor, again.axes, again.name) == (0.5, (1, (2, None)), "mine")
    assert again.inner[0].units == 2
    assert again.inner[0].name == "a"
    np.testing.assert_array_equal(again.table, np.arange(3))
    assert again.get_config() == layer.get_config()


def test_what_a_constructor_does_not_take_is_set_afterwards():
    layer = Bare(3)
    layer.trainable = False
    again = Bare.from_config(layer.get_config())
    assert (again.name, again.trainable, again.units) == (layer.name, False, 3)


def test_an_argument_without_attribute_asks_for_get_config():
    with pytest.raises(ArgumentError, match=r"Forgetful\('f'\).*`units`.*get_config"):
        Forgetful(3, name="f").get_config()


def test_arguments_by_position_only_ask_for_get_config():
    class Sum(jt.layers.Layer):
        def __init__(self, *parts):
            super().__init__()

    with pytest.raises(ArgumentError, match=r"`\*parts`.*from_config"):
        Sum(1, 2).get_config()


def test_get_config_of_a_user_adds_to_that_of_the_base():
    class Remembering(Forgetful):
        def get_config(self):
            return {**super().get_config(), "units": 5}

    config = Remembering(5, name="r").get_config()
    assert config == {"name": "r", "trainable": True, "dtype": "float32", "units": 5}
    assert Remembering.from_config(config).name == "r"


def test_an_argument_kept_in_another_form_is_explained_with_the_error():
    config = Renaming(3).get_config()
    with pytest.raises(ArgumentError, match="units") as caught:
        Renaming.from_config(config)
    assert "define get_config" in caught.value.__notes__[0]


def test_a_value_that_has_no_written_form_is_named():
    with pytest.raises(ArgumentError, match=r"`factor` of Scaled\('s'\).*<lambda>"):
        Scaled(lambda x: x, name="s").get_config()


def test_dictionaries_need_strings_as_keys():
    with pytest.raises(ArgumentError, match=r"`table` of Scaled.*strings.*got 1"):
        Scaled(table={1: 2}).get_config()


def test_a_registered_class_is_written_with_its_package(monkeypatch):
    monkeypatch.setattr(registry, "custom_objects", {})
    jt.saving.register_keras_serializable("mine")(Scaled)
    written = through_json(registry.serialize(Scaled(2.0)))
    assert written["class_name"] == "mine>Scaled"
    assert jt.keras.saving.deserialize_keras_object(written).factor == 2.0


def test_a_class_of_a_taken_name_never_comes_back_as_the_other():
    class Dense(jt.layers.Dense):
        pass

    written = registry.serialize(Dense(3))
    with pytest.raises(ArgumentError, match=r"'Custom>Dense'.*custom_objects"):
        registry.deserialize("layer", written)
    again = registry.deserialize("layer", written, {"Dense": Dense})
    assert type(again) is Dense


def test_a_function_of_a_taken_name_never_comes_back_as_the_other():
    def relu(x):
        return -x

    config = jt.layers.Activation(relu).get_config()
    with pytest.raises(ArgumentError, match="'Custom>relu'"):
        jt.layers.Activation.from_config(config)
    with jt.saving.custom_object_scope({"relu": relu}):
        assert jt.layers.Activation.from_config(config).activation is relu


def test_an_unknown_class_is_told_the_closest_names():
    with pytest.raises(ArgumentError, match=r"'Dens'.*Did you mean 'Dense'"):
        registry.deserialize("layer", {"class_name": "Dens", "config": {}})


@pytest.mark.parametrize("name", ["os.system", "builtins.eval", "jaxtape.layers.Dense"])
def test_a_name_in_a_config_is_never_imported(name):
    written = {"class_name": name, "config": {"command": "true"}, "module": "os"}
    with pytest.raises(ArgumentError, match=name):
        registry.deserialize("layer", written)


@pytest.mark.parametrize(
    "config", [{"class_name": ["Dense"]}, {"class_name": "Dense", "config": 3}, 3]
)
def test_a_config_of_another_form_is_refused(config):
    with pytest.raises(ArgumentError, match=r"must be \{'class_name': ..., 'config'"):
        registry.deserialize("layer", config)


def test_only_classes_with_a_config_and_functions_are_registered():
    with pytest.raises(TypeError, match="int has none"):
        jt.saving.register_keras_serializable()(int)
    with pytest.raises(TypeError, match="got 3"):
        jt.saving.register_keras_serializable()(3)
