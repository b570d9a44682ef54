"""What a command line says of a model: `--set KEY=VALUE` and `--input NAME=DTYPE[SHAPE]<HIGH`. No torch."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from archcheck.errors import Problem, SpecError, TargetError
from archcheck.spec.model import Model, TensorInput
from archcheck.spec.problems import Problems
from archcheck.spec.yaml import compose

Setting = tuple[str, Any]

_INPUT = re.compile(
    r"(?P<name>\w+)=(?P<dtype>\w+)\[(?P<shape>\s*(?:\d+\s*(?:,\s*\d+\s*)*,?\s*)?)\](?:<(?P<high>\d+))?",
    re.ASCII,
)


def parse_setting(text: str) -> Setting:
    """The key and value of `KEY=VALUE`; the value is YAML, as in a spec: `4`, `true`, `{target: a:b}`.

    >>> parse_setting("config.num_hidden_layers=4")
    ('config.num_hidden_layers', 4)

    Raises TargetError (TGT011) where there is no key or the value is no YAML.
    """
    key, equals, value = text.partition("=")
    if not equals or not all(key.strip().split(".")):
        raise _unusable(
            text, "it has no key", "Write --set KEY=VALUE, for instance --set num_hidden_layers=4."
        )
    problems = Problems("")
    try:
        data = compose(value, problems).data
        problems.raise_if_any()
    except SpecError as error:
        hint = "Put a text with special characters in quotes."
        raise _unusable(text, error.problems[0].message, hint) from None
    return key.strip(), data


def parse_input(text: str) -> tuple[str, TensorInput]:
    """The name and tensor of `NAME=DTYPE[d,d,…]`, with `<HIGH` as the bound of integers.

    >>> name, tensor = parse_input("input_ids=int64[1,16]<6400")
    >>> name, tensor.shape, tensor.dtype, tensor.high
    ('input_ids', [1, 16], 'int64', 6400)

    Raises TargetError (TGT009) where the text is anything else.
    """
    match = _INPUT.fullmatch(text.strip())
    if match is None:
        hint = "Write NAME=DTYPE[SHAPE], such as 'x=float32[1,3,224,224]' or 'ids=int64[1,16]<6400'."
        raise TargetError(Problem("", None, None, "TGT009", f"'{text}' is no input", hint=hint))
    return match["name"], TensorInput(
        shape=[int(size) for size in match["shape"].split(",") if size.strip()],
        dtype=match["dtype"],
        high=None if match["high"] is None else int(match["high"]),
    )


def apply_settings(model: Model, settings: Iterable[Setting]) -> Model:
    """The same model with its arguments changed, see `override`."""
    return model.model_copy(update={"arguments": override(model.arguments, settings)})


def override(arguments: Mapping[str, Any], settings: Iterable[Setting]) -> dict[str, Any]:
    """A copy of `arguments` in which each setting's value stands at its dotted key.

    A key reaches into nested mappings, and through a nested target into its arguments: `config.width` is
    `arguments["config"]["arguments"]["width"]` where config is a target. Raises TargetError (TGT011) where a
    key passes through something that holds nothing.
    """
    result = dict(arguments)
    for key, value in settings:
        *parents, last = key.split(".")
        place = result
        for depth, name in enumerate(parents):
            if not isinstance(place.get(name), Mapping):
                raise _no_such_place(key, ".".join(parents[: depth + 1]), place)
            place[name] = dict(place[name])
            place = _opened(place[name], following=[*parents, last][depth + 1])
        place[last] = value
    return result


def is_target(value: object) -> bool:
    """Whether a value in a spec is a target of its own: `{target: …}`, with or without `arguments`."""
    return isinstance(value, Mapping) and "target" in value and value.keys() <= {"target", "arguments"}


def _opened(value: dict[str, Any], following: str) -> dict[str, Any]:
    """Where the next part of a key is looked up: a target's (copied) arguments, or the mapping itself."""
    if not is_target(value) or following in ("target", "arguments"):
        return value
    value["arguments"] = dict(value.get("arguments") or {})
    opened: dict[str, Any] = value["arguments"]
    return opened


def _no_such_place(key: str, parent: str, place: Mapping[str, Any]) -> TargetError:
    name = parent.rpartition(".")[2]
    if name in place:
        return _unusable(key, f"'{parent}' is {place[name]!r}, which has no parts", f"Set '{parent}' itself.")
    groups = sorted(str(other) for other, value in place.items() if isinstance(value, Mapping))
    near = difflib.get_close_matches(name, groups, n=1)
    hint = (
        f"Did you mean '{near[0]}'?"
        if near
        else f"Make it a target: --set '{parent}={{target: MODULE:NAME}}'."
    )
    return _unusable(key, f"there is no argument '{parent}' to reach into", hint)


def _unusable(setting: str, reason: str, hint: str) -> TargetError:
    message = f"the setting '{setting}' can't be applied: {reason}"
    return TargetError(Problem("", None, None, "TGT011", message, hint=hint))
