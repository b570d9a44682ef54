"""Checks of a spec's `model`: how targets and inputs are written, which are plain values until here.

They read the document itself, not the models of `model.py`, since arguments and inputs may be anything.
"""

from __future__ import annotations

from typing import Any

from archcheck.rules.spec_codes import BAD_TARGET, DUPLICATE_EDGE, UNKNOWN_KEY, WRONG_VALUE
from archcheck.spec.context import Context
from archcheck.spec.model import DTYPES, TensorInput
from archcheck.spec.validation import fit
from archcheck.spec.words import Path, did_you_mean, quote
from archcheck.targets import FORMS, is_well_formed


def check_model(context: Context) -> None:
    """Check the model of the document, as far as it has one."""
    data = context.document.data
    model = data.get("model") if isinstance(data, dict) else None
    if not isinstance(model, dict):
        return
    if isinstance(model.get("target"), str) and model["target"]:
        _check_target(context, model["target"], ("model", "target"))
    _check_values(context, model, ("model",))
    modes = model.get("modes")
    if isinstance(modes, list):
        _check_modes(context, modes)
    rename = model.get("rename")
    if isinstance(rename, dict):
        names = [
            (name, ("model", "rename", key)) for key, value in rename.items() for name in (key, value) if name
        ]
        context.check_patterns((name, path) for name, path in names if isinstance(name, str))


def _check_modes(context: Context, modes: list[Any]) -> None:
    first: dict[str, Path] = {}
    for index, mode in enumerate(modes):
        path: Path = ("model", "modes", index)
        name = mode.get("name") if isinstance(mode, dict) else mode
        if isinstance(mode, dict):
            _check_values(context, mode, path)
        if isinstance(name, str) and first.setdefault(name, path) != path:
            line = context.line(first[name])
            context.add(DUPLICATE_EDGE, path, f"the mode {quote(name)} is already defined on line {line}")


def _check_values(context: Context, holder: dict[Any, Any], path: Path) -> None:
    """Check the `arguments` and `inputs` of the model or of a mode."""
    for key, tensors in (("arguments", False), ("inputs", True)):
        if isinstance(holder.get(key), dict):
            for name, value in holder[key].items():
                _check_value(context, value, (*path, key, name), tensors=tensors)


def _check_value(context: Context, value: object, path: Path, *, tensors: bool) -> None:
    if isinstance(value, list):
        for index, item in enumerate(value):
            _check_value(context, item, (*path, index), tensors=tensors)
    elif isinstance(value, dict):
        if isinstance(value.get("target"), str) and _is_target(context, value, path):
            _check_target(context, value["target"], (*path, "target"))
        if tensors and _is_tensor(value):
            _check_tensor(context, value, path)
            return
        for key, item in value.items():
            _check_value(context, item, (*path, key), tensors=tensors)


def _is_target(context: Context, value: dict[Any, Any], path: Path) -> bool:
    """Return whether a mapping has a target and at most arguments; any other is data, or a slip."""
    further = [key for key in value if key not in ("target", "arguments")]
    for key in further:
        if near := did_you_mean(key, ["arguments"]):
            hint = "A target has only the keys 'target' and 'arguments'."
            context.add(UNKNOWN_KEY, (*path, key), f"unknown key {quote(key)}{near}", hint, at_key=True)
    return not further


def _is_tensor(value: dict[Any, Any]) -> bool:
    return "dtype" in value or any(key == "shape" or did_you_mean(key, ["shape"]) for key in value)


def _check_tensor(context: Context, value: dict[Any, Any], path: Path) -> None:
    tensor, misfits = fit(TensorInput, value)
    for misfit in misfits:
        context.add(misfit.code, (*path, *misfit.path), misfit.message, misfit.hint, at_key=misfit.at_key)
    if tensor is None:
        return
    if tensor.dtype not in DTYPES:
        message = f"{quote(tensor.dtype)} is not a dtype{did_you_mean(tensor.dtype, DTYPES)}"
        context.add(WRONG_VALUE, (*path, "dtype"), message, f"Known: {', '.join(DTYPES)}.")
    if tensor.high is not None and tensor.high <= tensor.low:
        message = f"'high' is {tensor.high}, but must be greater than 'low', which is {tensor.low}"
        context.add(WRONG_VALUE, (*path, "high"), message)


def _check_target(context: Context, target: str, path: Path) -> None:
    if not is_well_formed(target):
        context.add(BAD_TARGET, path, f"{quote(target)} is not a target", FORMS)
