"""From the model section of a spec to a real `nn.Module`, whatever the model's size.

A small model is built with real values on the CPU. Of a large one only the first weights, and the buffers,
are real; further weights are born on the meta device (a shape and dtype without values), and in the end the
whole module goes there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from archcheck.errors import TargetError
from archcheck.model.arguments import is_target
from archcheck.model.calling import Fields, arranged, check_call
from archcheck.model.importing import Loader
from archcheck.model.isolation import contained
from archcheck.model.memory import Sparing, replace_tensors, seeded, tensors, to_meta, untouched_zeros

# Parameters of up to this many elements keep their values for `materialize`; buffers always do.
_SMALL = 2**16


@dataclass(frozen=True, eq=False)
class BuiltModel:
    """A model ready to run.

    `device` is where its tensors are: "cpu" or "meta". `remark` says what was chosen, for the report.
    `loader` knows the folders that the model's code may still import from. `kept` pairs meta tensors with the
    real ones that they replaced.
    """

    module: nn.Module
    device: str
    remark: str
    loader: Loader
    kept: tuple[tuple[Tensor, Tensor], ...] = ()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Prepare to call the model: seed, make its lazy imports work, contain its errors (TGT012)."""
        hint = "Check the names, shapes and dtypes of its inputs."
        with contained("running the model", "TGT012", hint=hint), self.loader.importable(), seeded():
            yield


def build_model(target: str, arguments: Mapping[str, Any], search: Sequence[Path] = (Path(),)) -> BuiltModel:
    """Build the model that a spec or a command line names, in the mode that its code leaves it in.

    `search` is the spec's folder: the code is looked up in the current folder, then there and in the folders
    above up to the repository's root. Random values are the same in every run, and the global random state is
    left alone. Raises TargetError (TGT001 to TGT007).
    """
    loader = Loader(search)
    # Seeded here too for a module that is built while its file is imported.
    with Sparing() as sparing, seeded():
        module = _the_module(resolve({"target": target, "arguments": arguments}, loader, "model"), target)
    count = sum(tensor.numel() for tensor in tensors(module) if isinstance(tensor, nn.Parameter))
    if all(tensor.device.type == "cpu" for tensor in tensors(module)):
        refused = (
            "; its code asks for another device, which archcheck does not use"
            if sparing.refused_device
            else ""
        )
        return BuiltModel(module, "cpu", f"on the CPU with {count:,} parameters{refused}", loader)
    kept = tuple(
        (meta, real)
        for real, meta in replace_tensors(module, to_meta)
        if not real.is_meta and not (isinstance(real, nn.Parameter) and real.numel() > _SMALL)
    )
    remark = f"on the meta device: its {count:,} parameters have shapes but no values"
    return BuiltModel(module, "meta", remark, loader, kept)


def materialize(built: BuiltModel) -> BuiltModel:
    """Move the module to the CPU, in place, for a forward that needs values (`if mask.any()`).

    Buffers and small parameters get back the values they were built with. Large parameters are zeros that
    take no memory (see `memory.untouched_zeros`). Tied tensors stay tied.
    """
    known = {id(meta): real for meta, real in built.kept}
    replace_tensors(
        built.module, lambda tensor: known[id(tensor)] if id(tensor) in known else untouched_zeros(tensor)
    )
    remark = "on the CPU, with zeros as its large weights, because its code needs values"
    return BuiltModel(built.module, "cpu", remark, built.loader)


def resolve(value: Any, loader: Loader, path: str) -> Any:
    """Return the object that a value of a spec stands for: each target in it is loaded and called.

    What can't be called, such as `torch:float32`, and a module that exists already are passed unchanged; so
    is a target with `arguments: null`, for a class that is itself the value. `path` is the place in the spec.
    """
    if is_target(value):
        found = loader.load(str(value["target"]), f"{path}.target")
        arguments = value.get("arguments", {})
        if arguments is None:
            return found
        return _call(found, arguments, str(value["target"]), loader, path)
    if isinstance(value, Mapping):
        return Fields({name: resolve(part, loader, f"{path}.{name}") for name, part in value.items()})
    if isinstance(value, list):
        return [resolve(part, loader, f"{path}[{index}]") for index, part in enumerate(value)]
    return value


def _call(found: Any, arguments: Mapping[str, Any], target: str, loader: Loader, path: str) -> Any:
    if isinstance(found, nn.Module) or not callable(found):
        if arguments:
            message = f"'{target}' is already {_a(found)} and takes no arguments"
            raise TargetError.of("TGT005", message, "Remove them.", f"{path}.arguments")
        return found
    placed, classes = arranged(found, arguments)
    values = {}
    for name, value in placed.items():
        place = f"{path}.arguments.{name}"
        if name in classes:
            values[name] = _call(classes[name], value, classes[name].__qualname__, loader, place)
        else:
            values[name] = resolve(value, loader, place)
    check_call(found, values, target, path)
    with contained(f"building '{target}'", "TGT006", path=path), loader.importable(), seeded():
        return found(**values)


def _the_module(result: Any, target: str) -> nn.Module:
    parts = result if isinstance(result, tuple | list) else [result]
    modules = [part for part in parts if isinstance(part, nn.Module)]
    if len(modules) == 1:
        return modules[0]
    message = f"'{target}' returns {_a(result)}, not an nn.Module"
    hint = "Name an nn.Module class, or a function that returns a model."
    if modules:
        message = f"'{target}' returns {_a(result)} with {len(modules)} modules, not a single one"
        hint = "Name a function that returns only the model."
    raise TargetError.of("TGT007", message, hint, "model.target")


def _a(value: object) -> str:
    """Return what a value is, with an article: `None`, `the class Net`, `a dict`, `an int`."""
    if value is None:
        return "None"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"
