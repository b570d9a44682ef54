"""Which findings of a report are accepted, and by what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import get_args

from archcheck.findings import Accepted, Finding, Mark, Report, Status, Verdict
from archcheck.rules.codes import RuleCode
from archcheck.waivers.baseline import Baseline
from archcheck.waivers.comments import comment_at

_NO_REASON = "no reason given"


@dataclass(frozen=True, slots=True)
class Waivers:
    """What accepts findings, apart from comments. `select` and `ignore` hold codes or prefixes (`RES`)."""

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    baseline: Baseline | None = None


BY_COMMENTS = Waivers()
"""Only comments accept findings."""


def waive(report: Report, waivers: Waivers) -> Report:
    """Return the report with its accepted findings apart; it conforms if no finding or error is left."""
    found = {finding: _accepted(finding, waivers, report.file) for finding in report.findings}
    accepted = tuple(each for each in found.values() if each is not None)
    if not accepted:
        return report
    left = tuple(finding for finding in report.findings if found[finding] is None)
    status = Status.CONFORMS if report.status is Status.DIFFERS and not left else report.status
    accepted = (*report.accepted, *accepted)
    marks = tuple(_mark(mark, left, accepted) for mark in report.marks)
    return replace(report, status=status, findings=left, accepted=accepted, marks=marks)


def _mark(mark: Mark, left: Sequence[Finding], accepted: Sequence[Accepted]) -> Mark:
    """Return a mark, accepted if only accepted findings, at it or at its panel's lines, refute it."""
    if mark.verdict is not Verdict.REFUTED:
        return mark
    own = [each for each in accepted if each.finding.panel == mark.panel]
    named = [each for each in own if each.finding.edge == mark.name]
    others = [finding for finding in left if finding.panel == mark.panel]
    if not own or any(finding.edge == mark.name for finding in others) or (others and not named):
        return mark
    return replace(mark, verdict=Verdict.ACCEPTED, reason=(named or own)[0].reason)


def _accepted(finding: Finding, waivers: Waivers, spec: str) -> Accepted | None:
    code = str(finding.code)
    for place in (finding.spec, finding.location):
        comment = comment_at(place, code)
        if comment is not None:
            return Accepted(finding, comment.reason or _NO_REASON, "comment", comment.location)
    baseline = waivers.baseline
    if baseline is not None and (entry := baseline.entry(finding, spec)) in baseline.entries:
        return Accepted(finding, baseline.entries[entry] or _NO_REASON, "baseline")
    if _matches(code, waivers.ignore):
        return Accepted(finding, "ignored by option or configuration", "option")
    if waivers.select and not _matches(code, waivers.select):
        return Accepted(finding, "not selected by option or configuration", "option")
    return None


def no_rule(codes: Sequence[str]) -> str:
    """Return the first of these that is neither a rule's code nor a prefix of one; "" if all are."""
    return next(
        (each for each in codes if not any(_matches(str(rule), [each]) for rule in get_args(RuleCode))), ""
    )


def _matches(code: str, wanted: Sequence[str]) -> bool:
    return any(code.startswith(each.strip().upper()) for each in wanted if each.strip())
