"""How `archcheck verify` handles its specs: each is checked in its place and has its report in order."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archcheck.cli import output, parsing
from archcheck.cli.configuration import Configuration
from archcheck.findings import Report
from archcheck.model.arguments import Setting
from archcheck.waivers import Waivers, waive

if TYPE_CHECKING:
    from archcheck.cache import Cache, Question
    from archcheck.commands.run_modes import Start
    from archcheck.seam.touched import Touched


_GIVEN_UP = (
    "--in-process: the model runs inside archcheck; it can exit, hang or tamper with the report, "
    "and --timeout has no effect"
)


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
class RunSettings:
    """Where models run: how many at once (0: as many as fit the cores), for how long, in which Python."""

    jobs: int
    timeout: float
    python: str | None
    in_process: bool


@dataclass(frozen=True)
class Told:
    """What is printed on standard error meanwhile: progress, what became of the cache, tracebacks."""

    progress: bool
    cache: bool
    debug: bool


def place(timeout: float, python: str | None, in_process: bool, jobs: int = 1) -> RunSettings:
    """Return where models run. Raises ArchcheckError for options that can't be combined."""
    if in_process and (python is not None or jobs > 1):
        hint = "Leave out --in-process; it is for debugging."
        raise parsing.usage_error("--in-process runs one model at a time, in archcheck's own Python.", hint)
    return RunSettings(jobs, timeout, python, in_process)


@contextmanager
def one_worker(where: RunSettings, *, shown: bool) -> Iterator[tuple[output.Progress, Start]]:
    """Show the progress of one model's run, where wanted, and yield it with what starts the worker."""
    from archcheck.commands.verify_all import workers

    with (
        output.progress(shown) as progress,
        workers(1, where.python, where.timeout, in_process=where.in_process) as worker,
    ):
        yield progress, worker


def cache_of(project: Configuration, wanted: bool | None, where: RunSettings) -> Cache | None:
    """Return the cache, if the option asks for it, or the configuration on a machine that is not a CI.

    It needs the model to run in a process of its own, in archcheck's own Python, where what it touches can be
    watched.
    """
    if wanted is None:
        wanted = project.cache and not os.environ.get("CI")
    if not wanted or where.in_process or where.python is not None or os.name == "nt":
        return None
    from archcheck.cache import Cache

    return Cache(project.folder, output.complain)


def check_all(
    specs: Sequence[Path], asked: Asked, where: RunSettings, cache: Cache | None, told: Told
) -> list[Report]:
    """Return the report of each spec, in order: the cached one, or that of a check."""
    kept = [_kept(spec, asked, cache, told) for spec in specs]
    left = [spec for spec, report in zip(specs, kept, strict=True) if report is None]
    fresh = iter(_check_all(left, asked, where, cache, told) if left else [])
    return [waive(next(fresh) if report is None else report, asked.waivers) for report in kept]


def _check_all(
    specs: Sequence[Path], asked: Asked, where: RunSettings, cache: Cache | None, told: Told
) -> list[Report]:
    """Check all these specs; a failure of archcheck itself becomes a report."""
    from archcheck.commands.verify_all import cores, verify_all, workers

    if where.in_process:
        output.complain(_GIVEN_UP)
    reports: list[Report] = []
    with (
        output.progress(told.progress) as progress,
        workers(len(specs), where.python, where.timeout, in_process=where.in_process) as worker,
    ):

        def check(spec: Path, progress: output.Progress) -> Report:
            if cache is None:
                return _check(spec, asked, worker, progress, told)
            return _keep(spec, asked, worker, progress, told, cache)

        at_once = 1 if where.in_process else where.jobs or cores()
        for spec, report in zip(specs, verify_all(specs, check, at_once, progress), strict=True):
            with output.failures(str(spec), reports, told.debug):
                reports.append(report())
    return reports


def _check(spec: Path, asked: Asked, worker: Start, progress: output.Progress, told: Told) -> Report:
    """Return the report of one spec; only comments in the files have accepted findings in it."""
    from archcheck.commands.verify import verify  # only who checks anything pays for it

    return verify(
        spec,
        asked.model,
        settings=asked.settings,
        inputs=asked.inputs,
        rename=asked.renames,
        prove=asked.prove,
        strict=asked.strict,
        progress=progress,
        failed=output.shown_cause(told.debug),
        worker=worker,
    )


def _keep(
    spec: Path, asked: Asked, worker: Start, progress: output.Progress, told: Told, cache: Cache
) -> Report:
    """Cache a report if possible, and return it."""
    from archcheck.cache.watched import watched

    seen: list[Touched | None] = []
    since = time.time_ns()
    report = _check(spec, asked, lambda: watched(worker, seen), progress, told)
    why = cache.put(_question(spec, asked), report, seen, since)
    if why and told.cache:
        output.complain(f"{spec}: the verdict was not cached: {why}")
    return report


def _kept(spec: Path, asked: Asked, cache: Cache | None, told: Told) -> Report | None:
    report = cache.get(_question(spec, asked)) if cache is not None else None
    if report is None:
        return None
    if told.cache:
        output.complain(f"{spec}: nothing has changed; this is the cached verdict")
    return replace(report, picture=partial(_picture, spec))


def _question(spec: Path, asked: Asked) -> Question:
    from archcheck.cache import Question

    options = {each.name: getattr(asked, each.name) for each in fields(asked) if each.name != "waivers"}
    return Question(str(spec), options)


def _picture(spec: Path, report: Report) -> str:
    from archcheck.commands.verify import picture_of
    from archcheck.spec import load

    return picture_of(load(spec).spec, report)
