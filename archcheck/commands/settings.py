"""What a command line says of a model: `--set KEY=VALUE` and `--input NAME=DTYPE[SHAPE]<HIGH`. No torch."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from archcheck.errors import Problem, SpecError, TargetError
from archcheck.model.arguments import Setting, override, unusable
from archcheck.spec.model import Model
from archcheck.spec.problems import Problems
from archcheck.spec.yaml import compose

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
        raise unusable(
            text, "it has no key", "Write --set KEY=VALUE, for instance --set num_hidden_layers=4."
        )
    problems = Problems("")
    try:
        data = compose(value, problems).data
        problems.raise_if_any()
    except SpecError as error:
        hint = "Put a text with special characters in quotes."
        raise unusable(text, error.problems[0].message, hint) from None
    return key.strip(), data


def parse_input(text: str) -> tuple[str, dict[str, Any]]:
    """The name and tensor of `NAME=DTYPE[d,d,…]`, with `<HIGH` as the bound of integers.

    >>> parse_input("input_ids=int64[1,16]<6400")
    ('input_ids', {'shape': [1, 16], 'dtype': 'int64', 'high': 6400})

    Raises TargetError (TGT009) where the text is anything else.
    """
    match = _INPUT.fullmatch(text.strip())
    if match is None:
        hint = "Write NAME=DTYPE[SHAPE], such as 'x=float32[1,3,224,224]' or 'ids=int64[1,16]<6400'."
        raise TargetError(Problem("", None, None, "TGT009", f"'{text}' is not an input", hint=hint))
    shape = [int(size) for size in match["shape"].split(",") if size.strip()]
    tensor: dict[str, Any] = {"shape": shape, "dtype": match["dtype"]}
    if match["high"] is not None:
        tensor["high"] = int(match["high"])
    return match["name"], tensor


def apply_settings(model: Model, settings: Iterable[Setting]) -> Model:
    """The same model with its arguments changed, see `override`."""
    return model.model_copy(update={"arguments": override(model.arguments, settings)})
