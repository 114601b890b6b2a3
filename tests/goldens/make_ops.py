"""Makes `ops.json`: TensorFlow's values and tape gradients at ties and edges.

    KERAS_BACKEND=tensorflow TF_ENABLE_ONEDNN_OPTS=0 TF_CPP_MIN_LOG_LEVEL=3 \
        python tests/goldens/make_ops.py

TensorFlow 2.21.0, Keras 3.15.1.

A tensor is written as `dtype`, `shape`, `values` (a complex number as [real, imag]).
Keys: `cases`, each with `name` (unique); `op` (its path under `tf`) or `formula`
(Python over `tf`, arguments named x, y, z in order); `arguments` and `keywords` of
the call; `value` (a tensor, a list of them, or plain); `output_gradient` (what
weights the outputs; absent: all ones); `gradients`, one per tensor among the
arguments, lists flattened, in order, null where the tape gives None or the tensor
holds no floats (absent: TensorFlow has no gradient of this op); or `error` (the class
raised instead of a value).

Not to be copied from TensorFlow: `math.cumprod` has a wrong gradient where an
element is 0 (0 instead of 22), and `argsort` counts as connected, with gradient 0.
"""

from collections import Counter
from operator import attrgetter

import numpy as np
import tensorflow as tf
from golden_file import tensor, write_golden

ARGUMENT_NAMES = "xyz"
ERRORS = (ValueError, TypeError, tf.errors.OpError)


def f32(values):
    return np.asarray(values, "float32")


def i32(values):
    return np.asarray(values, "int32")


def c64(values):
    return np.asarray(values, "complex64")


def call(op, *arguments, name=None, weighted=False, **keywords):
    """A row for `tf.<op>(*arguments, **keywords)`."""
    case = {"name": name or op, "op": op}
    return case, attrgetter(op)(tf), arguments, keywords, weighted


def formula(text, *arguments, name=None, weighted=False):
    """A row for an expression over `tf` and the arguments x, y, z."""

    def function(*values):
        names = dict(zip(ARGUMENT_NAMES, values, strict=False))
        return eval(text, {"tf": tf, **names})

    case = {"name": name or text, "formula": text}
    return case, function, arguments, {}, weighted


def points(op, values, **keywords):
    """A row for an elementwise op at the given points."""
    return call(op, f32(values), **keywords)


NAN, INF = float("nan"), float("inf")
STEPS = [-2.5, -1.5, -0.5, 0.0, 0.3, 0.5, 1.0, 1.5, 2.5]
WIDE = [-1e4, -100.0, -20.0, -1.0, 0.0, 1.0, 20.0, 100.0, 1e4]
MATRIX = f32([[1, 2, 3], [4, 5, 6]])
CUBE = f32(np.arange(12).reshape(2, 3, 2))
MAX_TIES = f32([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])

ORDER = [
    call("maximum", f32([1, 2, 3]), f32([1, 3, 2])),
    call("minimum", f32([1, 2, 3]), f32([1, 3, 2])),
    call("maximum", f32([-1, 0, 1]), 0.0, name="maximum with a Python number"),
    call("maximum", f32([-1, 0, 1]), f32(0.0), name="maximum with a scalar tensor"),
    call("maximum", f32([NAN, 1]), f32([1, NAN]), name="maximum of NaN"),
    call("minimum", f32([NAN, 1]), f32([1, NAN]), name="minimum of NaN"),
    call("reduce_max", MAX_TIES),
    call("reduce_max", MAX_TIES, axis=1, weighted=True),
    call("reduce_max", MAX_TIES, axis=0, keepdims=True, weighted=True),
    call("reduce_min", MAX_TIES, axis=1, weighted=True),
    call("reduce_max", f32([1, NAN, 2]), name="reduce_max of NaN"),
    call("reduce_max", f32([]), name="reduce_max of nothing"),
    call("argmax", MAX_TIES),
    call("argmax", MAX_TIES, axis=1),
    call("argmin", MAX_TIES, axis=1),
    call("argmax", MAX_TIES, axis=1, output_type="int32"),
    call("math.top_k", f32([1, 3, 3, 2]), 2, weighted=True),
    call("sort", f32([3, 1, 3, 2]), weighted=True),
    call("sort", f32([3, 1, 3, 2]), direction="DESCENDING", weighted=True),
    call("argsort", f32([3, 1, 3, 2])),
    call("argsort", f32([3, 1, 3, 2]), direction="DESCENDING"),
]

