"""Padding: whether a smaller batch may be filled up with samples that do not count.

It saves compiling the step once more for the last batch of an epoch. It may be done
where every sample's outputs, losses and metrics are known to stand on that sample
alone; what users wrote themselves may look at the whole batch.
"""

from typing import Any

_OURS = __name__.partition(".")[0]


def may_pad(model: Any, mode: str) -> bool:
    """Whether batches of a model may be filled up.

    Args:
        model: A model, compiled unless the mode is "predict".
        mode: "train", "test" or "predict".
    """
    steps = ("predict_step",)
    if mode != "predict":
        steps = (f"{mode}_step", "compute_loss", "compute_metrics")
    if not all(_is_ours(getattr(type(model), name)) for name in steps):
        return False
    if not all(_stands_alone(part, mode) for part in (model, *model.submodules)):
        return False
    if mode == "predict":
        return True
    compiled = model._require_compiled(mode)
    losses = compiled.objective.losses if compiled.objective else []
    return all(map(_is_plain_loss, losses)) and all(
        _is_ours(type(metric)) and _is_ours(getattr(metric, "_fn", type(metric)))
        for metric in model.metrics
    )


def _is_ours(value: Any) -> bool:
    module = getattr(value, "__module__", None) or ""
    return module.partition(".")[0] in (_OURS, "jax")


def _stands_alone(part: Any, mode: str) -> bool:
    """Whether each sample's outputs stand on that sample alone."""
    graph = getattr(part, "_graph", None)
    if graph is not None and any(step.layer is None for step in graph.steps):
        return False
    activation = getattr(part, "activation", None)
    return (
        _is_ours(type(part))
        and (activation is None or _is_ours(activation))
        and getattr(part, "activity_regularizer", None) is None
        and not getattr(part, "stateful", False)
        and getattr(part, "is_samplewise", True)
        and not (mode == "train" and getattr(part, "mixes_samples", False))
    )


def _is_plain_loss(loss: Any) -> bool:
    function = getattr(loss, "fn", None)
    return _is_ours(type(loss)) and (function is None or _is_ours(function))
