"""What a model is called with: from the inputs that a spec gives to tensors."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from archcheck.errors import Problem, TargetError
from archcheck.model.arguments import is_target
from archcheck.model.building import resolve
from archcheck.model.calling import definition, did_you_mean
from archcheck.model.importing import Loader
from archcheck.model.isolation import contained
from archcheck.model.memory import tensors

_SEED = 0
# A CPU tensor of more elements (4 GiB of float32) is taken for a mistake.
_MOST_ELEMENTS = 2**30

Parameters = Mapping[str, inspect.Parameter]


@dataclass(frozen=True)
class TensorRecipe:
    """A tensor to be created; see the class of this name in the spec's model."""

    shape: Sequence[int]
    dtype: str = "float32"
    low: int = 0
    high: int | None = None
    value: float | None = None


@dataclass(frozen=True, eq=False)
class Example:
    """The arguments of one call of a model.

    `text` names its tensors as `--input` would, and `inputs` says what they were made from, as a spec does.
    """

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    text: str = ""
    inputs: Mapping[str, Any] = field(default_factory=dict)


def build_inputs(
    module: nn.Module, inputs: Mapping[str, Any], *, search: Sequence[Path] = (Path(),)
) -> Example:
    """Return the call that a spec's `inputs` describe.

    These are tensors, targets, plain values, lists and mappings. Leading parameters of `forward` without a
    default are passed by position, all others by name. Values are the same in every run; for a model on the
    meta device the tensors are there too, without values. An integer tensor without `high` stays below the
    number of rows of the smallest embedding. `search` is that of `build_model`. Raises TargetError: TGT008 a
    name is unknown or missing, TGT009 an input can't be made, TGT001 to TGT006.
    """
    parameters = forward_parameters(module)
    _check_names(module, inputs, parameters)
    maker = _Maker(module, search)
    values = {name: maker.make(value, f"model.inputs.{name}") for name, value in inputs.items()}
    args, kwargs = _arranged(values, parameters)
    text = " ".join(f"{name}={_text(value)}" for name, value in values.items())
    written = {name: _as_written(v) for name, v in inputs.items() if not isinstance(v, Tensor)}
    return Example(args, kwargs, text, written)


def _as_written(value: Any) -> Any:
    """Return an input as a spec says it: of a tensor what is not as usual."""
    if isinstance(value, list):
        return [_as_written(part) for part in value]
    if isinstance(value, Mapping):
        return {name: _as_written(part) for name, part in value.items()}
    if not isinstance(value, TensorRecipe):
        return value
    usual = {each.name: each.default for each in fields(TensorRecipe)}
    return {name: part for name, part in asdict(value).items() if part != usual[name]}


def forward_parameters(module: nn.Module) -> Parameters:
    """Return the parameters of `forward`; any keyword where it has no readable signature."""
    try:
        return inspect.signature(module.forward).parameters
    except (TypeError, ValueError):
        return {"inputs": inspect.Parameter("inputs", inspect.Parameter.VAR_KEYWORD)}


def _check_names(module: nn.Module, inputs: Mapping[str, Any], parameters: Parameters) -> None:
    named = {name: p for name, p in parameters.items() if p.kind is not p.VAR_KEYWORD}
    takes_any = len(named) < len(parameters)
    forward = f"{type(module).__name__}.forward"
    complaints = [
        (f"{forward} takes no input '{name}'", f"model.inputs.{name}", did_you_mean(name, named))
        for name in inputs
        if name not in named and not takes_any
    ] + [
        (
            f"{forward} needs the input '{name}'",
            "model.inputs",
            f"Give it under inputs, or as --input '{name}=float32[1,16,64]'.",
        )
        for name, p in named.items()
        if p.default is p.empty and p.kind is not p.VAR_POSITIONAL and name not in inputs
    ]
    if complaints:
        file, line = definition(module.forward)
        raise TargetError(Problem(file, line, None, "TGT008", *complaint) for complaint in complaints)


def _arranged(values: dict[str, Any], parameters: Parameters) -> tuple[tuple[Any, ...], dict[str, Any]]:
    args: list[Any] = []
    rest = dict(values)
    for name, p in parameters.items():
        if name not in rest:
            break
        if p.kind is p.VAR_POSITIONAL:
            value = rest.pop(name)
            args.extend(value if isinstance(value, list) else [value])
        elif p.kind is p.POSITIONAL_ONLY or (p.kind is p.POSITIONAL_OR_KEYWORD and p.default is p.empty):
            args.append(rest.pop(name))
        else:
            break
    return tuple(args), rest


