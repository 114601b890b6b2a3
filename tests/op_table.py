"""The table of ops: every op of `jt` has a row, from which the tests are made.

The rows are in `tests/op_rows/`, a file for each kind. What is no op is named below.
"""

import types

import jaxtape as jt
from tests.op_rows import (
    activations,
    choosing,
    elementwise,
    nn,
    products,
    reductions,
    segments,
    shaping,
    windows,
)

ROWS = [
    *elementwise.ROWS,
    *reductions.ROWS,
    *shaping.ROWS,
    *choosing.ROWS,
    *products.ROWS,
    *segments.ROWS,
    *windows.ROWS,
    *nn.ROWS,
    *activations.ROWS,
]
SPACES = {
    "jt": jt,
    "jt.math": jt.math,
    "jt.linalg": jt.linalg,
    "jt.nn": jt.nn,
    "jt.activations": jt.activations,
}
"""The namespaces whose functions are ops."""

_TYPES = "a class or a type, not an op"
_INSIDE = "what the file of the namespace works with"
_TOOLS = "it computes no Tensor from Tensors"
_CONTROL = "control flow, which calls the user's functions: tested on its own"
_CHECKS = "it checks values and gives no Tensor: tested on its own"
_DERIVATIVES = "it is about derivatives of the user's functions: tested on its own"
NOT_OPS = {
    **dict.fromkeys(
        ("GradientTape", "Input", "Layer", "Model", "Module", "Sequential"), _TYPES
    ),
    **dict.fromkeys(("Function", "Tensor", "TensorSpec", "Variable"), _TYPES),
    **dict.fromkeys(("constant_initializer", "ones_initializer"), _TYPES),
    **dict.fromkeys(("random_normal_initializer", "zeros_initializer"), _TYPES),
    "random_uniform_initializer": _TYPES,
    **dict.fromkeys(("clone_model", "functionalize", "load_model"), _TOOLS),
    "function": "it records the user's functions: tested on its own",
    **dict.fromkeys(("Any", "ArgumentError", "Callable"), _INSIDE),
    **dict.fromkeys(("Op", "TensorLike"), _INSIDE),
    **dict.fromkeys(("binary", "call", "convert"), _INSIDE),
    **dict.fromkeys(("of_two", "beside", "stepwise", "unary"), _INSIDE),
    **dict.fromkeys(("as_dtype", "device", "op", "pad_batch", "sync"), _TOOLS),
    **dict.fromkeys(("print", "show_under", "show_versions"), _TOOLS),
    **dict.fromkeys(("deserialize", "get", "serialize"), _TOOLS),
    **dict.fromkeys(
        ("ForwardAccumulator", "IndexedSlices", "UnconnectedGradients"), _TYPES
    ),
    **dict.fromkeys(("case", "jt.cond", "foldl", "foldr", "map_fn"), _CONTROL),
    **dict.fromkeys(("scan", "switch_case", "vectorized_map", "while_loop"), _CONTROL),
    **dict.fromkeys(("custom_gradient", "grad_pass_through"), _DERIVATIVES),
    **dict.fromkeys(("gradients_check", "recompute_grad"), _DERIVATIVES),
    **dict.fromkeys(("assert_equal", "assert_greater", "assert_less"), _CHECKS),
    "assert_rank": _CHECKS,
    "eig": "jnp's has no derivative of vectors; eigvals has a row",
    "broadcast_static_shape": "it gives a tuple of ints, for shapes of ints",
    "is_tensor": _TOOLS,
    "get_scaled_dot_general_config": _TOOLS,
    "scaled_dot_general": "takes configs of 8-bit formats that few devices have",
    "scaled_matmul": "takes operands in 8-bit formats that few devices have",
}
"""Names that stand for no op, each with the reason; a path where it is one of two."""


def is_no_op(path: str) -> bool:
    return path in NOT_OPS or path.split(".")[-1] in NOT_OPS


def public_callables() -> dict[str, object]:
    """Every callable that these namespaces show, by its path."""
    found = {}
    for space, module in SPACES.items():
        for name in dir(module):
            value = None if name.startswith("_") else getattr(module, name)
            if callable(value) and not isinstance(value, types.ModuleType):
                found[f"{space}.{name}"] = value
    return found
