"""Which findings of a report are accepted, and by what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from archcheck.findings import Accepted, Finding, Report, Status
from archcheck.waivers.baseline import Baseline, entry_of
from archcheck.waivers.comments import comment_at


@dataclass(frozen=True, slots=True)
class Waivers:
    """What accepts findings beside comments. `select` and `ignore` hold codes or their beginnings (`RES`)."""

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    baseline: Baseline | None = None


def waive(report: Report, waivers: Waivers, spec: str) -> Report:
    """The report with its accepted findings apart; it conforms where no other is left.

    `spec` is what the baseline calls the report's spec. A report with status `error` stays one.
    """
    accepted = {finding: found for finding in report.findings if (found := _accepted(finding, waivers, spec))}
    if not accepted:
        return report
    left = tuple(finding for finding in report.findings if finding not in accepted)
    status = Status.CONFORMS if report.status is Status.DIFFERS and not left else report.status
    return replace(report, status=status, findings=left, accepted=(*report.accepted, *accepted.values()))


def _accepted(finding: Finding, waivers: Waivers, spec: str) -> Accepted | None:
    code = str(finding.code)
    for place in (finding.spec, finding.location):
        comment = comment_at(place, code)
        if comment is not None:
            return Accepted(finding, comment.reason or "no reason given", "comment", comment.location)
    if waivers.baseline is not None:
        reason = waivers.baseline.entries.get(entry_of(finding, spec))
        if reason is not None:
            return Accepted(finding, reason or "no reason given", "baseline")
    if _matches(code, waivers.ignore):
        return Accepted(finding, "ignored by option or configuration", "option")
    if waivers.select and not _matches(code, waivers.select):
        return Accepted(finding, "not selected by option or configuration", "option")
    return None


def _matches(code: str, wanted: Sequence[str]) -> bool:
    return any(code.startswith(each.strip().upper()) for each in wanted if each.strip())
