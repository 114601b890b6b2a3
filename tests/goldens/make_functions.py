"""Makes `functions.json`: TensorFlow's values and gradients of its less common ops.

    KERAS_BACKEND=tensorflow TF_ENABLE_ONEDNN_OPTS=0 TF_CPP_MIN_LOG_LEVEL=3 \
        python tests/goldens/make_functions.py

TensorFlow 2.21.0, Keras 3.15.1.

Keys: `cases`, as in `ops.json` (see `make_ops.py`), and `signatures`: for each path
under `tf` the names of the arguments in order.
"""

import inspect
from operator import attrgetter

import numpy as np
import tensorflow as tf
from golden_file import write_golden
from make_ops import (
    CUBE,
    INF,
    MATRIX,
    NAN,
    c64,
    call,
    evaluate,
    f32,
    formula,
    i32,
    number_names,
    points,
)

IDS = i32([0, 0, 1, 3])
ANY_IDS = i32([2, 0, -1, 2])
ROWS_OF_2 = f32([[1, 2], [3, 2], [5, 6], [7, 8]])
SCATTER = (f32([1, 5, 3, 4]), i32([[1], [3], [1]]), f32([5, 9, -2]))
TIED = f32([[1, 5, 5, 2], [0.0, -0.0, -3, -7]])

MATH = [
    *(
        points(f"math.{op}", [-2.5, -0.5, 0.3, 1.0, 4.0])
        for op in ("bessel_i0", "bessel_i0e", "bessel_i1", "bessel_i1e")
    ),
    points("math.erfcinv", [0.1, 0.5, 1.0, 1.9]),
    points("math.ndtri", [0.05, 0.3, 0.5, 0.99]),
    call("math.lbeta", f32([[1, 2], [0.5, 3]]), weighted=True),
    call("math.igamma", f32([0.5, 2, 5]), f32([0.3, 2, 9])),
    call("math.igammac", f32([0.5, 2, 5]), f32([0.3, 2, 9])),
    call("math.polygamma", f32([1, 2, 3]), f32([0.5, 2, 9])),
    call("math.zeta", f32([2, 3, 4.5]), f32([0.5, 2, 9])),
    call("math.betainc", f32([0.5, 2, 3]), f32([1, 3, 0.7]), f32([0.2, 0.5, 0.8])),
    formula("tf.math.polyval([2.0, x, 1.0], y)", f32([3, -1]), f32([0.5, 2])),
    call("math.multiply_no_nan", f32([INF, NAN, 2, 4]), f32([0, 0, 3, -1])),
    call("math.reciprocal_no_nan", f32([0, 2, -4])),
    call("math.xdivy", f32([0, 0, 6]), f32([0, 2, 3])),
    call("math.xlog1py", f32([0, 0, 2]), f32([-1, 1, 3])),
    call("math.nextafter", f32([1, 0]), f32([2, -1])),
    call("math.truediv", f32([1, 3]), f32([2, 4])),
    call("math.mod", f32([5.5, -5.5]), f32([2, 2])),
    call("truncatediv", f32([7, -7.5]), f32([2, 2])),
    call("truncatemod", f32([7, -7.5]), f32([2, 2])),
    call(
        "math.floordiv", f32([1, -1, 0.3]), f32([0.1, 0.1, 0.1]), name="floor of 1/.1"
    ),
    call("math.floormod", f32([1, -1, 0.3]), f32([0.1, 0.1, 0.1]), name="mod of 1/.1"),
    formula("x // 0.1", f32([1, -1, 0.3])),
    call("math.scalar_mul", 2.0, f32([1, 2])),
    call("math.accumulate_n", [f32([1, 2]), f32([3, 4])]),
    call("math.cumulative_logsumexp", f32([1, 2, 3]), weighted=True),
    call("math.cumulative_logsumexp", f32([1, 2, 3]), reverse=True, weighted=True),
    call(
        "math.cumulative_logsumexp",
        f32([1, 2, 3]),
        exclusive=True,
        name="cumulative_logsumexp, exclusive",
    ),
    call("math.cumsum", MATRIX, axis=1, exclusive=True, reverse=True, weighted=True),
    call("math.cumprod", f32([2, 4, 3]), exclusive=True, weighted=True),
    call("math.count_nonzero", f32([[0, 1, 2], [0, 0, 3]])),
    call("math.count_nonzero", f32([[0, 1, 2], [0, 0, 3]]), axis=1, keepdims=True),
    call("math.zero_fraction", f32([[0, 1, 2], [0, 0, 3]])),
    call("math.bincount", i32([1, 1, 4, 0])),
    call("math.bincount", i32([1, 1, 4, 0]), minlength=7),
    call("math.bincount", i32([1, 1, 4, 0]), maxlength=3),
    call("math.bincount", i32([1, 1, 4, 0]), f32([0.5, 1, 2, 3])),
    call("math.bincount", i32([[1, 1], [2, 0]]), axis=-1),
    call("math.bincount", i32([[1, 1], [2, 0]]), axis=-1, binary_output=True),
    call("math.confusion_matrix", i32([1, 2, 4]), i32([2, 2, 4])),
    call("math.confusion_matrix", i32([1, 0]), i32([1, 1]), 3, f32([0.5, 2])),
    call("math.in_top_k", i32([0, 1, 3, 2]), f32([[1, 1, 2]] * 3 + [[1, NAN, 3]]), 2),
    call("math.invert_permutation", i32([3, 4, 0, 2, 1])),
    call("math.is_non_decreasing", f32([1, 1, 2])),
    call("math.is_strictly_increasing", f32([1, 1, 2])),
    call("math.is_strictly_increasing", f32([[1, 2], [3, 4]])),
    call("math.softmax", f32([1, 2]), weighted=True),
    call("math.log_softmax", f32([1, 2]), weighted=True),
    call("math.softsign", f32([-1, 0, 3])),
    call("math.top_k", TIED, 3),
    call("math.top_k", f32([[-0.0, 0.0, 1]]), 3, weighted=True),
    call("math.reduce_euclidean_norm", MATRIX, axis=[0, 1]),
]

