"""What the reporters share: text made safe to show, places, and the wording of findings and verdicts."""

from __future__ import annotations

import hashlib
import json
import os
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from archcheck.errors import Problem
from archcheck.findings import Accepted, Finding, Proof, Report, Status, Verdict, count_of
from archcheck.source_location import Location, shown_path

_JOINERS = "\u200c\u200d"  # invisible, but emoji and several scripts need them
_EXCERPT_LIMIT = 200
# A CI reads a line that begins with `::`, or one with `##[` or `##vso[` in it, as a command.
_COMMAND = re.compile(r"(^\s*:|#)(:|#(?=\w*\[))")


def one_line(text: str) -> str:
    r"""Return `text` on one line, with everything invisible or interpretable escaped (`\x1b`, `\u202e`).

    White space becomes a plain space. What remains is printable: no control, formatting, private or
    unassigned character and no lone surrogate, hence valid in UTF-8, in XML and on any terminal.
    """
    return "".join(_visible(character) for character in text)


def _visible(character: str) -> str:
    if character.isprintable() or character in _JOINERS:
        return character
    if character.isspace() and character not in "\x1c\x1d\x1e\x1f\x85":
        return character if unicodedata.category(character) == "Zs" else " "
    return character.encode("unicode_escape").decode("ascii")


def no_command(line: str) -> str:
    r"""Return `line` so that no CI takes it for a command: `::error::x` becomes `:\x3aerror::x`."""
    return _COMMAND.sub(lambda match: match[1] + f"\\x{ord(match[2]):x}", line)


def place(location: Location) -> str:
    """Return `file:line`, with the column if it is known."""
    column = "" if location.column is None else f":{location.column}"
    return f"{one_line(shown_path(location.file))}:{location.line}{column}"


def best_location(finding: Finding) -> Location | None:
    """Return where to mark a finding: the model's line if it is in the repository, else the spec's."""
    known = [location for location in (finding.location, finding.spec) if location]
    own = [location for location in known if not _outside(shown_path(location.file))]
    return next(iter(own + known), None)


def _outside(path: str) -> bool:
    return os.path.isabs(path) or path.startswith("../") or "site-packages" in Path(path).parts


def fingerprint(report: Report, finding: Finding) -> str:
    """Return an id of the disagreement that stays the same when lines move."""
    identity = [finding.code, shown_path(report.file), finding.panel, finding.edge, finding.code_source]
    identity += [*finding.code_branch, *map(str, finding.layers)]
    return hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:32]


def source_line(location: Location) -> str:
    """Return the text of that line without indentation; "" if the file can't be read or is shorter."""
    path = Path(location.file)
    try:
        if not path.is_file():
            return ""
        with path.open(encoding="utf-8", errors="backslashreplace") as lines:
            text = next((line for number, line in enumerate(lines, 1) if number == location.line), "")
    except (OSError, ValueError):  # ValueError: a null byte in the path
        return ""
    return one_line(text[: 10 * _EXCERPT_LIMIT].strip())[:_EXCERPT_LIMIT]


def extent(finding: Finding) -> str:
    """Return the layers and modes of a finding: `layers 3, 7 of 8, mode train`; "" if not worth saying."""
    parts = []
    if finding.layers and len(finding.layers) == finding.layer_count > 1:
        parts.append(f"all {finding.layer_count} layers")
    elif finding.layers:
        of = f" of {finding.layer_count}" if finding.layer_count else ""
        parts.append(f"{_plural('layer', len(finding.layers))} {runs(finding.layers)}{of}")
    if finding.modes:
        parts.append(f"{_plural('mode', len(finding.modes))} {', '.join(map(one_line, finding.modes))}")
    return ", ".join(parts)


def runs(layers: Iterable[int | str]) -> str:
    """Return `0-3, 7`: three or more consecutive indices are shortened."""
    runs: list[list[int | str]] = []
    for layer in layers:
        last = runs[-1][-1] if runs else None
        if isinstance(layer, int) and isinstance(last, int) and layer == last + 1:
            runs[-1].append(layer)
        else:
            runs.append([layer])
    shown = [
        [f"{run[0]}-{run[-1]}"] if len(run) > 2 else [one_line(str(layer)) for layer in run] for run in runs
    ]
    return ", ".join(text for run in shown for text in run)


def details(finding: Finding) -> list[str]:
    """Return the lines after a finding's message: drawn, code, extent, fix and note, with both places."""
    lines = [
        _side("drawn", "spec", finding.drawn, finding.spec),
        _side("code", "code", finding.traced, finding.location),
        extent(finding),
        f"fix: {one_line(str(finding.fix))}" if finding.fix else "",
        f"note: {one_line(finding.note)}" if finding.note else "",
    ]
    return [line for line in lines if line]