BOUNDS = f32([-2, -1, -0.5, 0, 1, 2])
CLIPS = [
    call("clip_by_value", BOUNDS, -1.0, 1.0),
    call("clip_by_value", BOUNDS, f32(-1.0), f32(1.0), name="clip_by_value, tensors"),
    call("clip_by_value", f32([NAN, 2, INF]), -1.0, 1.0, name="clip_by_value of NaN"),
    call("clip_by_norm", f32([0, 0, 0]), 1.0, name="clip_by_norm of zeros"),
    call("clip_by_norm", f32([0.3, 0.4]), 1.0, weighted=True),
    call("clip_by_norm", f32([3, 4]), 5.0, name="clip_by_norm at the norm"),
    call("clip_by_norm", f32([3, 4]), 1.0, weighted=True),
    call("clip_by_norm", f32([3, 4]), f32(1.0), name="clip_by_norm, tensor"),
    call("clip_by_norm", f32([3, 4]), 0.0, name="clip_by_norm to 0"),
    call("clip_by_norm", f32([[3, 4], [0, 0.5], [0, 0]]), 1.0, axes=[1], weighted=True),
    call("clip_by_norm", f32([[3, 4], [4, 0.5]]), 1.0, axes=[0], weighted=True),
    call("clip_by_norm", f32([1e25, 1e25]), 1.0, name="clip_by_norm, overflow"),
    call("clip_by_norm", f32([1.0, NAN]), 1.0, name="clip_by_norm of NaN"),
    call("clip_by_global_norm", [f32([3, 4]), f32([12])], 6.5, weighted=True),
    call("clip_by_global_norm", [f32([3, 4]), f32([12])], 13.0),
    call("clip_by_global_norm", [f32([3, 4]), f32([12])], 20.0, weighted=True),
    call("clip_by_global_norm", [f32([3, 4]), None, f32([12])], 6.5),
    call("clip_by_global_norm", [f32([0, 0]), f32([0])], 1.0),
    call("clip_by_global_norm", [f32([3, 4]), f32([12])], 6.5, f32(26)),
    call("clip_by_global_norm", [f32([1, NAN]), f32([12])], 1.0),
    call("clip_by_global_norm", [f32([1, INF]), f32([12])], 1.0),
    call("clip_by_global_norm", [f32([1e25, 1]), f32([12])], 1.0),
    formula("tf.clip_by_global_norm([x, y], 6.5)[0]", f32([3, 4]), f32([12])),
    call("linalg.global_norm", [f32([3, 4]), f32([12])]),
    call("linalg.global_norm", [f32([3, 4]), None, f32([12])]),
    call("linalg.global_norm", [f32([0, 0]), f32([0])]),
]

