"""Markdown for a pull request comment or a job summary (GITHUB_STEP_SUMMARY)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from archcheck.findings import Report, Status
from archcheck.reporters.changes import changes, diff_lines
from archcheck.reporters.common import (
    acceptance,
    best_location,
    details,
    one_line,
    place,
    problem_location,
    problem_text,
    proved,
    tally,
    unchecked,
    verdict,
)
from archcheck.reporters.inspection import residual_lines, tree_lines
from archcheck.source_location import Location, shown_path

_MARKS = {Status.CONFORMS: "✅", Status.DIFFERS: "❌", Status.ERROR: "⚠️"}
_SPECIAL = re.compile(r"[\\`*_\[\]<>#|~@:&$]")


def render_markdown(reports: Sequence[Report]) -> str:
    """Return a section per spec: verdict, a table of findings or problems, and what was proved."""
    return "\n".join([f"## archcheck: {tally(reports)}\n", *map(_section, reports)])


def escape(text: str) -> str:
    """Return `text` so that Markdown and HTML show it literally, in a table cell too.

    Character references can't act as markup; the zero-width space keeps GitHub from linking `@name` and `#1`.
    """
    referenced = _SPECIAL.sub(lambda match: f"&#{ord(match[0])};", one_line(text))
    return re.sub(r"(&#(?:35|64);)(?=\w)", r"\1&#8203;", referenced)


def _section(report: Report) -> str:
    about = ", ".join(
        part for part in (escape(report.title), code(report.target) if report.target else "") if part
    )
    lines = [f"### {_MARKS[report.status]} {code(shown_path(report.file))} {verdict(report)}"]
    if report.tree is not None:
        lines = [f"### {code(report.target)}"]
        lines += ["", "<pre>", *map(escape, tree_lines(report.tree, deep=False)), "</pre>"]
        residuals = [f"- {escape(line)}" for line in residual_lines(report.residuals, fold=True)]
        lines += ["", *residuals] if residuals else []
    elif about:
        lines += ["", about]
    lines += table(("#", "Rule", "Finding", "Where"), _findings(report))
    lines += _fixes(report)
    lines += table(("Code", "Problem", "Where"), _problems(report))
    waived = [f"- {escape(acceptance(each))}" for each in report.accepted]
    lines += ["", "Accepted:", "", *waived] if waived else []
    held = [f"- {escape(panel)}: {phrase}" if panel else f"- {phrase}" for panel, phrase in proved(report)]
    lines += ["", "Proved:", "", *held] if held else []
    left = [f"- {escape(line)}" for line in unchecked(report)]
    lines += ["", "Not checked:", "", *left] if left else []
    remarks = [f"- {escape(remark)}" for remark in report.remarks]
    lines += ["", "Remarks:", "", *remarks] if remarks else []
    return "\n".join(lines) + "\n"


def _findings(report: Report) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for number, finding in enumerate(report.findings, 1):
        text = "<br>".join(escape(line) for line in (finding.message, *details(finding)))
        rows.append((str(number), escape(finding.code), text, _place(best_location(finding))))
    return rows


def _fixes(report: Report) -> list[str]:
    """Return what each finding proposes to change in the spec, as diffs."""
    found = changes(report)
    lines = []
    for number, finding in enumerate(report.findings, 1):
        diff = diff_lines(report, found.get(finding, ()))
        if diff:
            fence = "`" * max(3, *(len(run) + 1 for line in diff for run in re.findall("`+", line)), 3)
            lines += ["", f"Fix of {number}:", "", f"{fence}diff", *diff, fence]
    return lines


def _problems(report: Report) -> list[tuple[str, ...]]:
    return [
        (escape(problem.code), escape(problem_text(problem)), _place(problem_location(problem)))
        for problem in report.problems
    ]


def table(heading: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return the lines of a Markdown table, after an empty one; none if it would have no rows."""
    if not rows:
        return []
    return ["", *(f"| {' | '.join(row)} |" for row in (heading, ("---",) * len(heading), *rows))]


def _place(location: Location | None) -> str:
    return code(place(location)) if location else ""


def code(text: str) -> str:
    """Return a name formatted as code."""
    return f"<code>{escape(text)}</code>"
