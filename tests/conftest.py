"""Tests run alike on a desk and in a CI, whose variables change what archcheck writes."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from functools import cache

import pytest
import typer.testing
from hypothesis import HealthCheck, settings

from archcheck.commands import verify_all
from archcheck.commands.processes import Job
from archcheck.commands.workers import Workers, shared_workers

for name in ("CI", "CI_PROJECT_DIR", "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_WORKSPACE"):
    os.environ.pop(name, None)

# Small models run faster on one thread than many wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# `--hypothesis-profile thorough` takes longer. No test fails because the machine is busy.
_patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("quick", _patient, max_examples=10)
settings.register_profile("thorough", _patient, max_examples=200)
settings.load_profile("quick")


def pytest_collection_finish() -> None:
    """Looking for garbage among all that torch and the tests have imported only takes time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 1_000)


class ForkedWorkers(Workers):
    """Workers that all fork from one process, which has torch loaded, however many models a command runs."""

    def _job(self) -> Job:
        return super()._job() if self._python else shared_workers()._job()


@pytest.fixture(autouse=True, scope="session")
def _once() -> Iterator[None]:
    """What takes longer than most tests is done once.

    A command that runs one model loads torch in a fresh process, and the command line is built for each call.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verify_all, "Workers", ForkedWorkers)
        patch.setattr(typer.testing, "_get_command", cache(typer.testing._get_command))
        yield
