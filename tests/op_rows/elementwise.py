"""Rows of what works on each element alone, and of two operands."""

import numpy as np
from scipy import special

import jaxtape as jt
from tests.op_rows.row import elementwise, given, positive, real, row, stepwise, within

X = real(2, 3)
P = positive(2, 3)
UNIT = within(-0.83, 0.77, 2, 3)
Z = given([[True, False, True], [False, False, True]])
ORDERS = given(np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]))
FLAGS = given([[True, True, False], [False, True, False]])
NO_GRAD_A = {"second order": "the derivative by `a` has none, in JAX and in TensorFlow"}
NO_HALF = {"half": "JAX has no complex numbers of half precision"}


def log_sigmoid(x):
    return -np.logaddexp(0, -x)


UNARY = [
    elementwise("abs", np.abs, X),
    elementwise("math.acos", np.arccos, UNIT),
    elementwise("math.acosh", np.arccosh, within(1.3, 3.1, 2, 3), rounds=2),
    elementwise("math.asin", np.arcsin, UNIT),
    elementwise("math.asinh", np.arcsinh, X, rounds=2),
    elementwise("math.atan", np.arctan, X),
    elementwise("math.atanh", np.arctanh, UNIT, rounds=2),
    elementwise("cos", np.cos, X),
    elementwise("math.cosh", np.cosh, X),
    elementwise("math.digamma", special.digamma, P, rounds=2),
    elementwise("math.erf", special.erf, X),
    elementwise("math.erfc", special.erfc, X),
    elementwise("math.erfinv", special.erfinv, UNIT),
    elementwise("exp", np.exp, X),
    elementwise("math.expm1", np.expm1, X),
    elementwise("math.lgamma", special.gammaln, P, rounds=2),
    elementwise("math.log", np.log, P),
    elementwise("math.log1p", np.log1p, UNIT),
    elementwise("math.log_sigmoid", log_sigmoid, X),
    elementwise("negative", np.negative, X),
    elementwise("math.reciprocal", np.reciprocal, P),
    elementwise("math.rsqrt", lambda x: 1 / np.sqrt(x), P),
    elementwise("sigmoid", special.expit, X),
    elementwise("sign", np.sign, X),
    elementwise("sin", np.sin, X),
    elementwise("math.sinh", np.sinh, X),
    elementwise("math.softplus", lambda x: np.logaddexp(0, x), X),
    elementwise("sqrt", np.sqrt, P),
    elementwise("square", np.square, X),
    elementwise("math.tan", np.tan, UNIT),
    elementwise("tanh", np.tanh, X),
    elementwise("identity", lambda x: x, X),
    stepwise("math.ceil", np.ceil, X),
    stepwise("floor", np.floor, X),
    stepwise("math.rint", np.rint, X),
    stepwise("round", np.round, X),
    stepwise("math.is_finite", np.isfinite, X, dtype="bool"),
    stepwise("math.is_inf", np.isinf, X, dtype="bool"),
    stepwise("math.is_nan", np.isnan, X, dtype="bool"),
    stepwise("stop_gradient", lambda x: x, X),
]

COMPLEX = [
    elementwise(
        "math.complex",
        lambda x, y: x + 1j * y,
        X,
        real(2, 3),
        dtype="complex64",
        exceptions=NO_HALF,
    ),
    elementwise(
        "math.angle",
        lambda x, y: np.arctan2(y, x),
        X,
        P,
        call=lambda op, x, y: op(jt.math.complex(x, y)),
        exceptions=NO_HALF,
    ),
    elementwise(
        "math.conj",
        lambda x, y: x - 1j * y,
        X,
        P,
        call=lambda op, x, y: op(jt.math.complex(x, y)),
        dtype="complex64",
        exceptions=NO_HALF,
    ),
    elementwise(
        "math.imag",
        lambda x, y: x + y,
        X,
        P,
        call=lambda op, x, y: op(jt.math.complex(x * y, x + y)),
        exceptions=NO_HALF,
    ),
    elementwise(
        "math.real",
        lambda x, y: x * y,
        X,
        P,
        call=lambda op, x, y: op(jt.math.complex(x * y, x + y)),
        exceptions=NO_HALF,
    ),
    elementwise("math.conj", lambda x: x, X, way="of a real number"),
]

