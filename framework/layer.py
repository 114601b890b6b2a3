"""Layer: a module that maps Tensors to Tensors and makes its weights when called."""

import functools
import inspect
import itertools
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

import jax
import numpy as np

from . import configs, initializers, masking, nesting, registry, symbolic
from .dtypes import as_dtype
from .errors import ArgumentError, ArgumentTypeError, NotBuiltError, ShapeError
from .module import Attributes, Module, refuse_unknown
from .plain_layers import NO_KINDS, Kinds, is_plain, kinds_in, methods_of
from .recording import execution
from .recording.node import Handle, SymbolicInput, current, here
from .recording.op import ArrayClass, Op
from .recording.rehearsal import Rehearsal
from .recording.site import layer_calls
from .recording.tensor import Tensor, TensorLike, convert, from_array
from .symbolic import SymbolicTensor, known_shape
from .variable import Variable

_numbers = itertools.count(1)


class Steps(list):
    """Where a layer is called in models; a copy of the layer is called nowhere yet."""

    def __reduce__(self) -> tuple:
        return (Steps, ())


class Derived:
    """An attribute that is found when it is asked for.

    Unlike a property, it gives way to an attribute of its name that a user sets:
    `self.output = Dense(1)`.
    """

    def __init__(self, find: Callable[[Any], Any]) -> None:
        self._find = find
        self.__doc__ = find.__doc__

    def __get__(self, owner: Any, kind: type) -> Any:
        return self if owner is None else self._find(owner)


class _Call:
    """An outermost call of a layer: what was added in it counts until the next one."""

    __slots__ = ("is_latest", "number")

    def __init__(self) -> None:
        self.number = next(_numbers)
        self.is_latest = True

    def __setstate__(self, state: Any) -> None:
        """Take what a copy or a pickle of a layer brings; it may come with losses."""
        _Added.count += 1
        for name, value in state[1].items():
            setattr(self, name, value)


class _Added:
    """How many losses were added, over all layers."""

    count = 0


class _Running(threading.local):
    """The outermost call that runs in this thread, and its `training`."""

    call: _Call | None = None
    training: bool | None = None


_running = _Running()


