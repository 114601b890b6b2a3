"""VGG16: sixteen layers with weights, small filters, for images of 1,000 kinds."""

import os
from collections.abc import Iterator, Sequence
from typing import Any

from ...framework.errors import ArgumentError, ShapeError
from ...framework.input_layer import Input
from ...framework.layer import Layer
from ...framework.model import Model
from ..convolution import Conv2D
from ..dense import Dense
from ..flatten import Flatten
from ..global_pooling import GlobalAveragePooling2D, GlobalMaxPooling2D
from ..pooling import MaxPooling2D

_BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))
"""Convolutions and their filters, block by block (column D of the paper's table 1)."""

_LEAST = 32
"""Pixels that five halvings need."""

_HOW_TO_CONVERT = """\
`weights` is 'imagenet', which would be a download; jaxtape makes none. Where Keras is
installed, convert its weights once:
    import keras
    import jaxtape as jt
    theirs = keras.applications.VGG16(include_top={top})
    model = jt.applications.VGG16(include_top={top})
    model.set_weights(theirs.get_weights())
    model.save_weights("vgg16.weights.safetensors")
and pass that file: VGG16(weights="vgg16.weights.safetensors")."""


def VGG16(
    include_top: bool = True,
    weights: str | os.PathLike | None = None,
    *,
    input_shape: Sequence[int | None] | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "vgg16",
) -> Model:
    """The network of Simonyan and Zisserman with 16 layers that have weights.

    A functional model, so that its first layer is the `InputLayer`, as in Keras. As the
    base of another network (`include_top=False`) its output is what the last
    convolutions found, 32 times smaller than the image.

    Args:
        include_top: Whether the three dense layers follow. Default true, as in Keras.
        weights: `None` (default) for random ones, or the file that `save_weights`
            wrote. Keras's default, "imagenet", raises and says how to convert them.
        input_shape: Of one image, channels last. Default (224, 224, 3), and with any
            number of channels without the top; at least 32 pixels on each side.
        pooling: Without the top, what follows the last block: `None` (default)
            nothing, `"avg"` or `"max"` global pooling.
        classes: Size of the top's output. Default 1000, as in ImageNet.
        classifier_activation: Of the top's output. Default softmax.
        name: Of the model.

    Shapes:
        input (batch, height, width, 3) -> output (batch, classes); without the top
        (batch, height / 32, width / 32, 512)

    Raises:
        ArgumentError: for `weights="imagenet"`, or another `pooling`.
        ShapeError: for images that are too small.

    Note:
        138,357,544 parameters with the top at 224 x 224, 14,714,688 without.

    Example:
        >>> base = jt.applications.VGG16(include_top=False, input_shape=(32, 32, 3))
        >>> base.count_params()
        14714688

    References:
        Simonyan and Zisserman, 2015, table 1, column D.
    """
    if weights == "imagenet":
        raise ArgumentError(_HOW_TO_CONVERT.format(top=include_top))
    poolings = {None: [], "avg": [GlobalAveragePooling2D], "max": [GlobalMaxPooling2D]}
    if pooling not in poolings:
        raise ArgumentError(f"`pooling` must be None, 'avg' or 'max'; got {pooling!r}.")
    shape = (224, 224, 3) if input_shape is None else tuple(input_shape)
    if len(shape) != 3 or min(n or _LEAST for n in shape[:2]) < _LEAST:
        raise ShapeError(
            f"VGG16 takes images of at least {_LEAST} x {_LEAST} pixels, channels "
            f"last; got `input_shape` {shape}. Make the images larger, for example by "
            "jt.repeat along both axes."
        )
    if include_top:
        head = _top(classes, classifier_activation)
    else:
        head = [layer() for layer in poolings[pooling]]
    inputs = outputs = Input(shape)
    for layer in (*_blocks(), *head):
        outputs = layer(outputs)
    model = Model(inputs, outputs, name=name)
    if weights is not None:
        model.load_weights(weights)
    return model


def _blocks() -> Iterator[Layer]:
    for block, (convolutions, filters) in enumerate(_BLOCKS, 1):
        for number in range(1, convolutions + 1):
            yield Conv2D(
                filters,
                3,
                padding="same",
                activation="relu",
                name=f"block{block}_conv{number}",
            )
        yield MaxPooling2D(2, 2, name=f"block{block}_pool")


def _top(classes: int, activation: Any) -> list[Layer]:
    return [
        Flatten(name="flatten"),
        Dense(4096, activation="relu", name="fc1"),
        Dense(4096, activation="relu", name="fc2"),
        Dense(classes, activation=activation, name="predictions"),
    ]
