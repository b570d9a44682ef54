"""YAML text -> plain data with the place of every node.

ruamel.yaml scans and parses (YAML 1.2); the tree is built here from its events, because a loader would
construct objects, recurse as deep as the text says, and expand aliases without limit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceStartEvent,
)

from archcheck.rules.spec_codes import (
    DUPLICATE_KEY,
    FORBIDDEN_CHARACTER,
    REFUSED_YAML,
    SYNTAX,
    TOO_DEEP,
    SpecCode,
)
from archcheck.spec.problems import Problems, TextPosition
from archcheck.spec.words import Path, escape, quote

MAX_DEPTH = 64
MAX_NODES = 50_000

# What was read last, the latest at the end: a spec is read again for each fix that is tried on it.
_KEPT = 4
_read: dict[str, list[Event]] = {}

# C0 and C1 controls but tab and newline, line separators (which editors count as lines and YAML does not),
# bidirectional overrides and isolates, lone surrogates, and what XML forbids.
_FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")

_CONSTANTS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)


@dataclass(frozen=True, slots=True)
class Document:
    """The data of a spec, its mappings, lists and scalars as Python's own, with their places.

    `values` holds the start of each node, `keys` that of the key of each entry of a mapping; `root` is the
    tree of nodes.
    """

    root: Node | None = None
    data: Any = None
    values: dict[Path, TextPosition] = field(default_factory=dict)
    keys: dict[Path, TextPosition] = field(default_factory=dict)

    def place(self, path: Path) -> TextPosition:
        """Return where a reader looks for `path`: its node, or key; else the nearest parent's."""
        while path and path not in self.values:
            path = path[:-1]
        value = self.values.get(path, TextPosition(1, 1))
        key = self.keys.get(path, value)
        return key if key.line < value.line else value

    def key_place(self, path: Path) -> TextPosition:
        """Return the place of the key of the entry at `path`; the same as `place` for anything else."""
        return self.keys.get(path) or self.place(path)


