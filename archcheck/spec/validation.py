"""Plain data against the models of `model.py`: every misfit as a sentence of our own, with its path."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from archcheck.rules.spec_codes import MISSING_KEY, UNKNOWN_KEY, WRONG_VALUE, SpecCode
from archcheck.spec.css_colors import CSS_COLORS
from archcheck.spec.model import MARK, Box, Mode, Model, Panel, ResidualEdge, Spec, TensorInput
from archcheck.spec.words import Path, did_you_mean, quote

_ModelT = TypeVar("_ModelT", bound=BaseModel)

_KINDS = {
    "string_type": "text",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
}
_CALLED: dict[type[BaseModel], str] = {
    Spec: "the spec itself",
    Model: "the model",
    Mode: "a mode",
    Panel: "a panel",
    Box: "a box",
    ResidualEdge: "a residual edge",
    TensorInput: "an input",
}


@dataclass(frozen=True, slots=True)
class SchemaMisfit:
    """One place where the data does not fit the model; `at_key`: the key is wrong, not its value."""

    code: SpecCode
    path: Path
    message: str
    hint: str = ""
    at_key: bool = False


def fit(model: type[_ModelT], data: object) -> tuple[_ModelT | None, list[SchemaMisfit]]:
    """Return `data` as `model`, or None and every misfit, with paths relative to `data`."""
    try:
        return model.model_validate(data, by_alias=True, by_name=False), []
    except ValidationError as error:
        return None, [_misfit(model, data, each) for each in error.errors(include_url=False)]


def repaired(data: dict[str, Any], misfits: Iterable[SchemaMisfit]) -> dict[str, Any]:
    """Return a copy of a panel's data without the parts that do not fit, so that the rest can be checked."""
    data = copy.deepcopy(data)
    for misfit in misfits:
        entry = _innermost_entry(data, misfit.path)
        if entry is None:
            continue
        parent, key, depth = entry
        if misfit.path[:depth] == ("boxes", key) and not misfit.at_key:
            parent[key] = {}  # the box is there, whatever is wrong with it
        else:
            parent.pop(key, None)
    return data


def _innermost_entry(data: dict[str, Any], path: Path) -> tuple[dict[str, Any], Any, int] | None:
    """Return the last entry of a mapping on the way to `path`, with the length of the path to it."""
    entry = None
    node: Any = data
    for depth, part in enumerate(path, start=1):
        if isinstance(node, dict) and part in node:
            entry = (node, part, depth)
        elif not isinstance(node, list):
            break
        node = node[part]
    return entry


def _misfit(model: type[BaseModel], data: object, error: ErrorDetails) -> SchemaMisfit:
    path, value = _located(data, error["loc"])
    match error["type"]:
        case "missing":
            return _missing_key(_model_at(model, path), (*path, error["loc"][-1]))
        case "extra_forbidden":
            return _unknown_key(_model_at(model, path[:-1]), path)
    if error["loc"][-1:] == ("[key]",) or error["type"] == "invalid_key":
        return _wrong_key(path, error)
    message, hint = _sentence(_subject(path), value, error)
    if value is None and path[-2:-1] == ("boxes",):
        hint = "Write {} for a box that needs nothing but its name."
    return SchemaMisfit(WRONG_VALUE, path, message, hint)


def _located(data: Any, location: Iterable[int | str]) -> tuple[Path, Any]:
    """Return the path and the value in the data; a missing key and the marks of unions are no parts of it."""
    path: Path = ()
    node = data
    for part in location:
        if isinstance(part, str) and part.startswith(MARK):
            continue
        if isinstance(node, list) and isinstance(part, int):
            key: Any = part
        elif isinstance(node, dict):  # pydantic writes a key that is not text as one: "None", "1.5"
            key = part if part in node else next((key for key in node if str(key) == part), None)
            if key not in node or (key is None and part != "None"):
                break
        else:
            break
        path, node = (*path, key), node[key]
    return path, node


def _missing_key(model: type[BaseModel], path: Path) -> SchemaMisfit:
    field = next(field for name, field in model.model_fields.items() if path[-1] in (name, field.alias))
    return SchemaMisfit(MISSING_KEY, path, f"the key {quote(path[-1])} is missing", field.description or "")


