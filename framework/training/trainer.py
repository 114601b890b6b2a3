"""Trainer: what every model can do with data: compile, fit, evaluate, predict."""

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import jax

from .. import registry
from ..errors import ArgumentError, ArgumentTypeError, NotBuiltError
from ..recording.signature import tensor_type
from . import fitting, predicting
from .compiled import Compiled, judge, learn, predict
from .compiled_calls import CompiledLoss, CompiledMetrics
from .data import split_validation, unpack_x_y_sample_weight
from .dry_run import check_data, output_types, prediction_types
from .fitting import Data, Fitting, listed


class Trainer:
    """Base of `Model`: training, evaluation and prediction on data."""

    optimizer: Any

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int | str = "auto",
        jit_compile: bool | str = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Say how the model is trained.

        Args:
            optimizer: Name or object. Default "rmsprop", Keras's.
            loss: Name, function of (y_true, y_pred) or object; for several outputs one
                for all, a list, or a dictionary by their names.
            loss_weights: A factor for each output's loss. Default 1.
            metrics: Names, functions or objects, in a list; for several outputs such a
                list for each. "accuracy" is the one that suits the shapes.
            weighted_metrics: The same, for metrics that sample weights count in.
            run_eagerly: Whether steps run op by op in Python, to look into them.
                Default false: as one program.
            steps_per_execution: Steps in one launch. Default "auto": as many as pay.
            jit_compile: Accepted for compatibility: it is always compiled.
            auto_scale_loss: Accepted for compatibility.

        Raises:
            ArgumentError: for a name that nothing has, with the closest one.
            ArgumentTypeError: for an optimizer that is none.

        Example:
            >>> model = jt.Sequential([jt.layers.Dense(1, input_shape=(2,))])
            >>> model.compile(optimizer="adam", loss="mse", metrics=["mae"])
        """
        names = self.output_names
        arguments = {
            "optimizer": _checked_optimizer(optimizer),
            "loss": loss,
            "loss_weights": loss_weights,
            "metrics": metrics,
            "weighted_metrics": weighted_metrics,
            "run_eagerly": bool(run_eagerly),
            "steps_per_execution": _checked_steps(steps_per_execution),
        }
        compiled = Compiled(arguments, names)
        self.optimizer = arguments["optimizer"]
        self.__dict__["_kept_compiled"] = compiled

    def _compile_settings(self) -> dict[str, Any] | None:
        """What `compile` was given besides the optimizer, as JSON can hold it.

        `None` before it, and where a subclass has a `compile` of its own.

        Raises:
            ArgumentError: for a lambda, or an object without `get_config`.
        """
        compiled = self.__dict__.get("_kept_compiled")
        if compiled is None or type(self).compile is not Trainer.compile:
            return None
        given = dict(compiled.arguments)
        del given["optimizer"]
        return registry.serialize(given)

    def _compile_again(self, optimizer: Any, settings: dict[str, Any]) -> None:
        """`compile` with what `_compile_settings` has written."""
        given = registry.with_custom(registry.restored(settings))
        self.compile(optimizer, **given)

    @property
    def compiled(self) -> bool:
        """Whether `compile` was called."""
        return self.__dict__.get("_kept_compiled") is not None

    def _require_compiled(self, method: str) -> Compiled:
        compiled = self.__dict__.get("_kept_compiled")
        if compiled is None:
            raise NotBuiltError(
                f"{method}() needs to know the optimizer and the loss. Call "
                'model.compile(optimizer="adam", loss="mse") first, with those that '
                "suit your data."
            )
        return compiled

    @property
    def compiled_loss(self) -> CompiledLoss:
        """The losses of `compile` as TensorFlow 2 has them, for a `train_step`."""
        return CompiledLoss(self._require_compiled("compiled_loss"))

    @property
    def compiled_metrics(self) -> CompiledMetrics:
        """The metrics of `compile` as TensorFlow 2 has them, for a `train_step`."""
        return CompiledMetrics(self._require_compiled("compiled_metrics"))

    @property
    def output_names(self) -> list[str] | None:
        """Names of the outputs, by which losses and metrics may be given."""
        return None

    @property
    def loss(self) -> Any:
        """What `compile` was given as `loss`."""
        compiled = self.__dict__.get("_kept_compiled")
        return None if compiled is None else compiled.arguments["loss"]

    @property
    def run_eagerly(self) -> bool:
        """Whether steps run op by op in Python; may be assigned."""
        compiled = self.__dict__.get("_kept_compiled")
        return compiled is not None and compiled.arguments["run_eagerly"]

    @run_eagerly.setter
    def run_eagerly(self, value: bool) -> None:
        self._require_compiled("run_eagerly").arguments["run_eagerly"] = bool(value)

    @property
    def stop_training(self) -> bool:
        """Whether `fit` is to end; a callback sets it."""
        return self.__dict__.get("_kept_stop", False)

    @stop_training.setter
    def stop_training(self, value: bool) -> None:
        self.__dict__["_kept_stop"] = bool(value)

    @property
    def history(self) -> Any:
        """The History of the last `fit`, also of one that was interrupted."""
        return self.__dict__.get("_kept_history")

    @history.setter
    def history(self, value: Any) -> None:
        self.__dict__["_kept_history"] = value

    @property
    def _position(self) -> Any:
        """Where the present `fit` is."""
        return self.__dict__.get("_kept_position")

    @property
    def metrics(self) -> list[Any]:
        """All metrics: the mean loss, those of `compile`, and those in the layers.

        `fit` and `evaluate` reset them at the beginning of an epoch.
        """
        compiled = self.__dict__.get("_kept_compiled")
        own = [] if compiled is None else compiled.metrics
        return [*own, *self._metrics_below()]

    def _metrics_below(self) -> list[Any]:
        return []

    @property
    def metrics_names(self) -> list[str]:
        """The keys of logs, in the order of the values that `evaluate` returns."""
        compiled = self.__dict__.get("_kept_compiled")
        keys = {}
        if compiled is not None:
            pairs = zip(compiled.metrics, compiled.keys, strict=True)
            keys = {id(metric): key for metric, key in pairs}
        return [keys.get(id(metric), metric.name) for metric in self.metrics]

    def reset_metrics(self) -> None:
        """Let all metrics begin anew."""
        for metric in self.metrics:
            metric.reset_state()

    def get_metrics_result(self) -> dict[str, Any]:
        """What the metrics say now, by the keys of logs."""
        compiled = self.__dict__.get("_kept_compiled")
        found = {} if compiled is None else compiled.results()
        for metric in self._metrics_below():
            value = metric.result()
            found.update(value if isinstance(value, dict) else {metric.name: value})
        return found

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """The loss of a batch: those of `compile`, and those that layers added.

        A subclass may override it.

        Args:
            x: Inputs.
            y: Targets.
            y_pred: Outputs.
            sample_weight: Factors of the samples.
            training: Whether it is a step of training.

        Returns:
            A scalar.

        Raises:
            ArgumentError: if there is no loss at all.
        """
        compiled = self._require_compiled("compute_loss")
        model: Any = self
        loss = compiled.loss(list(model.losses), y, y_pred, sample_weight)
        if loss is None:
            raise ArgumentError(
                "There is no loss: compile() got none, and no layer adds one. Give "
                'compile(loss="mse"), call add_loss, or override compute_loss.'
            )
        return loss

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> dict[str, Any]:
        """Take a batch into the metrics of `compile`; returns what they say now.

        A subclass may override it.
        """
        compiled = self._require_compiled("compute_metrics")
        compiled.measures.update(y, y_pred, sample_weight)
        return self.get_metrics_result()

    def train_step(self, data: Any) -> dict[str, Any]:
        """One step of training, which a subclass may override.

        Called with Tensors, when it is recorded; then its program runs.

        Args:
            data: A batch: `(x, y)` or `(x, y, sample_weight)`; `x` itself where there
                is nothing else and it is no list, as in Keras.

        Returns:
            Logs: what is to be shown and kept in the history, by name.

        Example:
            >>> class Scaled(jt.Sequential):
            ...     def train_step(self, data):
            ...         x, y = data
            ...         with jt.GradientTape() as tape:
            ...             loss = self.compute_loss(y=y, y_pred=self(x, training=True))
            ...         variables = self.trainable_variables
            ...         gradients = tape.gradient(loss, variables)
            ...         self.optimizer.apply_gradients(zip(gradients, variables))
            ...         return {"loss": loss}
        """
        return self.compute_metrics(*learn(self, data))

    def test_step(self, data: Any) -> dict[str, Any]:
        """One step of `evaluate`, which a subclass may override.

        Arguments and results are those of `train_step`.
        """
        return self.compute_metrics(*judge(self, data))

    def predict_step(self, data: Any) -> Any:
        """The outputs of a batch for `predict`, which a subclass may override."""
        return predict(self, unpack_x_y_sample_weight(data)[0], False)

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | list[int] = 1,
    ) -> Any:
        """Train the model on data, for a number of epochs.

        Many steps run in one launch where no callback looks at single batches, and
        samples that fit are kept on the device. All batches have one size but the
        last, which may be smaller.

        Args:
            x: Inputs: an array, or arrays in a list or dictionary; or a source of
                batches: `jt.utils.PyDataset`, a generator or iterable of `(x, y)` or
                `(x, y, sample_weight)`, a PyTorch DataLoader, a `tf.data` dataset.
            y: Targets, where `x` has none.
            batch_size: Samples of a step. Default 32, Keras's.
            epochs: The number after the last epoch. Default 1.
            verbose: 0 is silent, 1 shows a bar, 2 prints a line for each epoch.
                Default "auto": 1 in a terminal, else 2.
            callbacks: Callbacks in a list.
            validation_split: Part of the samples, the last ones, to validate on
                instead. Default 0.
            validation_data: `(x, y)`, `(x, y, sample_weight)` or a source of batches,
                to validate on after each epoch.
            shuffle: Whether each epoch has an order of its own. Default true. No effect
                on sources of batches.
            class_weight: A factor for the samples of each class.
            sample_weight: A factor for each sample.
            initial_epoch: The number of the first epoch. Default 0.
            steps_per_epoch: Batches of an epoch. Default all.
            validation_steps: Batches to validate on. Default all.
            validation_batch_size: Default `batch_size`.
            validation_freq: Validate after every so many epochs, or after those listed.

        Returns:
            A `History`: losses and metrics by epoch, in `history.history`.

        Raises:
            NotBuiltError: before `compile`.
            ArgumentError: for data that does not fit together.

        Note:
            Interrupted by Ctrl-C, what was done so far is in `model.history`, and all
            variables are those after a whole step.

        Example:
            >>> x = np.arange(8.0).reshape(8, 1)
            >>> model = jt.Sequential([jt.layers.Dense(1, input_shape=(1,))])
            >>> model.compile(optimizer="sgd", loss="mse")
            >>> history = model.fit(x, 2 * x, epochs=2, verbose=0)
            >>> len(history.history["loss"])
            2
        """
        if validation_split and validation_data is None:
            (x, y, sample_weight), validation_data = split_validation(
                x, y, sample_weight, validation_split
            )
        size = validation_batch_size or batch_size
        train = Data(
            *(x, y, sample_weight, class_weight, batch_size, steps_per_epoch, shuffle),
            steps_name="steps_per_epoch",
        )
        validation = _validation(validation_data, size, validation_steps)
        epoch_range = (initial_epoch, epochs)
        return Fitting(
            self, train, validation, validation_freq, epoch_range, callbacks, verbose
        ).run()

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """The loss and the metrics on data.

        Args:
            x: As of `fit`.
            y: As of `fit`.
            batch_size: Samples of a step. Default 32, Keras's.
            verbose: As of `fit`.
            sample_weight: A factor for each sample.
            steps: Batches to go through. Default all.
            callbacks: Callbacks in a list.
            return_dict: Whether to return a dictionary by name.

        Returns:
            The loss as a float; with metrics a list that begins with it.

        Raises:
            NotBuiltError: before `compile`.
            ArgumentError: for data that does not fit together.
        """
        self._require_compiled("evaluate")
        data = Data(x, y, sample_weight, None, batch_size, steps, False)
        logs = fitting.evaluate_once(self, data, callbacks, verbose)
        return logs if return_dict else self._in_order(logs)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """The outputs for all samples, as NumPy arrays in their order.

        Args:
            x: Inputs: an array, arrays in a list or dictionary, or a source of batches.
            batch_size: Samples at once. Default as many as 4 MiB hold, at least 32.
            verbose: As of `fit`.
            steps: Batches at most. Default all.
            callbacks: Callbacks in a list.

        Raises:
            ArgumentError: if there is no batch.

        Example:
            >>> model = jt.Sequential([jt.layers.Dense(2, input_shape=(3,))])
            >>> model.predict(np.ones((5, 3)), verbose=0).shape
            (5, 2)
        """
        callbacks = listed(callbacks, self, verbose, is_training=False)
        return predicting.predict(self, x, batch_size, steps, callbacks)

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """One step of training on these samples.

        Metrics are reset before, as in Keras 3.15: they are those of this batch.

        Args:
            x: Inputs.
            y: Targets.
            sample_weight: A factor for each sample.
            class_weight: A factor for the samples of each class.
            return_dict: Whether to return a dictionary by name.

        Returns:
            The loss as a float; with metrics a list that begins with it.
        """
        data = Data(x, y, sample_weight, class_weight)
        logs = fitting.on_batch(self, "train", data)
        return logs if return_dict else self._in_order(logs)

    def test_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """The loss and the metrics on these samples; arguments as `train_on_batch`."""
        logs = fitting.on_batch(self, "test", Data(x, y, sample_weight))
        return logs if return_dict else self._in_order(logs)

    def predict_on_batch(self, x: Any) -> Any:
        """The outputs for these samples, computed at once, as NumPy arrays."""
        return predicting.predict_on_batch(self, x)

    def _in_order(self, logs: dict[str, Any]) -> Any:
        """Logs as `evaluate` returns them: the loss, then the metrics."""
        names = ["loss", *(name for name in logs if name != "loss")]
        compiled = self.__dict__["_kept_compiled"]
        known = [name for name in compiled.keys if name in logs]
        rest = [name for name in names if name in logs and name not in known]
        values = [logs[name] for name in (*known, *rest)]
        return values[0] if len(values) == 1 else values

    def _step_of(self, mode: str) -> tuple[Callable, Callable | None]:
        """A step, and what gives the logs after the last one if it does not."""
        own, name = type(self), f"{mode}_step"
        is_plain = getattr(own, name) is getattr(Trainer, name)
        if not is_plain or own.compute_metrics is not Trainer.compute_metrics:
            return getattr(self, name), None
        compiled = self._require_compiled(name)
        act = learn if mode == "train" else judge

        def step(data: Any, counted: Any = None) -> None:
            _, y, y_pred, sample_weight = act(self, data, counted)
            compiled.measures.update(y, y_pred, sample_weight)

        return step, self.get_metrics_result

    def _watched(self, mode: str) -> list[Any]:
        """What the programs of a mode stand on."""
        compiled = self._require_compiled(mode)
        objective = compiled.objective
        own = [getattr(self, name) for name in (f"{mode}_step", "compute_loss")]
        return [
            self,
            self.optimizer,
            *([] if objective is None else objective.losses),
            *self.metrics,
            *own,
            self.compute_metrics,
        ]

    def _prepare(self, kinds: Sequence[Any], tree: Any, arrays: Any = None) -> None:
        """Make weights, slots and metrics for batches of these types.

        A step that makes variables would have to be recorded twice.

        Args:
            kinds: Shapes and dtypes of a batch's arrays.
            tree: How they nest.
            arrays: All of the data, if it is known, to be checked.
        """
        model: Any = self
        x, y, _ = unpack_x_y_sample_weight(jax.tree.unflatten(tree, kinds))
        if type(self).train_step is not Trainer.train_step:
            with contextlib.suppress(Exception):  # the step may not call it so
                y_pred = prediction_types(self, x, arrays)
                self._require_compiled("fit").measures.build(y, y_pred)
            return
        compiled = self._require_compiled("fit")
        y_pred = prediction_types(self, x, arrays)
        model.optimizer.build(model.trainable_variables)
        compiled.measures.build(y, y_pred)
        if arrays and len(arrays) > 1 and compiled.objective is not None:
            compiled.objective.check_labels(arrays[1], y_pred)

    def _check_data(self, mode: str, arrays: Any) -> None:
        """Let layers look at all inputs, unless a step of one's own may change them."""
        step = f"{mode}_step"
        if getattr(type(self), step) is getattr(Trainer, step):
            check_data(self, arrays)

    def _prepare_own_step(self, kinds: Sequence[Any], tree: Any) -> None:
        """Make what a `train_step` of one's own makes when it is first called.

        Such as the slots of a second optimizer, which a checkpoint has.
        """
        if type(self).train_step is Trainer.train_step or self.run_eagerly:
            return
        types = [tensor_type(leaf.shape, leaf.dtype) for leaf in kinds]
        output_types(self.train_step, types, tree)


