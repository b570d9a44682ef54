"""archcheck as a process: what it imports, and what it does with pipes, hash seeds and folders."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from archcheck.cli.options import Format

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
      mlp: {label: Linear, module: mlp}
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


@pytest.mark.slow
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
        capture_output=True,
        text=True,
        cwd=folder,
        env=ENVIRONMENT,
    )
    assert result.stdout.split("\n")[:-1] == [*["0 False"] * 6, *["2 False"] * 2], result.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="pipes break otherwise there")
def test_a_reader_that_leaves_early_is_no_failure(folder: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "archcheck", "schema"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
        env=ENVIRONMENT,
    ) as command:
        assert command.stdout is not None
        assert command.stderr is not None
        command.stdout.close()
        assert command.stderr.read() == b""
    assert command.returncode == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize(
    "arguments",
    [
        "verify broken.yaml",
        *(
            pytest.param(arguments, marks=pytest.mark.slow)
            for arguments in ("--help", "schema", "explain RES006", "verify -f json broken.yaml")
        ),
    ],
)
@pytest.mark.parametrize(
    ("output", "why"),
    [
        (">/dev/full", "No space left on device"),
        pytest.param(">&-", "standard output is closed", marks=pytest.mark.slow),
    ],
)
def test_what_can_not_be_written_is_exit_code_2(arguments: str, output: str, why: str, folder: Path) -> None:
    result = shell(f"{arguments} {output}", folder)
    assert (result.returncode, result.stdout, result.stderr) == (2, "", f"archcheck: output: {why}\n")


@pytest.mark.slow
@pytest.mark.parametrize("arguments", ["--help", "schema", "explain RES006", "inspect model.py:Net"])
def test_a_reader_who_has_seen_enough_changes_no_exit_code(arguments: str, folder: Path) -> None:
    assert shell(f"{arguments} | true; exit ${{PIPESTATUS[0]}}", folder).returncode == 0


EACH_FORMAT = """
import sys
from archcheck.cli import main
from archcheck.cli.options import Format

for format in Format:
    sys.argv = ["archcheck", "verify", "broken.yaml", "-f", format.value]
    try:
        main()
    except SystemExit as ended:
        print(f"\\n{format.value} ended with {ended.code}", flush=True)
"""


@pytest.mark.parametrize("encoding", ["ascii", pytest.param("cp1252", marks=pytest.mark.slow)])
def test_any_encoding_of_standard_output_will_do(encoding: str, folder: Path) -> None:
    (folder / "broken.yaml").write_text("title: ⊗ 标题\npanels: {⊗: {}}\n", encoding="utf-8")
    result = subprocess.run(
        [sys.executable, "-c", EACH_FORMAT],
        capture_output=True,
        cwd=folder,
        env=ENVIRONMENT | {"PYTHONIOENCODING": encoding},
    )
    ends = re.findall(rb"^(\w+) ended with (.*)$", result.stdout, re.MULTILINE)
    assert ends == [(format.value.encode(), b"2") for format in Format]
    assert (result.returncode, result.stderr) == (0, b"")


@pytest.mark.slow
def test_a_terminal_of_no_width_is_taken_for_a_usual_one(folder: Path) -> None:
    usual = process("verify", "net.yaml", cwd=folder, COLUMNS="80")
    assert process("verify", "net.yaml", cwd=folder, COLUMNS="0").stdout == usual.stdout


@pytest.mark.slow
def test_a_low_recursion_limit_is_no_failure(folder: Path) -> None:
    code = (
        "import sys; sys.argv = ['archcheck', 'verify', 'net.yaml', '-q']; from archcheck.cli import main; "
    )
    command = [sys.executable, "-c", f"{code} sys.setrecursionlimit(90); main()"]
    assert subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True).returncode == 1


def shell(arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = ["bash", "-c", f"{sys.executable} -m archcheck {arguments}"]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=ENVIRONMENT)