STEPWISE = [
    *(points(op, STEPS) for op in ("abs", "sign", "round", "floor")),
    *(points(f"math.{op}", STEPS) for op in ("ceil", "rint")),
    call("cast", f32([-2.7, -0.5, 0.5, 2.7]), "int32"),
    call("cast", i32([1, 2]), "float32"),
    call("cast", np.asarray([True, False]), "float32"),
    call("cast", f32([0.0, 0.5, -1.0]), "bool"),
    call("cast", f32([1.0, 1.1]), "float16"),
    call("math.floordiv", i32([7, -7, 7, -7]), i32([2, 2, -2, -2])),
    call("math.floormod", i32([7, -7, 7, -7]), i32([2, 2, -2, -2])),
    call("math.floordiv", f32([7, -7, 7, -7]), f32([2, 2, -2, -2])),
    call("math.floormod", f32([7, -7, 7, -7]), f32([2, 2, -2, -2])),
    call("math.floormod", f32([5.5, -5.5]), f32([2, 2])),
    call("truncatediv", i32([7, -7]), i32([2, 2])),
    call("truncatemod", i32([7, -7]), i32([2, 2])),
    call("math.floordiv", i32([1]), i32([0]), name="floordiv by integer 0"),
    call("truediv", i32([7, -7]), i32([2, 2])),
    call("equal", f32([1, NAN]), f32([1, NAN])),
    call("greater", f32([1, 2]), f32([1, 1])),
    call("zeros_like", f32([1, 2])),
    call("ones_like", f32([1, 2])),
    call("stop_gradient", f32([1, 2])),
    call("identity", f32([1, 2])),
]

EDGES = [
    points("sqrt", [0.0, 4.0]),
    points("math.rsqrt", [0.0, 4.0]),
    points("math.log", [0.0, 1.0, -1.0]),
    points("math.log1p", [-1.0, 0.0, 1e-7]),
    points("math.expm1", [-1e-7, 0.0, 1e-7]),
    points("exp", [-200.0, 0.0, 200.0]),
    points("square", [-1e25, 0.0, 2.0]),
    points("acos", [-1.0, 0.0, 1.0]),
    points("asin", [-1.0, 0.0, 1.0]),
    call("pow", f32([0, 0, 0, 0, -2, 4]), f32([0.5, 1, 2, 0, 2, 0.5])),
    call("pow", f32([0.0, 4.0]), 0.5, name="pow to a Python number"),
    formula("x ** 2", f32([-2, 0, 3])),
    call("divide", f32([1, 0, -1]), f32([0, 0, 0])),
    call("math.divide_no_nan", f32([1, 0, 6]), f32([0, 0, 3])),
    call("math.multiply_no_nan", f32([INF, 2]), f32([0, 3])),
    call("math.xlogy", f32([0, 0, 2]), f32([0, 1, 3])),
    call("math.atan2", f32([0, 1]), f32([0, 1])),
    call("where", np.asarray([True, False]), f32([1, 2]), f32([3, 4]), weighted=True),
    call("where", np.asarray([[True, False], [False, True]]), name="where, indices"),
    formula("tf.where(x > 0, tf.math.log(x), 0.0)", f32([0, 1, 2])),
    formula(
        "tf.where(x > 0, tf.math.log(tf.where(x > 0, x, 1.0)), 0.0)", f32([0, 1, 2])
    ),
    formula("tf.where(x < 10, x, x * x)", f32([0, 10, 20])),
    call("norm", f32([0, 0])),
    call("norm", f32([3, 4])),
    call("norm", f32([0, 3, -4]), ord=1),
    call("norm", f32([3, -3, 1]), ord=np.inf),
    call("norm", f32([[0, 0], [3, 4]]), axis=1),
    call("math.reduce_euclidean_norm", f32([0, 0])),
    call("math.reduce_std", f32([2, 2, 2])),
    call("math.reduce_variance", f32([1, 2, 3])),
    call("math.l2_normalize", f32([0, 0])),
    call("math.l2_normalize", f32([3, 4]), weighted=True),
    call("nn.l2_loss", f32([3, 4])),
    call("nn.moments", MATRIX, [0], weighted=True),
    call("math.reduce_logsumexp", f32([-INF, -INF])),
    call("math.reduce_logsumexp", f32([1e4, 0, -1e4])),
]