class Layer(Module):
    """Base of all layers.

    A subclass makes its weights in `build(input_shape)` with `add_weight`, or in its
    constructor, and computes in `call(inputs)`. A `training` argument of `call` gets
    the value that the outermost call was given, as in Keras; a `mask` argument gets
    the mask of the inputs, if they have one.

    `supports_masking = True` passes the mask of the inputs on to the outputs; a
    `compute_mask(inputs, mask)` of its own makes another one.

    Args:
        activity_regularizer: Penalty on the outputs, divided by the batch size as in
            Keras, added to `losses`.
        trainable: Whether the weights are trained. Default true.
        dtype: Element type of the weights. Default float32.
        name: Default the class's name in snake_case with a running number.
        input_shape: Shape of one sample, to make the weights at once.

    Raises:
        ShapeError: when called on an input that does not fit the weights.
    """

    starts_itself = False

    registry_kind: ClassVar[str] = "layer"
    """Where the registry has the classes that configs name."""

    makes_masks: ClassVar[bool] = True
    """Whether a `compute_mask` of its own may give one where the inputs have none."""

    mixes_samples: ClassVar[bool] = False
    """Whether, in training, a sample's outputs depend on the other samples."""

    is_samplewise: bool = True
    """Whether an output is known to stand on one sample, but for `mixes_samples`."""

    takes_one_input: ClassVar[bool] = False
    """Whether `call` is for one Tensor, so that lists of several are an error."""

    checks_data: ClassVar[bool] = False
    """Whether the layer looks at inputs that are on the host, before anything runs."""

    is_plain_math: ClassVar[bool] = False
    """Whether a call computes its outputs and does nothing else, by ops that depend on
    its attributes and layers alone, not on `training`. Holds for the class itself, not
    for subclasses."""

    _methods: ClassVar[tuple] = ()
    """`call` and `__call__` as the class was written; somebody may replace them."""

    counts_builds: ClassVar[bool] = True
    """Whether a call of the class's own `build` makes the layer built."""

    supports_masking: bool = False
    """Whether outputs get a mask. Without it, that of the inputs ends here."""

    def __init_subclass__(cls, **options: Any) -> None:
        """Let a `build` that is called by itself count, as in Keras."""
        super().__init_subclass__(**options)
        if "is_plain_math" not in cls.__dict__:
            cls.is_plain_math = False
        cls._methods = (cls.call, cls.__call__)
        own = cls.__dict__.get("build")
        if own is not None and cls.__dict__.get("counts_builds", True):
            cls.build = _counted(own)

    def __init__(
        self,
        *,
        activity_regularizer: Any = None,
        trainable: bool = True,
        dtype: Any = None,
        name: str | None = None,
        input_shape: Sequence[int | None] | None = None,
        **unknown: Any,
    ) -> None:
        size = unknown.pop("input_dim", None)  # Keras's older word for one axis
        if size is not None and input_shape is None:
            input_shape = (size,)
        refuse_unknown(type(self), unknown)
        super().__init__(name)
        self.built = False
        self.dtype = as_dtype(dtype or "float32")
        self.activity_regularizer = registry.get("regularizer", activity_regularizer)
        if not isinstance(input_shape, Iterable | None):
            features = input_shape if isinstance(input_shape, int) else 10
            raise ArgumentTypeError(
                "`input_shape` must be the shape of one sample, a tuple; got "
                f"{input_shape!r}. For {features} features give ({features},)."
            )
        self._input_shape = None if input_shape is None else (None, *input_shape)
        self._penalties: dict[int, tuple[Callable, Variable]] = {}
        self._added_losses: list[tuple[_Call, Tensor]] = []
        self._takes_training = _takes_training(type(self).call)
        self._first_argument, self._training_place, self._default_training = (
            _arguments_of(type(self).call)
        )
        self._settle_masking(masking.takes_part(type(self)))
        if not trainable:
            self.trainable = False

    def _settle_masking(self, has_part: bool) -> None:
        """Note whether calls ask for masks or make them; others do not look for any."""
        self._handles_masks = has_part
        self._is_plain = not (
            has_part or self._takes_training or self.activity_regularizer is not None
        )
        is_own = type(self).compute_mask not in masking.passed_on
        self._makes_masks = has_part and is_own and self.makes_masks
        if is_own:
            self.supports_masking = has_part

    def build(self, input_shape: Any) -> None:
        """Make the weights for inputs of this shape; the first axis is the batch.

        Called by itself, it leaves weights alone that are there already. Where there
        are several inputs in a list or dictionary, so are their shapes.
        A `build` of several arguments, `value_shape` after the first, gets the shapes
        of the arguments of `call` of these names, `value`.
        """

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The mask of the outputs, from inputs and their mask: by default the same."""
        return mask

    def call(self, inputs: Any) -> Any:
        """Compute the outputs. Subclasses must define it."""
        raise NotImplementedError(
            f"{type(self).__name__} has no `call` method. Define "
            "`def call(self, inputs): ...` and return the outputs."
        )

    def __call__(self, *args: Any, **options: Any) -> Any:
        """The outputs of `call`; makes the weights first if there are none."""
        if (
            _running.call is not None
            and self._is_plain
            and self.built
            and not options
            and args
            and args[0].__class__ is Tensor
        ):
            return self.call(*args)
        turn = here.recording
        if turn.__class__ is Rehearsal and self.is_plain_math and len(args) == 1:
            return self._call_again(turn, args[0], options)
        return self._call_in_full(args, options)

    def _call_again(self, turn: Any, value: Any, options: dict) -> Any:
        """A call in a turn that goes as the one before: at once, if that is known."""
        if value.__class__ is ArrayClass or value.__class__ is np.ndarray:
            value = convert(value, name="inputs")
        if value.__class__ is not Tensor or (options and [*options] != ["training"]):
            return self._call_in_full((value,), options)
        known = self.__dict__.get("_kept_kinds", NO_KINDS)
        now = Attributes.changes, _Added.count, _running.call is None
        how = (*now, *map(methods_of, known.kinds))
        found = turn.skip(known, value, how)
        if found is None:
            first = turn.step
            found = self._call_in_full((value,), options)
            if is_plain(self):
                if known.kinds != (kinds := kinds_in(self)):
                    known = self.__dict__["_kept_kinds"] = Kinds(kinds)
                    how = (*now, *map(methods_of, kinds))
                turn.learn(first, known, value, how, found)
        return found

    def _call_in_full(self, args: tuple, options: dict) -> Any:
        """Take in arguments, make weights, and open a region if none is open."""
        if not args and self._first_argument in options:
            args = (options.pop(self._first_argument),)
        if len(args) > self._training_place:
            options["training"], *mask = args[self._training_place :]
            if mask:
                options["mask"] = mask[0]
            args = args[: self._training_place]
        if len(args) == 1 and args[0].__class__ is ArrayClass:  # nearly all
            args = (from_array(args[0]),)
        meets_masks = self._handles_masks and masking.is_met(self, args, options)
        for value in args:
            if value.__class__ is not Tensor:
                meets_masks = meets_masks or masking.is_masked(args)
                if args[0] is None:
                    raise ArgumentTypeError(
                        f"{type(self).__name__}('{self.name}') was called on None. "
                        "Does the layer or function before it return its result?"
                    )
                try:
                    args = (*map(_convert_inputs, args),)
                except SymbolicInput:
                    return self._call_symbolically(args, options)
                if self.takes_one_input and not isinstance(args[0], Handle):
                    raise self._several(args[0])
                break
        if not self.built:
            self._build_once(args, options)
        running = _running
        outer_call, outer_training = running.call, running.training
        recording = current()
        is_region = not recording.depth
        if is_region:
            recording.depth = 1
        try:
            if outer_call is None:
                self._start_call()
            if self._takes_training:
                self._settle_training(options)
            elif "training" in options:  # not its own: for the layers that it calls
                given = options.pop("training")
                running.training = outer_training if given is None else given
            before = masking.fill(self, args, options) if meets_masks else None
            outputs = self.call(*args, **options)
            if meets_masks and args:
                masking.carry(self, args[0], outputs, before)
            if self.activity_regularizer is not None:
                for output in jax.tree.leaves(outputs, is_leaf=_is_handle):
                    penalty = convert(self.activity_regularizer(output))
                    self.add_loss(execution.call(_BY_BATCH, (penalty, output)))
        finally:
            running.call, running.training = outer_call, outer_training
            if is_region:
                current().depth -= 1
        if is_region:
            execution.run(current())
        return outputs

    def _several(self, inputs: Any) -> ArgumentTypeError:
        return ArgumentTypeError(
            f"{type(self).__name__}('{self.name}') takes one array; got a "
            f"{type(inputs).__name__} of {len(inputs)}. Give one of them, or put them "
            "together first: jt.stack(x) makes a batch of them, jt.concat(x, axis=-1) "
            "joins their features."
        )

    def _call_symbolically(self, args: tuple, options: dict) -> Any:
        """A step of a model that is put together, with symbolic results."""

        def called(*args: Any, **options: Any) -> Any:
            outer = _running.call, _running.training
            _running.call, _running.training = _Call(), None
            _running.call.is_latest = False  # losses added in it are nobody's
            try:
                return self(*args, **options)
            finally:
                _running.call, _running.training = outer

        result = symbolic.call(called, self.name, args, options, self)
        first = jax.tree.leaves(result, is_leaf=_is_handle)[:1]
        self._note_steps(tensor._step for tensor in first)
        return result

    def _note_steps(self, steps: Iterable[symbolic.Step]) -> None:
        """Remember the steps of models in which this layer is called."""
        self.__dict__.setdefault("_steps", Steps()).extend(steps)

    def _first_step(self, what: str) -> symbolic.Step:
        steps = self.__dict__.get("_steps")
        if not steps:
            raise NotBuiltError(
                f"{type(self).__name__}('{self.name}') has no {what}: it was not "
                "called on a symbolic tensor yet. Call it on jt.Input(shape=...)."
            )
        return steps[0]

    def _find_input(self) -> Any:
        """The symbolic tensor that the layer was called on first, or a list of them."""
        inputs = self._first_step("input").inputs
        return inputs[0] if len(inputs) == 1 else inputs

    def _find_output(self) -> Any:
        """The symbolic result of the layer's first call on symbolic tensors."""
        return self._first_step("output").result

    input = Derived(_find_input)
    output = Derived(_find_output)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Shapes of the outputs for inputs of a shape; `None` where not known.

        Makes the weights if there are none.
        """
        shapes, tree = jax.tree.flatten(input_shape, is_leaf=is_shape)
        kinds = [symbolic.symbolic_type(shape, self.dtype) for shape in shapes]

        def called(inputs: Sequence[Any]) -> Any:
            return self(jax.tree.unflatten(tree, inputs))

        what = f"{type(self).__name__}('{self.name}')"
        types, outputs = symbolic.infer(called, kinds, what)
        found = [known_shape(kind.shape) for kind in types]
        return jax.tree.unflatten(outputs, found)

    def _start_call(self) -> None:
        """Note an outermost call; losses added in the one before count no longer."""
        before = self.__dict__.get("_last_call")
        if before is not None:
            before.is_latest = False
        _running.call = self.__dict__["_last_call"] = _Call()

    def _settle_training(self, options: dict) -> None:
        """Pass `training` down: what was given, else what the caller was given."""
        given = options.get("training")
        if given is None:
            given = _running.training
            if given is None:
                options.pop("training", None)  # the default of `call` holds
                given = self._default_training
            else:
                options["training"] = given
        _running.training = given

    def _build_once(self, inputs: Sequence[Any], options: dict[str, Any]) -> None:
        if self.__dict__.get("_is_building"):  # a `build` that calls the layer
            return
        further = {}
        for name, (source, place) in _shape_arguments(type(self)).items():
            value = inputs[place] if place < len(inputs) else options.get(source)
            if value is not None:
                further[name] = _shapes(_convert_inputs(value))
        self._build_for(_shapes(inputs[0]) if inputs else None, **further)

    def _build_for(self, shape: Any, **further: Any) -> None:
        with execution.detached():
            self.build(shape, **further)
        self._note_build(shape, further)

    def _note_build(self, shape: Any, further: dict[str, Any]) -> None:
        self.__dict__["_built_for"] = shape
        self.__dict__["_built_with"] = further
        self.built = True
        if not self.trainable:
            self.trainable = False

    def add_weight(
        self,
        shape: Sequence[int] = (),
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        regularizer: Any = None,
        constraint: Callable | None = None,
        name: str | None = None,
    ) -> Variable:
        """Make a variable of this layer.

        Args:
            shape: Its shape. Default scalar.
            initializer: Name or callable that draws the first value. Default Glorot
                uniform for floats and zeros for the rest, as in Keras.
            dtype: Element type. Default the layer's.
            trainable: Whether it is trained. Default true.
            regularizer: Penalty on it, added to `losses`.
            constraint: Called with the value after each update.
            name: Default "variable".
        """
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
        dtype = as_dtype(dtype or self.dtype)
        is_float = np.issubdtype(dtype, np.inexact) or dtype.kind == "V"
        draw = initializers.get(
            initializer or ("glorot_uniform" if is_float else "zeros")
        )
        # A layer may first be called inside a function that JAX traces.
        with execution.detached(), jax.ensure_compile_time_eval():
            variable = Variable(
                lambda: draw(shape, dtype),
                trainable=trainable,
                name=f"{self.name}/{name or 'variable'}",
                dtype=dtype,
                constraint=constraint,
            )
        weights = self.__dict__.setdefault("_weights", [])
        weights.append(variable)
        if regularizer is not None:
            penalty = registry.get("regularizer", regularizer)
            self._penalties[id(variable)] = (penalty, variable)
        self.__dict__.pop("_kept_penalties", None)
        Module.__setattr__(self, "_weights", weights)
        return variable

    def add_loss(self, loss: TensorLike) -> None:
        """Add a scalar to `losses`, until the outermost caller is called again.

        Raises:
            ArgumentTypeError: for a symbolic tensor.
        """
        if isinstance(loss, SymbolicTensor):
            raise ArgumentTypeError(
                f"add_loss() takes a value; got {loss!r}. Write a layer whose `call` "
                "adds the loss, and call it on the symbolic tensors."
            )
        inside = _running.call
        kept = [
            (call, earlier)
            for call, earlier in self._added_losses
            if call is inside or (inside is None and call.is_latest)
        ]
        added = (inside or _Call(), convert(loss))
        _Added.count += 1
        self.__dict__["_added_losses"] = [*kept, added]

    @property
    def losses(self) -> list[Tensor]:
        """Penalties on weights, computed now, and losses added in the last call."""
        penalties = self._remembered("_kept_penalties", self._find_penalties)
        found = [penalty(v) for penalty, v in penalties if v.trainable]
        if not _Added.count:
            return found
        last = self.__dict__.get("_last_call")
        since = 0 if last is None else last.number
        for module in (self, *self.submodules):
            for call, loss in module.__dict__.get("_added_losses", ()):
                if call.is_latest and call.number >= since:
                    found.append(loss)
        return found

    def _find_penalties(self) -> Any:
        for module in (self, *self.submodules):
            yield from module.__dict__.get("_penalties", {}).values()

    @property
    def weights(self) -> list[Variable]:
        """All variables; another name of `variables`."""
        return self.variables

    @property
    def trainable_weights(self) -> list[Variable]:
        """Another name of `trainable_variables`."""
        return self.trainable_variables

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """Another name of `non_trainable_variables`."""
        return self.non_trainable_variables

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as values that JSON can hold.

        Each is the attribute of its name. A layer that keeps one in another form
        returns it from a `get_config` of its own, beside those of `super()`.

        Raises:
            ArgumentError: for an argument that is no attribute, or has no written form.
        """
        return configs.config_of(self, Layer)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A new layer from what `get_config` returned, with weights of its own."""
        return configs.made_from(cls, config)

    def count_params(self) -> int:
        """Number of elements in all variables.

        Raises:
            NotBuiltError: if the weights were not made yet.
        """
        if not self.built and type(self).build is not Layer.build:
            raise NotBuiltError(
                f"{type(self).__name__}('{self.name}') has no weights to count yet: it "
                "is not built. Call it on data, or layer.build((None, ...)) with the "
                "shape of its inputs."
            )
        return sum(variable.size for variable in self.variables)

    def get_weights(self) -> list[np.ndarray]:
        """Values of all variables as NumPy arrays."""
        return [variable.numpy() for variable in self.variables]

    def set_weights(self, weights: Sequence[TensorLike]) -> None:
        """Assign all variables, in the order of `get_weights`, or none.

        Raises:
            ArgumentError: if the number differs.
            ShapeError: if a shape differs; nothing is changed then.
        """
        variables = self.variables
        if len(weights) != len(variables):
            raise ArgumentError(
                f"{type(self).__name__}('{self.name}') has {len(variables)} weights; "
                f"`weights` has {len(weights)}. Give one array for each, in the order "
                "of get_weights()."
            )
        values = [convert(value, name="weights") for value in weights]
        for variable, value in zip(variables, values, strict=True):
            if variable.shape != value.shape:
                raise ShapeError(
                    f"Variable '{variable.name}' has shape {variable.shape}, and its "
                    f"new weight has shape {value.shape}. Nothing was changed; "
                    "give arrays in the order of get_weights()."
                )
            variable._check_dtype(value)
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)


def _by_batch(penalty: jax.Array, output: jax.Array) -> jax.Array:
    """Over the batch, so that a penalty's strength does not depend on its size."""
    size = output.shape[0] if output.ndim else 1
    return penalty / (size if size != 0 else 1)


