"""What `archcheck verify` does with its specs: each is checked in its place, and has its report in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archcheck.cli import output
from archcheck.findings import Report
from archcheck.model.arguments import Setting
from archcheck.waivers import Waivers


@dataclass(frozen=True)
class Asked:
    """What is checked, under the names of the options of `archcheck verify`."""

    model: str | None
    settings: Sequence[Setting]
    inputs: Mapping[str, Any]
    renames: Mapping[str, str]
    prove: bool
    strict: bool
    waivers: Waivers


@dataclass(frozen=True)
class Place:
    """Where models run: how many at once (0: as many as fit the cores), for how long, in which Python."""

    jobs: int
    timeout: float
    python: str | None
    in_process: bool


def check_all(
    specs: Sequence[Path], asked: Asked, where: Place, *, show_progress: bool, debug: bool
) -> list[Report]:
    """The report of each spec, in order; a failure of archcheck's own becomes one."""
    from archcheck.commands.verify_all import cores, verify_all, workers

    reports: list[Report] = []
    with (
        output.progress(show_progress) as progress,
        workers(len(specs), where.python, where.timeout, in_process=where.in_process) as worker,
    ):

        def check(spec: Path, progress: output.Progress) -> Report:
            from archcheck.commands.verify import verify

            return verify(
                spec,
                asked.model,
                settings=asked.settings,
                inputs=asked.inputs,
                rename=asked.renames,
                prove=asked.prove,
                strict=asked.strict,
                waivers=asked.waivers,
                progress=progress,
                failed=output.shown_cause(debug),
                worker=worker,
            )

        at_once = 1 if where.in_process else where.jobs or cores()
        for spec, report in zip(specs, verify_all(specs, check, at_once, progress), strict=True):
            with output.failures(str(spec), reports, debug):
                reports.append(report())
    return reports
