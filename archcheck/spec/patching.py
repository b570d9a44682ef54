"""A spec's text with other data: only what differs is rewritten, every other byte stays.

Comments, order, quotes, indentation and line ends of what does not change are kept, and new parts are
formatted like their neighbours.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise
from typing import Any

from archcheck.errors import SpecError
from archcheck.spec.problems import Problems
from archcheck.spec.yaml import Document, Node, compose, resolve

_PLAIN = re.compile(r"[^\s\-?:,\[\]{}#&*!|>'\"%@`=~](?:[^\n,\[\]{}:#]|:(?=\S)|(?<=\S)#)*(?<!\s)(?<!:)")
_WIDTH = 110


class UnwritableError(ValueError):
    """The change can't be written without touching what must stay, for instance if an alias repeats it."""


@dataclass(frozen=True, slots=True)
class _Change:
    start: int
    end: int
    text: str


def patched(source: str, data: Any) -> str:
    r"""Return `source`, changed so that it reads as `data`. Raises UnwritableError.

    >>> patched("a: {b: 1, c: x}  # note\n", {"a": {"b": 2, "c": "x"}})
    'a: {b: 2, c: x}  # note\n'
    """
    mark = "\ufeff" if source.startswith("\ufeff") else ""
    body = source.removeprefix(mark)
    text = body.replace("\r\n", "\n").replace("\r", "\n")
    document = _document(text)
    if same(document.data, data):
        return source
    if document.root is None:
        raise UnwritableError
    changes = list(_Patch(text).changes(document.root, document.data, data))
    if not same(data_of(_applied(text, changes)), data):
        raise UnwritableError
    return mark + _applied(body, [_in(body, text, change) for change in changes])


def flow_text(value: Any) -> str:
    """Return `value` as YAML on one line.

    >>> flow_text({"around": ["a", "b"], "label": "x: y", "factor": 0.5})
    '{around: [a, b], label: "x: y", factor: 0.5}'
    """
    match value:
        case dict():
            return "{" + ", ".join(f"{_scalar(key)}: {flow_text(each)}" for key, each in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(flow_text, value)) + "]"
    return _scalar(value)