def _validation(given: Any, batch_size: int | None, steps: int | None) -> Data | None:
    """What to validate on, from `validation_data`."""
    if given is None:
        return None
    parts = given if isinstance(given, tuple) else (given,)
    if not 1 <= len(parts) <= 3:
        raise ArgumentError(
            f"`validation_data` must be (x, y), (x, y, sample_weight) or a source of "
            f"batches; got a tuple of {len(parts)}."
        )
    x, y, sample_weight = (*parts, None, None)[:3]
    return Data(
        *(x, y, sample_weight, None, batch_size, steps, False),
        steps_name="validation_steps",
    )


def _checked_optimizer(value: Any) -> Any:
    """The optimizer that an argument stands for.

    Raises:
        ArgumentTypeError: for what is none.
    """
    found = registry.get("optimizer", value)
    if not hasattr(found, "apply_gradients"):
        raise ArgumentTypeError(
            f"`optimizer` must be a name such as 'adam' or a jt.optimizers.Optimizer; "
            f"got {value!r}. An optax transformation goes into jt.optimizers.Optax."
        )
    return found


def _checked_steps(value: Any) -> int | str:
    """`steps_per_execution`, if it is a positive integer or "auto".

    Raises:
        ArgumentError: if it is not.
    """
    if value == "auto":
        return value
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ArgumentError(
            f"`steps_per_execution` must be 'auto' or a positive integer; got {value!r}"
            "."
        )
    return value
