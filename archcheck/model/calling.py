"""From a function or class and the arguments of a spec to the call: what goes where, what is missing.

A configuration object need not be written out. If a parameter is a class of the user's, by its type hint, its
default or its name (`config`, `args`), it is built from a mapping, from the arguments that the function
itself does not take, or from its own defaults.
"""

from __future__ import annotations

import dataclasses
import enum
import inspect
import os
import re
import sys
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from archcheck.errors import Problem, TargetError
from archcheck.model.arguments import is_target
from archcheck.model.isolation import is_installed, is_machinery
from archcheck.phrasing.module_paths import leaf
from archcheck.phrasing.suggestions import nearest, suggestion
from archcheck.source_location import real_path

Parameters = Mapping[str, inspect.Parameter]

_CONFIGURATION = re.compile(
    r"(.*_)?(config(uration)?|conf|cfg|args|arguments|hps|h?params|opts?|options)", re.I
)
_CONFIGURATION_CLASS = re.compile(
    r".*(config(uration)?|conf|cfg|args|arguments|h?params|options|settings)", re.I
)
_CONFIGURATION_MAKER = re.compile(
    r"(get|parse|load|make|build|default)_(.*_)?(config|cfg|args|opts?|options|hparams)"
)
_COUNT = re.compile(
    r"(^|_)(n|num|dims?|ch|channels?|size|width|depth|layers?|heads?|classes|features|hidden)(_|$)"
)
_NO_CONFIGURATION = (Tensor, nn.Module, enum.Enum, Mapping, Sequence, os.PathLike)
_FOREIGN = ("builtins", "collections", "inspect", "numpy", "torch", "typing", "types")
_MOST_NAMES = 12


class Fields(dict[str, Any]):
    """A mapping of a spec as an argument: its entries are attributes too, as of an argparse.Namespace."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        super().__init__(values)
        self.__dict__ = self


def parameters_of(function: Any) -> tuple[dict[str, inspect.Parameter], bool]:
    """Return the parameters that can be given by name, and whether it takes any other name as well."""
    try:
        # A wrapper may supply arguments by itself, so it is the wrapper's signature that counts.
        parameters = inspect.signature(function, follow_wrapped=False).parameters
    except (TypeError, ValueError):  # a built-in function may have none
        return {}, True
    named = {name: p for name, p in parameters.items() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    return named, any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def arranged(function: Any, arguments: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, type]]:
    """Return the arguments by parameter, and the classes of those that are mappings to be built."""
    named, takes_any = parameters_of(function)
    classes = {name: kind for name, p in named.items() if (kind := _class_of(p, function)) is not None}
    result = dict(arguments)
    slots = [name for name in named if _may_hold(name, classes, arguments)]
    slot = next(
        (name for name in slots if _CONFIGURATION.fullmatch(name)), slots[0] if len(slots) == 1 else None
    )
    if slot is not None:
        known, takes_more = parameters_of(classes[slot]) if slot in classes else ({}, True)
        strays = [
            name
            for name in arguments
            if name not in named
            and not takes_any
            and (name in known or (takes_more and not nearest(name, named)))
        ]
        inside = {**{name: result.pop(name) for name in strays}, **(arguments.get(slot) or {})}
        if inside or (slot in classes and named[slot].default is inspect.Parameter.empty):
            result[slot] = inside
    made = {name: kind for name, kind in classes.items() if _is_mapping(result.get(name))}
    return result, made


def check_call(function: Callable[..., Any], arguments: Mapping[str, Any], target: str, path: str) -> None:
    """Raise TargetError (TGT005) for a call that can't fit: not for a TypeError inside the function."""
    named, takes_any = parameters_of(function)
    classes = [kind for p in named.values() if (kind := _class_of(p, function)) is not None]
    known = [*named, *(name for kind in classes for name in parameters_of(kind)[0])]
    missing = {
        name: parameter
        for name, parameter in named.items()
        if parameter.default is parameter.empty and name not in arguments
    }
    complaints = [
        *_missing(missing, function, target, path),
        *(
            (f"'{target}' takes no argument '{name}'", f"{path}.arguments.{name}", did_you_mean(name, known))
            for name in arguments
            if name not in named and not takes_any
        ),
    ]
    if complaints:
        file, line = definition(function)
        raise TargetError(Problem(file, line, None, "TGT005", *complaint) for complaint in complaints)


def definition(function: Any) -> tuple[str, int | None]:
    """Return file and line where the user's function or class is defined; ("", None) if unknown."""
    if isinstance(function, type):
        if dataclasses.is_dataclass(function):  # its __init__ is in no file
            return _definition_of_class(function)
        function = function.__init__  # type: ignore[misc]
    code = getattr(inspect.unwrap(getattr(function, "__func__", function)), "__code__", None)
    if code is None or is_machinery(code.co_filename):
        return "", None
    return real_path(code.co_filename), code.co_firstlineno


