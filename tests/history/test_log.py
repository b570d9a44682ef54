"""`archcheck log` on MiniMind's course, as a repository that the test builds."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from archcheck.cli import app
from tests.history.scratch import Scratch

ROOT = Path(__file__).parents[2]
MODEL, SPEC = "model/model_minimind.py", "specs/minimind.yaml"
pytestmark = pytest.mark.slow


def spec(name: str) -> str:
    text = (ROOT / "specs" / name).read_text(encoding="utf-8")
    return re.sub(r"target: reference_models\.\w+:", f"target: {MODEL}:", text)


def without_norms(text: str) -> str:
    """Today's code or figure before queries and keys were normalised."""
    lines = [line for line in text.splitlines() if not re.search(r"self(_attn)?\.[qk]_norm\b", line)]
    return "\n".join(lines).replace("q, q_norm,", "q,").replace("k, k_norm,", "k,") + "\n"


@pytest.fixture(scope="module")
def minimind(tmp_path_factory: pytest.TempPathFactory) -> Scratch:
    scratch = Scratch(tmp_path_factory.mktemp("minimind"))
    old, new = ((ROOT / "reference_models" / f"{name}.py").read_text() for name in ("minimind2", "minimind"))
    scratch.commit("Start", {"README.md": "MiniMind"})
    scratch.commit("Publish MiniMind2", {MODEL: old, SPEC: spec("as_published/dense-2025-02.yaml")})
    scratch.commit("Dash the inner lines (#304)", {SPEC: spec("as_published/dense-2025-04.yaml")})
    scratch.commit("Speak of it", {"README.md": "MiniMind, with a figure"})
    scratch.commit("Break the build", {MODEL: "import nothing_of_that_name\n"})
    scratch.commit("Drop Dropout", {MODEL: without_norms(new), SPEC: without_norms(spec("minimind.yaml"))})
    scratch.commit("Normalise q and k", {MODEL: new, SPEC: spec("minimind.yaml")})
    scratch.commit("Speak of it again", {"docs/a.md": "More"})
    return scratch


def log(scratch: Scratch, monkeypatch: pytest.MonkeyPatch, *options: str) -> str:
    monkeypatch.chdir(scratch.folder)
    result = CliRunner().invoke(app, ["log", SPEC, *options])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_log_names_the_commits_of_minimind(minimind: Scratch, monkeypatch: pytest.MonkeyPatch) -> None:
    found = json.loads(log(minimind, monkeypatch, "--format", "json"))
    told = [(entry["commit"]["subject"], entry["changes"] is not None) for entry in found["entries"]]
    assert told == [
        ("Normalise q and k", True),
        ("Drop Dropout", True),
        ("Break the build", False),
        ("Dash the inner lines (#304)", True),
        ("Publish MiniMind2", True),
        ("Start", False),
    ]
    assert (found["commits"], found["runs"]) == (8, 6)
    norms, dropout, broken, dashed, first, _ = found["entries"]
    marks = [(each["what"], (each["after"] or each["before"])["name"]) for each in norms["changes"]["marks"]]
    assert ("added", "q_norm") in marks
    assert norms["changes"]["residuals"] == []
    gone = [each["before"]["name"] for each in dropout["changes"]["marks"] if each["what"] == "removed"]
    assert "dropout" in gone
    assert [(each["what"], each["layers"]) for each in dropout["changes"]["residuals"]] == [
        ("moved", list(range(8))),
        ("moved", list(range(8))),
    ]
    assert dropout["unrun"] == 1
    assert broken["problems"][0]["code"] == "TGT003"
    assert [each["after"]["name"] for each in dashed["changes"]["marks"]] == ["norm..out", "norm..dropout"]
    assert (first["changes"]["status_before"], first["unrun"]) == ("", 0)


def test_who_made_a_residual(minimind: Scratch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(minimind.folder / "specs")
    result = CliRunner().invoke(app, ["log", "minimind.yaml", "--residual", "gqa.norm..out", "--path", ".."])
    assert [line[10:] for line in result.stdout.splitlines() if " Ann: " in line] == [
        "2026-01-02 Ann: Dash the inner lines (#304)",
        "2026-01-02 Ann: Publish MiniMind2",
    ]
    assert "  ~ changed: gqa: the residual edge norm..out: refuted → proved" in result.stdout


def test_paths_limit_what_counts(minimind: Scratch, monkeypatch: pytest.MonkeyPatch) -> None:
    found = json.loads(log(minimind, monkeypatch, "--format", "json", "--path", "docs", "-n", "3"))
    assert (found["entries"], found["commits"], found["runs"]) == ([], 3, 1)