SEGMENTS = [
    *(
        call(f"math.segment_{op}", ROWS_OF_2, IDS, weighted=True)
        for op in ("sum", "mean", "prod", "max", "min")
    ),
    *(
        call(f"math.unsorted_segment_{op}", ROWS_OF_2, ANY_IDS, 4, weighted=True)
        for op in ("sum", "mean", "prod", "max", "min", "sqrt_n")
    ),
    call("math.unsorted_segment_prod", f32([0, 3, 0, 0, 5]), i32([0, 0, 1, 1, 1]), 2),
    call(
        "math.segment_max", i32([3, 1, 2]), i32([0, 0, 2]), name="segment_max, integers"
    ),
    call(
        "math.unsorted_segment_max",
        i32([3, 1, 2]),
        i32([0, 0, 2]),
        3,
        name="unsorted_segment_max, integers",
    ),
    call("math.segment_sum", f32([1, 2]), i32([1, 0]), name="segment_sum, not sorted"),
    call(
        "math.unsorted_segment_sum", f32([1, 2]), i32([1, 5]), 2, name="segment 5 of 2"
    ),
]

PLACES = [
    *(
        call(f"tensor_scatter_nd_{op}", *SCATTER, weighted=True)
        for op in ("add", "sub", "min", "max")
    ),
    call("tensor_scatter_nd_max", f32([5, 1]), i32([[0], [1]]), f32([5, 3])),
    call(
        "tensor_scatter_nd_update", MATRIX, i32([[1]]), f32([[7, 8, 9]]), weighted=True
    ),
    call("gather_nd", MATRIX, i32([[1]]), weighted=True),
    call("gather_nd", CUBE, i32([[[2, 1]], [[0, 0]]]), batch_dims=1, weighted=True),
    call("gather_nd", MATRIX, i32([[0, 3]]), name="gather_nd, outside"),
    call("gather_nd", MATRIX, i32([[-1, 0]]), name="gather_nd, negative"),
    call("scatter_nd", i32([[3]]), f32([1]), [3], name="scatter_nd, outside"),
    call("scatter_nd", i32([[0], [2]]), MATRIX, [3, 3], weighted=True),
    call("tensor_scatter_nd_add", f32([1]), i32([[1]]), f32([1]), name="add outside"),
    call("searchsorted", f32([1, 3, 3, 5]), f32([0, 3, 4, 6])),
    call("searchsorted", f32([1, 3, 3, 5]), f32([0, 3, 4, 6]), side="right"),
    call("searchsorted", MATRIX, f32([[2, 9], [4, 5]]), side="right"),
    call("sequence_mask", i32([1, 3, 0])),
    call("sequence_mask", i32([[1, 3], [0, 2]]), 4, dtype="float32"),
    call(
        "boolean_mask", MATRIX, np.asarray([True, False, True]), axis=1, weighted=True
    ),
    call(
        "boolean_mask", MATRIX, np.asarray([[True, False, True], [False, True, False]])
    ),
    call("unique", f32([3, 1, 3, 2, 1])),
    call("unique_with_counts", i32([3, 1, 3, 2, 1])),
    call("meshgrid", f32([1, 2, 3]), f32([4, 5]), weighted=True),
    call("meshgrid", f32([1, 2, 3]), f32([4, 5]), indexing="ij", weighted=True),
    call("reverse_sequence", MATRIX, i32([2, 3]), seq_axis=1, weighted=True),
    call("reverse_sequence", MATRIX, i32([2, 1, 0]), 0, 1, weighted=True),
    call("unravel_index", i32([2, 5]), i32([2, 3])),
    call("strided_slice", MATRIX, [0, 2], [2, 0], [1, -1], weighted=True),
    call("strided_slice", MATRIX, [0, 1], [1, 3], shrink_axis_mask=1, weighted=True),
    call("strided_slice", MATRIX, [0, 1], [0, 0], begin_mask=1, end_mask=3),
    call("dynamic_partition", ROWS_OF_2, i32([1, 0, 1, 1]), 3, weighted=True),
    formula(
        "tf.dynamic_stitch([[0, 2], [1, 2]], [x, y])",
        f32([[1, 2], [3, 4]]),
        f32([[5, 6], [7, 8]]),
        weighted=True,
    ),
    call("repeat", MATRIX, [2, 0, 1], axis=1, weighted=True),
    call("roll", MATRIX, [1, -1], [0, 1], weighted=True),
    call("reverse", MATRIX, [0, -1], weighted=True),
    call("linspace", f32([0, 10]), f32([1, 20]), 3, axis=1, weighted=True),
    call("linspace", 3.0, 3.0, 1, name="linspace of one"),
    call("sort", f32([[3, 1], [2, 5]]), axis=0, direction="DESCENDING", weighted=True),
    call("argsort", f32([[3, 1], [1, 5]]), axis=0, direction="DESCENDING"),
    call("argmin", MATRIX, axis=-1),
    call("ensure_shape", MATRIX, [2, None], weighted=True),
    call("ensure_shape", MATRIX, [3, None], name="ensure_shape, wrong"),
    call("bitcast", f32([1, -2]), "int32"),
    call("bitcast", f32([1, -2]), "uint8"),
    call("bitcast", np.asarray([[0, 0, 128, 63]], "uint8"), "float32"),
    call("saturate_cast", f32([-1, 3.7, 300]), "uint8"),
    call("saturate_cast", f32([1, 1e6, -1e6]), "float16"),
    call("saturate_cast", i32([-200, 5, 200]), "int8"),
    call("saturate_cast", f32([1e20, -1e20, 5.5]), "int32"),
    call("histogram_fixed_width", f32([-1, 0, 1.5, 2, 5, 15]), [0.0, 5.0], nbins=5),
    call(
        "histogram_fixed_width_bins", f32([-1, 0, 1.5, 2, 5, 15]), [0.0, 5.0], nbins=5
    ),
    call("broadcast_dynamic_shape", [2, 1, 3], [4, 1]),
    call("nn.space_to_depth", f32(np.arange(16).reshape(1, 4, 2, 2)), 2, weighted=True),
    call("nn.depth_to_space", f32(np.arange(16).reshape(1, 2, 1, 8)), 2, weighted=True),
    call(
        "space_to_batch",
        f32(np.arange(24).reshape(1, 4, 3, 2)),
        [2, 2],
        [[0, 0], [1, 0]],
        weighted=True,
    ),
    call(
        "batch_to_space",
        f32(np.arange(24).reshape(4, 2, 3, 1)),
        [2, 2],
        [[0, 1], [1, 0]],
        weighted=True,
    ),
    call("scalar_mul", 3.0, MATRIX, weighted=True),
    call("identity_n", [f32([1]), f32([2])]),
    call("shape_n", [MATRIX, f32([2])]),
]

