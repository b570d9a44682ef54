"""`verify` in this process: for tests of what is found, and not of the process that the model runs in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from archcheck.commands.run_modes import in_this_process
from archcheck.commands.verify import verify as in_a_process
from archcheck.findings import Report
from archcheck.seam.messages import Progress, RecordedRun, Request, Worker
from archcheck.worker.session import Session

verify = partial(in_a_process, worker=in_this_process)


def verify_once(spec: Path) -> Report:
    """The report on a spec that ships, whose model runs once for all specs of it."""
    return verify(spec, worker=partial(_remembering, ""))


def report_on(model: str, spec: str, folder: Path) -> Report:
    """The report on a spec and the model beside it, both written there; a model runs once for all specs."""
    (folder / "model.py").write_text(model)
    (folder / "spec.yaml").write_text(spec)
    return verify(folder / "spec.yaml", worker=partial(_remembering, model))


_runs: dict[tuple[str, str], list[RecordedRun]] = {}


class _Remembering(Session):
    def __init__(self, model: str) -> None:
        super().__init__()
        self._model = model

    def run(self, request: Request, progress: Progress) -> list[RecordedRun]:
        key = self._model, repr(replace(request, search=()))
        if key not in _runs:
            _runs[key] = super().run(request, progress)
        return _runs[key]


@contextmanager
def _remembering(model: str) -> Iterator[Worker]:
    yield _Remembering(model)
