"""A scratch repository that keeps MiniMind and its diagram, as one of its contributors has it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
MODEL = "reference_models/minimind.py"
SPEC = "specs/minimind.yaml"


def make(folder: Path) -> Path:
    """A git repository with the model, its spec and no other."""
    for name in ("reference_models/__init__.py", MODEL, SPEC):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    spec = folder / SPEC
    spec.write_text(
        spec.read_text()
        .replace("num_hidden_layers: 8", "num_hidden_layers: 2")
        .replace("repeat: 8", "repeat: 2")
    )
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    return folder


def bash(script: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """What a runner does with a script: `bash -e`, and nothing of ours in the environment.

    `archcheck` and `python` are those of this test; installing with pip is left out, and is recorded in the
    file `pip`.
    """
    tools = folder.parent / "tools"
    if not tools.exists():
        tools.mkdir()
        for name, text in {
            "archcheck": f'exec {sys.executable} -m archcheck "$@"',
            "python": f'if [ "$1 $2" = "-m pip" ]; then echo "$@" >> "{folder.parent}/pip"; exit; fi\n'
            f'exec {sys.executable} "$@"',
        }.items():
            (tools / name).write_text(f"#!/bin/bash\n{text}\n")
            (tools / name).chmod(0o755)
    base = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
    path = f"{tools}:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", script],
        cwd=folder,
        capture_output=True,
        text=True,
        env=base | {"PATH": path, "PYTHONPATH": str(ROOT)} | environment,
    )