SPD = f32([[4, 1, 2], [1, 5, 3], [2, 3, 6]])
SKEW = f32([[2, -1, 0.5], [1, 3, 2], [0.5, -2, 4]])
TALL = f32([[1, 2], [3, -1], [0.5, 4]])
SIDE = f32([[1, 2], [3, 4], [5, 6]])
BAND = f32([[1, 2, 3], [4, 5, 6], [7, 8, 9]])
THREE = f32([[1, 2, 9], [4, 5, 7], [9, -2, 1]])
HERMITIAN = c64([[3, 1 - 2j], [1 + 2j, 5]])
LOWER = f32([[2, 9, 9], [1, 3, 9], [0.5, -2, 4]])
ALIGNMENTS = ("RIGHT_LEFT", "LEFT_RIGHT", "LEFT_LEFT", "RIGHT_RIGHT")

LINALG = [
    call("linalg.cholesky", SPD, weighted=True),
    call("linalg.cholesky", SKEW + 3 * f32(np.eye(3)), weighted=True),
    call("linalg.cholesky_solve", f32(np.linalg.cholesky(SPD)), SIDE, weighted=True),
    call("linalg.solve", SKEW, SIDE, weighted=True),
    call("linalg.solve", SKEW, SIDE, adjoint=True, weighted=True),
    call("linalg.triangular_solve", LOWER, SIDE, weighted=True),
    call("linalg.triangular_solve", LOWER, SIDE, adjoint=True, weighted=True),
    call("linalg.triangular_solve", LOWER, SIDE, lower=False, weighted=True),
    call("linalg.triangular_solve", LOWER, f32(np.stack([SIDE, SIDE])), weighted=True),
    call("linalg.lstsq", TALL, SIDE, weighted=True),
    call("linalg.lstsq", TALL, SIDE, 0.5, weighted=True),
    call("linalg.lstsq", f32(TALL.T), SIDE[:2], weighted=True),
    call("linalg.lstsq", TALL, SIDE, fast=False),
    call("linalg.inv", SKEW, weighted=True),
    call("linalg.inv", SKEW, adjoint=True, weighted=True),
    call("linalg.pinv", TALL, weighted=True),
    call("linalg.pinv", f32([[1, 2], [2, 4]]), rcond=0.1),
    call("linalg.det", SKEW),
    call("linalg.det", f32([[1, 2], [2, 4]]), name="det of a singular matrix"),
    call("linalg.slogdet", SKEW),
    call("linalg.slogdet", -SPD),
    call("linalg.logdet", SPD),
    call("linalg.matrix_rank", f32([[1, 2], [2, 4]])),
    call("linalg.matrix_rank", SPD, 3.0),
    call("linalg.expm", SKEW / 4, weighted=True),
    call("linalg.eigvalsh", SPD, weighted=True),
    call("linalg.eigvalsh", SKEW, weighted=True),
    call("linalg.eigvalsh", HERMITIAN),
    formula("tf.abs(tf.linalg.eigh(x)[1])", SPD, weighted=True),
    formula("tf.linalg.eigh(x)[0]", SPD, weighted=True),
    formula("tf.linalg.svd(x)[0]", TALL, weighted=True),
    formula("tf.abs(tf.linalg.svd(x)[1])", TALL, weighted=True),
    formula("tf.abs(tf.linalg.svd(x)[2])", TALL, weighted=True),
    call("linalg.svd", TALL, compute_uv=False, weighted=True),
    formula("tf.shape(tf.linalg.svd(x, full_matrices=True)[1])", TALL),
    formula("tf.abs(tf.linalg.qr(x)[0])", TALL, weighted=True),
    formula("tf.abs(tf.linalg.qr(x)[1])", TALL, weighted=True),
    formula("tf.shape(tf.linalg.qr(x, full_matrices=True)[0])", TALL),
    formula("tf.linalg.lu(x)[0]", SKEW, weighted=True),
    formula("tf.linalg.lu(x)[1]", SKEW),
    formula("tf.linalg.lu_reconstruct(*tf.linalg.lu(x))", SKEW, weighted=True),
    formula("tf.linalg.lu_solve(*tf.linalg.lu(x), y)", SKEW, SIDE, weighted=True),
    formula("tf.linalg.lu_matrix_inverse(*tf.linalg.lu(x))", SKEW, weighted=True),
    formula("tf.sort(tf.math.real(tf.linalg.eigvals(x)))", SKEW),
    formula("tf.sort(tf.abs(tf.eig(x)[0]))", SKEW),
    formula("tf.reduce_sum(tf.abs(tf.linalg.eig(x)[1]) ** 4)", SKEW),
    call("linalg.trace", f32(np.stack([SKEW, SPD])), weighted=True),
    call("linalg.cross", f32([1, 2, 3]), f32([-1, 0, 4]), weighted=True),
    call("linalg.matrix_transpose", MATRIX, weighted=True),
    call("linalg.matrix_transpose", HERMITIAN, conjugate=True),
    call("linalg.adjoint", HERMITIAN),
    call("linalg.normalize", f32([3, 4]), weighted=True),
    call("linalg.normalize", MATRIX, 1, 1, weighted=True),
    call("linalg.band_part", SKEW, 0, -1, weighted=True),
    call("linalg.band_part", SKEW, 1, 0, weighted=True),
    call("linalg.tensor_diag", MATRIX, weighted=True),
    call(
        "linalg.tensor_diag_part", f32(np.arange(16).reshape(2, 2, 2, 2)), weighted=True
    ),
    call("linalg.diag", f32([1, 2]), weighted=True),
    call("linalg.diag", f32([[1, 2], [3, 4]]), k=1, weighted=True),
    call("linalg.diag", f32([1, 2]), k=-1, num_rows=3, num_cols=3, padding_value=9.0),
    call("linalg.diag", BAND, k=(-1, 1), weighted=True),
    *(
        call("linalg.diag", BAND[:2], k=(0, 1), num_rows=3, num_cols=3, align=align)
        for align in ALIGNMENTS
    ),
    call("linalg.diag_part", f32(np.stack([SKEW, SPD])), weighted=True),
    call("linalg.diag_part", MATRIX, k=1, weighted=True),
    call("linalg.diag_part", MATRIX, k=-1, weighted=True),
    *(
        call("linalg.diag_part", MATRIX, k=(-1, 2), padding_value=9.0, align=align)
        for align in ALIGNMENTS
    ),
    call("linalg.set_diag", SKEW, f32([7, 8, 9]), weighted=True),
    call("linalg.set_diag", SKEW, f32([7, 8]), k=1, weighted=True),
    call("linalg.set_diag", SKEW, BAND, k=(-1, 1), weighted=True),
    call("linalg.tridiagonal_matmul", BAND, SIDE, weighted=True),
    call("linalg.tridiagonal_solve", THREE, SIDE, weighted=True),
    call("linalg.tridiagonal_solve", THREE, f32([1, 2, 3]), weighted=True),
    call("linalg.l2_normalize", f32([3, 4]), weighted=True),
]

