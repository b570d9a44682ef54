"""The report for people, written to a rich Console.

On a terminal it wraps at the console's width and crops source lines; elsewhere each fact keeps one line, so
that it can be searched. No text from a spec or a model is read as markup or reaches the terminal raw.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.text import Text

from archcheck.errors import Problem
from archcheck.findings import Finding, Part, Report, Status
from archcheck.reporters.common import (
    acceptance,
    best_location,
    extent,
    no_command,
    one_line,
    place,
    problem_location,
    problem_text,
    proved,
    source_line,
    tally,
    unchecked,
    verdict,
)
from archcheck.reporters.inspection import residual_lines, tree_lines
from archcheck.source_location import Location, shown_path

_MARKS = {Status.CONFORMS: ("✓", "+"), Status.DIFFERS: ("✗", "x"), Status.ERROR: ("!", "!")}
_STYLES = {Status.CONFORMS: "bold green", Status.DIFFERS: "bold red", Status.ERROR: "bold yellow"}
_UNCHECKED_LIMIT = 6

Span = str | tuple[str, str]


def plain_text(reports: Sequence[Report]) -> str:
    """Return the whole report without colours, 120 wide: for files and for other tools."""
    page = io.StringIO()
    render_text(reports, Console(file=page, width=120, highlight=False, force_terminal=False))
    return page.getvalue()


def render_text(
    reports: Sequence[Report], console: Console, *, verbose: int = 0, quiet: bool = False
) -> None:
    """Write the whole report. `quiet`: one line per finding or problem, nothing for what conforms.

    `verbose` 1 adds each proved statement and the residuals traced, with equal layers folded; 2 lists every
    layer's. Of an inspected model it opens all parts and lists every residual.
    """
    page = _Page(console)
    for number, report in enumerate(reports):
        if quiet:
            _one_liners(page, report)
            continue
        if number:
            page.line()
        if report.tree is not None:
            _inspection(page, report, report.tree, verbose)
            continue
        _headline(page, report)
        _problems(page, report)
        _findings(page, report)
        _section(page, "accepted", [acceptance(each) for each in report.accepted])
        _proofs(page, report, verbose)
        if verbose:
            _section(page, "residuals traced", residual_lines(report.residuals, fold=verbose == 1))
        _section(page, "notes", [f"{one_line(where)}: {one_line(text)}" for where, text in report.notes])
        _section(page, "remarks", [one_line(remark) for remark in report.remarks])
    if not quiet:
        _closing(page, reports)


def _inspection(page: _Page, report: Report, tree: Part, verbose: int) -> None:
    """Write what one model holds, without a spec: its parts and residual connections, then its defects."""
    page.line((one_line(report.target), "bold"), f": {verdict(report)}")
    page.lines(tree_lines(tree, deep=verbose > 0), indent=2)
    if report.residuals:
        page.line()
    page.lines(residual_lines(report.residuals, fold=not verbose), indent=2)
    _findings(page, report)
    _section(page, "remarks", [one_line(remark) for remark in report.remarks])


def _one_liners(page: _Page, report: Report) -> None:
    for finding in report.findings:
        where = best_location(finding)
        prefix = place(where) if where else one_line(shown_path(report.file))
        page.line(f"{prefix}: {one_line(finding.code)} {one_line(finding.message)}")
    for problem in report.problems:
        known = problem_location(problem)
        prefix = place(known) if known else one_line(shown_path(problem.file or report.file))
        page.line(f"{prefix}: {one_line(problem.code)} {problem_text(problem)}")


def _headline(page: _Page, report: Report) -> None:
    style = _STYLES[report.status]
    page.line(
        (page.symbol(*_MARKS[report.status]), style),
        " ",
        (one_line(shown_path(report.file)), "bold"),
        " ",
        (verdict(report), style),
        hang=2,
    )
    about = ", ".join(one_line(part) for part in (report.title, report.target) if part)
    if about:
        page.line((about, "dim"), indent=2)


def _problems(page: _Page, report: Report) -> None:
    for problem in report.problems:
        page.line()
        _problem(page, problem, report)


def _problem(page: _Page, problem: Problem, report: Report) -> None:
    page.line((one_line(problem.code), "bold yellow"), f" {one_line(problem.message)}", indent=2)
    where = problem_location(problem)
    if where:
        page.excerpt(where, indent=4)
    elif problem.file and problem.file != report.file:
        page.line((one_line(shown_path(problem.file)), "dim"), indent=4)
    if problem.path:
        page.line(("at ", "dim"), one_line(problem.path), indent=4)
    if problem.hint:
        page.line(one_line(problem.hint), indent=4)


def _findings(page: _Page, report: Report) -> None:
    """Write findings by panel, numbered as in the report and in the picture."""
    numbered = list(enumerate(report.findings, 1))
    for panel in dict.fromkeys(finding.panel for finding in report.findings):
        page.line()
        if panel:
            page.line((one_line(panel), "bold"), indent=2)
        for number, finding in numbered:
            if finding.panel == panel:
                _finding(page, f"{number}.", finding)


def _finding(page: _Page, number: str, finding: Finding) -> None:
    page.line(
        f"{number} ",
        (one_line(finding.code), "bold red"),
        f" {one_line(finding.message)}",
        indent=2,
        hang=len(number) + 1,
    )
    for label, text, location in (
        ("drawn: ", finding.drawn, finding.spec),
        ("code:  ", finding.traced, finding.location),
    ):
        if text or location:
            page.line((label, "dim"), one_line(text) or "here", indent=5, hang=7)
        if location:
            page.excerpt(location, indent=12)
    held = extent(finding)
    if held:
        page.line(("in:    ", "dim"), held, indent=5, hang=7)
    if finding.fix:
        page.line(("fix:   ", "dim"), one_line(str(finding.fix)), indent=5, hang=7)
    if finding.note:
        page.line(("note:  ", "dim"), one_line(finding.note), indent=5, hang=7)


def _proofs(page: _Page, report: Report, verbose: int) -> None:
    lines = [f"{panel}: {phrase}" if panel else phrase for panel, phrase in proved(report)]
    if verbose:
        lines = [
            one_line(f"{proof.panel}: {proof.statement}" if proof.panel else proof.statement)
            for proof in report.proofs
        ]
    _section(page, "proved", lines)
    left = unchecked(report)
    more = len(left) - _UNCHECKED_LIMIT
    if more > 0 and not verbose:
        left[_UNCHECKED_LIMIT:] = [f"… and {more} more (-v)"]
    _section(page, "not checked", left)


def _section(page: _Page, heading: str, lines: Sequence[str]) -> None:
    if lines:
        page.line()
        page.line((heading, "dim"), indent=2)
        page.lines(lines, indent=4)


def _closing(page: _Page, reports: Sequence[Report]) -> None:
    found = {finding.code for report in reports for finding in report.findings}
    codes = sorted(found | {problem.code for report in reports for problem in report.problems})
    if len(reports) > 1:
        page.line()
        page.line((tally(reports), "bold"))
    if codes:
        page.line()
        wanted = one_line(codes[0]) if len(codes) == 1 else "CODE"
        of = "" if len(codes) == 1 else f" for {', '.join(map(one_line, codes))}"
        page.line((f"For the meaning and the fix, run: archcheck explain {wanted}{of}", "dim"))


class _Page:
    """Writes styled, indented lines to a console, within its width and its encoding."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._encoding = console.encoding

    def symbol(self, preferred: str, plain: str) -> str:
        """Return `preferred` if the console's encoding has it."""
        return preferred if self._encodable(preferred) == preferred else plain

    def lines(self, texts: Iterable[str], *, indent: int) -> None:
        for text in texts:
            self.line(text, indent=indent, hang=2)

    def line(self, *spans: Span, indent: int = 0, hang: int = 0) -> None:
        """Write a paragraph of printable text; its further lines are indented by `hang` more cells."""
        text = Text()
        for span in spans:
            content, style = (span, "") if isinstance(span, str) else span
            text.append(self._encodable(content), style)
        width = max(self._console.width - indent - hang, 8)
        wrapped = text.wrap(self._console, width) if self._console.is_terminal else [text]
        for number, part in enumerate(wrapped):
            part.rstrip()
            padding = Text(" " * (indent + (hang if number else 0)) if part else "")
            self._console.print(padding + part, soft_wrap=True)

    def excerpt(self, location: Location, *, indent: int) -> None:
        """Write a place and, if its file can be read, the line there, cropped to the width."""
        self.line((place(location), "cyan"), indent=indent)
        code = self._encodable(source_line(location))
        if not code:
            return
        bar = self.symbol("│", "|")
        shown = Text(" " * indent).append(f"{location.line} {bar} ", "dim").append(code)
        if self._console.is_terminal:
            shown.truncate(self._console.width, overflow="ellipsis")
        self._console.print(shown, soft_wrap=True)

    def _encodable(self, text: str) -> str:
        text = no_command(text)
        return text.encode(self._encoding, "backslashreplace").decode(self._encoding)
