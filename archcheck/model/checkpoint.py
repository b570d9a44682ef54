"""Weights and inputs from files: state dicts and arrays, read as data; nothing in such a file is run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy
import torch
from torch import Tensor, nn

from archcheck.errors import TargetError

_INSIDE = ("state_dict", "model_state_dict", "model")


def load_weights(module: nn.Module, file: Path) -> None:
    """Put the values of a state dict into a model, in place.

    `file` is `.safetensors`, or comes from `torch.save`. Raises TargetError (TGT016) if it can't be read, or
    its names and shapes are not the model's.
    """
    values = _safetensors(file, "TGT016") if file.suffix == ".safetensors" else _saved(file)
    try:
        missing, unknown = module.load_state_dict(values, strict=False)
    except RuntimeError as error:
        raise _error("TGT016", file, f"does not fit the model: {_last_line(error)}") from error
    tied = {
        name for name, tensor in module.state_dict(keep_vars=True).items() if _is_set(tensor, values, module)
    }
    missing = [name for name in missing if name not in tied]
    if missing or unknown:
        what = (
            f"has no {', '.join(missing[:3])}"
            if missing
            else f"has {', '.join(unknown[:3])}, which the model does not have"
        )
        raise _error("TGT016", file, what)


def arrays_of(file: Path) -> dict[str, Any]:
    """Return the arrays of an `.npz` or `.safetensors` file by name. Raises TargetError (TGT017)."""
    if file.suffix == ".safetensors":
        return dict(_safetensors(file, "TGT017"))
    try:
        with numpy.load(file, allow_pickle=False) as arrays:
            return {name: torch.from_numpy(arrays[name]) for name in arrays.files}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise _error("TGT017", file, f"can't be read as .npz: {_last_line(error)}") from error


def _is_set(tensor: Tensor, values: Mapping[str, Tensor], module: nn.Module) -> bool:
    """Return whether the file has another name of the same tensor, as for a tied head."""
    return any(other is tensor for name, other in module.state_dict(keep_vars=True).items() if name in values)


def _saved(file: Path) -> Mapping[str, Tensor]:
    try:
        values = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # pickle and zip raise almost anything
        raise _error("TGT016", file, f"can't be read as a state dict: {_last_line(error)}") from error
    for name in _INSIDE:
        if isinstance(values, Mapping) and isinstance(values.get(name), Mapping):
            values = values[name]
    if not isinstance(values, Mapping) or not all(isinstance(value, Tensor) for value in values.values()):
        raise _error("TGT016", file, "is not a state dict")
    return values


def _safetensors(file: Path, code: str) -> Mapping[str, Tensor]:
    try:
        from safetensors.torch import load_file  # type: ignore[import-not-found]
    except ImportError:
        raise _error(code, file, "needs the safetensors package", "Run pip install safetensors.") from None
    try:
        values: Mapping[str, Tensor] = load_file(str(file))
    except Exception as error:  # its own errors and those of the file
        raise _error(code, file, f"can't be read as safetensors: {_last_line(error)}") from error
    return values


def _last_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[-1].strip()[:200]


def _error(code: str, file: Path, what: str, hint: str = "") -> TargetError:
    return TargetError.of(code, f"the file {what}", hint, file=str(file))