IMAGE = f32(np.sin(np.arange(60)).reshape(1, 5, 6, 2))
LINE = f32(np.sin(np.arange(14)).reshape(1, 7, 2))
SOLID = f32(np.sin(np.arange(54)).reshape(1, 3, 3, 3, 2))
FILTERS = f32(np.cos(np.arange(36)).reshape(3, 3, 2, 2))
FILTERS_1 = f32(np.cos(np.arange(12)).reshape(3, 2, 2))
FILTERS_3 = f32(np.cos(np.arange(32)).reshape(2, 2, 2, 2, 2))
POINTWISE = f32(np.cos(np.arange(12)).reshape(1, 1, 4, 3))
TIES = f32([1, 3, 3, 3, 2, 0, 3, 3]).reshape(1, 2, 4, 1)
MARGINS = [[0, 0], [1, 0], [2, 1], [0, 0]]

WINDOWS = [
    call("nn.conv2d", IMAGE, FILTERS, 1, "SAME", weighted=True),
    call("nn.conv2d", IMAGE, FILTERS, 2, "SAME", weighted=True),
    call("nn.conv2d", IMAGE, FILTERS, [1, 2, 1, 1], "VALID", weighted=True),
    call("nn.conv2d", IMAGE, FILTERS, 1, "VALID", dilations=2),
    call("nn.conv2d", IMAGE, FILTERS, 1, MARGINS, weighted=True),
    call("nn.conv2d", IMAGE, FILTERS[..., :1, :], 1, "SAME", weighted=True),
    call("nn.conv1d", LINE, FILTERS_1, 2, "SAME", weighted=True),
    call("nn.conv1d", LINE, FILTERS_1, 1, "VALID", dilations=2, weighted=True),
    call("nn.conv3d", SOLID, FILTERS_3, [1, 1, 1, 1, 1], "SAME", weighted=True),
    call("nn.convolution", IMAGE, FILTERS, weighted=True),
    call("nn.convolution", IMAGE, FILTERS, padding="SAME", dilations=[2, 1]),
    call("nn.atrous_conv2d", IMAGE, FILTERS, 2, "SAME"),
    call("nn.depthwise_conv2d", IMAGE, FILTERS, [1, 1, 1, 1], "SAME", weighted=True),
    call("nn.depthwise_conv2d", IMAGE, FILTERS, [1, 2, 2, 1], "VALID", weighted=True),
    call(
        "nn.separable_conv2d",
        IMAGE,
        FILTERS,
        POINTWISE,
        [1, 1, 1, 1],
        "VALID",
        weighted=True,
    ),
    call(
        "nn.conv2d_transpose", IMAGE, FILTERS, [1, 10, 12, 2], 2, "SAME", weighted=True
    ),
    call(
        "nn.conv2d_transpose", IMAGE, FILTERS, [1, 9, 11, 2], 2, "SAME", weighted=True
    ),
    call(
        "nn.conv2d_transpose", IMAGE, FILTERS, [1, 11, 13, 2], 2, "VALID", weighted=True
    ),
    call("nn.conv1d_transpose", LINE, FILTERS_1, [1, 14, 2], 2, weighted=True),
    call("nn.conv3d_transpose", SOLID, FILTERS_3, [1, 6, 6, 6, 2], 2, weighted=True),
    call("nn.conv_transpose", IMAGE, FILTERS, [1, 5, 6, 2], 1, weighted=True),
    call(
        "nn.conv2d_transpose",
        IMAGE,
        FILTERS,
        [1, 20, 12, 2],
        2,
        name="transpose too far",
    ),
    call("nn.max_pool2d", IMAGE, 2, 2, "VALID", weighted=True),
    call("nn.max_pool2d", IMAGE, 3, 2, "SAME", weighted=True),
    call("nn.max_pool2d", TIES, 2, 1, "VALID", name="max_pool, ties", weighted=True),
    call("nn.max_pool2d", IMAGE, [1, 2, 3, 1], [1, 1, 2, 1], MARGINS, weighted=True),
    call("nn.max_pool", IMAGE, 2, 1, "SAME", weighted=True),
    call("nn.max_pool1d", LINE, 3, 2, "SAME", weighted=True),
    call("nn.max_pool3d", SOLID, 2, 1, "VALID", weighted=True),
    call("nn.avg_pool2d", IMAGE, 2, 2, "VALID", weighted=True),
    call("nn.avg_pool2d", IMAGE, 3, 2, "SAME", weighted=True),
    call("nn.avg_pool", IMAGE, [2, 3], 1, "SAME", weighted=True),
    call("nn.avg_pool1d", LINE, 3, 2, "SAME", weighted=True),
    call("nn.avg_pool3d", SOLID, 2, 1, "VALID", weighted=True),
    call("nn.pool", IMAGE, [2, 2], "MAX", weighted=True),
    call(
        "nn.pool", IMAGE, [2, 2], "AVG", strides=[2, 1], padding="SAME", weighted=True
    ),
    call("nn.pool", IMAGE, [2, 2], "MAX", dilations=[2, 1]),
    call("nn.max_pool_with_argmax", IMAGE, 2, 2, "VALID"),
    call("nn.max_pool_with_argmax", TIES, 2, 1, "VALID", include_batch_in_index=True),
]

