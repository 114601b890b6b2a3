"""A model, its optimizer and the random streams, as a document and arrays, and back."""

import contextlib
import os
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from .. import registry, seeds
from ..errors import ArgumentError, FileContentError
from ..module import Module
from ..recording.launching import updating
from ..recording.site import user_level
from ..versions import __version__
from . import directory, disk, matching, state

_FIELDS = {
    "model": dict,
    "built": dict,
    "frozen": list,
    "not_trained": list,
    "optimizer": dict | None,
    "compile": dict | None,
    "random": dict,
}


def save_model(
    model: Any,
    filepath: str | os.PathLike,
    overwrite: bool = True,
    optimizer: Any = None,
    include_optimizer: bool = True,
) -> None:
    """Write a model into a folder; see `Model.save`.

    Raises:
        ArgumentError: for a path that cannot be a folder, or exists while `overwrite`
            is false, or something that has no written form.
        FileAccessError: if the system refuses; what was there before is unchanged.
    """
    path = checked_path(filepath)
    with disk.telling(f"Saving to {path}", "What was there before is unchanged."):
        if directory.holds_a_model(path) and not overwrite:
            raise ArgumentError(
                f"{path} holds a saved model already, and `overwrite` is false."
            )
        chosen = model.optimizer if optimizer is None else optimizer
        content, arrays = _described(model, chosen if include_optimizer else None)
        directory.write(path, content, arrays)


def checked_path(filepath: Any) -> str:
    """The path of a folder as a text.

    Raises:
        ArgumentError: for one that says HDF5, or is a file.
    """
    path = disk.path_of(filepath)
    if path.endswith((".h5", ".hdf5")):
        raise ArgumentError(
            f"`filepath` is {path!r}, an HDF5 name; jaxtape saves a model as a folder. "
            f"Use {os.path.splitext(path)[0]!r}; docs/saving.md tells how to convert "
            "what Keras wrote."
        )
    if os.path.isfile(path):
        raise ArgumentError(
            f"`filepath` is {path!r}, which is a file; a saved model is a folder. "
            "Weights alone are in a file: model.load_weights(path). docs/saving.md "
            "tells how to convert what Keras wrote."
        )
    return path


def _described(model: Any, optimizer: Any) -> tuple[dict, dict[str, np.ndarray]]:
    """What goes into the document, and the arrays."""
    content: dict[str, Any] = {
        "jaxtape": __version__,
        "model": registry.serialize(model),
        "built": {
            path: _written_build(part)
            for path, part in model.modules_by_path().items()
            if getattr(part, "built", False)
        },
        "frozen": [
            path for path, part in model.modules_by_path().items() if not part.trainable
        ],
        "not_trained": [
            path for path, v in model.variables_by_path().items() if not v.trainable
        ],
        "optimizer": None,
        "compile": None,
    }
    variables = state.of_model(model)
    if optimizer is not None:
        variables |= state.of_optimizer(optimizer, model)
        content["optimizer"] = {
            **_written_optimizer(optimizer),
            "variables": state.groups_by_path(optimizer, model),
        }
        content["compile"] = _written_compile(model)
    with updating:  # all of one step, also where other threads train
        arrays = matching.values_of(variables)
        content["random"], streams = state.of_random()
    return content, {**arrays, **streams}


def _written_build(layer: Any) -> dict[str, Any]:
    """What a layer was built for; nothing if it was built along with its parts."""
    if "_built_for" not in layer.__dict__:
        return {}
    written = {"shape": _plain_shape(layer.__dict__["_built_for"])}
    further = _plain_shape(layer.__dict__.get("_built_with", {}))
    if further:
        written["further_shapes"] = further
    return {key: registry.serialize(part) for key, part in written.items()}


def _plain_shape(shape: Any) -> Any:
    """A shape with lengths that are not known as `None`; nested as it is."""
    if isinstance(shape, list | tuple):
        return type(shape)(map(_plain_shape, shape))
    if isinstance(shape, dict):
        return {key: _plain_shape(part) for key, part in shape.items()}
    return shape if isinstance(shape, int) else None


def _written_optimizer(optimizer: Any) -> dict[str, Any]:
    """The config of an optimizer; without one it must be given to `load` again."""
    try:
        return registry.serialize(optimizer)
    except ArgumentError as error:
        warnings.warn(
            f"{type(optimizer).__name__} '{optimizer.name}' was saved without its "
            f"settings: {error} Load it by load_model(path, optimizer=...), with an "
            "optimizer made as this one was.",
            stacklevel=user_level(),
        )
        return {"class_name": type(optimizer).__name__, "config": None}


def _written_compile(model: Any) -> dict[str, Any] | None:
    """What `compile` was given; without it, it has to be called again."""
    try:
        return model._compile_settings()
    except ArgumentError as error:
        warnings.warn(
            f"{type(model).__name__} '{model.name}' was saved without what compile() "
            f"was given: {error} Call compile() again after loading.",
            stacklevel=user_level(),
        )
        return None


