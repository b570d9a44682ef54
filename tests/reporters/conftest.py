"""Every reporter test runs in an empty folder that holds only the sample spec and model."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reporters.samples import MODEL_TEXT, SPEC_TEXT


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "a.yaml").write_text(SPEC_TEXT, encoding="utf-8")
    (tmp_path / "specs" / "c.yaml").write_text(SPEC_TEXT, encoding="utf-8")
    (tmp_path / "model.py").write_text(MODEL_TEXT, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for name in ("GITHUB_WORKSPACE", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path