CHANNELS = f32(np.arange(12).reshape(1, 1, 2, 6) - 5)

NETWORKS = [
    points("nn.crelu", [-1, 0, 2], weighted=True),
    call("nn.crelu", MATRIX - 3, axis=0, weighted=True),
    points("nn.swish", [-2, 0, 3], beta=2.0),
    call(
        "nn.weighted_cross_entropy_with_logits",
        f32([0, 1, 0.5, 1]),
        f32([30, -30, 2, 0]),
        2.5,
        weighted=True,
    ),
    call("nn.log_poisson_loss", f32([0, 1, 3]), f32([0.5, -1, 2]), weighted=True),
    call("nn.log_poisson_loss", f32([0, 1, 3]), f32([0.5, -1, 2]), True, weighted=True),
    call("nn.moments", MATRIX, [0, 1], keepdims=True),
    call("nn.weighted_moments", MATRIX, [1], f32([1, 2, 3]), weighted=True),
    call("nn.weighted_moments", MATRIX, [0], f32([[1], [3]]), keepdims=True),
    call("nn.sufficient_statistics", MATRIX, [1], weighted=True),
    call("nn.sufficient_statistics", MATRIX, [0], shift=2.0, weighted=True),
    formula(
        "tf.nn.normalize_moments(3.0, x, y, 0.5)",
        f32([3, 6]),
        f32([9, 30]),
        weighted=True,
    ),
    formula("tf.nn.normalize_moments(3.0, x, y, None)", f32([3, 6]), f32([9, 30])),
    formula(
        "tf.nn.batch_normalization(x, [1.0, 2, 3], y, [0.5, 1, 2], z, 0.001)",
        MATRIX,
        f32([0.5, 1, 2]),
        f32([1, 2, 3]),
        weighted=True,
    ),
    formula("tf.nn.batch_normalization(x, 2.0, 3.0, None, None, 0.001)", MATRIX),
    call("nn.bias_add", MATRIX, f32([1, 2, 3]), weighted=True),
    call("nn.bias_add", CUBE, f32([1, 2, 3]), "NCW", weighted=True),
    call("nn.bias_add", MATRIX, f32([1, 2]), name="bias_add, wrong length"),
    call("nn.lrn", CHANNELS, 2, 1.0, 0.5, 0.75, weighted=True),
    call("nn.local_response_normalization", CHANNELS, weighted=True),
    call("nn.zero_fraction", f32([0, 1, 0, 0])),
    call("nn.in_top_k", i32([0, 1]), f32([[1, 2, 3], [4, 2, 3]]), 2),
    call("nn.embedding_lookup", MATRIX, i32([[1], [0]]), 1.0, weighted=True),
    call("nn.l2_normalize", MATRIX, 1, weighted=True),
    call("nn.compute_average_loss", f32([1, 2, 3]), weighted=True),
    call("nn.compute_average_loss", f32([1, 2, 3]), f32([1, 0, 2]), 6),
    call("nn.dropout", MATRIX, 0.0),
    call("nn.dropout", MATRIX, 1.0, name="dropout of everything"),
    call("nn.dropout", MATRIX, -0.1, name="dropout of less than nothing"),
]

ROWS = [*MATH, *SEGMENTS, *PLACES, *LINALG, *WINDOWS, *NETWORKS]
NAMESPACES = ("", "math", "linalg", "nn", "random")


def signatures():
    """Argument names of every function of the namespaces, by its path."""
    found = {}
    for namespace in NAMESPACES:
        module = attrgetter(namespace)(tf) if namespace else tf
        for name in dir(module):
            function = getattr(module, name)
            if inspect.isfunction(function) and not name.startswith("_"):
                path = f"{namespace}.{name}".strip(".")
                found[path] = list(inspect.signature(function).parameters)
    return found


def main():
    cases = number_names([evaluate(*row) for row in ROWS])
    write_golden(__file__, {"cases": cases, "signatures": signatures()})


if __name__ == "__main__":
    main()
