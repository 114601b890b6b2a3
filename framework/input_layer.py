"""Input: where a model begins."""

import operator
from collections.abc import Iterable, Sequence
from typing import Any

import jax

from . import registry
from .dtypes import as_dtype
from .errors import ArgumentError, ArgumentTypeError
from .layer import Layer
from .recording.tensor import Tensor
from .symbolic import Step, SymbolicTensor, known_shape, symbolic_type


@registry.register("layer", "InputLayer")
class InputLayer(Layer):
    """Tells shape and dtype of what comes into a model; `output` is symbolic.

    Args:
        shape: Of one sample, without the batch; `None` for lengths that may change.
        batch_size: Length of the batch, if it is always the same.
        dtype: Element type of the inputs, to which others are cast. Default float32.
        name: Default "input_layer" with a running number.
        batch_shape: `(batch_size, *shape)`, in place of both.

    Shapes:
        input (batch, *shape) -> output the same

    Raises:
        ArgumentError: if the shape is missing or has a negative length.
        ArgumentTypeError: if it is made of something else than integers.
    """

    supports_masking = True
    is_plain_math = True

    def __init__(
        self,
        shape: Sequence[int | None] | None = None,
        batch_size: int | None = None,
        dtype: Any = None,
        name: str | None = None,
        batch_shape: Sequence[int | None] | None = None,
    ) -> None:
        if batch_shape is not None:
            batch_size, *shape = _lengths(batch_shape) or (None,)
        if shape is None:
            raise ArgumentError(
                "`shape` is missing: the shape of one sample, for example "
                "jt.Input(shape=(10,))."
            )
        shape = _lengths(shape)
        super().__init__(dtype=None if dtype is None else as_dtype(dtype), name=name)
        self.batch_shape = (_length(batch_size), *map(_length, shape))
        self.built = True
        self._first_step("output")

    def _first_step(self, what: str) -> Step:
        """The step that makes the input; a copy of this layer makes its own."""
        if self.__dict__.get("_steps"):
            return super()._first_step(what)
        kind = symbolic_type(self.batch_shape, self.dtype)
        tree = jax.tree.structure(((), {}))
        step = Step(self, self.name, [], tree, [kind], jax.tree.structure(0), self)
        self._note_steps([step])
        return step

    def call(self, inputs: Tensor) -> Tensor:
        """The inputs themselves."""
        return inputs

    def get_config(self) -> dict[str, Any]:
        """The shape with the batch, the dtype and the name, as in Keras."""
        return {
            "batch_shape": self.batch_shape,
            "dtype": self.dtype.name,
            "name": self.name,
        }


def input_like(tensor: SymbolicTensor, name: str) -> InputLayer:
    """An input of a symbolic tensor's shape and dtype."""
    shape = known_shape(tensor._type.shape)
    return InputLayer(batch_shape=shape, dtype=tensor.dtype, name=name)


def Input(
    shape: Sequence[int | None] | None = None,
    batch_size: int | None = None,
    dtype: Any = None,
    name: str | None = None,
    batch_shape: Sequence[int | None] | None = None,
) -> Any:
    """The symbolic tensor on which a model is put together; see `InputLayer`.

    Example:
        >>> inputs = jt.Input(shape=(3,), name="x")
        >>> inputs
        <jt.SymbolicTensor 'x' shape=(None, 3), dtype=float32>
        >>> model = jt.Model(inputs, jt.layers.Dense(2)(inputs) * 2.0)
        >>> model(jt.ones((5, 3))).shape
        (5, 2)
    """
    return InputLayer(shape, batch_size, dtype, name, batch_shape).output


def _lengths(shape: Any) -> tuple:
    return tuple(shape) if isinstance(shape, Iterable) else (shape,)


def _length(given: Any) -> int | None:
    if given is None:
        return None
    try:
        length = operator.index(given)
    except TypeError:
        raise ArgumentTypeError(
            f"`shape` must be made of integers and None; got {given!r}. "
            "For example: jt.Input(shape=(28, 28, 1))."
        ) from None
    if length < 0:
        raise ArgumentError(
            f"`shape` has the length {length}. Use None where a length may change."
        )
    return length