def same(one: Any, other: Any) -> bool:
    """Return whether two values are the same data, in any order of keys; `1`, `1.0` and `true` differ."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


class _Patch:
    """Finds the changes of one text."""

    def __init__(self, text: str) -> None:
        self.text = text

    def changes(self, node: Node, old: Any, new: Any) -> Iterator[_Change]:
        """Yield the changes after which the node that reads as `old` reads as `new`."""
        if same(old, new):
            return
        if node.kind == "mapping" and not node.is_alias and isinstance(new, dict) and new:
            yield from self._mapping(node, old, new)
        elif node.kind == "list" and not node.is_alias and isinstance(new, list) and new:
            yield from self._list(node, old, new)
        else:
            quote = node.style if node.kind == "scalar" and isinstance(new, str) else ""
            gap = " " if node.start == node.end and self.text[node.start - 1 : node.start] == ":" else ""
            yield _Change(node.start, node.end, gap + (_scalar(new, quote) if quote else flow_text(new)))

    # -- mappings -------------------------------------------------------------------------------------------

    def _mapping(self, node: Node, old: dict[Any, Any], new: dict[Any, Any]) -> Iterator[_Change]:
        own = {key.value: (key, value) for key, value in node.entries() if key.value in old}
        kept = [key for key in own if key in new]
        if not kept:
            yield _Change(node.start, node.end, flow_text(new))
        elif not node.is_block:
            if kept == list(new) == list(own):
                for key in kept:
                    yield from self._entry(*own[key], old[key], new[key])
            else:
                yield self._flow_mapping(node, own, old, new)
        else:
            for key, (at, value) in own.items():
                if key in new:
                    yield from self._entry(at, value, old[key], new[key])
                else:
                    yield self._without_entry(node, at, value)
            yield from self._added_entries(node, own, old, new)

    def _entry(self, key: Node, value: Node, old: Any, new: Any) -> Iterator[_Change]:
        """Yield one value of a mapping; a block that becomes something else moves up behind its key."""
        becomes = "list" if isinstance(new, list) else "mapping" if isinstance(new, dict) else "scalar"
        if value.is_block and (value.kind != becomes or not new):
            yield _Change(key.end, value.end, f": {flow_text(new)}")
        elif value.start == value.end and self.text[key.end : key.end + 1] != ":":
            yield _Change(key.end, key.end, f": {flow_text(new)}")
        else:
            yield from self.changes(value, old, new)

    def _flow_mapping(
        self, node: Node, own: dict[Any, tuple[Node, Node]], old: dict[Any, Any], new: dict[Any, Any]
    ) -> _Change:
        pieces: dict[Any, str] = {}
        for key, (at, value) in own.items():
            if key in new:
                changes = self._entry(at, value, old[key], new[key])
                pieces[key] = self._with(at.start, max(at.end, value.end), list(changes))
        order = [key for key in own if key in new]
        for key in new:
            if key not in pieces and not (key in old and same(old[key], new[key])):
                before = _before(key, new, order)
                pieces[key] = f"{_scalar(key)}: {flow_text(new[key])}"
                order.insert(order.index(before) + 1 if before is not None else 0, key)
        spans = {key: (at.start, max(at.end, value.end)) for key, (at, value) in own.items()}
        return self._rebuilt(node, [(pieces[key], spans.get(key)) for key in order], list(spans.values()))

    def _without_entry(self, node: Node, key: Node, value: Node) -> _Change:
        start, end = self._lines(key.start, max(key.end, value.end))
        if self.text[start : key.start].strip():  # the first key of a list item is behind the dash
            following = [other.start for other, _ in node.entries() if other.start > key.start]
            if not following:
                raise UnwritableError
            return _Change(key.start, following[0], "")
        return _Change(start, end, "")

    def _added_entries(
        self, node: Node, own: dict[Any, tuple[Node, Node]], old: dict[Any, Any], new: dict[Any, Any]
    ) -> Iterator[_Change]:
        indent = " " * self._column(node.children[0].start)
        behind: dict[Any, str] = {}
        order = [key for key in own if key in new]
        for key in new:
            if key in own or (key in old and same(old[key], new[key])):
                continue
            before = _before(key, new, order)
            entry = f"{_scalar(key)}:{self._block_value(new[key], indent, len(str(key)))}"
            behind[before] = behind.get(before, "") + f"\n{indent}{entry}"
        for key, text in behind.items():
            if key is None:
                at = node.children[0].start
                yield _Change(at, at, text[1 + len(indent) :] + f"\n{indent}")
            else:
                at = self._line_end(max(own[key][0].end, own[key][1].end))
                yield _Change(at, at, text)

    def _block_value(self, value: Any, indent: str, taken: int) -> str:
        """Return a new value: on one line, or a list of mappings (or anything too long) an item a line."""
        text = flow_text(value)
        long = len(indent) + taken + len(text) + 2 > _WIDTH
        if isinstance(value, list) and value and (long or any(isinstance(each, dict) for each in value)):
            return "".join(f"\n{indent}  - {flow_text(each)}" for each in value)
        return f" {text}"

    # -- lists ----------------------------------------------------------------------------------------------

    def _list(self, node: Node, old: list[Any], new: list[Any]) -> Iterator[_Change]:
        pairs = list(_paired(old, new))
        if all(None not in pair for pair in pairs):
            for before, after in pairs:
                assert before is not None
                assert after is not None
                yield from self.changes(node.children[before], old[before], new[after])
        elif not any(before is not None and after is not None for before, after in pairs):
            yield _Change(node.start, node.end, self._whole_list(node, new))
        elif node.is_block:
            yield from self._block_list(node, pairs, old, new)
        else:
            pieces: list[tuple[str, tuple[int, int] | None]] = []
            for before, after in pairs:
                if after is None:
                    continue
                if before is None:
                    pieces.append((flow_text(new[after]), None))
                else:
                    child = node.children[before]
                    changes = list(self.changes(child, old[before], new[after]))
                    pieces.append((self._with(child.start, child.end, changes), (child.start, child.end)))
            yield self._rebuilt(node, pieces, [(child.start, child.end) for child in node.children])

    def _whole_list(self, node: Node, new: list[Any]) -> str:
        if not node.is_block:
            return flow_text(new)
        indent = " " * self._column(node.start)
        return f"\n{indent}".join(f"- {flow_text(each)}" for each in new)

    def _block_list(
        self, node: Node, pairs: Sequence[tuple[int | None, int | None]], old: list[Any], new: list[Any]
    ) -> Iterator[_Change]:
        indent = " " * self._column(node.start)
        last: int | None = None  # the item before, of those that were there
        added: dict[int | None, str] = {}
        for before, after in pairs:
            if before is None:
                assert after is not None
                added[last] = added.get(last, "") + f"\n{indent}- {flow_text(new[after])}"
                continue
            child = node.children[before]
            if after is None:
                start, end = self._lines(self._dash(node, child), child.end)
                if self.text[start : self._dash(node, child)].strip():
                    raise UnwritableError
                yield _Change(start, end, "")
            else:
                yield from self.changes(child, old[before], new[after])
                last = before
        for behind, text in added.items():
            if behind is None:
                yield _Change(node.start, node.start, text[1 + len(indent) :] + f"\n{indent}")
            else:
                at = self._line_end(node.children[behind].end)
                yield _Change(at, at, text)

    def _dash(self, node: Node, child: Node) -> int:
        """Return the position of an item's dash."""
        column, at = self._column(node.start), child.start
        while at > node.start:
            at = self.text.rfind("-", node.start, at)
            line = self.text.rfind("\n", 0, at) + 1
            if at - line == column and (at == node.start or not self.text[line:at].strip()):
                return at
        return node.start

    # -- both -----------------------------------------------------------------------------------------------

    def _rebuilt(
        self, node: Node, pieces: Sequence[tuple[str, tuple[int, int] | None]], spans: list[tuple[int, int]]
    ) -> _Change:
        """Return a collection in brackets of these pieces, existing ones with spans and what is before."""
        if not spans:
            brackets = self.text[node.end - 1]
            opening = {"]": "[", "}": "{"}[brackets]
            return _Change(node.start, node.end, opening + ", ".join(text for text, _ in pieces) + brackets)
        before = {span: self.text[end : span[0]] for (_, end), span in pairwise(spans)}
        usual = next((gap for gap in before.values() if "#" not in gap), ", ")
        parts = [self.text[node.start : spans[0][0]]]
        for number, (text, span) in enumerate(pieces):
            if number:
                parts.append(before.get(span, usual) if span else usual)
            parts.append(text)
        parts.append(self.text[spans[-1][1] : node.end])
        return _Change(node.start, node.end, "".join(parts))

    def _with(self, start: int, end: int, changes: Sequence[_Change]) -> str:
        """Return a part of the text with changes in it."""
        moved = [_Change(each.start - start, each.end - start, each.text) for each in changes]
        return _applied(self.text[start:end], moved)

    def _lines(self, start: int, end: int) -> tuple[int, int]:
        """Return the whole lines of a span."""
        return self.text.rfind("\n", 0, start) + 1, min(self._line_end(end) + 1, len(self.text))

    def _line_end(self, at: int) -> int:
        end = self.text.find("\n", at)
        return len(self.text) if end < 0 else end

    def _column(self, at: int) -> int:
        return at - self.text.rfind("\n", 0, at) - 1