NEURAL = [
    *(
        points(f"nn.{op}", WIDE)
        for op in ("relu", "elu", "selu", "silu", "sigmoid", "tanh", "softplus")
    ),
    points("nn.relu6", [-1, 0, 3, 6, 7]),
    points("nn.leaky_relu", [-2, 0, 2]),
    points("nn.leaky_relu", [-2, 0, 2], alpha=0.1),
    points("nn.softsign", WIDE),
    points("nn.gelu", STEPS),
    points("nn.gelu", STEPS, approximate=True),
    points("math.log_sigmoid", WIDE),
    call("nn.relu", f32([NAN]), name="relu of NaN"),
    call("nn.softmax", f32([[1, 2, 3], [1e4, 0, -1e4]]), weighted=True),
    call("nn.softmax", f32([[1, 2], [3, 4]]), axis=0, weighted=True),
    call("nn.softmax", f32([-INF, -INF]), weighted=True),
    call("nn.log_softmax", f32([[1, 2, 3], [1e4, 0, -1e4]]), weighted=True),
    call(
        "nn.softmax_cross_entropy_with_logits",
        f32([[1, 0, 0], [0.2, 0.5, 0.3], [0, 1, 0]]),
        f32([[2, 1, 0.1], [0, 0, 0], [1e4, -1e4, 0]]),
    ),
    call(
        "nn.softmax_cross_entropy_with_logits",
        f32([[0.5, 0.5, 1.0]]),
        f32([[2, 1, 0.1]]),
        name="softmax cross entropy, labels that sum to 2",
    ),
    call(
        "nn.sparse_softmax_cross_entropy_with_logits",
        i32([0, 2, 1]),
        f32([[2, 1, 0.1], [0, 0, 0], [1e4, -1e4, 0]]),
        weighted=True,
    ),
    call(
        "nn.sparse_softmax_cross_entropy_with_logits",
        i32([3]),
        f32([[2, 1, 0.1]]),
        name="sparse softmax cross entropy, label out of range",
    ),
    call(
        "nn.sigmoid_cross_entropy_with_logits",
        f32([0, 1, 0.5] * 3),
        f32([-1e4] * 3 + [0.0] * 3 + [1e4] * 3),
    ),
    call(
        "nn.sigmoid_cross_entropy_with_logits",
        f32([0, 1, 0.5, 1]),
        f32([100, -100, 20, 1.5]),
    ),
]

COMPLEX = [
    formula("tf.abs(x) ** 2", c64([3 + 4j])),
    call("abs", c64([3 + 4j, 0])),
    call("math.real", c64([3 + 4j])),
    call("math.imag", c64([3 + 4j])),
    call("math.conj", c64([3 + 4j])),
    call("math.angle", c64([3 + 4j])),
    call("square", c64([3 + 4j])),
    call("complex", f32([3]), f32([4])),
    formula("tf.math.real(x * tf.math.conj(x))", c64([3 + 4j])),
]

