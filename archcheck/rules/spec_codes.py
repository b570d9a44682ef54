"""SPEC001…: why a spec can't be read. Each class of problem has one code, which never changes its meaning."""

from __future__ import annotations

from typing import NamedTuple


class SpecCode(NamedTuple):
    """A code with what `archcheck explain` says about it; `explanation` is Markdown."""

    code: str
    title: str
    explanation: str


UNREADABLE = SpecCode(
    "SPEC001",
    "the file can't be read",
    "There is no such file, it is a directory or a device, the permission is missing, it is larger than any "
    "spec (1 MB), or it holds no UTF-8 text. Check the path; save the file as UTF-8.",
)
SYNTAX = SpecCode(
    "SPEC002",
    "not valid YAML",
    "A spec is YAML 1.2. Common causes: a tab in the indentation, a text with `: ` or a leading `@`, `%` or "
    "backtick that needs quotes, a bracket or quote left open.",
)
DUPLICATE_KEY = SpecCode(
    "SPEC003",
    "a key given twice",
    "A mapping has the same key twice, and one of the two would silently win. Remove or rename one.",
)
TOO_DEEP = SpecCode(
    "SPEC004",
    "nested too deep or too large",
    "Lists and mappings are nested more than 64 deep, or the spec grows to more than 50,000 values, by "
    "itself or by its aliases. No diagram needs that.",
)
REFUSED_YAML = SpecCode(
    "SPEC005",
    "a YAML feature that specs don't use",
    "Tags (`!!python/object`, `!include`), keys that are lists or mappings, several documents in one file, "
    "other versions of YAML and whole numbers of more than 64 bits are refused. Quote a value to make it "
    "text.",
)
FORBIDDEN_CHARACTER = SpecCode(
    "SPEC006",
    "a character that must not be in a spec",
    "Control characters other than newline and tab, line separators, and the controls that override the "
    "direction of text (U+202A–202E, U+2066–2069) would garble or fake what terminals and pictures show.",
)
UNKNOWN_KEY = SpecCode(
    "SPEC007",
    "a key that is not known there",
    "Each part of a spec knows a few keys. The key is misspelled, or belongs in another part.",
)
MISSING_KEY = SpecCode(
    "SPEC008",
    "a key is missing",
    "A spec needs `model` (with `target`) and `panels`; a panel needs `boxes`; a mode needs a `name`.",
)
WRONG_VALUE = SpecCode(
    "SPEC009",
    "a value of the wrong type or out of range",
    "The value is a text where a list is needed, an unknown role, a repeat of 0 and so on. In YAML 1.2 only "
    "`true` and `false` are booleans; `yes` and `no` are texts.",
)
BAD_NAME = SpecCode(
    "SPEC010",
    "a name that panels or boxes can't have",
    "Panels and boxes are named with letters, digits, `_` and `-`, so that `realized_by: layer.gqa..ffn` "
    "can be read; `input` is reserved for what enters a panel. What is shown is the `label` or `title`, "
    "which are free.",
)
UNKNOWN_BOX = SpecCode(
    "SPEC011",
    "no such box",
    "`flow`, `edges` and residual edges name boxes of their own panel. The name is misspelled or the box is "
    "missing.",
)
UNKNOWN_PANEL = SpecCode(
    "SPEC012",
    "no such panel",
    "`detail` and `realized_by` name panels of this spec. The name is misspelled or the panel is missing.",
)
NOT_IN_FLOW = SpecCode(
    "SPEC013",
    "a box outside the flow",
    "A panel that has a `flow` or `edges` must place each box there, or name it in a residual edge's "
    "`through`.",
)
TWICE_IN_FLOW = SpecCode(
    "SPEC014",
    "a box twice in the flow",
    "A box stands at one place of the flow. Draw two boxes if the module runs twice; use `edges` for "
    "further lines.",
)
CYCLE = SpecCode(
    "SPEC015",
    "a cycle",
    "Data runs from a panel's input to its output, so flow and edges must not return to a box; nor may "
    "panels open each other in a cycle.",
)
RESIDUAL_ENDS = SpecCode(
    "SPEC016",
    "a residual edge without clear ends",
    "A residual edge is given either `around` a box or `[first, last]`, or `from` one box `to` another: one "
    "of the two ways, and complete.",
)
UNREACHABLE = SpecCode(
    "SPEC017",
    "a residual edge against the flow",
    "The flow must lead from the residual edge's beginning to its end; what lies between is its branch.",
)
DUPLICATE_EDGE = SpecCode(
    "SPEC018",
    "the same residual edge or mode twice",
    "Two residual edges of a panel have the same name or the same ends, or two modes have the same name, so "
    "that a finding could not say which it means.",
)
BAD_REALIZED_BY = SpecCode(
    "SPEC019",
    "realized_by names no solid residual edge",
    "On a dashed line, `realized_by` names the residual edge that the code really has: a solid one of "
    "another panel, as `PANEL.BOX`, `PANEL.FIRST..LAST` or `PANEL.NAME`. A solid line says that the code "
    "has this one.",
)
BAD_TARGET = SpecCode(
    "SPEC020",
    "a target that can't be read",
    "A target is `package.module:name` or `path/file.py:name`, where `name` is a class or function.",
)
BAD_PATTERN = SpecCode(
    "SPEC021",
    "a module pattern that can't be read",
    "A module is named as in `named_modules()`, with dots: `model.layers.0.self_attn`. `*` stands for one "
    "component, or for a part of it (`block_*`), at most once in each.",
)

SPEC_CODES: tuple[SpecCode, ...] = (
    UNREADABLE,
    SYNTAX,
    DUPLICATE_KEY,
    TOO_DEEP,
    REFUSED_YAML,
    FORBIDDEN_CHARACTER,
    UNKNOWN_KEY,
    MISSING_KEY,
    WRONG_VALUE,
    BAD_NAME,
    UNKNOWN_BOX,
    UNKNOWN_PANEL,
    NOT_IN_FLOW,
    TWICE_IN_FLOW,
    CYCLE,
    RESIDUAL_ENDS,
    UNREACHABLE,
    DUPLICATE_EDGE,
    BAD_REALIZED_BY,
    BAD_TARGET,
    BAD_PATTERN,
)