def compose(text: str, problems: Problems) -> Document:
    """Return the document in `text` (`data` None if it is empty).

    Adds to `problems` what leaves the rest readable (duplicate keys, tags); raises SpecError at once for what
    does not.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    _refuse_characters(text, problems)
    composer = _Composer(text, problems)
    for event in _events(text, problems):
        composer.take(event)
    if composer.root is None:
        return Document()
    builder = _PlainDataBuilder(problems)
    return Document(composer.root, builder.build(composer.root, ()), builder.values, builder.keys)


def _events(text: str, problems: Problems) -> Iterator[Event]:
    """Yield the events of a text, as far as they are taken; those of texts read lately are kept."""
    known = _read.pop(text, None)
    if known is not None:
        _read[text] = known
        yield from known
        return
    mark = None
    events: list[Event] = []
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            mark = event.end_mark
            events.append(event)
            yield event
        _read[text] = events
        if len(_read) > _KEPT:
            del _read[next(iter(_read))]
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark or mark
        problems.add(SYNTAX, _syntax_message(error), _within(text, mark), hint=_syntax_hint(error))
        problems.stop()
    except Exception as error:  # slips of the parser: "\UFFFFFFFF" overflows, %YAML 1.99 fails an assertion
        problems.add(SYNTAX, f"not valid YAML: {escape(str(error))}", _within(text, mark))
        problems.stop()


@dataclass(slots=True)
class Node:
    """A scalar's value, or the children of a list or (keys and values in turn) of a mapping.

    It is written in `text[start:end]`; `style` is a scalar's quote, or how a list or a mapping is written. An
    alias has the contents that it stands for, and no style. `size` and `height` count what aliases stand for.
    """

    kind: Literal["scalar", "list", "mapping"]
    start: int
    end: int
    place: TextPosition
    value: Any = None
    style: str = ""
    is_merge: bool = False
    is_alias: bool = False
    children: list[Node] = field(default_factory=list)
    size: int = 1
    height: int = 1

    @property
    def is_block(self) -> bool:
        """Whether it is written as a block, not in brackets."""
        return self.style == "block"

    def close(self, end: int) -> None:
        """End a list or mapping: a block where its last node ends, before the comments that follow."""
        self.end = max((child.end for child in self.children), default=self.end) if self.is_block else end
        self.size += sum(child.size for child in self.children)
        self.height += max((child.height for child in self.children), default=0)

    def entries(self) -> list[tuple[Node, Node]]:
        """Return the keys and values of a mapping."""
        return list(zip(self.children[::2], self.children[1::2], strict=True))


class _Composer:
    """Builds the tree of nodes from events, within the limits of depth and size."""

    def __init__(self, text: str, problems: Problems) -> None:
        self.root: Node | None = None
        self._text = text
        self._problems = problems
        self._open: list[Node] = []
        self._anchors: dict[str, Node] = {}
        self._count = 0

    def take(self, event: Event) -> None:
        match event:
            case DocumentStartEvent():
                self._start_document(event)
            case AliasEvent():
                self._attach(self._aliased(event), event)
            case ScalarEvent():
                self._attach(self._scalar(event), event)
            case SequenceStartEvent() | MappingStartEvent():
                kind: Literal["list", "mapping"]
                kind = "list" if isinstance(event, SequenceStartEvent) else "mapping"
                style = "flow" if event.flow_style else "block"
                node = Node(kind, *_span(event), _place(event.start_mark), style=style)
                self._refuse_tag(event, event.tag)
                self._attach(node, event)
                self._open.append(node)
            case CollectionEndEvent():
                self._open.pop().close(event.end_mark.index)

    def _start_document(self, event: DocumentStartEvent) -> None:
        if self.root is not None:
            self._stop(
                REFUSED_YAML,
                "a second document begins here",
                event,
                "A spec is a single document: remove '---'.",
            )
        if event.version not in (None, (1, 2)):
            self._problems.add(REFUSED_YAML, "a spec is YAML 1.2", _place(event.start_mark))

    def _aliased(self, event: AliasEvent) -> Node:
        node = self._anchors.get(event.anchor)
        if node is None:
            self._stop(SYNTAX, f"this alias has no anchor {quote('&' + event.anchor)} before it", event)
        if any(node is parent for parent in self._open):
            self._stop(
                TOO_DEEP, f"the alias {quote('*' + event.anchor)} is inside the value it repeats", event
            )
        start, end = _span(event)
        place = _place(event.start_mark)
        return replace(node, start=start, end=end, place=place, style="", is_alias=True)

    def _scalar(self, event: ScalarEvent) -> Node:
        self._refuse_tag(event, event.tag)
        place, (start, end) = _place(event.start_mark), _span(event)
        if event.style in ("|", ">"):
            end = start + len(self._text[start:end].rstrip())
        if not event.implicit[0]:
            return Node("scalar", start, end, place, event.value, event.style or "")
        value = resolve(event.value)
        if isinstance(value, int) and not -(1 << 63) <= value < 1 << 64:
            self._problems.add(REFUSED_YAML, f"{quote(event.value)} needs more than 64 bits", place)
        return Node("scalar", start, end, place, value, event.style or "", event.value == "<<")

    def _refuse_tag(self, event: NodeEvent, tag: str | None) -> None:
        if tag is not None:
            short = quote(tag.replace("tag:yaml.org,2002:", "!!"))
            message = f"the tag {short} is not allowed: a spec is plain data"
            self._problems.add(REFUSED_YAML, message, _place(event.start_mark), hint="Remove it.")

    def _attach(self, node: Node, event: NodeEvent) -> None:
        self._count += node.size
        if self._count > MAX_NODES:
            self._stop(
                TOO_DEEP, f"more than {MAX_NODES:,} values, including those repeated by aliases", event
            )
        if len(self._open) + node.height > MAX_DEPTH:
            self._stop(TOO_DEEP, f"lists and mappings are nested more than {MAX_DEPTH} deep", event)
        if event.anchor is not None and not isinstance(event, AliasEvent):
            self._anchors[event.anchor] = node
        if self._open:
            self._open[-1].children.append(node)
        else:
            self.root = node

    def _stop(self, code: SpecCode, message: str, event: Event, hint: str = "") -> NoReturn:
        self._problems.add(code, message, _place(event.start_mark), hint=hint)
        self._problems.stop()


def resolve(text: str) -> str | int | float | bool | None:
    """Return the value of a plain scalar in YAML 1.2's core schema, where `no` and `1_000` are text."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INT.fullmatch(text):
        if len(text) > 30:
            return 1 << 64  # any number that is refused for its size; Python converts no text of this length
        return int(text, 0 if text[1:2] in ("o", "x") else 10)
    if _FLOAT.fullmatch(text):
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text


