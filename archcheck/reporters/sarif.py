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
from archcheck.reporters.changes import changes
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
from archcheck.spec.editing import Replacement


def render_sarif(reports: Sequence[Report]) -> str:
    """Return one SARIF run that holds all reports; URIs are relative to the repository where they can be."""
    shown = [
        (report, finding, _fixed(report, found.get(finding, ())))
        for report in reports
        for found in [changes(report)]
        for finding in report.findings
    ]
    waived = [(report, each.finding, _suppressed(each)) for report in reports for each in report.accepted]
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
        "results": [_result(report, finding, codes) | more for report, finding, more in (*shown, *waived)],
    }
    marks = {shown_path(report.file): count_of(report.marks) for report in reports if report.marks}
    if marks:
        run["properties"] = {"marks": marks}
    document = {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}
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


def _fixed(report: Report, changed: Sequence[Replacement]) -> dict[str, Any]:
    """Return the change of the spec that a finding proposes."""
    if not changed:
        return {}
    change = {
        "artifactLocation": _artifact(shown_path(report.file)),
        "replacements": list(map(_replacement, changed)),
    }
    return {"fixes": [{"description": {"text": "Draw what the code does."}, "artifactChanges": [change]}]}


def _replacement(change: Replacement) -> dict[str, Any]:
    """Whole lines, without the end of the last one where it stays."""
    end, column = change.line + len(change.old), 1
    inserted, deleted = "".join(change.new), "".join(change.old)
    kept = _line_end(deleted) if _line_end(deleted) == _line_end(inserted) else ""
    if kept or (deleted and not _line_end(deleted)):
        end, column = end - 1, len(change.old[-1].removesuffix(kept)) + 1
        inserted = inserted.removesuffix(kept)
    region = {"startLine": change.line, "startColumn": 1, "endLine": end, "endColumn": column}
    return {"deletedRegion": region} | ({"insertedContent": {"text": inserted}} if inserted else {})


def _line_end(text: str) -> str:
    return next((end for end in ("\r\n", "\n") if text.endswith(end)), "")


def _suppressed(accepted: Accepted) -> dict[str, Any]:
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