class _Maker:
    """Creates the values of inputs, the random ones from a generator of its own."""

    def __init__(self, module: nn.Module, search: Sequence[Path]) -> None:
        self._device = "meta" if any(tensor.is_meta for tensor in tensors(module)) else "cpu"
        self._rows = min(
            (m.num_embeddings for m in module.modules() if isinstance(m, nn.Embedding)), default=2
        )
        self._generator = torch.Generator().manual_seed(_SEED)
        self._loader = Loader(search)

    def make(self, value: Any, path: str) -> Any:
        if isinstance(value, Mapping) and ("shape" in value or "dtype" in value):
            value = _tensor_input(value, path)
        if isinstance(value, TensorRecipe):
            with contained("making the input", "TGT009", path=path):
                return self._tensor(value, path)
        if is_target(value):
            return _to(resolve(value, self._loader, path), self._device)
        if isinstance(value, Mapping):
            return {name: self.make(part, f"{path}.{name}") for name, part in value.items()}
        if isinstance(value, list):
            return [self.make(part, f"{path}[{index}]") for index, part in enumerate(value)]
        return value

    def _tensor(self, wanted: TensorRecipe, path: str) -> Tensor:
        dtype, shape = _dtype(wanted.dtype, path), wanted.shape
        if self._device == "meta":
            return torch.empty(shape, dtype=dtype, device="meta")
        if math.prod(shape) > _MOST_ELEMENTS:
            raise _unmakable(path, f"a tensor of shape {shape} is too large", "Give a smaller shape.")
        if wanted.value is not None:
            return torch.full(shape, wanted.value, dtype=dtype)
        if dtype is torch.bool:
            return torch.ones(shape, dtype=dtype)
        if dtype.is_floating_point or dtype.is_complex:
            drawn = torch.complex64 if dtype.is_complex else torch.float32
            return torch.randn(shape, generator=self._generator, dtype=drawn).to(dtype)
        high = max(self._rows, wanted.low + 1) if wanted.high is None else wanted.high
        if high <= wanted.low:
            raise _unmakable(
                path,
                f"there is no integer that is at least {wanted.low} and below {high}",
                "Increase its high.",
            )
        return torch.randint(wanted.low, high, shape, generator=self._generator, dtype=dtype)


def _tensor_input(value: Mapping[str, Any], path: str) -> TensorRecipe:
    hint = "Write {shape: [1, 16], dtype: int64, high: 6400}."
    fields = TensorRecipe.__annotations__
    unknown = [name for name in value if name not in fields]
    if unknown:
        raise _unmakable(path, f"a tensor has no '{unknown[0]}'", did_you_mean(str(unknown[0]), fields))
    shape = value.get("shape")
    if not isinstance(shape, (list, tuple)) or not all(type(size) is int and size >= 0 for size in shape):
        raise _unmakable(path, "its shape must be a list of whole numbers", hint)
    tensor = TensorRecipe(**value)
    whole = (int, type(None))
    if type(tensor.low) is not int or type(tensor.high) not in whole or not isinstance(tensor.dtype, str):
        raise _unmakable(path, "low and high must be whole numbers, and dtype a name", hint)
    if not isinstance(tensor.value, (int, float, type(None))):
        raise _unmakable(path, f"it can't be filled with {tensor.value!r}", hint)
    return tensor


def _dtype(name: str, path: str) -> torch.dtype:
    dtype = getattr(torch, name.removeprefix("torch."), None)
    if isinstance(dtype, torch.dtype):
        return dtype
    known = sorted(other for other, value in vars(torch).items() if isinstance(value, torch.dtype))
    common = [other for other in known if re.fullmatch(r"bool|b?float(16|32|64)|int(32|64)", other)]
    hint = did_you_mean(name, known)
    hint = hint if hint.startswith("Did") else f"Common ones are {', '.join(common)}."
    raise _unmakable(path, f"torch has no dtype '{name}'", hint)


def _unmakable(path: str, reason: str, hint: str) -> TargetError:
    name = path.removeprefix("model.inputs.")
    message = f"the input '{name}' can't be made: {reason}"
    return TargetError.of("TGT009", message, hint, path)


def _to(value: Any, device: str) -> Any:
    """Return the tensors in plain containers on a device; other objects as they are."""
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, dict):
        return {key: _to(part, device) for key, part in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_to(part, device) for part in value)
    return value


def _text(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"{str(value.dtype).removeprefix('torch.')}[{','.join(map(str, value.shape))}]"
    if isinstance(value, str | int | float | bool | None):
        return repr(value)
    return type(value).__name__
