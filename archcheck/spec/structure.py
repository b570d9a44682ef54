"""Plain data against the models of `model.py`: every misfit as a sentence of our own, with its path.

Pydantic reports a misfit of a union once for each of its members, under paths that name the members; here
each becomes one problem at the path that the user wrote.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from archcheck.rules.spec_codes import MISSING_KEY, UNKNOWN_KEY, WRONG_VALUE, SpecCode
from archcheck.spec.model import Box, Mode, Model, Panel, ResidualEdge, Spec, TensorInput
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
class Misfit:
    """One place where the data is not what the model asks for; `at_key`: the key is wrong, not its value."""

    code: SpecCode
    path: Path
    message: str
    hint: str = ""
    at_key: bool = False


def fit(model: type[_ModelT], data: object) -> tuple[_ModelT | None, list[Misfit]]:
    """`data` as `model`, or None and every misfit, with paths relative to `data`."""
    try:
        return model.model_validate(data, by_alias=True, by_name=False), []
    except ValidationError as error:
        return None, list(_misfits(model, data, error.errors(include_url=False)))


def repaired(data: dict[str, Any], misfits: Iterable[Misfit]) -> dict[str, Any]:
    """A copy of a panel's data without what does not fit, so that the rest can still be checked."""
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
    """The last entry of a mapping on the way to `path`, with the length of the path to it."""
    entry = None
    node: Any = data
    for depth, part in enumerate(path, start=1):
        if isinstance(node, dict) and part in node:
            entry = (node, part, depth)
        elif not isinstance(node, list):
            break
        node = node[part]
    return entry


@dataclass(frozen=True, slots=True)
class _Complaint:
    """One of pydantic's errors, at its path in the data."""

    error: ErrorDetails
    path: Path
    value: Any
    at_key: bool


def _misfits(model: type[BaseModel], data: object, errors: list[ErrorDetails]) -> Iterable[Misfit]:
    groups: dict[tuple[Path, bool], list[_Complaint]] = {}
    for error in errors:
        complaint = _located(data, error)
        groups.setdefault((complaint.path, complaint.at_key), []).append(complaint)
    # What is wrong inside a value explains more than its own type: another member of the union is meant.
    outer = {path[:length] for path, _ in groups for length in range(len(path))}
    for (path, at_key), complaints in groups.items():
        if at_key or path not in outer:
            yield _misfit(model, path, complaints)


def _located(data: Any, error: ErrorDetails) -> _Complaint:
    """The path in the data: pydantic's, without the names that it gives to the members of unions."""
    path: Path = ()
    node = data
    for part in error["loc"]:
        if isinstance(node, dict):
            # Pydantic writes a key that is no text as one: "None", "1.5".
            keys = [part] if part in node else [key for key in node if str(key) == part]
            if keys:
                path, node = (*path, keys[0]), node[keys[0]]
        elif isinstance(node, list) and isinstance(part, int):
            path, node = (*path, part), node[part]
    if error["type"] == "missing":
        return _Complaint(error, (*path, error["loc"][-1]), None, at_key=False)
    about_key = error["loc"][-1:] == ("[key]",) or error["type"] in ("extra_forbidden", "invalid_key")
    at_key = bool(path) and about_key
    return _Complaint(error, path, path[-1] if at_key else node, at_key)


def _misfit(model: type[BaseModel], path: Path, complaints: list[_Complaint]) -> Misfit:
    first = complaints[0]
    match first.error["type"]:
        case "missing":
            return _missing_key(_model_at(model, path[:-1]), path)
        case "extra_forbidden":
            return _unknown_key(_model_at(model, path[:-1]), path)
    return _wrong_key(path, complaints) if first.at_key else _wrong_value(path, complaints)


def _missing_key(model: type[BaseModel], path: Path) -> Misfit:
    field = next(field for name, field in model.model_fields.items() if path[-1] in (name, field.alias))
    return Misfit(MISSING_KEY, path, f"the key {quote(path[-1])} is missing", field.description or "")


def _unknown_key(model: type[BaseModel], path: Path) -> Misfit:
    key, known = path[-1], _keys(model)
    near = did_you_mean(key, known)
    elsewhere = [called for other, called in _CALLED.items() if key in _keys(other)]
    hint = f"Known keys are {', '.join(known)}."
    if elsewhere and not near:
        hint = f"It is a key of {' and of '.join(elsewhere)}, not of {_CALLED[model]}."
    return Misfit(UNKNOWN_KEY, path, f"unknown key {quote(key)}{near}", hint, at_key=True)


def _wrong_key(path: Path, complaints: list[_Complaint]) -> Misfit:
    key = path[-1]
    if not isinstance(key, str):
        message = "the key is empty" if key is None else f"the key {quote(key)} is no text"
        hint = "Write it in quotes."
    else:
        message, hint = _sentence("the key", key, complaints)
    return Misfit(WRONG_VALUE, path, message, hint, at_key=True)


def _wrong_value(path: Path, complaints: list[_Complaint]) -> Misfit:
    value = complaints[0].value
    message, hint = _sentence(_subject(path), value, complaints)
    if value is None and path[-2:-1] == ("boxes",):
        hint = "Write {} for a box that needs no more than its name."
    return Misfit(WRONG_VALUE, path, message, hint)


def _sentence(subject: str, value: object, complaints: list[_Complaint]) -> tuple[str, str]:
    """What is wrong with a value, given what each member of its union says; and a hint."""
    for complaint in complaints:
        if broken := _broken_limit(complaint.error, value):
            return f"{subject} {broken}", ""
    choices = [word for complaint in complaints for word in _choices(complaint.error)]
    kinds = [_KINDS[kind] for complaint in complaints if (kind := complaint.error["type"]) in _KINDS]
    expected = [*map(quote, choices), *dict.fromkeys(kinds)]
    found = "is empty" if value is None else f"is {quote(value)}{did_you_mean(value, choices)}"
    if not expected:
        return f"{subject} {found}, which does not fit", ""
    if len(expected) > 4:
        return f"{subject} {found}, which is not known", f"Known are {', '.join(choices)}."
    *others, last = expected
    either = f"{', '.join(others)} or {last}" if others else last
    is_old_boolean = "true or false" in kinds and value in ("yes", "no", "on", "off")
    hint = "In YAML 1.2 only true and false are booleans." if is_old_boolean else ""
    return f"{subject} must be {either}, but {found}", hint


def _broken_limit(error: ErrorDetails, value: object) -> str:
    """The end of the sentence for a value of the right type that is out of a limit; "" for other errors."""
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
        case "string_pattern_mismatch":
            return f"is {quote(value)}, which is no colour: write a name such as lightblue, or #rrggbb"
    return ""


def _choices(error: ErrorDetails) -> list[str]:
    if error["type"] not in ("enum", "literal_error"):
        return []
    return re.findall(r"'([^']*)'", error["ctx"]["expected"])


def _subject(path: Path) -> str:
    if not path:
        return "a spec"
    if isinstance(path[-1], int) and len(path) > 1:
        return f"item {path[-1] + 1} of {_subject(path[:-1])}"
    return quote(path[-1])


def _keys(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _model_at(model: type[BaseModel], path: Path) -> type[BaseModel]:
    """The model of the mapping at `path`, given that of the mapping at the top."""
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
