"""Dense: the affine map of the last axis."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from ..framework import activations, initializers, registry
from ..framework.checked import positive
from ..framework.errors import ShapeError
from ..framework.layer import Layer
from ..framework.recording.execution import call
from ..framework.recording.op import Op
from ..framework.recording.tensor import Tensor


def _ops(formula: Callable[[jax.Array], jax.Array]) -> tuple[Op, Op]:
    """The layer with this activation as one op, with a bias and without."""
    return (
        Op("dense", lambda x, kernel, bias: formula(jnp.matmul(x, kernel) + bias)),
        Op("dense", lambda x, kernel: formula(jnp.matmul(x, kernel))),
    )


_OPS = {
    id(activation): _ops(formula)
    for activation, formula in activations.formulas.items()
}


@registry.register("layer", "Dense")
class Dense(Layer):
    """Affine map of the last axis: y = activation(x @ kernel + bias).

    The layer of multilayer perceptrons, and the head of most networks.

    Args:
        units: Size of the output's last axis. Positive.
        activation: Name or function applied to the result. Default none.
        use_bias: Whether to add a bias. Default true.
        kernel_initializer: Draws `kernel`. Default Glorot uniform, as in Keras.
        bias_initializer: Draws `bias`. Default zeros, as in Keras.
        kernel_regularizer: Penalty on `kernel`, added to `losses`.
        bias_regularizer: Penalty on `bias`.
        activity_regularizer: Penalty on the outputs.
        kernel_constraint: Called with `kernel` after each update.
        bias_constraint: Called with `bias` after each update.

    Shapes:
        input (..., features) -> output (..., units); kernel (features, units);
        bias (units,)

    Raises:
        ArgumentError: if `units` is no positive integer.
        ShapeError: if the last axis differs from the one it was built with.

    Example:
        >>> jt.layers.Dense(4)(jt.ones((2, 3))).shape
        (2, 4)

    References:
        Glorot and Bengio, 2010, eq. 16 (the initializer).
    """

    takes_one_input = True
    is_plain_math = True
    supports_masking = True

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **options)
        self.units = positive(self, "units", units)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = registry.get("regularizer", kernel_regularizer)
        self.bias_regularizer = registry.get("regularizer", bias_regularizer)
        self.kernel_constraint = registry.get("constraint", kernel_constraint)
        self.bias_constraint = registry.get("constraint", bias_constraint)

    def build(self, input_shape: Any) -> None:
        """Make `kernel` and `bias` for inputs whose last axis is known."""
        if not input_shape or not isinstance(input_shape[-1], int):
            raise ShapeError(
                f"Dense('{self.name}') needs inputs whose last axis is known; got "
                f"shape {input_shape}. Give it at least one axis of features: a vector "
                "of one number per sample is x[:, None]."
            )
        self.kernel = self.add_weight(
            (input_shape[-1], self.units),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        self.bias = (
            self.add_weight(
                (self.units,),
                self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )
            if self.use_bias
            else None
        )

    def call(self, inputs: Tensor) -> Tensor:
        """Y = activation(x @ kernel + bias)."""
        activation = self.activation
        ops = _OPS.get(id(activation))
        affine, product = ops or _OPS[id(activations.linear)]
        try:
            if self.bias is None:
                outputs = call(product, (inputs, self.kernel))
            else:
                outputs = call(affine, (inputs, self.kernel, self.bias))
        except ShapeError:
            raise self._misfit(inputs) from None
        return activation(outputs) if ops is None else outputs

    def _misfit(self, inputs: Tensor) -> ShapeError:
        features = self.kernel.shape[0]
        advice = (
            "A vector of one number per sample is x[:, None]; one sample is x[None]."
            if len(inputs.shape) == 1
            else "Build a new layer for the new size, or slice the input to "
            f"x[..., :{features}]."
        )
        return ShapeError(
            f"Dense('{self.name}') expected input with last axis {features}, the size "
            f"it was built with; got shape {inputs.shape}. {advice}"
        )
