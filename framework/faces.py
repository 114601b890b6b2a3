"""Faces: the paths under which users know what stands elsewhere.

`from jaxtape.initializers import Zeros` works although the file is
`framework/initializers.py`, and `jt.keras.layers.Dense` is `jt.layers.Dense`, so that
`import jaxtape as tf` can be the only changed line of a script.
"""

import sys
from types import ModuleType
from typing import Any

from . import plotting, registry, saving, seeding
from .training import data

_NAMESPACES = (
    "activations",
    "applications",
    "callbacks",
    "config",
    "debug",
    "debugging",
    "errors",
    "initializers",
    "linalg",
    "math",
    "metrics",
    "nn",
    "numpy",
    "random",
)
_KERAS = (
    "activations",
    "applications",
    "callbacks",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "optimizers",
    "regularizers",
)
_SAVING = {
    "CustomObjectScope": registry.custom_object_scope,
    "custom_object_scope": registry.custom_object_scope,
    "deserialize_keras_object": registry.deserialize_object,
    "get_custom_objects": lambda: registry.custom_objects,
    "load_model": saving.load_model,
    "load_weights": saving.load_weights,
    "register_keras_serializable": registry.register_keras_serializable,
    "save_model": saving.save_model,
    "save_weights": saving.save_weights,
    "serialize_keras_object": registry.serialize,
}
_UTILS = {
    "PyDataset": data.PyDataset,
    "Sequence": data.PyDataset,  # Keras's older name
    "normalize": data.normalize,
    "pad_sequences": data.pad_sequences,
    "plot_model": plotting.plot_model,
    "set_random_seed": seeding.set_random_seed,
    "split_dataset": data.split_dataset,
    "to_categorical": data.to_categorical,
    "unpack_x_y_sample_weight": data.unpack_x_y_sample_weight,
}
_DEBUGGING = ("disable_check_numerics", "enable_check_numerics")
_KERAS_CLASSES = ("Input", "Layer", "Model", "Sequential", "Variable")


def show_under(package: str, names: dict[str, Any]) -> None:
    """Make the namespaces importable from the package, and put `keras` together.

    Args:
        package: The package's name.
        names: Its globals; `keras`, `saving` and `utils` are added to them.
    """
    for name in _NAMESPACES:
        sys.modules[f"{package}.{name}"] = names[name]
    keras = ModuleType(f"{package}.keras", "Keras's paths to the same classes.")
    for name in (*_KERAS, *_KERAS_CLASSES):
        setattr(keras, name, names[name])
    models = ModuleType(f"{package}.keras.models")
    for name in ("Model", "Sequential", "clone_model"):
        setattr(models, name, names[name])
    for name in ("load_model", "save_model"):
        setattr(models, name, _SAVING[name])
    setattr(keras, "models", models)  # noqa: B010 (a module has no such attribute yet)
    on_disk = ModuleType(f"{package}.saving", "Models on disk, and names of classes.")
    for name, target in _SAVING.items():
        setattr(on_disk, name, target)
    names["saving"] = sys.modules[on_disk.__name__] = on_disk
    setattr(keras, "saving", on_disk)  # noqa: B010
    utils = ModuleType(f"{package}.utils", "Data, seeds, and other helpers of a run.")
    for name, target in _UTILS.items():
        setattr(utils, name, target)
    names["utils"] = sys.modules[utils.__name__] = utils
    setattr(keras, "utils", utils)  # noqa: B010
    for name in (*_KERAS, "models", "saving", "utils"):
        sys.modules[f"{keras.__name__}.{name}"] = getattr(keras, name)
    schedules = names["optimizers"].schedules
    sys.modules[f"{keras.__name__}.optimizers.schedules"] = schedules
    sys.modules[keras.__name__] = keras
    names["keras"] = keras
    autodiff = ModuleType(f"{package}.autodiff", "TensorFlow's path to the tapes.")
    for name in ("ForwardAccumulator", "GradientTape"):
        setattr(autodiff, name, names[name])
    names["autodiff"] = sys.modules[autodiff.__name__] = autodiff
    for name in _DEBUGGING:
        setattr(names["debugging"], name, getattr(names["debug"], name))
