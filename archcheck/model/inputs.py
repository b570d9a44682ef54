"""What a model is called with: the inputs that a spec gives, or a guess from its first layers."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Iterator, Mapping, Sequence
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
# A guessed tensor has at most this many elements.
_MOST_GUESSED = 2**22
_MOST_GUESSES = 16
_SEQUENCE = 16

_Parameters = Mapping[str, inspect.Parameter]


@dataclass(frozen=True)
class TensorInput:
    """A tensor to be made, see the class of this name in the spec's model."""

    shape: Sequence[int]
    dtype: str = "float32"
    low: int = 0
    high: int | None = None
    value: float | None = None


@dataclass(frozen=True, eq=False)
class Example:
    """The arguments of one call of a model; `text` names its tensors as `--input` would, and `inputs` says
    what they were made from, as a spec does."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    text: str = ""
    inputs: Mapping[str, Any] = field(default_factory=dict)


def build_inputs(
    module: nn.Module, inputs: Mapping[str, Any], *, search: Sequence[Path] = (Path(),)
) -> Example:
    """The call that a spec's `inputs` describe: tensors, targets, plain values, lists and mappings of these.

    Leading parameters of `forward` without a default are passed by position, all others by name. Values are
    the same in every run; for a model on the meta device the tensors are there too, without any. An integer
    tensor without `high` stays below the rows of the smallest embedding. `search` is that of `build_model`.
    Raises TargetError: TGT008 a name is unknown or missing, TGT009 an input can't be made, TGT001 to TGT006.
    """
    parameters = _parameters(module)
    _check_names(module, inputs, parameters)
    maker = _Maker(module, search)
    values = {name: maker.make(value, f"model.inputs.{name}") for name, value in inputs.items()}
    args, kwargs = _arranged(values, parameters)
    text = " ".join(f"{name}={_text(value)}" for name, value in values.items())
    written = {name: _as_written(v) for name, v in inputs.items() if not isinstance(v, Tensor)}
    return Example(args, kwargs, text, written)


def guess_inputs(module: nn.Module) -> list[Example]:
    """Calls that may suit a model, the most plausible first; never empty.

    They follow from the names in `forward`, and from what the first layers with parameters take. Raises
    TargetError (TGT010) where these tell nothing.
    """
    parameters = _parameters(module)
    names = _names_to_fill(module, parameters)
    layers = _layers(module)
    guesses: list[dict[str, TensorInput]] = []
    for extra in ((), *((name,) for name in ("decoder_input_ids", "pixel_values") if name in parameters)):
        wanted = dict.fromkeys((*names, *extra))
        for layer in layers:
            guess = {name: _by_name(name, layer, layers) for name in wanted}
            if guess and guess not in guesses:
                guesses.append(guess)
    if not guesses:
        raise not_guessed(module)
    return [build_inputs(module, guess) for guess in guesses[:_MOST_GUESSES]]


def not_guessed(module: nn.Module) -> TargetError:
    """The error for a model without inputs where nothing could be guessed, or no guess ran (TGT010)."""
    name = next(iter(_names_to_fill(module, _parameters(module))), "x")
    file, line = definition(module.forward)
    message = f"no inputs are given, and none could be guessed for {type(module).__name__}"
    hint = f"Give them under model.inputs in a spec, or as --input '{name}=float32[1,3,224,224]'."
    return TargetError(Problem(file, line, None, "TGT010", message, "model.inputs", hint))


def _as_written(value: Any) -> Any:
    """An input as a spec says it: of a tensor what is not as usual."""
    if not isinstance(value, TensorInput):
        return value
    usual = {each.name: each.default for each in fields(TensorInput)}
    return {name: part for name, part in asdict(value).items() if part != usual[name]}


def _parameters(module: nn.Module) -> _Parameters:
    """The parameters of `forward`; any keyword where it has no readable signature."""
    try:
        return inspect.signature(module.forward).parameters
    except (TypeError, ValueError):
        return {"inputs": inspect.Parameter("inputs", inspect.Parameter.VAR_KEYWORD)}


def _check_names(module: nn.Module, inputs: Mapping[str, Any], parameters: _Parameters) -> None:
    named = {name: p for name, p in parameters.items() if p.kind is not p.VAR_KEYWORD}
    takes_any = len(named) < len(parameters)
    forward = f"forward of {type(module).__name__}"
    complaints = [
        (f"the {forward} takes no input '{name}'", f"model.inputs.{name}", did_you_mean(name, named))
        for name in inputs
        if name not in named and not takes_any
    ] + [
        (
            f"the {forward} needs the input '{name}'",
            "model.inputs",
            f"Give it under inputs, or as --input '{name}=float32[1,16,64]'.",
        )
        for name, p in named.items()
        if p.default is p.empty and p.kind is not p.VAR_POSITIONAL and name not in inputs
    ]
    if complaints:
        file, line = definition(module.forward)
        raise TargetError(Problem(file, line, None, "TGT008", *complaint) for complaint in complaints)


def _arranged(values: dict[str, Any], parameters: _Parameters) -> tuple[tuple[Any, ...], dict[str, Any]]:
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
    """Makes the values of inputs, all random ones from one generator of their own."""

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
        if isinstance(value, TensorInput):
            with contained("making the input", "TGT009", path=path):
                return self._tensor(value, path)
        if is_target(value):
            return _to(resolve(value, self._loader, path), self._device)
        if isinstance(value, Mapping):
            return {name: self.make(part, f"{path}.{name}") for name, part in value.items()}
        if isinstance(value, list):
            return [self.make(part, f"{path}[{index}]") for index, part in enumerate(value)]
        return value

    def _tensor(self, wanted: TensorInput, path: str) -> Tensor:
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
                path, f"there is no integer from {wanted.low} to below {high}", "Raise its high."
            )
        return torch.randint(wanted.low, high, shape, generator=self._generator, dtype=dtype)


def _tensor_input(value: Mapping[str, Any], path: str) -> TensorInput:
    hint = "Write {shape: [1, 16], dtype: int64, high: 6400}."
    fields = TensorInput.__annotations__
    unknown = [name for name in value if name not in fields]
    if unknown:
        raise _unmakable(path, f"a tensor has no '{unknown[0]}'", did_you_mean(str(unknown[0]), fields))
    shape = value.get("shape")
    if not isinstance(shape, (list, tuple)) or not all(type(size) is int and size >= 0 for size in shape):
        raise _unmakable(path, "its shape is not a list of whole numbers", hint)
    tensor = TensorInput(**value)
    whole = (int, type(None))
    if type(tensor.low) is not int or type(tensor.high) not in whole or not isinstance(tensor.dtype, str):
        raise _unmakable(path, "low and high are whole numbers, and dtype is a name", hint)
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
    return TargetError(Problem("", None, None, "TGT009", message, path, hint))


def _to(value: Any, device: str) -> Any:
    """The tensors in plain containers on a device; other objects as they are."""
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


def _names_to_fill(module: nn.Module, parameters: _Parameters) -> list[str]:
    """Those that forward needs; where it needs none, the one that the model or its order puts first."""
    fillable = {name: p for name, p in parameters.items() if p.kind is not p.VAR_KEYWORD}
    needed = [n for n, p in fillable.items() if p.default is p.empty and p.kind is not p.VAR_POSITIONAL]
    main = getattr(module, "main_input_name", None)
    if needed:
        return needed
    return [main] if main in fillable else list(fillable)[:1]


def _by_name(name: str, layer: TensorInput, layers: list[TensorInput]) -> TensorInput:
    """What a parameter of this name takes; `layer` where the name tells nothing."""
    if re.search(r"(^|_)(ids?|idx|indices|tokens?)$", name):
        return next((other for other in (layer, *layers) if other.dtype == "int64"), _tokens(None))
    if "mask" in name:
        return TensorInput(shape=[1, _SEQUENCE], dtype="bool")
    if re.fullmatch(r"t|time|timesteps?|steps?", name):
        return TensorInput(shape=[1], dtype="int64", value=1)
    if re.search(r"pixel|image|img", name) and len(layer.shape) < 4:
        return next((other for other in layers if len(other.shape) >= 4), layer)
    return layer


def _layers(module: nn.Module) -> list[TensorInput]:
    """What the first layers with parameters take, in their order; layers of unknown types come last."""
    sizes = _image_sizes(module)
    known: list[TensorInput] = []
    unknown: list[TensorInput] = []
    for layer in module.modules():
        own = [p for p in layer._parameters.values() if p is not None and not nn.parameter.is_lazy(p)]
        if own:
            taken = list(_taken_by(layer, sizes))
            known += taken
            unknown += [] if taken else _taken_by_unknown(own[0])
    unique = {repr(candidate): candidate for candidate in (*known, *unknown)}
    return [other for other in unique.values() if math.prod(other.shape) <= _MOST_GUESSED][:_MOST_GUESSES]


def _taken_by(layer: Any, image_sizes: list[int]) -> Iterator[TensorInput]:
    """Shapes with a batch of 1 that a layer of torch takes."""
    match layer:
        case nn.Embedding() | nn.EmbeddingBag():
            yield _tokens(layer.num_embeddings)
        case nn.Conv1d() | nn.ConvTranspose1d():
            yield from (_floats(layer.in_channels, length) for length in (256, 3000))
            yield from (_floats(16_000),) * (layer.in_channels == 1)
        case nn.Conv2d() | nn.ConvTranspose2d():
            yield from (_floats(layer.in_channels, size, size) for size in image_sizes)
        case nn.Conv3d() | nn.ConvTranspose3d():
            for size in image_sizes:
                yield _floats(layer.in_channels, 16, size, size)
                yield _floats(16, layer.in_channels, size, size)
        case nn.Linear():
            yield from (_floats(_SEQUENCE, layer.in_features), _floats(layer.in_features))
        case nn.RNNBase():
            yield _floats(_SEQUENCE, layer.input_size)
        case nn.MultiheadAttention():
            yield _floats(_SEQUENCE, layer.embed_dim)
        case nn.LayerNorm() | nn.RMSNorm():
            yield _floats(_SEQUENCE, *layer.normalized_shape)
        case nn.BatchNorm1d():
            yield from (_floats(layer.num_features), _floats(layer.num_features, _SEQUENCE))
        case nn.BatchNorm2d():
            yield _floats(layer.num_features, 16, 16)
        case nn.GroupNorm():
            yield _floats(layer.num_channels, 16, 16)


def _taken_by_unknown(weight: Tensor) -> list[TensorInput]:
    """What a layer of the user's own may take, by the shape of its first parameter."""
    if weight.dim() == 0:
        return []
    width = weight.shape[-1]
    table = [_tokens(weight.shape[0])] if weight.dim() == 2 else []
    return [_floats(_SEQUENCE, width), _floats(width), *table]


def _tokens(rows: int | None) -> TensorInput:
    return TensorInput(shape=[1, _SEQUENCE], dtype="int64", high=rows)


def _floats(*shape: int) -> TensorInput:
    return TensorInput(shape=[1, *shape])


def _image_sizes(module: nn.Module) -> list[int]:
    """Sides to try for an image: what the model states under a customary name, then common ones."""
    stated: list[int] = []
    for part in module.modules():
        for name in ("image_size", "img_size"):
            value = getattr(part, name, None)
            side = value[0] if isinstance(value, tuple | list) and value else value
            stated += [side] if isinstance(side, int) and side > 0 else []
    return list(dict.fromkeys([*stated, 64, 224, 32, 28]))