def _before(key: Any, new: dict[Any, Any], order: Sequence[Any]) -> Any:
    """Return the last of the keys in `order` that comes before `key` in the new data, or None."""
    keys = list(new)
    return next((each for each in reversed(keys[: keys.index(key)]) if each in order), None)


def _paired(old: list[Any], new: list[Any]) -> Iterator[tuple[int | None, int | None]]:
    """Yield pairs of old and new items: None for what is gone or new."""
    a, b = [[json.dumps(each, sort_keys=True, default=str) for each in items] for items in (old, new)]
    for _, start, end, first, last in SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        for number in range(max(end - start, last - first)):
            yield (
                start + number if start + number < end else None,
                first + number if first + number < last else None,
            )


def _scalar(value: Any, quote: str = "") -> str:
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case str():
            plain = _PLAIN.fullmatch(value) and resolve(value) == value
            if plain and not quote:
                return value
            if quote == "'" and "\n" not in value:
                return "'" + value.replace("'", "''") + "'"
            return json.dumps(value, ensure_ascii=False)
        case float() if value in (float("inf"), -float("inf")):
            return ".inf" if value > 0 else "-.inf"
    return str(value)


def data_of(text: str) -> Any:
    """Return the plain data of some YAML. Raises UnwritableError if it is none."""
    return _document(text).data


def _document(text: str) -> Document:
    try:
        return compose(text.removeprefix("\ufeff"), Problems(""))
    except SpecError as error:
        raise UnwritableError from error


def _applied(text: str, changes: Sequence[_Change]) -> str:
    # The last first, so that places stay; of several at one place the inner ones come before the outer.
    for change in sorted(changes, key=lambda change: (change.start, change.end))[::-1]:
        text = text[: change.start] + change.text + text[change.end :]
    return text


def _in(body: str, text: str, change: _Change) -> _Change:
    """Return the change for the original text, which may end its lines differently."""
    if body == text:
        return change
    ends = "\r\n" if "\r\n" in body else "\r"
    return _Change(_at(body, change.start), _at(body, change.end), change.text.replace("\n", ends))


def _at(body: str, at: int) -> int:
    """Return the position in `body` of the character `at` of the text with plain line ends."""
    place = 0
    for _ in range(at):
        place += 2 if body.startswith("\r\n", place) else 1
    return place