_BY_BATCH = Op("activity_penalty", _by_batch, carried=frozenset({0}))

layer_calls.add(Layer.__call__.__code__)
masking.passed_on.add(Layer.compute_mask)


def _counted(build: Callable) -> Callable:
    """A `build` after which the layer is built, and which makes no weights twice."""
    signature = inspect.signature(build)

    @functools.wraps(build)
    def counted(self: Layer, *args: Any, **options: Any) -> None:
        if self.__dict__.get("_is_building"):  # super().build(input_shape)
            return build(self, *args, **options)
        if self.built:
            return None
        self.__dict__["_is_building"] = True
        try:
            with execution.detached():
                build(self, *args, **options)
        finally:
            del self.__dict__["_is_building"]
        _, *shapes = signature.bind(self, *args, **options).arguments.items()
        self._note_build(shapes[0][1] if shapes else None, dict(shapes[1:]))
        return None

    return counted


@functools.cache
def _shape_arguments(kind: type) -> dict[str, tuple[str, int]]:
    """Further arguments of `build`, each with its argument of `call` and the place."""
    method: Any = kind
    names = list(inspect.signature(method.call).parameters)[1:]
    found = {}
    for name in list(inspect.signature(method.build).parameters)[2:]:
        source = name.removesuffix("_shape")
        if source in names and source != name:
            found[name] = (source, names.index(source))
    return found


