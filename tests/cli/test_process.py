"""archcheck as a process: what it imports, and what it does with pipes, hash seeds and folders."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

MODEL = """\
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.mlp = nn.LayerNorm(8), nn.Linear(8, 8)

    def forward(self, x):
        return self.norm(x + self.mlp(x))
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
      mlp: {label: MLP, module: mlp}
    residuals:
      - {around: [norm, mlp]}
"""
ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "NO_COLOR": "1"}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Path:
    (tmp_path / "model.py").write_text(MODEL)
    (tmp_path / "net.yaml").write_text(SPEC)
    (tmp_path / "broken.yaml").write_text("title: [\n")
    return tmp_path


def process(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "archcheck", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=ENVIRONMENT | environment,
    )


def test_the_output_depends_neither_on_the_hash_seed_nor_on_the_folder(folder: Path) -> None:
    (folder / "elsewhere").mkdir()
    here = process("verify", "net.yaml", "-v", cwd=folder, PYTHONHASHSEED="1")
    there = process("verify", str(folder / "net.yaml"), "-v", cwd=folder / "elsewhere", PYTHONHASHSEED="2")
    assert (here.returncode, here.stderr, there.stderr) == (1, "", "")
    assert there.stdout.replace(f"{folder}/", "") == here.stdout


WITHOUT_TORCH = """
import sys
from typer.testing import CliRunner
from archcheck.cli import app

for arguments in (
    ["--help"], ["--version"], ["explain", "RES006"], ["schema"],
    ["render", "net.yaml", "-o", "net.svg"], ["render", "net.yaml", "-o", "net.svg", "--check"],
    ["verify", "broken.yaml"], ["verify", "missing.yaml"],
):
    result = CliRunner().invoke(app, arguments)
    print(result.exit_code, "torch" in sys.modules)
"""


def test_what_runs_no_model_does_not_import_torch(folder: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH],
        capture_output=True, text=True, cwd=folder, env=ENVIRONMENT,
    )  # fmt: skip
    assert result.stdout.split("\n")[:-1] == [*["0 False"] * 6, *["2 False"] * 2], result.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="pipes break otherwise there")
def test_a_reader_that_leaves_early_is_no_failure(folder: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "archcheck", "schema"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder,
        env=ENVIRONMENT,
    ) as command:  # fmt: skip
        assert command.stdout is not None
        assert command.stderr is not None
        command.stdout.close()
        assert command.stderr.read() == b""
    assert command.returncode == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk_is_a_failure(folder: Path) -> None:
    with open("/dev/full", "w") as full:
        result = subprocess.run(
            [sys.executable, "-m", "archcheck", "schema"],
            stdout=full, stderr=subprocess.PIPE, text=True, cwd=folder,
            env=ENVIRONMENT,
        )  # fmt: skip
    assert (result.returncode, result.stderr) == (2, "archcheck: output: No space left on device\n")