class _PlainDataBuilder:
    """Turns nodes into plain data and notes the place of each; MAX_DEPTH bounds the recursion."""

    def __init__(self, problems: Problems) -> None:
        self.values: dict[Path, TextPosition] = {}
        self.keys: dict[Path, TextPosition] = {}
        self._problems = problems

    def build(self, node: Node, path: Path) -> Any:
        self.values[path] = node.place
        if node.kind == "list":
            return [self.build(child, (*path, index)) for index, child in enumerate(node.children)]
        if node.kind == "mapping":
            return self._mapping(node, path)
        return self._checked(node, path)

    def _mapping(self, node: Node, path: Path) -> dict[Any, Any]:
        data: dict[Any, Any] = {}
        for key, value in [*self._own_entries(node, path), *self._merged_entries(node, path)]:
            if key.value not in data:
                here = (*path, key.value)
                self.keys[here] = key.place
                self._checked(key, here)
                data[key.value] = self.build(value, here)
        return data

    def _own_entries(self, node: Node, path: Path) -> list[tuple[Node, Node]]:
        """Return the entries written in this mapping itself, without refused ones."""
        entries: dict[Any, tuple[Node, Node]] = {}
        for key, value in node.entries():
            if key.is_merge:
                continue
            if key.kind != "scalar":
                self._problems.add(REFUSED_YAML, f"a {key.kind} can't be a key", key.place, path, "Quote it.")
            elif key.value in entries:
                first = entries[key.value][0].place.line
                message = f"duplicate key {quote(key.value)}; the first is on line {first}"
                self._problems.add(DUPLICATE_KEY, message, key.place, (*path, key.value))
            else:
                entries[key.value] = (key, value)
        return list(entries.values())

    def _merged_entries(self, node: Node, path: Path) -> list[tuple[Node, Node]]:
        """Return what `<<: *alias` or `<<: [*first, *second]` adds; earlier entries win over later ones."""
        merged: list[tuple[Node, Node]] = []
        for key, value in node.entries():
            if key.is_merge:
                for source in value.children if value.kind == "list" else [value]:
                    if source.kind == "mapping":
                        merged += self._own_entries(source, path) + self._merged_entries(source, path)
                    else:
                        self._problems.add(SYNTAX, "'<<' can only merge mappings", source.place, path)
        return merged

    def _checked(self, node: Node, path: Path) -> Any:
        """Return a scalar's value; an escape in a quoted text may yield a character that is refused."""
        if isinstance(node.value, str) and (found := _FORBIDDEN.search(node.value)):
            self._problems.add(FORBIDDEN_CHARACTER, _forbidden(found[0]), node.place, path, "Remove it.")
            return _FORBIDDEN.sub("?", node.value)
        return node.value


def _refuse_characters(text: str, problems: Problems) -> None:
    first = {found[0]: found.start() for found in reversed(list(_FORBIDDEN.finditer(text)))}
    for character, start in first.items():
        line_start = text.rfind("\n", 0, start) + 1
        place = TextPosition(text.count("\n", 0, start) + 1, start - line_start + 1)
        problems.add(FORBIDDEN_CHARACTER, _forbidden(character), place, hint="Remove it.")
    problems.raise_if_any()


def _forbidden(character: str) -> str:
    return f"the character {quote(character)} (U+{ord(character):04X}) is not allowed in a spec"


def _syntax_message(error: MarkedYAMLError) -> str:
    said = re.sub(r"\('(<[^']*>)',\)|'(<[^']*>)'", r"\1\2", str(error.problem or error.context))
    message = f"not valid YAML: {escape(said)}"
    if error.problem and error.context and error.context_mark:
        message += f", {escape(str(error.context))} that starts on line {error.context_mark.line + 1}"
    return message


def _syntax_hint(error: MarkedYAMLError) -> str:
    problem = str(error.problem)
    if r"'\t'" in problem:
        return "Indent with spaces."
    if "cannot start any token" in problem or "mapping values are not allowed" in problem:
        return "Check the indentation, or put the text in quotes."
    return ""


def _span(event: Event) -> tuple[int, int]:
    return event.start_mark.index, event.end_mark.index


def _place(mark: Any) -> TextPosition:
    """Return a place; ruamel's marks count from 0."""
    return TextPosition(mark.line + 1, mark.column + 1)


def _within(text: str, mark: Any) -> TextPosition:
    """Return the place of `mark`, moved to the last line if it is behind a text's final newline."""
    lines = text.splitlines() or [""]
    if mark is None or mark.line < len(lines):
        return _place(mark) if mark else TextPosition(1, 1)
    return TextPosition(len(lines), len(lines[-1]) + 1)
