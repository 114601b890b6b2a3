"""Every layer, loss, optimizer and regularizer: one row each, tried by all contracts.

`tests/test_contracts.py` runs the rows. A row is the class, the inputs that its object
is called on (`real(7, 4)` is floats, `given(...)` these integers; the first axis is the
batch, of length 7), and the constructor's arguments, none at its default if it can be
helped. What begins with an underscore is about the call: `_call={"training": True}`,
`_call={"mask": given(...)}`, `_is_joined=True` for one list of inputs, `_made` for
arguments that are objects, `_is_slow=True` if it takes seconds to compile, and `_way`,
by which a second row of the same class is told apart.
"""

import inspect
import types

import numpy as np
import optax

import jaxtape as jt
from tests.contract_row import layer, loss, optimizer, regularizer
from tests.op_rows.row import given, real, within

layers, losses, optimizers = jt.layers, jt.losses, jt.optimizers

P, P2 = within(0.1, 0.8, 7, 4), within(0.15, 0.85, 7, 4)
"""Numbers in (0, 1): targets and predicted probabilities."""
CLASSES = given(np.arange(7) % 4)
X, Y = real(7, 4), within(-1.71, 2.17, 7, 4)
WEIGHTS = (real(7, 3), real(7))


@jt.saving.register_keras_serializable()
class Network(jt.Model):
    """A model of one's own: two layers, one of them used twice."""

    def __init__(self, units, dtype=None, **options):
        super().__init__(dtype=dtype, **options)
        self.units = units
        self.first = layers.Dense(units, activation="tanh", dtype=dtype)
        self.second = layers.Dense(units, use_bias=False, dtype=dtype)

    def call(self, inputs):
        return self.second(self.second(self.first(inputs)))


def _stack(dtype):
    hidden = layers.Dense(3, activation="tanh", dtype=dtype)
    return {"layers": [hidden, layers.Flatten(), layers.Dense(2, dtype=dtype)]}


def _graph(dtype):
    """Two inputs that share a layer, and two outputs."""
    x, y = (jt.Input((4,), dtype=dtype) for _ in range(2))
    shared = layers.Dense(3, activation="tanh", dtype=dtype)
    first, second = shared(x), shared(y)
    return {"inputs": [x, y], "outputs": [first * second, first + 1.0]}


@jt.saving.register_keras_serializable()
def scaled(x, factor):
    return x * factor


IMAGES, FIRST = real(7, 5, 4, 2), "channels_first"
SEQUENCES = real(7, 3, 4)
PLACES = np.arange(21).reshape(7, 3)
IDS = given(PLACES % 5)
STEPS = {"mask": given(PLACES % 4 > 0), "initial_state": real(7, 2)}
COUNTED = {"mask": given(PLACES % 4 > 0)}
GATED = (SEQUENCES, within(-1.71, 2.17, 7, 3, 4))
GATES = {"mask": [given(PLACES % 4 > 0), given(PLACES % 3 > 0)]}
PICKED = given(np.arange(28).reshape(7, 4) % 3 > 0)
SEEN = {"attention_mask": given(np.ones((7, 3, 2), bool))}
TRAINED = {"training": True}
SCORES = {"return_attention_scores": True}


def convolution(**arguments):
    turned = {"kernel_size": 2, "data_format": "channels_first", "use_bias": False}
    return layer(
        layers.Conv2D, real(7, 4, 5, 3), activation="tanh", **turned, **arguments
    )


def recurrent(cls, **arguments):
    return layer(cls, SEQUENCES, units=2, _is_slow=True, **arguments)


def attention(values, **arguments):
    sizes = {"num_heads": 2, "key_dim": 3, "_is_slow": True}
    return layer(layers.MultiHeadAttention, SEQUENCES, values, **sizes, **arguments)


def further(cls, *inputs, **arguments):
    """A layer of a kind that another row stands for every day."""
    return layer(cls, *inputs, _is_slow=True, **arguments)


def each_step(dtype):
    return {"layer": layers.Dense(2, activation="tanh", dtype=dtype)}


def both_ways(dtype):
    inner = {"return_sequences": True, "return_state": True, "dtype": dtype}
    return {"layer": layers.SimpleRNN(2, **inner)}


