"""Where every node of a YAML text is written: its span, its style, and the spans of its contents.

For texts that `compose` read without a problem; aliases stand for themselves and are not followed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceStartEvent,
)


@dataclass(slots=True)
class Node:
    """A node in `text[start:end]`; `style` is a scalar's quote, or how a list or a mapping is written.

    `children` are the items of a list, or the keys and values of a mapping in turn.
    """

    start: int
    end: int
    kind: str  # "scalar", "list", "mapping" or "alias"
    style: str = ""
    children: list[Node] = field(default_factory=list)

    @property
    def is_block(self) -> bool:
        """Whether it is written as a block, not in brackets."""
        return self.style == "block"

    def entries(self) -> list[tuple[Node, Node]]:
        """Return the keys and values of a mapping."""
        return list(zip(self.children[::2], self.children[1::2], strict=True))


def nodes(text: str) -> Node | None:
    """Return the tree of nodes in `text`; None if it is empty."""
    root: Node | None = None
    opened: list[Node] = []
    for event in YAML(typ="safe", pure=True).parse(text):
        if isinstance(event, CollectionEndEvent):
            _close(opened.pop(), event)
            continue
        node = _node(text, event)
        if node is None:
            continue
        if opened:
            opened[-1].children.append(node)
        else:
            root = node
        if node.kind in ("list", "mapping"):
            opened.append(node)
    return root


def _node(text: str, event: Any) -> Node | None:
    match event:
        case AliasEvent():
            return Node(event.start_mark.index, event.end_mark.index, "alias")
        case ScalarEvent():
            start, end = event.start_mark.index, event.end_mark.index
            if event.style in ("|", ">"):
                end = start + len(text[start:end].rstrip())
            return Node(start, end, "scalar", event.style or "")
        case SequenceStartEvent() | MappingStartEvent():
            kind = "list" if isinstance(event, SequenceStartEvent) else "mapping"
            style = "flow" if event.flow_style else "block"
            return Node(event.start_mark.index, event.end_mark.index, kind, style)
    return None


def _close(node: Node, event: Any) -> None:
    """End a block where its last node ends, before the comments that follow."""
    if node.is_block:
        node.end = max((child.end for child in node.children), default=node.end)
    else:
        node.end = event.end_mark.index
