"""The table of formats."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import archcheck
from archcheck.reporters import FORMATS
from tests.reporters.samples import REPORTS


def test_the_formats_in_order() -> None:
    assert list(FORMATS) == ["github", "gitlab", "json", "junit", "markdown", "sarif"]


@pytest.mark.parametrize("name", list(FORMATS))
def test_every_format_ends_with_one_newline(name: str) -> None:
    text = FORMATS[name](REPORTS)
    assert text.endswith("\n")
    assert not text.endswith("\n\n")


@pytest.mark.slow
def test_they_need_neither_torch_nor_rich() -> None:
    code = "import sys, archcheck.reporters; sys.exit(any(m in sys.modules for m in ('torch', 'rich')))"
    root = Path(archcheck.__file__).parents[1]
    assert subprocess.run([sys.executable, "-c", code], cwd=root).returncode == 0
