"""GitHub Actions workflow commands: each finding annotates a line of the pull request.

The syntax: `::error file=…,line=…,title=…::message`, one per line; `%`, CR and LF are escaped in the
message, `:` and `,` in properties as well.
"""

from __future__ import annotations

from collections.abc import Sequence

from archcheck.findings import Finding, Report, Status
from archcheck.reporters.changes import changes, diff_lines
from archcheck.reporters.common import (
    acceptance,
    best_location,
    counted,
    details,
    one_line,
    problem_location,
    problem_text,
    proved,
)
from archcheck.source_location import Location, shown_path

_LIMIT = 10


def render_github(reports: Sequence[Report]) -> str:
    """Return an `::error` per finding and problem, a `::notice` per conforming spec and accepted finding.

    If there are more than ten the errors come first, and a line says how many are left out.
    """
    commands = [command for report in reports for command in _commands(report)]
    return "".join(f"{line}\n" for line in _limited(commands))


def _limited(commands: list[str]) -> list[str]:
    """Return no more lines than GitHub shows for a step, errors first, and how many are left out."""
    if len(commands) <= _LIMIT:
        return commands
    ordered = sorted(commands, key=lambda command: not command.startswith("::error"))
    left = ordered[_LIMIT:]
    errors = sum(command.startswith("::error") for command in left)
    counts = [
        counted(number, kind)
        for number, kind in ((errors, "error"), (len(left) - errors, "notice"))
        if number
    ]
    return [*ordered[:_LIMIT], f"archcheck: {' and '.join(counts)} more; --format text or markdown shows all"]


def _commands(report: Report) -> list[str]:
    fixes = changes(report)
    commands = [_finding(finding, diff_lines(report, fixes.get(finding, ()))) for finding in report.findings]
    for problem in report.problems:
        where = problem_location(problem) or Location(problem.file or report.file, 1)
        commands.append(_command("error", where, problem.code, problem_text(problem)))
    for each in report.accepted:
        marked = best_location(each.finding)
        commands.append(_command("notice", marked, "archcheck accepted", acceptance(each)))
    if report.status is Status.CONFORMS and report.tree is None:
        held = "; ".join(f"{panel}: {phrase}" if panel else phrase for panel, phrase in proved(report))
        message = f"{one_line(shown_path(report.file))} conforms" + (f" ({held})" if held else "")
        commands.append(_command("notice", Location(report.file, 1), "archcheck", message))
    return commands


def _finding(finding: Finding, change: Sequence[str]) -> str:
    message = "\n".join([one_line(finding.message), *details(finding), *change])
    return _command("error", best_location(finding), finding.code, message)


def _command(name: str, location: Location | None, title: str, message: str) -> str:
    properties = {"title": one_line(title)}
    if location:
        where = {"file": one_line(shown_path(location.file)), "line": str(location.line)}
        column = {} if location.column is None else {"col": str(location.column)}
        properties = where | column | properties
    listed = ",".join(f"{key}={_escape_property(value)}" for key, value in properties.items())
    return f"::{name} {listed}::{_escape_message(message)}"


def _escape_message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape_message(text).replace(":", "%3A").replace(",", "%2C")
