"""JUnit XML: a suite per spec, a passed case per proof, a failure per finding, an error per problem."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence

from archcheck.findings import Report, count_of
from archcheck.reporters.common import (
    acceptance,
    best_location,
    details,
    one_line,
    place,
    problem_location,
    problem_text,
)
from archcheck.source_location import Location, shown_path


def render_junit(reports: Sequence[Report]) -> str:
    """Return a `<testsuites>` document. All texts are made printable first: XML can't express the rest."""
    root = ET.Element("testsuites", {"name": "archcheck", **_counts(reports)})
    for report in reports:
        name = one_line(shown_path(report.file))
        suite = ET.SubElement(root, "testsuite", {"name": name, **_counts([report])})
        if report.marks:
            properties = ET.SubElement(suite, "properties")
            ET.SubElement(properties, "property", {"name": "marks", "value": count_of(report.marks)})
        for proof in report.proofs:
            _case(suite, name, [proof.panel, proof.line, proof.edge or "boxes"], proof.spec)
        for finding in report.findings:
            case = _case(suite, name, [finding.panel, finding.edge, finding.code], best_location(finding))
            _outcome(case, "failure", finding.code, one_line(finding.message), details(finding))
        for each in report.accepted:
            words = [each.finding.panel, each.finding.edge, each.finding.code]
            case = _case(suite, name, words, best_location(each.finding))
            ET.SubElement(case, "skipped", {"message": acceptance(each)})
        for problem in report.problems:
            where = problem_location(problem)
            case = _case(suite, name, [problem.code], where)
            _outcome(case, "error", problem.code, problem_text(problem), [place(where)] if where else [])
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _counts(reports: Sequence[Report]) -> dict[str, str]:
    proofs = sum(len(report.proofs) for report in reports)
    failures = sum(len(report.findings) for report in reports)
    errors = sum(len(report.problems) for report in reports)
    skipped = sum(len(report.accepted) for report in reports)
    counts = {"tests": proofs + failures + errors + skipped, "failures": failures, "errors": errors}
    counts |= {"skipped": skipped} if skipped else {}
    return {name: str(count) for name, count in counts.items()}


def _case(suite: ET.Element, classname: str, words: list[str], where: Location | None) -> ET.Element:
    name = " ".join(one_line(word) for word in words if word)
    position = {"file": one_line(shown_path(where.file)), "line": str(where.line)} if where else {}
    return ET.SubElement(suite, "testcase", {"classname": classname, "name": name, **position})


def _outcome(case: ET.Element, tag: str, code: str, message: str, lines: list[str]) -> None:
    outcome = ET.SubElement(case, tag, {"type": one_line(code), "message": message})
    outcome.text = "\n".join(lines)
