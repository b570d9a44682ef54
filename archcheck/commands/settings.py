"""The model options of a command line: `--set`, `--unset`, `--arguments`, `--input`. No torch."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from archcheck.errors import SpecError, TargetError
from archcheck.model.arguments import UNSET, Setting, override, unusable
from archcheck.spec.model import DTYPES, Mode, Model
from archcheck.spec.problems import Problems
from archcheck.spec.yaml import compose
from archcheck.targets import scheme_of

_INPUT = re.compile(
    r"(?P<name>\w+(?:\.\w+)*)=(?P<dtype>\w+)\[(?P<shape>\s*(?:\d+\s*(?:,\s*\d+\s*)*,?\s*)?)\](?:<(?P<high>\d+))?",
    re.ASCII,
)


SHRINK = "--shrink"
"""The key of the setting for this flag, an argument only of library models."""


def parse_setting(text: str) -> Setting:
    """Return the key and value of `KEY=VALUE`; the value is YAML, as in a spec: `4`, `true`, `{target: a:b}`.

    >>> parse_setting("config.num_hidden_layers=4")
    ('config.num_hidden_layers', 4)

    Raises TargetError (TGT011) where there is no key or the value is no YAML.
    """
    key, equals, value = text.partition("=")
    if not equals or not all(key.strip().split(".")):
        raise unusable(text, "it has no key", "Write --set KEY=VALUE, such as --set num_hidden_layers=4.")
    data, problem = _read(value)
    if problem:
        raise unusable(text, problem, "Put text with special characters in quotes.")
    return key.strip(), data


def read_arguments(file: Path) -> list[Setting]:
    """Return the settings in a YAML or JSON file: a mapping of arguments. Raises TargetError (TGT011)."""
    try:
        data, problem = _read(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise unusable(
            str(file), getattr(error, "strerror", None) or "it is not text", "Give a file."
        ) from None
    if problem or not isinstance(data, dict):
        hint = "Write the arguments as a mapping, such as num_hidden_layers: 4"
        raise unusable(str(file), problem or "it is not a mapping", hint)
    return [(str(name), value) for name, value in data.items()]


def _read(text: str) -> tuple[Any, str]:
    """Return a text's data as YAML, or what is wrong with it."""
    problems = Problems("")
    try:
        data = compose(text, problems).data
        problems.raise_if_any()
    except SpecError as error:
        return None, error.problems[0].message
    return data, ""


def parse_input(text: str) -> tuple[str, Any]:
    """Return the name and value of `NAME=DTYPE[d,d,…]` (with `<HIGH`, a bound of integers) or `NAME=VALUE`.

    >>> parse_input("input_ids=int64[1,16]<6400")
    ('input_ids', {'shape': [1, 16], 'dtype': 'int64', 'high': 6400})
    >>> parse_input("use_cache=false")
    ('use_cache', False)

    A dotted name is a part of an input that is a mapping: `batch.image`.

    Raises TargetError (TGT009) where the text is neither a tensor nor YAML.
    """
    if match := _INPUT.fullmatch(text.strip()):
        shape = [int(size) for size in match["shape"].split(",") if size.strip()]
        tensor: dict[str, Any] = {"shape": shape, "dtype": match["dtype"]}
        if match["high"] is not None:
            tensor["high"] = int(match["high"])
        return match["name"], tensor
    name, equals, value = text.strip().partition("=")
    data, problem = _read(value)
    is_name = all(part.isidentifier() for part in name.split("."))
    # Sizes alone are a tensor that was meant otherwise.
    sizes = re.fullmatch(r"[\s[(]*(\d+(?:\s*[,x]\s*\d+)+)[\s\])]*", value)
    if not equals or not is_name or problem or sizes or (isinstance(data, str) and not _is_word(data)):
        written = re.sub(r"\s*[,x]\s*", ",", sizes[1]) if sizes else ""
        hint = "Write NAME=DTYPE[SHAPE], such as 'x=float32[1,3,224,224]' or 'ids=int64[1,16]<6400'."
        if sizes and is_name:
            hint = f"Write --input '{name}=float32[{written}]'."
        raise TargetError.of("TGT009", f"'{text}' is not an input", hint)
    return name, data


def _is_word(text: str) -> bool:
    return text.isidentifier() and text not in DTYPES


def apply_settings(model: Model, given: Sequence[Setting], inputs: Mapping[str, Any] | None = None) -> Model:
    """Return the model with its arguments changed (see `override`), and its inputs.

    What is dropped may also be an input; it is dropped in each mode and at the published size. Raises
    TargetError (TGT011).
    """
    settings = [("shrink", value) if key == SHRINK else (key, value) for key, value in given]
    if settings != list(given) and scheme_of(model.target) is None:
        hint = "Make it small with its own arguments, such as --set num_layers=2."
        raise unusable("shrink", f"'{model.target}' is not a timm:, torchvision: or hf: model", hint)
    gone = {key for key, value in settings if value is UNSET}
    gone_inputs = {key for key in gone if key in model.inputs and key not in model.arguments}
    settings = [(key, value) for key, value in settings if key not in gone_inputs or value is not UNSET]

    def kept(values: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in values.items() if name not in gone}

    modes = [
        mode.model_copy(update={"arguments": kept(mode.arguments), "inputs": kept(mode.inputs)})
        if isinstance(mode, Mode)
        else mode
        for mode in model.modes
    ]
    left = {name: value for name, value in model.inputs.items() if name not in gone_inputs}
    return model.model_copy(
        update={
            "arguments": override(model.arguments, settings),
            "inputs": override(left, (inputs or {}).items()),
            "modes": modes,
            "published": kept(model.published),
        }
    )
