"""The pytest plugin: `pytest --archcheck specs/` runs one test for each spec.

pytest loads it in every run of every project that has archcheck installed, so importing it imports nothing
of archcheck, and it does nothing unless asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from torch import nn

    from archcheck.findings import Report

_TOP_LEVEL = re.compile(r"^(model|panels)\s*:", re.MULTILINE)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--archcheck`."""
    group = parser.getgroup("archcheck")
    group.addoption(
        "--archcheck",
        action="store_true",
        help="check the architecture specs (YAML files) that are collected",
    )


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect a YAML file that is a spec, if `--archcheck` is given."""
    if not parent.config.getoption("--archcheck") or file_path.suffix not in (".yaml", ".yml"):
        return None
    if not _is_spec(file_path) and str(file_path) not in map(_absolute, parent.config.args):
        return None
    return SpecFile.from_parent(parent, path=file_path)


@pytest.fixture
def assert_conforms(request: pytest.FixtureRequest) -> Callable[..., Report]:
    """Return `archcheck.assert_conforms`, for specs named relative to pytest's root folder."""
    from archcheck import assert_conforms as check

    def conforms(model: nn.Module | str | None, spec: str | Path) -> Report:
        return check(model, request.config.rootpath / spec)

    return conforms


class SpecFile(pytest.File):
    """A spec; its one test is that the model conforms."""

    def collect(self) -> Iterator[pytest.Item]:
        """Collect the one test."""
        yield SpecItem.from_parent(self, name="conforms")


class SpecItem(pytest.Item):
    """Verifies one spec; fails with archcheck's report."""

    def runtest(self) -> None:
        """Verify the spec."""
        from archcheck import assert_conforms as check

        check(None, self.path)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], *args: Any) -> Any:
        """Return archcheck's report as the failure."""
        if isinstance(excinfo.value, AssertionError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, *args)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Return the name under which pytest reports it."""
        return self.path, None, f"{self.path.name} conforms"


def _is_spec(file: Path) -> bool:
    """Return whether it is a mapping with `model` and `panels` at its top, sound or not."""
    try:
        text = file.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return False
    return set(_TOP_LEVEL.findall(text)) == {"model", "panels"}


def _absolute(argument: str) -> str:
    return str(Path(argument.partition("::")[0]).absolute())