def load_model(
    filepath: str | os.PathLike,
    custom_objects: dict[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
    optimizer: Any = None,
) -> Any:
    """The model that `model.save` wrote, to the bit, and its training where it was.

    Nothing in the files is run or imported: classes are those that jaxtape has, those
    registered by `jt.saving.register_keras_serializable`, and `custom_objects`.

    Args:
        filepath: The folder.
        custom_objects: Classes and functions of yours by the names they were saved by.
        compile: Whether training goes on: the optimizer, if one was saved, is
            `model.optimizer` with its slots, `compile` is called with what it was
            given, and the streams behind `jt.random` are where they were. False only
            makes the model. Default true.
        safe_mode: Accepted for compatibility; loading is always safe.
        optimizer: Takes the saved state, in place of one made from the saved settings.
            For settings that cannot be saved, such as an optax transformation.

    Raises:
        MissingFileError: if there is no saved model.
        FileContentError: if a file is damaged, cut off, newer than this jaxtape, or
            does not fit the classes that it names.
        ArgumentError: for a class or function that nobody registered; names it.
    """
    path = checked_path(filepath)
    with disk.telling(f"Loading {path}", "Nothing was changed."):
        content, arrays = directory.read(path)
    place = os.path.join(path, directory.DOCUMENT)
    _check_fields(content, place)
    with seeds.apart(), registry.custom_object_scope(custom_objects), _noting(place):
        model = registry.deserialize("layer", content["model"])
        if not isinstance(model, Module):
            raise FileContentError(
                f"{place} names {model!r} as its model, which is none."
            )
        _build(model, content["built"])
        _freeze(model, content)
        if compile:
            optimizer = _optimizer(content["optimizer"], model, optimizer, place)
            if content["compile"] is not None:
                _compile(model, optimizer, content["compile"])
    variables = state.of_model(model)
    if compile and optimizer is not None:
        variables |= state.of_optimizer(optimizer, model)
    given = {
        name: entry
        for name, entry in arrays.entries.items()
        if not state.is_of_training(name) or (compile and not state.is_random(name))
    }
    owner = f"{type(model).__name__} '{model.name}' as this program makes it"
    if found := matching.differences(owner, given, variables, is_exact=True):
        advice = "Is its class still what it was when the model was saved?"
        raise matching.refusal(arrays.path, owner, found, advice)
    values = {name: arrays.values[name] for name in given}
    matching.assign(matching.converted(arrays.path, values, variables), variables)
    if compile:
        if optimizer is not None:
            model.optimizer = optimizer
        state.restore_random(content["random"], arrays.values, place)
    return model


def weights(path: str) -> Any:
    """The weights in a saved model's folder."""
    _, arrays = directory.read(path)
    return arrays.below(state.WEIGHTS)


def is_part(names: Iterable[str]) -> bool:
    """Whether these are the names in a saved model's file of arrays."""
    return any(map(state.is_random, names))


def _check_fields(content: dict[str, Any], place: str) -> None:
    content.setdefault("compile", None)  # which earlier versions did not write
    for name, kind in _FIELDS.items():
        if not isinstance(content.get(name, ...), kind):
            raise FileContentError(
                f"{place} has {content.get(name)!r} as {name!r}, which model.save() "
                "does not write."
            )


@contextlib.contextmanager
def _noting(place: str) -> Iterator[None]:
    """Say in errors which file it was."""
    try:
        yield
    except Exception as error:
        error.add_note(f"While loading {place}. Nothing was changed.")
        raise


def _compile(model: Any, optimizer: Any, settings: dict[str, Any]) -> None:
    try:
        model._compile_again(optimizer, settings)
    except ArgumentError as error:
        error.add_note("load_model(path, compile=False) loads the model without it.")
        raise


def _build(model: Module, built: dict[str, Any]) -> None:
    """Make the weights of all layers that had some, an outer layer's first."""
    modules = model.modules_by_path()
    for path, row in built.items():
        if path not in modules:  # the layer around it has made it by now
            modules = model.modules_by_path()
        layer: Any = modules.get(path)
        if layer is None or layer.built:
            continue
        if "shape" in row:
            further = registry.restored(row.get("further_shapes", {}))
            layer._build_for(registry.restored(row["shape"]), **further)
        else:
            layer.built = True


def _freeze(model: Module, content: dict[str, Any]) -> None:
    """Let be trained what was trained."""
    for path, module in model.modules_by_path().items():
        is_trained = path not in content["frozen"]
        if module.trainable != is_trained:
            module.trainable = is_trained
    for path, variable in model.variables_by_path().items():
        is_trained = path not in content["not_trained"]
        if variable.trainable != is_trained:
            variable.trainable = is_trained


def _optimizer(saved: Any, model: Module, given: Any, place: str) -> Any:
    """The optimizer that was saved, built for the model; none if none was saved."""
    if saved is None:
        if given is None:
            return None
        raise ArgumentError(
            f"{place} has no optimizer, so the `optimizer` given, '{given.name}', has "
            "no state to take. Leave it out, and train with it from its beginning."
        )
    name = saved.get("class_name")
    if given is None and saved.get("config") is None:
        raise ArgumentError(
            f"The settings of the optimizer, {name}, could not be saved to {place}. "
            "Pass one made as it was: load_model(path, optimizer=...)."
        )
    if given is not None and type(given).__name__ != name:
        raise ArgumentError(
            f"`optimizer` is {type(given).__name__} '{given.name}', and {place} has "
            f"the state of {name}."
        )
    optimizer = given or registry.deserialize("optimizer", saved)
    variables = model.variables_by_path()
    try:
        groups = [[variables[path] for path in group] for group in saved["variables"]]
    except (KeyError, TypeError) as error:
        raise FileContentError(
            f"{place} says that the optimizer has state for {error}, which the model "
            "has not."
        ) from None
    for group in groups:
        optimizer.build(group)
    return optimizer