ARRANGE = [
    call("pad", MATRIX, [[1, 0], [0, 2]], weighted=True),
    call("pad", MATRIX, [[1, 0], [0, 2]], constant_values=9.0, weighted=True),
    call("pad", MATRIX, [[1, 1], [2, 2]], mode="REFLECT", weighted=True),
    call("pad", MATRIX, [[2, 2], [3, 3]], mode="SYMMETRIC", weighted=True),
    call("pad", MATRIX, [[2, 0], [0, 0]], mode="REFLECT", name="pad, reflect too far"),
    call("tile", MATRIX, [2, 1], weighted=True),
    call("tile", f32([1, 2]), [3], weighted=True),
    call("one_hot", i32([0, 2, -1, 3]), 3),
    call("one_hot", i32([[0, 1], [2, 0]]), 3, axis=0),
    call("one_hot", i32([1, 0]), 2, on_value=5.0, off_value=-1.0),
    call("one_hot", i32([1, 0]), 2, dtype="int32"),
    call("gather", MATRIX, i32([1, 0, 1]), weighted=True),
    call("gather", MATRIX, i32([2, 0, 2]), axis=1, weighted=True),
    call("gather", MATRIX, i32([[2, 0], [1, 1]]), batch_dims=1, weighted=True),
    call("gather", CUBE, i32([[2, 0], [1, 1]]), axis=1, batch_dims=1, weighted=True),
    call("gather", MATRIX, i32([-1]), name="gather, negative index"),
    call("gather", MATRIX, i32([2]), name="gather, index too large"),
    call("gather_nd", MATRIX, i32([[0, 1], [1, 2], [0, 1]]), weighted=True),
    call("nn.embedding_lookup", MATRIX, i32([1, 1, 0]), weighted=True),
    call("split", MATRIX, 3, axis=1, weighted=True),
    call("split", f32([1, 2, 3, 4, 5, 6]), [1, 2, 3], weighted=True),
    call("split", f32([1, 2, 3, 4, 5, 6]), [1, -1, 2]),
    call("split", f32([1, 2, 3]), 2, name="split, not divisible"),
    call("stack", [f32([1, 2]), f32([3, 4])], axis=1, weighted=True),
    call("unstack", MATRIX, axis=1, weighted=True),
    call("concat", [f32([[1], [2]]), f32([[3, 4], [5, 6]])], 1, weighted=True),
    call("reshape", MATRIX, [-1, 2], weighted=True),
    call("transpose", MATRIX, weighted=True),
    call("transpose", CUBE, [2, 0, 1], weighted=True),
    call("expand_dims", f32([1, 2]), -1),
    call("squeeze", f32([[[1], [2]]])),
    call("squeeze", f32([[[1], [2]]]), axis=[2]),
    call("broadcast_to", f32([1, 2]), [3, 2], weighted=True),
    call("reverse", MATRIX, [1], weighted=True),
    call("roll", f32([1, 2, 3, 4]), 1, 0, weighted=True),
    call("slice", MATRIX, [0, 1], [2, -1], weighted=True),
    call("boolean_mask", MATRIX, np.asarray([True, False]), weighted=True),
    call("repeat", f32([1, 2]), 2, weighted=True),
    call(
        "tensor_scatter_nd_update",
        f32([1, 2, 3]),
        i32([[0], [2]]),
        f32([9, 8]),
        weighted=True,
    ),
    call("scatter_nd", i32([[1], [1]]), f32([9, 8]), [3], weighted=True),
    call("math.unsorted_segment_sum", f32([1, 2, 3]), i32([0, 1, 0]), 2, weighted=True),
    call("range", 5),
    call("range", 2, 5),
    call("range", 10, 0, -3),
    call("range", 0, 1, 0.25),
    call("range", 3.0),
    call("range", 5, 2),
    call("range", 3, dtype="float32"),
    call("linspace", 0.0, 1.0, 5),
    call("eye", 2, 3),
    call("fill", [2], 1.5),
    call("shape", MATRIX),
    call("size", MATRIX),
    call("rank", MATRIX),
]

