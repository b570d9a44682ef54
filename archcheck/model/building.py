"""From the model section of a spec to a real `nn.Module`, whatever the model's size.

A small model is built with real values on the CPU. Of a large one only the first weights, and the buffers,
are real; further weights are born on the meta device (a shape and dtype without values), and in the end the
whole module goes there.
"""

from __future__ import annotations

import difflib
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from archcheck.errors import Problem, TargetError
from archcheck.model.arguments import is_target
from archcheck.model.importing import Loader
from archcheck.model.isolation import contained, is_machinery
from archcheck.model.memory import Sparing, replace_tensors, seeded, tensors, to_meta, untouched_zeros
from archcheck.source_location import display_path

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
        """Where the model may be called: seeded, its lazy imports found, what it does contained (TGT012)."""
        hint = "Check the names, shapes and dtypes of its inputs."
        with contained("running the model", "TGT012", hint=hint), self.loader.importable(), seeded():
            yield


def build_model(target: str, arguments: Mapping[str, Any], search: Sequence[Path] = (Path(),)) -> BuiltModel:
    """Builds the model that a spec or a command line names; it is in the mode that its code leaves it in.

    `search` is the spec's folder: the code is looked for in the current folder, then there and in the folders
    above up to the repository's root. Random values are the same in every run, and the global random state is
    left alone. Raises TargetError (TGT001 to TGT007).
    """
    loader = Loader(search)
    # Seeded here too for a module that is built while its file is imported.
    with Sparing() as sparing, seeded():
        module = _the_module(resolve({"target": target, "arguments": arguments}, loader, "model"), target)
    count = sum(tensor.numel() for tensor in tensors(module) if isinstance(tensor, nn.Parameter))
    if all(tensor.device.type == "cpu" for tensor in tensors(module)):
        refused = "; its code asks for another device, and stays here" if sparing.refused_device else ""
        return BuiltModel(module, "cpu", f"on the CPU with {count:,} parameters{refused}", loader)
    kept = tuple(
        (meta, real)
        for real, meta in replace_tensors(module, to_meta)
        if not real.is_meta and not (isinstance(real, nn.Parameter) and real.numel() > _SMALL)
    )
    remark = f"on the meta device: its {count:,} parameters have shapes and no values"
    return BuiltModel(module, "meta", remark, loader, kept)


def materialize(built: BuiltModel) -> BuiltModel:
    """The same module, changed in place to CPU tensors, for a forward that needs values (`if mask.any()`).

    Buffers and small parameters get back the values they were built with. Large parameters are zeros that
    take no memory (see `weights.untouched_zeros`). What was tied stays tied.
    """
    known = {id(meta): real for meta, real in built.kept}
    replace_tensors(
        built.module, lambda tensor: known[id(tensor)] if id(tensor) in known else untouched_zeros(tensor)
    )
    remark = "on the CPU with zeros for its large weights: its code needs values"
    return BuiltModel(built.module, "cpu", remark, built.loader)


def resolve(value: Any, loader: Loader, path: str) -> Any:
    """A value of a spec as the object that it stands for: each target in it is loaded and called.

    What can't be called, such as `torch:float32`, and a module that exists already are passed as they are; so
    is a target with `arguments: null`, for a class that is itself the value. `path` is the place in the spec.
    """
    if is_target(value):
        found = loader.load(str(value["target"]), f"{path}.target")
        arguments = value.get("arguments", {})
        if arguments is None:
            return found
        arguments = {
            name: resolve(part, loader, f"{path}.arguments.{name}") for name, part in arguments.items()
        }
        return _call(found, arguments, str(value["target"]), loader, path)
    if isinstance(value, Mapping):
        return {name: resolve(part, loader, f"{path}.{name}") for name, part in value.items()}
    if isinstance(value, list):
        return [resolve(part, loader, f"{path}[{index}]") for index, part in enumerate(value)]
    return value


def definition(function: Any) -> tuple[str, int | None]:
    """File and line where the user's function or class is defined; ("", None) where that is not known."""
    if isinstance(function, type):
        function = function.__init__  # type: ignore[misc]
    code = getattr(inspect.unwrap(getattr(function, "__func__", function)), "__code__", None)
    if code is None or is_machinery(code.co_filename):
        return "", None
    return display_path(code.co_filename), code.co_firstlineno


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint that names the nearest of the names that would have served, or all of them."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    if near:
        return f"Did you mean '{near[0]}'?"
    return f"It takes {', '.join(names)}." if names else "It takes none."


def _call(found: Any, arguments: dict[str, Any], target: str, loader: Loader, path: str) -> Any:
    if isinstance(found, nn.Module) or not callable(found):
        if arguments:
            message = f"'{target}' is {_a(found)} already and takes no arguments"
            raise TargetError(Problem("", None, None, "TGT005", message, f"{path}.arguments", "Remove them."))
        return found
    _check_arguments(found, arguments, target, path)
    with contained(f"building '{target}'", "TGT006", path=path), loader.importable(), seeded():
        return found(**arguments)


def _check_arguments(function: Callable[..., Any], arguments: dict[str, Any], target: str, path: str) -> None:
    """Tells a call that can't fit, before it is made, from a TypeError inside the function."""
    try:
        # A wrapper may supply arguments by itself, so it is the wrapper's signature that counts.
        parameters = inspect.signature(function, follow_wrapped=False).parameters
    except (TypeError, ValueError):  # a built-in function may have none
        return
    named = {name: p for name, p in parameters.items() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    complaints = [
        (
            f"'{target}' needs the argument '{name}'",
            path,
            f"Give it under arguments, or with --set '{name}={_example(parameter, function, target)}'.",
        )
        for name, parameter in named.items()
        if parameter.default is parameter.empty and name not in arguments
    ] + [
        (f"'{target}' takes no argument '{name}'", f"{path}.arguments.{name}", did_you_mean(name, named))
        for name in arguments
        if name not in named and not takes_any
    ]
    if complaints:
        file, line = definition(function)
        raise TargetError(Problem(file, line, None, "TGT005", *complaint) for complaint in complaints)


def _example(parameter: inspect.Parameter, function: Any, target: str) -> str:
    """A value to write for an argument: a target, where its annotation is a class of the user's."""
    kind = parameter.annotation
    home = getattr(function, "__module__", None) or ""
    if isinstance(kind, str):
        kind = getattr(sys.modules.get(home), kind.split("|")[0].strip(), None)
    if not isinstance(kind, type) or kind.__module__ in ("builtins", "inspect", "torch", "typing"):
        return "VALUE"
    source = target.rpartition(":")[0] if kind.__module__ == home else kind.__module__
    return f"{{target: {source}:{kind.__qualname__}}}"


def _the_module(result: Any, target: str) -> nn.Module:
    parts = result if isinstance(result, tuple | list) else [result]
    modules = [part for part in parts if isinstance(part, nn.Module)]
    if len(modules) == 1:
        return modules[0]
    message = f"'{target}' gives {_a(result)}, not an nn.Module"
    hint = "Name an nn.Module class, or a function that returns a model."
    if modules:
        message = f"'{target}' gives {_a(result)} with {len(modules)} modules, not one"
        hint = "Name a function that returns the model alone."
    raise TargetError(Problem("", None, None, "TGT007", message, "model.target", hint))


def _a(value: object) -> str:
    """What a value is, with an article: `None`, `the class Net`, `a dict`, `an int`."""
    if value is None:
        return "None"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"