LAYERS = [
    layer(layers.Activation, X, activation="tanh"),
    layer(layers.Add, X, Y, _is_joined=True),
    further(layers.AlphaDropout, X, rate=0.4, seed=3, _call=TRAINED),
    further(layers.Average, X, Y, real(7, 4), _is_joined=True),
    layer(layers.AveragePooling1D, SEQUENCES, pool_size=2, strides=1, padding="same"),
    layer(layers.AveragePooling2D, IMAGES, pool_size=(3, 2)),
    layer(layers.BatchNormalization, X, momentum=0.8, _call=TRAINED),
    layer(layers.BatchNormalization, SEQUENCES, axis=1, epsilon=0.1, _way="evaluated"),
    layer(
        *(layers.Bidirectional, SEQUENCES),
        merge_mode="mul",
        _made=both_ways,
        _call=COUNTED,
        _is_slow=True,
    ),
    layer(layers.Concatenate, X, real(7, 2), axis=1, _is_joined=True),
    layer(layers.Conv1D, SEQUENCES, filters=2, kernel_size=2, padding="causal"),
    layer(layers.Conv1DTranspose, SEQUENCES, filters=2, kernel_size=2, strides=3),
    layer(
        *(layers.Conv2DTranspose, IMAGES),
        filters=3,
        kernel_size=(2, 3),
        strides=(3, 1),
        padding="same",
        activation="tanh",
        data_format=FIRST,
        output_padding=(1, 0),
        _is_slow=True,
        use_bias=False,
    ),
    layer(layers.Conv2D, IMAGES, filters=3, kernel_size=3, strides=2, padding="same"),
    convolution(filters=4, groups=2, dilation_rate=(1, 2), _way="channels first"),
    further(layers.Cropping1D, real(7, 5, 2), cropping=(2, 0)),
    further(layers.Cropping2D, IMAGES, cropping=(1, (0, 1)), data_format=FIRST),
    layer(layers.Dense, X, units=3, activation="tanh", kernel_regularizer="l2"),
    layer(layers.Dense, real(7, 2, 4), units=3, use_bias=False, _way="without bias"),
    further(
        *(layers.DepthwiseConv2D, IMAGES),
        kernel_size=(3, 2),
        strides=(1, 2),
        depth_multiplier=2,
        activation="tanh",
    ),
    layer(layers.Dot, SEQUENCES, real(7, 4, 2), axes=(2, 1), _is_joined=True),
    layer(layers.Dot, X, Y, axes=-1, normalize=True, _is_joined=True, _way="cosine"),
    layer(layers.Dropout, X, rate=0.4, seed=3, _call={"training": True}),
    layer(layers.Dropout, X, rate=0.4, noise_shape=(None, 1), _way="in evaluation"),
    further(layers.ELU, X, alpha=0.7),
    layer(layers.Embedding, IDS, input_dim=5, output_dim=2, mask_zero=True),
    layer(layers.Flatten, real(7, 3, 2), data_format="channels_first"),
    layer(layers.GaussianNoise, X, stddev=0.4, seed=3, _call=TRAINED),
    layer(layers.GlobalAveragePooling1D, SEQUENCES, keepdims=True),
    layer(layers.GlobalAveragePooling1D, SEQUENCES, _call=COUNTED, _way="masked"),
    layer(layers.GlobalAveragePooling2D, IMAGES, data_format="channels_first"),
    layer(layers.GlobalMaxPooling1D, SEQUENCES, data_format="channels_first"),
    layer(layers.GlobalMaxPooling2D, IMAGES, keepdims=True),
    layer(layers.GRU, SEQUENCES, units=2, reset_after=False, return_sequences=True),
    recurrent(layers.GRU, return_state=True, _call=STEPS, _way="with mask and state"),
    further(layers.Identity, X),
    layer(layers.InputLayer, X, shape=(4,)),
    layer(layers.Lambda, X, function=scaled, arguments={"factor": 0.3}),
    layer(layers.LayerNormalization, SEQUENCES, axis=[1, 2], epsilon=0.1),
    further(layers.LeakyReLU, X, negative_slope=0.2),
    recurrent(layers.LSTM, dropout=0.3, recurrent_dropout=0.2, seed=1, _call=TRAINED),
    recurrent(layers.LSTM, go_backwards=True, unroll=True, _way="unrolled"),
    layer(layers.Masking, SEQUENCES, mask_value=2.0),
    layer(layers.Maximum, X, Y, _is_joined=True),
    layer(layers.Maximum, *GATED, _is_joined=True, _call=GATES, _way="masked"),
    layer(layers.MaxPooling1D, SEQUENCES, pool_size=2, strides=1),
    layer(layers.MaxPooling2D, IMAGES, pool_size=2, padding="same"),
    further(layers.Minimum, X, Y, real(7, 4), _is_joined=True),
    further(layers.Multiply, X, Y, _is_joined=True),
    layer(layers.Multiply, *GATED, _is_joined=True, _call=GATES, _way="masked"),
    attention(real(7, 2, 4), dropout=0.3, seed=1, _call=TRAINED | SCORES),
    attention(real(7, 2, 5), value_dim=2, use_bias=False, _call=SEEN, _way="masked"),
    layer(layers.Normalization, SEQUENCES, axis=(1, 2)),
    layer(layers.Normalization, X, mean=0.3, variance=2.5, invert=True, _way="given"),
    further(layers.Permute, IMAGES, dims=(3, 1, 2)),
    layer(layers.PReLU, SEQUENCES, shared_axes=[1], alpha_regularizer="l2"),
    further(layers.ReLU, X, max_value=0.8, negative_slope=0.1, threshold=0.2),
    further(layers.RepeatVector, X, n=3),
    further(layers.Rescaling, X, scale=[0.5, 2.0, 3.0, 4.0], offset=-1.0),
    layer(layers.Reshape, real(7, 2, 3), target_shape=(3, -1)),
    further(
        *(layers.SeparableConv2D, IMAGES),
        filters=3,
        kernel_size=2,
        padding="same",
        data_format=FIRST,
        depth_multiplier=2,
        pointwise_regularizer="l2",
    ),
    recurrent(layers.SimpleRNN, return_state=True, activation="sigmoid", _call=STEPS),
    layer(layers.Softmax, SEQUENCES, axis=[1, 2]),
    layer(layers.Softmax, X, axis=1, _call={"mask": PICKED}, _way="masked"),
    further(layers.SpatialDropout1D, SEQUENCES, rate=0.4, seed=3, _call=TRAINED),
    further(
        *(layers.SpatialDropout2D, IMAGES),
        rate=0.4,
        data_format=FIRST,
        seed=3,
        _call=TRAINED,
    ),
    further(layers.Subtract, X, Y, _is_joined=True),
    layer(layers.TimeDistributed, SEQUENCES, _made=each_step),
    further(layers.UpSampling1D, SEQUENCES, size=3),
    layer(layers.UpSampling2D, IMAGES, size=(2, 3), data_format=FIRST),
    layer(layers.UpSampling2D, IMAGES, interpolation="bilinear", _way="bilinear"),
    further(layers.ZeroPadding1D, SEQUENCES, padding=(2, 0), data_format=FIRST),
    layer(layers.ZeroPadding2D, IMAGES, padding=((1, 0), (0, 2))),
    layer(jt.Model, X, Y, _made=_graph, _is_joined=True),
    layer(jt.Sequential, X, _made=_stack),
    layer(Network, X, units=3),
]
LOSSES = [
    loss(losses.BinaryCrossentropy, P, X, from_logits=True, label_smoothing=0.1),
    loss(losses.BinaryCrossentropy, P, P2, axis=0, _way="of probabilities"),
    loss(losses.CategoricalCrossentropy, P, X, from_logits=True, label_smoothing=0.1),
    loss(losses.CategoricalCrossentropy, P, P2, reduction="sum", _way="of p"),
    loss(losses.FunctionLoss, X, Y, fn=losses.mean_absolute_error),
    loss(losses.Huber, X, Y, delta=0.7, name="far"),
    loss(losses.MeanAbsoluteError, X, Y, reduction="sum"),
    loss(losses.MeanSquaredError, X, Y, reduction="none"),
    loss(losses.SparseCategoricalCrossentropy, CLASSES, X, from_logits=True),
    loss(losses.SparseCategoricalCrossentropy, CLASSES, P, ignore_class=1, _way="of p"),
]
OPTIMIZERS = [
    optimizer(optimizers.Adadelta, *WEIGHTS, learning_rate=3.0, rho=0.8, epsilon=0.01),
    optimizer(optimizers.Adagrad, *WEIGHTS, learning_rate=0.3, epsilon=0.1),
    optimizer(optimizers.Adam, *WEIGHTS, learning_rate=0.3, beta_1=0.8, amsgrad=True),
    optimizer(optimizers.AdamW, *WEIGHTS, learning_rate=0.3, weight_decay=0.1),
    optimizer(optimizers.Adamax, *WEIGHTS, learning_rate=0.3, beta_1=0.8, beta_2=0.9),
    optimizer(optimizers.Lion, *WEIGHTS, learning_rate=0.3, beta_1=0.8, beta_2=0.7),
    optimizer(optimizers.Nadam, *WEIGHTS, learning_rate=0.3, beta_1=0.8, beta_2=0.9),
    optimizer(
        *(optimizers.Optax, *WEIGHTS),
        transformation=optax.adam(0.3),
        _refuses={"config": "Optax.* has no config"},
    ),
    optimizer(
        *(optimizers.RMSprop, *WEIGHTS),
        learning_rate=0.2,
        rho=0.8,
        momentum=0.7,
        centered=True,
    ),
    optimizer(optimizers.SGD, *WEIGHTS, learning_rate=0.2, clipnorm=0.5, _way="plain"),
    optimizer(optimizers.SGD, *WEIGHTS, learning_rate=0.2, momentum=0.9, nesterov=True),
]
REGULARIZERS = [
    regularizer(jt.regularizers.L1, X, l1=0.3),
    regularizer(jt.regularizers.L1L2, X, l1=0.3, l2=0.2),
    regularizer(jt.regularizers.L2, X, l2=0.2),
]
ROWS = [*LAYERS, *LOSSES, *OPTIMIZERS, *REGULARIZERS]

BASES = {
    jt.Layer: "call",
    losses.Loss: "call",
    optimizers.Optimizer: "transformation",
    jt.regularizers.Regularizer: "__call__",
}
"""The bases of what needs a row, with the method that makes a class a final one."""


def final_classes(*modules: types.ModuleType) -> list[type]:
    """The public classes of these modules that can be used as they are."""
    found = {}
    for module in modules:
        for name, value in vars(module).items():
            if inspect.isclass(value) and not name.startswith("_"):
                for base, method in BASES.items():
                    own, inherited = getattr(value, method, None), getattr(base, method)
                    if issubclass(value, base) and own is not inherited:
                        found[id(value)] = value
    return list(found.values())