REDUCE = [
    call("reduce_prod", f32([2, 0, 3])),
    call("reduce_prod", f32([0, 0, 3]), name="reduce_prod with two zeros"),
    call("reduce_prod", f32([[2, 3], [0, 4]]), axis=1, weighted=True),
    call("math.cumprod", f32([2, 0, 3]), weighted=True),
    call("math.cumsum", f32([1, 2, 3]), weighted=True),
    call("math.cumsum", f32([1, 2, 3]), exclusive=True, weighted=True),
    call("math.cumsum", f32([1, 2, 3]), reverse=True, weighted=True),
    call("reduce_sum", MATRIX, axis=1, weighted=True),
    call("reduce_sum", MATRIX, axis=[0, 1], keepdims=True),
    call("reduce_sum", f32([]), name="reduce_sum of nothing"),
    call("reduce_mean", MATRIX, axis=0, weighted=True),
    call("reduce_mean", f32([]), name="reduce_mean of nothing"),
    call("reduce_mean", i32([1, 2]), name="reduce_mean of integers"),
    call("reduce_any", np.asarray([[True, False], [False, False]]), axis=1),
    call("reduce_all", np.asarray([[True, False], [True, True]]), axis=1),
    call("add_n", [f32([1, 2]), f32([3, 4]), f32([5, 6])], weighted=True),
    call("add_n", [i32([1, 2]), i32([3, 4])]),
    call("matmul", MATRIX, MATRIX, transpose_b=True, weighted=True),
    call("matmul", MATRIX, MATRIX, transpose_a=True, weighted=True),
    call("linalg.matvec", MATRIX, f32([1, 2, 3]), weighted=True),
    call("tensordot", MATRIX, f32([[1, 0], [0, 1], [1, 1]]), 1, weighted=True),
    call("tensordot", MATRIX, MATRIX, [[0, 1], [0, 1]]),
    call("tensordot", MATRIX, MATRIX, [[0], [0]], weighted=True),
    call("tensordot", f32([1, 2]), f32([3, 4]), 0, weighted=True),
    call("einsum", "ij,jk->ik", MATRIX, f32([[1, 0], [0, 1], [1, 1]]), weighted=True),
    call("einsum", "ij->ji", MATRIX, weighted=True),
    call("einsum", "ii->i", f32([[1, 2], [3, 4]]), weighted=True),
    call("einsum", "bij,bj->bi", CUBE, f32([[1, 2], [3, 4]]), weighted=True),
    call("einsum", "...j,j->...", CUBE, f32([1, 2]), weighted=True),
    call("math.squared_difference", f32([1, 2]), f32([3, 3])),
]

ROWS = [*ORDER, *CLIPS, *STEPWISE, *EDGES, *NEURAL, *COMPLEX, *ARRANGE, *REDUCE]


def evaluate(case, function, arguments, keywords, weighted):
    case = case | {"arguments": encode(arguments), "keywords": encode(keywords)}
    arguments = tf.nest.map_structure(to_tensor, arguments)
    sources = [x for x in tf.nest.flatten(arguments) if tf.is_tensor(x)]
    watched = [x for x in sources if x.dtype.is_floating or x.dtype.is_complex]
    try:
        with tf.GradientTape() as tape:
            tape.watch(watched)
            value = function(*arguments, **keywords)
    except ERRORS as error:
        return case | {"error": type(error).__name__}
    case["value"] = encode(value)
    return case | gradients(tape, value, sources, watched, weighted)


def gradients(tape, value, sources, watched, weighted):
    """The tape's answer, where there is something to differentiate."""
    targets = [t for t in tf.nest.flatten(value) if t is not None]
    weights = [counting(t) for t in targets] if weighted else None
    try:
        answers = tape.gradient(targets, watched, output_gradients=weights)
    except (LookupError, *ERRORS):  # TensorFlow has no gradient there
        return {}
    by_source = {id(x): g for x, g in zip(watched, answers, strict=True)}
    found = {"gradients": encode([by_source.get(id(x)) for x in sources])}
    return ({"output_gradient": encode(weights)} if weighted else {}) | found


def counting(target):
    """Output gradient 1, 2, 3, ... in the target's shape and dtype."""
    numbers = np.arange(1, 1 + int(tf.size(target)))
    return tf.constant(numbers.reshape(target.shape), target.dtype)


def to_tensor(argument):
    return tf.constant(argument) if isinstance(argument, np.ndarray) else argument


def encode(value):
    if isinstance(value, dict):
        return {key: encode(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [encode(item) for item in value]
    if tf.is_tensor(value) or isinstance(value, np.ndarray):
        return tensor(value)
    return value


def number_names(cases):
    """Makes the names unique: the second of a name gets "#2", and so on."""
    seen = Counter()
    for case in cases:
        seen[case["name"]] += 1
        if seen[case["name"]] > 1:
            case["name"] += f" #{seen[case['name']]}"
    return cases


def main():
    cases = [evaluate(*row) for row in ROWS]
    write_golden(__file__, {"cases": number_names(cases)})


if __name__ == "__main__":
    main()