def _shapes(value: Any) -> Any:
    """The shapes of an argument, as `build` gets them."""
    return jax.tree.map(lambda x: known_shape(x.shape), value, is_leaf=_is_handle)


def is_shape(value: Any) -> bool:
    """Whether a value is a shape, and not a list or dictionary of shapes."""
    return isinstance(value, list | tuple) and all(
        part is None or isinstance(part, int) for part in value
    )


@functools.cache
def _takes_training(method: Callable) -> bool:
    """Whether `call` has a `training` argument."""
    parameters = inspect.signature(method).parameters
    return "training" in parameters or any(
        p.kind is p.VAR_KEYWORD for p in parameters.values()
    )


@functools.cache
def _arguments_of(method: Callable) -> tuple[str, int, bool | None]:
    """Name of the first argument of `call`; place and default of `training`."""
    rows = list(inspect.signature(method).parameters.values())[1:]
    first = rows[0].name if rows else ""
    for place, row in enumerate(rows):
        if row.name == "training":
            is_last = all(later.name == "mask" for later in rows[place + 1 :])
            default = None if row.default is row.empty else row.default
            return first, place if is_last else sys.maxsize, default
    return first, sys.maxsize, None


def _is_handle(value: Any) -> bool:
    return isinstance(value, Handle)


def _is_input(value: Any) -> bool:
    """Whether an argument is taken in as one array."""
    if isinstance(value, list | tuple):
        return (
            bool(value)
            and all(_is_input(part) for part in value)
            and not any(
                isinstance(part, Handle | np.ndarray | jax.Array) for part in value
            )
        )
    return not isinstance(value, dict)


def _convert_inputs(value: Any) -> Any:
    """An argument of a call as Tensors, in the nesting it was given."""
    if value.__class__ is ArrayClass:
        return from_array(value)
    if value.__class__ in (list, tuple, dict):
        return nesting.map_leaves(_convert_input, value, _is_input)
    return _convert_input(value)


def _convert_input(value: Any) -> Any:
    if value.__class__ is Tensor or value is None:
        return value
    if isinstance(value, Handle):
        if isinstance(value, SymbolicTensor):
            raise SymbolicInput
        return value
    if isinstance(value, str):
        raise ArgumentTypeError(
            f"A layer was called on the string {value!r}; it takes arrays. "
            "Encode text as integers first."
        )
    if isinstance(value, dict):  # an OrderedDict, or of a class of one's own
        return _convert_inputs(dict(value))
    return convert(value, name="inputs")
