"""What the command line and the configuration accept, and what became of the baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from archcheck.cli import parsing
from archcheck.cli.configuration import Configuration
from archcheck.cli.output import complain
from archcheck.findings import Finding, Report, Status
from archcheck.waivers import Baseline, Waivers, no_rule, waive, write


def waivers(
    project: Configuration,
    select: Sequence[str] | None,
    ignore: Sequence[str] | None,
    baseline: Path | None,
    written: Path | None,
) -> Waivers:
    """Return what is accepted: options before configuration. Raises ArchcheckError for an unknown code."""
    selected, ignored = tuple(select or project.select), tuple(ignore or project.ignore)
    unknown = no_rule([*selected, *ignored])
    if unknown:
        raise parsing.usage_error(
            f"No code begins with '{unknown}'.", "Write a code or a prefix, such as RES002 or RES."
        )
    if baseline is not None and written is not None:
        raise parsing.usage_error("--baseline and --write-baseline can't be combined.", "Give one of them.")
    if baseline is None and written is None and project.baseline:
        baseline = project.folder / project.baseline
    return Waivers(selected, ignored, Baseline.read(baseline) if baseline else None)


def written(file: Path, reports: Sequence[Report]) -> list[Report]:
    """Write the baseline and accept what it holds, unless a spec could not be checked. Raises OSError."""
    if any(report.status is Status.ERROR for report in reports):
        complain(f"{file}: the baseline was not written because some specs could not be checked")
        return list(reports)
    baseline = write(file, reports)
    return [waive(report, Waivers(baseline=baseline)) for report in reports]


def with_stale(baseline: Baseline | None, reports: Sequence[Report]) -> list[Report]:
    """Return the reports, with a finding (BAS002) for each baseline entry that is no longer found."""
    if baseline is None:
        return list(reports)
    return [_with(report, baseline.stale(report)) for report in reports]


def _with(report: Report, stale: Sequence[Finding]) -> Report:
    if not stale:
        return report
    return replace(report, status=Status.DIFFERS, findings=(*report.findings, *stale))
