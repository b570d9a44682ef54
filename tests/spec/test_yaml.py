"""YAML as specs are written in it, and YAML that is refused."""

from __future__ import annotations

import math
import time

import pytest

from archcheck.errors import SpecError
from archcheck.spec import loads, yaml
from archcheck.spec.problems import Problems
from archcheck.spec.yaml import MAX_NODES, compose
from tests.spec.common import MODEL, problems

PANELS = "panels: {p: {boxes: {a: {}}}}\n"


def data(text: str) -> object:
    found = Problems("<spec>")
    document = compose(text, found)
    found.raise_if_any()
    return document.data


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("true", True),
        ("False", False),
        ("'true'", "true"),
        ("null", None),
        ("~", None),
        ("", None),
        ("''", ""),
        ("12", 12),
        ("-3", -3),
        ("012", 12),
        ("0o17", 15),
        ("0x1F", 31),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("2025-02-01", "2025-02-01"),
        ("1e-5", 1e-5),
        (".5", 0.5),
        ("-.inf", -math.inf),
        ("×8", "×8"),
        ("<<", "<<"),
        ("18446744073709551615", 2**64 - 1),
        ("[a, {b: 1}]", ["a", {"b": 1}]),
    ],
)
def test_scalars_follow_the_core_schema_of_yaml_1_2(text: str, value: object) -> None:
    assert data(f"key: {text}") == {"key": value}
    assert type(data(f"- {text}")[0]) is type(value)  # type: ignore[index]


def test_not_a_number() -> None:
    assert math.isnan(data("[.nan]")[0])  # type: ignore[index]


def test_keys_that_are_no_texts_stay_what_they_are_in_plain_data() -> None:
    text = "model: {target: 'm:f', arguments: {id2label: {0: cat, 1: dog}}}\n" + PANELS
    assert loads(text).spec.model.arguments == {"id2label": {0: "cat", 1: "dog"}}


def test_aliases_and_merge_keys() -> None:
    text = "a: &a {x: 1, y: 2}\nb: *a\nc: {<<: *a, y: 3}\nd: {<<: [{z: 4, x: 5}, *a]}"
    assert data(text) == {
        "a": {"x": 1, "y": 2},
        "b": {"x": 1, "y": 2},
        "c": {"x": 1, "y": 3},
        "d": {"x": 5, "y": 2, "z": 4},
    }


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: b: c", "1:5: SPEC002 Not valid YAML: mapping values are not allowed here."),
        ("a:\n\t- b", "2:1: SPEC002 Not valid YAML: found character '\\t' that cannot start any token."),
        ("a: `b`", "1:4: SPEC002 Not valid YAML: found character '`' that cannot start any token."),
        (
            "a: [1\nb: 2",
            "2:2: SPEC002 Not valid YAML: expected ',' or ']', but got ':', while parsing a flow "
            "sequence that starts on line 1.",
        ),
        ("a: 'b\n", "1:6: SPEC002 Not valid YAML: found unexpected end of stream, while scanning a quoted"),
        ("a: *b", "1:4: SPEC002 This alias has no anchor '&b' before it."),
        ('"\\UFFFFFFFF"', "1:1: SPEC002 Not valid YAML: "),
        ("%YAML 1.9\n---\na", "1:1: SPEC002 Not valid YAML: "),
        ("<<: 3", "1:5: SPEC002 '<<' can only merge mappings."),
        ("a: 1\na: 2", "2:1: SPEC003 Duplicate key 'a'; the first is on line 1. (at a)"),
        ("b: {c: 1,\n  c: 2}", "2:3: SPEC003 Duplicate key 'c'; the first is on line 1. (at b.c)"),
        ("[" * 200, "1:65: SPEC004 Lists and mappings are nested more than 64 deep."),
        ("- " * 10_000, "1:129: SPEC004 Lists and mappings are nested more than 64 deep."),
        ("{a: " * 10_000, "1:254: SPEC004 Lists and mappings are nested more than 64 deep."),
        ("&a [*a]", "1:5: SPEC004 The alias '*a' is inside the value it repeats."),
        (
            "a: !!python/object/apply:os.system [ls]",
            "1:4: SPEC005 The tag '!!python/object/apply:os.system' is",
        ),
        ("a: !include b", "1:4: SPEC005 The tag '!include' is not allowed: a spec is plain data. Remove it."),
        ("? [a]\n: b", "1:3: SPEC005 A list can't be a key. Quote it."),
        ("? {a: b}\n: c", "1:3: SPEC005 A mapping can't be a key. Quote it."),
        (
            "a: b\n---\nc: d",
            "2:1: SPEC005 A second document begins here. A spec is a single document: remove '---'.",
        ),
        ("%YAML 1.1\n---\na: no", "2:1: SPEC005 A spec is YAML 1.2."),
        ("a: 99999999999999999999", "1:4: SPEC005 '99999999999999999999' needs more than 64 bits."),
        ("a: " + "9" * 100_000, "1:4: SPEC005 '99999999999999999999999999999999999999999999999999999999999"),
        ("a: \x1b[31m", "1:4: SPEC006 The character '\\x1b' (U+001B) is not allowed in a spec. Remove it."),
        (
            "a: b # \u202e",
            "1:8: SPEC006 The character '\\u202e' (U+202E) is not allowed in a spec. Remove it.",
        ),
        (
            'a: "\\e[31m"',
            "1:4: SPEC006 The character '\\x1b' (U+001B) is not allowed in a spec. (at a) Remove it.",
        ),
        (
            '"a\\0": b',
            "1:1: SPEC006 The character '\\x00' (U+0000) is not allowed in a spec. (at ['a\\x00'])",
        ),
        ('a: "\\ud800"', "1:4: SPEC006 The character '\\ud800' (U+D800) is not allowed in a spec. (at a)"),
        ('a: "\\uFFFF"', "1:4: SPEC006 The character '\\uffff' (U+FFFF) is not allowed in a spec. (at a)"),
    ],
)
def test_refused(text: str, problem: str) -> None:
    with pytest.raises(SpecError) as caught:
        data(text)
    (only,) = caught.value.problems
    assert str(only).removeprefix("<spec>:").startswith(problem)


