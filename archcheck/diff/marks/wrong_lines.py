"""Wrong lines in groups: those that share a box are wrong for one reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

from archcheck.diff.marks.frame_check import FrameCheck
from archcheck.diff.marks.lines import Line, Way, connected

_TELLING = {Way.REVERSED: 0, Way.NONE: 1, Way.THROUGH: 2, Way.RESIDUAL: 3}


@dataclass(frozen=True, slots=True)
class WrongLines:
    """Lines wrong in `frames`; `main` is the most telling, `way` its relation to data (None: not drawn)."""

    main: Line
    way: Way | None
    drawn: tuple[Line, ...]
    undrawn: tuple[Line, ...]
    frames: tuple[FrameCheck, ...]


def wrong_lines(ignored: Mapping[FrameCheck, Set[str]]) -> Iterator[WrongLines]:
    """Yield the wrong lines in all frames of a panel.

    `ignored` has for each the boxes that other findings cover. What depends on the data (which experts ran)
    differs from frame to frame, so groups are formed over all frames.
    """
    found: dict[Line, list[tuple[FrameCheck, Way | None]]] = {}
    for frame, boxes in ignored.items():
        for group in connected(frame.wrong_lines):
            if all(boxes.isdisjoint(line) for line in group):
                for line in group:
                    found.setdefault(line, []).append((frame, frame.lines.ways.get(line)))
    for group in connected(sorted(found, key=lambda line: _place(line, ignored))):
        main = min(group, key=lambda line: _rank(found[line]))
        yield WrongLines(
            main,
            found[main][0][1],
            tuple(line for line in group if found[line][0][1] is not None),
            tuple(line for line in group if found[line][0][1] is None),
            tuple(frame for frame, _ in found[main]),
        )


def _place(line: Line, frames: Mapping[FrameCheck, Set[str]]) -> tuple[int, Line]:
    """Return the index of a line among the drawn ones; undrawn ones come last."""
    drawn = list(next(iter(frames)).lines.ways)
    return (drawn.index(line), line) if line in drawn else (len(drawn), line)


def _rank(seen: Sequence[tuple[FrameCheck, Way | None]]) -> int:
    return min(_TELLING[way] if way is not None else len(_TELLING) for _, way in seen)
