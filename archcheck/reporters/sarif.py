"""SARIF 2.1.0 (OASIS standard), as GitHub code scanning and IDEs read it.

Findings are results, marked at the model's line with the spec's line as related location; problems are
notifications of an unsuccessful invocation.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from archcheck import __version__
from archcheck.errors import Problem
from archcheck.findings import Accepted, Finding, Report, Status, count_of
from archcheck.reporters.common import (
    best_location,
    details,
    fingerprint,
    one_line,
    problem_location,
    problem_text,
)
from archcheck.rules.pages import pages
from archcheck.source_location import Location, shown_path


def render_sarif(reports: Sequence[Report]) -> str:
    """One SARIF run that holds all reports; URIs are relative to the repository where they can be."""
    shown = [(report, finding, None) for report in reports for finding in report.findings]
    waived = [(report, each.finding, each) for report in reports for each in report.accepted]
    codes = sorted({finding.code for _, finding, _ in (*shown, *waived)})
    successful = all(report.status is not Status.ERROR for report in reports)
    run = {
        "tool": {
            "driver": {"name": "archcheck", "version": __version__, "rules": [_rule(code) for code in codes]}
        },
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": successful,
                "toolExecutionNotifications": [
                    _notification(problem) for report in reports for problem in report.problems
                ],
            }
        ],
        "results": [
            _result(report, finding, codes) | _suppressed(accepted)
            for report, finding, accepted in (*shown, *waived)
        ],
    }
    marks = {shown_path(report.file): count_of(report.marks) for report in reports if report.marks}
    if marks:
        run["properties"] = {"marks": marks}
    document = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    }
    return json.dumps(document, indent=2) + "\n"


def _rule(code: str) -> dict[str, Any]:
    known = pages().get(code)
    if known is None:
        return {"id": one_line(code)}
    return {
        "id": code,
        "shortDescription": {"text": known.title},
        "fullDescription": {"text": known.explanation},
        "help": {"text": known.fix},
        "defaultConfiguration": {"level": "error"},
    }


def _result(report: Report, finding: Finding, codes: Sequence[str]) -> dict[str, Any]:
    where = best_location(finding)
    others = [
        (location, text)
        for location, text in ((finding.spec, "drawn here"), (finding.location, "implemented here"))
        if location and location != where
    ]
    return {
        "ruleId": one_line(finding.code),
        "ruleIndex": codes.index(finding.code),
        "level": "error",
        "message": _message([one_line(finding.message), *details(finding)]),
        "locations": [_location(where)] if where else [],
        "relatedLocations": [
            _location(location) | {"id": number, "message": {"text": text}}
            for number, (location, text) in enumerate(others, 1)
        ],
        "partialFingerprints": {"archcheck/v1": fingerprint(report, finding)},
    }


def _suppressed(accepted: Accepted | None) -> dict[str, Any]:
    if accepted is None:
        return {}
    kind = "inSource" if accepted.by == "comment" else "external"
    return {"suppressions": [{"kind": kind, "justification": one_line(accepted.reason)}]}


def _notification(problem: Problem) -> dict[str, Any]:
    where = problem_location(problem)
    return {
        "descriptor": {"id": one_line(problem.code)},
        "level": "error",
        "message": _message([problem_text(problem)]),
        "locations": [_location(where)] if where else [],
    }


def _message(lines: list[str]) -> dict[str, str]:
    # A text may embed links, `[text](target)`; an escaped bracket keeps foreign text from making one.
    return {"text": "\n".join(lines).replace("](", "\\](")}


def _location(location: Location) -> dict[str, Any]:
    column = {} if location.column is None else {"startColumn": location.column}
    return {
        "physicalLocation": {
            "artifactLocation": _artifact(shown_path(location.file)),
            "region": {"startLine": location.line} | column,
        }
    }


def _artifact(path: str) -> dict[str, str]:
    encoded = quote(path.replace(os.sep, "/"), errors="surrogatepass")
    if os.path.isabs(path):
        return {"uri": f"file:///{encoded.lstrip('/')}"}
    return {"uri": encoded, "uriBaseId": "%SRCROOT%"}