def _definition_of_class(kind: type) -> tuple[str, int | None]:
    try:
        return real_path(inspect.getsourcefile(kind) or ""), inspect.getsourcelines(kind)[1]
    except (OSError, TypeError):
        return "", None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a hint that names the nearest valid name, or all of them."""
    names = list(known)
    return suggestion(name, names, f"It takes {', '.join(names)}." if names else "It takes none.")


def _may_hold(name: str, classes: Mapping[str, type], arguments: Mapping[str, Any]) -> bool:
    """Return whether a parameter can take further arguments: a configuration that is not given otherwise."""
    is_open = name not in arguments or _is_mapping(arguments[name])
    return is_open and (name in classes or _CONFIGURATION.fullmatch(name) is not None)


def _is_mapping(value: Any) -> bool:
    return isinstance(value, Mapping) and not is_target(value)


def _class_of(parameter: inspect.Parameter, function: Any) -> type | None:
    """Return the class of a configuration that a parameter takes: by type hint, default or name."""
    kinds = [*_parts(_hint(parameter, function)), type(parameter.default)]
    found = next((kind for kind in kinds if _is_configuration(kind)), None)
    if found is None and parameter.annotation is parameter.empty and _CONFIGURATION.fullmatch(parameter.name):
        found = _by_name(function)
    return found


def _hint(parameter: inspect.Parameter, function: Any) -> Any:
    """Return a parameter's annotation, resolved where it is written if it is a string."""
    if not isinstance(parameter.annotation, str):
        return parameter.annotation
    owner = vars(function).get("__init__", function) if isinstance(function, type) else function
    try:
        return typing.get_type_hints(owner).get(parameter.name)
    except Exception:  # a name that is there for type checkers only
        return getattr(_home(function), parameter.annotation.partition("|")[0].strip(), None)


def _parts(hint: Any) -> list[Any]:
    """Return a hint, or the members of a union."""
    is_union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    return list(typing.get_args(hint)) if is_union else [hint]


def _is_configuration(kind: Any) -> bool:
    if not isinstance(kind, type) or kind.__module__.partition(".")[0] in _FOREIGN:
        return False
    return not issubclass(kind, _NO_CONFIGURATION)


def _by_name(function: Any) -> type | None:
    """Return the only class of the user's beside a function whose name says that it is a configuration."""
    kind = getattr(function, "config_class", None)
    if isinstance(kind, type):
        return kind
    home = _home(function)
    candidates = {
        value.__name__: value
        for value in vars(home).values()
        if _is_configuration(value)
        and _CONFIGURATION_CLASS.fullmatch(value.__name__)
        and _is_near(value, home)
    }
    own = f"{getattr(function, '__name__', '')}config".lower()
    named = [value for name, value in candidates.items() if name.lower() == own]
    found = named or list(candidates.values())
    return found[0] if len(found) == 1 else None


def _is_near(kind: type, home: Any) -> bool:
    file = getattr(sys.modules.get(kind.__module__), "__file__", None) or ""
    return kind.__module__ == home.__name__ or not (is_installed(file) or is_machinery(file))


def _home(function: Any) -> Any:
    return sys.modules.get(getattr(function, "__module__", None) or "", types.ModuleType(""))


def _key(path: str, name: str) -> str:
    """Return the key that `--set` has for an argument at a path of the spec: `config.width`.

    >>> _key("model", "width"), _key("model.arguments.config.arguments.inner", "width")
    ('width', 'config.inner.width')
    """
    return ".".join([*path.replace(".arguments.", ".").split(".")[1:], name])


def _missing(
    missing: Mapping[str, inspect.Parameter], function: Any, target: str, path: str
) -> Iterator[tuple[str, str, str]]:
    """Yield what to say of arguments that are missing, and what to type: the plain ones together."""
    made = {
        name: parameter
        for name, parameter in missing.items()
        if _CONFIGURATION.fullmatch(name) and _class_of(parameter, function) is None
    }
    plain = {name: parameter for name, parameter in missing.items() if name not in made}
    if plain:
        *others, last = (f"'{name}'" for name in plain)
        names = f"arguments {', '.join(others)} and {last}" if others else f"argument {last}"
        options = " ".join(
            f"--set '{_key(path, name)}={_example(parameter, function, target)}'"
            for name, parameter in plain.items()
        )
        them = "them" if others else "it"
        yield f"'{target}' needs the {names}", path, f"Give {them} under arguments, or with {options}."
    for name in made:
        yield (
            f"'{target}' needs the argument '{name}'",
            path,
            _how_to_make(_key(path, name), function, target),
        )


def _how_to_make(key: str, function: Any, target: str) -> str:
    """Return what to type for a configuration of an unknown class; `key` is what `--set` calls it."""
    name, home = leaf(key), _home(function)
    makers = [
        name for name, value in vars(home).items() if _CONFIGURATION_MAKER.fullmatch(name) and callable(value)
    ]
    if makers:
        return f"Try --set '{key}={{target: {target.rpartition(':')[0]}:{makers[0]}}}'."
    if is_installed(getattr(home, "__file__", None) or ""):
        return f"Give it under arguments, or with --set '{key}={{target: MODULE:Class}}'."
    read = _parts_read(name, home)
    given = " ".join(f"--set {key}.{part}=VALUE" for part in read[:_MOST_NAMES])
    given = given or f"--set {key}.KEY=VALUE"
    return f"Give it under arguments, with --arguments FILE, or give what is read from it: {given}."


def _parts_read(name: str, code: Any) -> list[str]:
    """Return the attributes and items of what is called `name` that code reads, in their order."""
    try:
        source = inspect.getsource(code)
    except (OSError, TypeError):
        return []
    read = re.findall(rf"""\b{name}(?:\.|\[["']|\.(?:get|pop)\(["'])([a-zA-Z]\w*)\b(?!\()""", source)
    return list(dict.fromkeys(read))


def _example(parameter: inspect.Parameter, function: Any, target: str) -> str:
    """Return an example value for an argument: a target if its annotation is a class of the user's."""
    kind = next((part for part in _parts(_hint(parameter, function)) if isinstance(part, type)), None)
    if kind is None or kind.__module__.partition(".")[0] in _FOREIGN:
        usual = {int: "8", float: "0.1", bool: "true", str: "TEXT", nn.Module: "{target: MODULE:Class}"}
        return usual.get(kind or object, "8" if _COUNT.search(parameter.name) else "VALUE")
    home = _home(function).__name__
    source = target.rpartition(":")[0] if kind.__module__ == home else kind.__module__
    return f"{{target: {source}:{kind.__qualname__}}}"
