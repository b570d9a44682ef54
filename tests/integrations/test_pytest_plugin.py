"""`pytest --archcheck`: one test for each spec, and a fixture for models that need fixtures to be built."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import archcheck

ROOT = Path(__file__).parents[2]
MODEL = """\
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.mlp = nn.LayerNorm(8), nn.Linear(8, 8)

    def forward(self, x):
        return x + self.mlp(self.norm(x))
"""
SPEC = """\
title: A small model
model:
  target: model.py:Net
  inputs:
    x: {shape: [2, 8]}
panels:
  net:
    boxes:
      norm: {label: Norm, module: norm}
      mlp: {label: Linear, module: mlp}
    residuals:
      - {around: [norm, mlp]}
"""
DIFFERS = SPEC.replace("around: [norm, mlp]", "around: mlp")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "model.py").write_text(MODEL)
    specs = tmp_path / "specs"
    specs.mkdir()
    (specs / "good.yaml").write_text(SPEC)
    (specs / "wrong.yml").write_text(DIFFERS)
    (specs / "compose.yaml").write_text("services: {model: {image: x}}\n")
    return tmp_path


Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """A run of pytest in the folder, with the plugin: its exit code and what it printed."""

    def run(*arguments: str) -> tuple[int, str]:
        plugin = ["-p", "archcheck.integrations.pytest_plugin", "-p", "no:cacheprovider"]
        code = pytest.main([*plugin, "--rootdir", str(folder), *arguments])
        return code, capfd.readouterr().out

    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield run
    for name in ("model", "test_net"):
        sys.modules.pop(name, None)


def test_one_test_for_each_spec(run: Run) -> None:
    code, out = run("--archcheck", "-v", "specs")
    assert code == 1
    assert "specs/good.yaml::conforms PASSED" in out
    assert "specs/wrong.yml::conforms FAILED" in out
    assert "RES004 the residual around Linear has the wrong source: it is taken before Norm" in out
    assert "Traceback" not in out
    assert "compose.yaml" not in out


@pytest.mark.slow
def test_nothing_is_collected_unless_asked(run: Run) -> None:
    assert run("specs")[0] == 5  # pytest's code for no tests


@pytest.mark.slow
def test_a_file_that_is_named_is_checked_whatever_is_in_it(run: Run) -> None:
    code, out = run("--archcheck", "specs/compose.yaml")
    assert code == 1
    assert "SPEC" in out


def test_the_fixture(folder: Path, run: Run) -> None:
    (folder / "test_net.py").write_text(
        "from model import Net\n\n\ndef test_net(assert_conforms):\n"
        "    assert assert_conforms(Net(), 'specs/good.yaml').residuals\n"
        "\n\ndef test_wrong(assert_conforms):\n    assert_conforms(Net(), 'specs/wrong.yml')\n"
    )
    code, out = run("-v", "test_net.py")
    assert code == 1
    assert "test_net.py::test_net PASSED" in out
    assert "test_net.py::test_wrong FAILED" in out


@pytest.mark.slow
def test_importing_the_plugin_imports_nothing_heavy() -> None:
    check = (
        "import sys, archcheck.integrations.pytest_plugin as p\n"
        "heavy = {'torch', 'numpy', 'pydantic', 'typer', 'rich', 'ruamel', 'pygraphviz'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", check], check=True, cwd=ROOT)


def test_assert_conforms(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert archcheck.assert_conforms(None, "specs/good.yaml").status == "conforms"
    with pytest.raises(AssertionError, match=r"specs/wrong.yml differs: 1 finding"):
        archcheck.assert_conforms(None, "specs/wrong.yml")
    with pytest.raises(AssertionError, match=r"specs/compose.yaml"):
        archcheck.assert_conforms(None, "specs/compose.yaml")