BINARY = [
    elementwise("add", np.add, X, real(2, 3)),
    row("add", np.add, X, real(3), empty=[(0, 3), (3,)], scalar=[(), ()], way="rows"),
    elementwise("subtract", np.subtract, X, real(2, 3)),
    elementwise("multiply", np.multiply, X, real(2, 3)),
    elementwise("divide", np.divide, X, P),
    elementwise("maximum", np.maximum, X, within(-1.71, 2.02, 2, 3)),
    elementwise("minimum", np.minimum, X, within(-1.71, 2.02, 2, 3)),
    elementwise("pow", np.power, P, X, rounds=2),
    elementwise(
        "pow", lambda x: x**3, X, call=lambda op, x: op(x, 3), rounds=2, way="by an int"
    ),
    elementwise("math.atan2", np.arctan2, X, P),
    elementwise("math.divide_no_nan", np.divide, X, P),
    elementwise(
        "math.divide_no_nan",
        lambda x: x * 0,
        X,
        call=lambda op, x: op(x, 0.0),
        way="by 0",
    ),
    elementwise("math.floormod", np.mod, X, P, rounds=2),
    elementwise("math.squared_difference", lambda x, y: (x - y) ** 2, X, P, rounds=3),
    elementwise("math.xlogy", special.xlogy, X, P, rounds=2),
    elementwise(
        "add_n",
        lambda x, y: x + 2 * y,
        X,
        real(2, 3),
        call=lambda op, x, y: op([x, y, y]),
        rounds=2,
    ),
    stepwise("math.floordiv", np.floor_divide, X, P),
]

COMPARISONS = [
    stepwise(name, function, X, real(2, 3), dtype="bool")
    for name, function in (
        ("equal", np.equal),
        ("not_equal", np.not_equal),
        ("less", np.less),
        ("less_equal", np.less_equal),
        ("greater", np.greater),
        ("greater_equal", np.greater_equal),
    )
]
LOGIC = [
    stepwise("logical_and", np.logical_and, Z, FLAGS, dtype="bool"),
    stepwise("logical_or", np.logical_or, Z, FLAGS, dtype="bool"),
    stepwise("logical_xor", np.logical_xor, Z, FLAGS, dtype="bool"),
    stepwise("logical_not", np.logical_not, Z, dtype="bool"),
]

SPECIAL = [
    elementwise("math.bessel_i0", special.i0, X, rounds=2),
    elementwise("math.bessel_i0e", special.i0e, X, rounds=2),
    elementwise("math.bessel_i1", special.i1, X, rounds=2),
    elementwise("math.bessel_i1e", special.i1e, X, rounds=2),
    elementwise(
        "math.erfcinv", special.erfcinv, within(0.31, 1.42, 2, 3), is_slow=True
    ),
    elementwise("math.ndtri", special.ndtri, within(0.13, 0.82, 2, 3), is_slow=True),
    elementwise(
        "math.igamma",
        special.gammainc,
        P,
        within(0.51, 2.1, 2, 3),
        rounds=2,
        is_slow=True,
        exceptions=NO_GRAD_A,
    ),
    elementwise(
        "math.igammac",
        special.gammaincc,
        P,
        within(0.51, 2.1, 2, 3),
        rounds=2,
        is_slow=True,
        exceptions=NO_GRAD_A,
    ),
    elementwise(
        "math.polygamma",
        lambda order, x: special.polygamma(order.astype(int), x),
        ORDERS,
        P,
        by=(1,),
        rounds=2,
        is_slow=True,
    ),
    elementwise(
        "math.zeta",
        special.zeta,
        within(2.2, 4.1, 2, 3),
        P,
        by=(1,),
        rounds=2,
        is_slow=True,
    ),
    elementwise(
        "math.betainc",
        special.betainc,
        P,
        within(0.51, 2.1, 2, 3),
        within(0.21, 0.72, 2, 3),
        by=(2,),
        rounds=2,
        is_slow=True,
    ),
    elementwise(
        "math.polyval",
        lambda x, y, at: x * at**2 + y * at + 0.5,
        X,
        real(2, 3),
        P,
        call=lambda op, x, y, at: op([x, y, 0.5], at),
        rounds=4,
    ),
    elementwise("math.multiply_no_nan", np.multiply, X, P),
    elementwise("math.reciprocal_no_nan", np.reciprocal, P),
    elementwise("math.xdivy", np.divide, X, P),
    elementwise("math.xlog1py", special.xlog1py, X, P, rounds=2),
    elementwise("truncatemod", np.fmod, X, P, rounds=2),
    stepwise("truncatediv", lambda x, y: np.trunc(x / y), X, P),
    elementwise("math.nextafter", np.nextafter, X, P),
    elementwise("scalar_mul", np.multiply, given(np.array(1.7)), X, empty=[(), (0, 3)]),
    elementwise("identity_n", lambda x: [x, x], X, call=lambda op, x: op([x, x])),
    elementwise("ensure_shape", lambda x: x, X, call=lambda op, x: op(x, None)),
]

ROWS = [*SPECIAL, *UNARY, *COMPLEX, *BINARY, *COMPARISONS, *LOGIC]