def _unknown_key(model: type[BaseModel], path: Path) -> SchemaMisfit:
    key, known = path[-1], _keys(model)
    near = did_you_mean(key, known)
    elsewhere = [called for other, called in _CALLED.items() if key in _keys(other)]
    hint = f"Known keys: {', '.join(known)}."
    if elsewhere and not near:
        hint = f"It is a key of {' and of '.join(elsewhere)}, not of {_CALLED[model]}."
    return SchemaMisfit(UNKNOWN_KEY, path, f"unknown key {quote(key)}{near}", hint, at_key=True)


def _wrong_key(path: Path, error: ErrorDetails) -> SchemaMisfit:
    key = path[-1]
    if isinstance(key, str):
        message, hint = _sentence("the key", key, error)
    else:
        message = "the key is empty" if key is None else f"the key {quote(key)} is not text"
        hint = "Write it in quotes."
    return SchemaMisfit(WRONG_VALUE, path, message, hint, at_key=True)


def _sentence(subject: str, value: object, error: ErrorDetails) -> tuple[str, str]:
    """Return what is wrong with a value, and a hint."""
    if broken := _broken_limit(error, value):
        return f"{subject} {broken}", ""
    context = error.get("ctx", {})
    choices = re.findall(r"'([^']*)'", context.get("expected", ""))
    kinds = [tag.lstrip(MARK) for tag in re.findall(r"'(?:\\x00)?([^']*)'", context.get("expected_tags", ""))]
    expected = [*map(quote, choices), *kinds, *([_KINDS[error["type"]]] if error["type"] in _KINDS else [])]
    found = "is empty" if value is None else f"is {quote(value)}{did_you_mean(value, choices)}"
    if not expected:
        return f"{subject} {found}, which does not fit", ""
    if len(expected) > 4:
        return f"{subject} {found}, which is not known", f"Known: {', '.join(choices)}."
    *others, last = expected
    either = f"{', '.join(others)} or {last}" if others else last
    hint = ""
    if "true or false" in expected and value in ("yes", "no", "on", "off"):
        hint = "In YAML 1.2 only true and false are booleans."
    elif expected == ["a list"] and isinstance(value, str | int | float):
        hint = "Write it in brackets."
    elif expected == ["text"] and isinstance(value, int | float):
        hint = "Write it in quotes."
    return f"{subject} must be {either}, but {found}", hint


def _broken_limit(error: ErrorDetails, value: object) -> str:
    """Return the end of the sentence for a value of the right type beyond a limit; "" for other errors."""
    limits = error.get("ctx", {})
    match error["type"]:
        case "string_too_short":
            return "must not be empty"
        case "string_too_long":
            return f"has more than {limits['max_length']:,} characters"
        case "too_short":
            items = "one entry" if limits["min_length"] == 1 else f"{limits['min_length']} entries"
            return f"needs at least {items}, but has {limits['actual_length'] or 'none'}"
        case "too_long":
            return f"has more than {limits['max_length']} entries"
        case "greater_than_equal":
            return f"must be at least {limits['ge']}, but is {quote(value)}"
        case "factor":
            return f"is {quote(value)}, which is not a number: write one such as 0.2 or 1/sqrt(2)"
        case "color":
            near = did_you_mean(value, CSS_COLORS)
            return f"is {quote(value)}, which is not a colour{near}: write #rrggbb or a CSS name such as teal"
    return ""


def _subject(path: Path) -> str:
    if not path:
        return "a spec"
    if isinstance(path[-1], int) and len(path) > 1:
        return f"item {path[-1] + 1} of {_subject(path[:-1])}"
    return quote(path[-1])


def _keys(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _model_at(model: type[BaseModel], path: Path) -> type[BaseModel]:
    """Return the model of the mapping at `path`, given that of the mapping at the top."""
    if model is not Spec:
        return model
    match path:
        case ("model",):
            return Model
        case ("model", "modes", *_):
            return Mode
        case ("panels", _):
            return Panel
        case ("panels", _, "boxes", _):
            return Box
        case ("panels", _, "residuals", _):
            return ResidualEdge
    return Spec
