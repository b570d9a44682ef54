"""GitLab Code Quality: what the widget of a merge request shows, compared with the target branch.

The format is a list of issues; GitLab treats two with the same fingerprint as one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Any

from archcheck.errors import Problem
from archcheck.findings import Finding, Report
from archcheck.reporters.common import (
    acceptance,
    best_location,
    details,
    fingerprint,
    one_line,
    problem_location,
    problem_text,
)
from archcheck.source_location import Location, shown_path


def render_gitlab(reports: Sequence[Report]) -> str:
    """Return an issue per finding (major), problem (critical) and accepted finding (info)."""
    issues = [issue for report in reports for issue in _issues(report)]
    seen: dict[str, int] = {}
    for issue in issues:
        number = seen[issue["fingerprint"]] = seen.get(issue["fingerprint"], 0) + 1
        if number > 1:
            issue["fingerprint"] = _digest(issue["fingerprint"], str(number))
    return json.dumps(issues, indent=2) + "\n"


def _issues(report: Report) -> Iterator[dict[str, Any]]:
    for finding in report.findings:
        text = "; ".join([one_line(finding.message), *details(finding)])
        yield _finding(report, finding, "major", text)
    for problem in report.problems:
        yield _problem(report, problem)
    for each in report.accepted:
        yield _finding(report, each.finding, "info", f"accepted: {acceptance(each)}")


def _finding(report: Report, finding: Finding, severity: str, text: str) -> dict[str, Any]:
    where = best_location(finding) or Location(report.file, 1)
    return _issue(finding.code, severity, text, where, fingerprint(report, finding))


def _problem(report: Report, problem: Problem) -> dict[str, Any]:
    where = problem_location(problem) or Location(problem.file or report.file, 1)
    identity = _digest(problem.code, shown_path(report.file), problem.path, problem.message)
    return _issue(problem.code, "critical", problem_text(problem), where, identity)


def _issue(code: str, severity: str, text: str, where: Location, identity: str) -> dict[str, Any]:
    return {
        "description": text,
        "check_name": one_line(code),
        "fingerprint": identity,
        "severity": severity,
        "location": {"path": one_line(shown_path(where.file)), "lines": {"begin": where.line}},
    }


def _digest(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]