def _side(label: str, bare_label: str, text: str, location: Location | None) -> str:
    where = place(location) if location else ""
    if not text:
        return f"{bare_label}: {where}" if where else ""
    return f"{label}: {one_line(text)} ({where})" if where else f"{label}: {one_line(text)}"


def problem_text(problem: Problem) -> str:
    """Return a problem's message with its path inside the spec and its hint."""
    where = f" (at {one_line(problem.path)})" if problem.path else ""
    hint = f" {one_line(problem.hint)}" if problem.hint else ""
    return f"{one_line(problem.message)}{where}{hint}"


def problem_location(problem: Problem) -> Location | None:
    """Return the line that a problem is about, where it is known."""
    return Location(problem.file, problem.line, problem.column) if problem.file and problem.line else None


_UNDRAWN = frozenset(["BOX002", "BOX008", "FLOW002", "RES002"])
"""Findings on what no mark shows."""


def verdict(report: Report) -> str:
    """Return `conforms: 79 of 79 marks proved`, `differs: 2 findings, …`, `could not be checked: 1 problem`.

    Of a model without a spec, `2 residuals, 1 finding`.
    """
    if report.status is Status.ERROR:
        return f"could not be checked: {counted(len(report.problems), 'problem')}"
    if report.tree is not None:
        wrong = [counted(len(report.findings), "finding")] if report.findings else []
        return ", ".join([counted(len(report.residuals), "residual"), *wrong])
    marks = [count_of(report.marks)] if report.marks else []
    if report.status is Status.DIFFERS:
        waived = [f"{len(report.accepted)} accepted"] if report.accepted else []
        undrawn = sum(finding.code in _UNDRAWN for finding in report.findings)
        marks += [f"{undrawn} not drawn"] if undrawn else []
        return f"differs: {', '.join([counted(len(report.findings), 'finding'), *waived, *marks])}"
    if report.accepted:
        marks.append(f"{counted(len(report.accepted), 'finding')} accepted")
    return ": ".join(["conforms", ", ".join(marks)]) if marks else "conforms"


def acceptance(accepted: Accepted) -> str:
    """Return `RES002 … (gqa): not drawn on purpose (comment, net.py:12)`: what, why and by what."""
    finding, comment = accepted.finding, accepted.location
    by = f"{accepted.by}, {place(comment)}" if comment else accepted.by
    held = extent(finding)
    message = one_line(f"{finding.code} {finding.message}{f' ({held})' if held else ''}")
    return f"{message}: {one_line(accepted.reason)} ({by})"


def unchecked(report: Report) -> list[str]:
    """Return the unchecked marks, each with its reason: `gqa: the box q: its label names nothing`."""
    return [
        one_line(f"{mark.panel}: the {mark.kind.value} {mark.name}: {mark.reason}")
        for mark in report.marks
        if mark.verdict is Verdict.UNCHECKED
    ]


def tally(reports: Iterable[Report]) -> str:
    """Return `3 specs: 1 conforms, 1 differs, 1 could not be checked`; for one spec only its verdict."""
    reports = list(reports)
    if any(report.tree is not None for report in reports):
        return ", ".join(map(verdict, reports))
    statuses = [report.status for report in reports]
    names = {Status.CONFORMS: "conforms", Status.DIFFERS: "differs", Status.ERROR: "could not be checked"}
    if len(statuses) == 1:
        return names[statuses[0]]
    counts = [f"{statuses.count(status)} {name}" for status, name in names.items() if status in statuses]
    return f"{counted(len(statuses), 'spec')}: {', '.join(counts)}"


def proved(report: Report) -> list[tuple[str, str]]:
    """Return what held, per panel: `("layer", "2 solid edges and the boxes, in 8 layers")`."""
    panels = dict.fromkeys(proof.panel for proof in report.proofs)
    return [
        (one_line(panel), _proved_in([proof for proof in report.proofs if proof.panel == panel]))
        for panel in panels
    ]


def _proved_in(proofs: list[Proof]) -> str:
    phrases = []
    for count in dict.fromkeys(proof.count for proof in proofs):
        held = [proof for proof in proofs if proof.count == count]
        lines = dict.fromkeys(proof.line for proof in held if proof.edge)
        things = [
            counted(sum(1 for proof in held if proof.edge and proof.line == line), f"{line} edge".strip())
            for line in lines
        ]
        things += ["the boxes"] if any(not proof.edge for proof in held) else []
        if len(things) > 1:
            things = [f"{', '.join(things[:-1])} and {things[-1]},"]
        phrases.append(f"{things[0]} in {count} layers" if count > 1 else things[0].rstrip(","))
    return "; ".join(phrases)


def counted(number: int, noun: str) -> str:
    """Return `1 finding`, `2 findings`."""
    return f"{number} {_plural(noun, number)}"


def _plural(noun: str, number: int) -> str:
    return noun if number == 1 else f"{noun}s"