@pytest.mark.parametrize(
    "character", ["\x00", "\x08", "\x7f", "\x9b", "\u2028", "\u2066", "\u2069", "\ufffe"]
)
def test_characters_that_garble_terminals_are_refused_and_shown_escaped(character: str) -> None:
    (problem,) = problems(f"{MODEL}{PANELS}title: a{character}b\n")
    assert problem.startswith("3:9: SPEC006 ")
    assert character not in problem


def test_tabs_newlines_and_marks_of_direction_are_text() -> None:
    text = f'{MODEL}{PANELS}title: "a\\tb\\nc"\ncaption: "مرحبا\u200f 模型"\n'
    assert loads(text).spec.title == "a\tb\nc"
    assert loads(text).spec.caption == "مرحبا\u200f 模型"


def test_duplicate_keys_do_not_hide_other_problems() -> None:
    assert problems(f"{MODEL}{PANELS}titel: x\n{PANELS}") == [
        "3:1: SPEC007 Unknown key 'titel' (did you mean 'title'?). (at titel) "
        "Known keys: title, note, caption, model, strict, panels, colors.",
        "4:1: SPEC003 Duplicate key 'panels'; the first is on line 2. (at panels)",
    ]


def test_billion_laughs_are_refused_before_they_are_expanded() -> None:
    lines = ["a: &a [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    for before, name in zip("abcdefgh", "bcdefghi", strict=True):
        lines.append(f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]")
    start = time.process_time()
    (problem,) = problems("\n".join(lines))
    assert problem == "5:28: SPEC004 More than 50,000 values, including those repeated by aliases."
    assert time.process_time() - start < 1


def test_many_values_are_refused_before_all_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml, "MAX_NODES", 50)
    broken_later = "- a\n" * 60 + "- ["
    (problem,) = problems(broken_later)
    assert problem == "50:3: SPEC004 More than 50 values, including those repeated by aliases."


@pytest.mark.slow
def test_the_limit_of_values_is_reached_in_time() -> None:
    start = time.process_time()
    (problem,) = problems("- a\n" * 250_000)
    assert problem == f"{MAX_NODES}:3: SPEC004 More than 50,000 values, including those repeated by aliases."
    assert time.process_time() - start < 10  # the limit on the machine that it was set on is 2 s
