"""What a watched process notes, and what it says that it can't account for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
# Each statement runs in a process that is watched from then on; torch is not needed for that.
SCRIPT = """
import json, os, sys
from dataclasses import asdict
from archcheck.worker.watching import Watch

results = []
for statement in json.load(sys.stdin):
    reader, writer = os.pipe()
    if not os.fork():
        os.close(reader)
        import ctypes, glob, io, pathlib, shutil, socket, sqlite3, subprocess, tempfile, urllib.request
        watch = Watch()
        try:
            exec(statement, {})
        except OSError:
            pass
        os.write(writer, json.dumps(asdict(watch.touched())).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        results.append(json.load(answer))
print(json.dumps(results))
"""
NOTED = {
    "open('data.txt').read()": ("opened", "data.txt"),
    "import io; io.open(b'data.txt')": ("opened", "data.txt"),
    "import os; os.open('data.txt', os.O_RDONLY)": ("opened", "data.txt"),
    "import pathlib; pathlib.Path('data.txt').read_text()": ("opened", "data.txt"),
    "open('missing.txt')": ("opened", "missing.txt"),
    "import os; os.path.exists('missing.txt')": ("asked", "missing.txt"),
    "import os; os.path.getsize('data.txt')": ("asked", "data.txt"),
    "import pathlib; pathlib.Path('missing.txt').is_file()": ("asked", "missing.txt"),
    "import os; os.access('data.txt', os.R_OK)": ("asked", "data.txt"),
    "import os; os.chdir('folder'); open('../data.txt')": ("opened", "folder/../data.txt"),
    "import os; os.makedirs('folder', exist_ok=True)": ("asked", "folder"),
    "import os; os.listdir('folder')": ("listed", "folder"),
    "import os; list(os.walk('folder'))": ("listed", "folder"),
    "import glob; glob.glob('folder/*.txt')": ("listed", "folder"),
    "import late": ("modules", "late.py"),
    "import late, sys; del sys.modules['late']": ("opened", "late.py"),
    "import runpy; runpy.run_path('late.py')": ("opened", "late.py"),
    "exec(open('late.py').read())": ("opened", "late.py"),
    "import importlib.util as u; u.find_spec('nowhere')": ("searched", "."),
    "import os; os.environ.get('SOME')": ("variables", "SOME"),
    "import os; os.getenv('SOME')": ("variables", "SOME"),
    "import os; 'SOME' in os.environ": ("variables", "SOME"),
    "import os; os.environb[b'PATH']": ("variables", "PATH"),
}
BEYOND = [
    "import subprocess; subprocess.run(['true'])",
    "import os; os.system('true')",
    "import os; os.popen('true').read()",
    "import os; os.fork() or os._exit(0)",
    "import os; os.posix_spawn('/bin/true', ['true'], {})",
    "import socket; socket.socket()",
    "import urllib.request; urllib.request.urlopen('http://127.0.0.1:1')",
    "import ctypes; ctypes.CDLL(None)",
    "import ctypes; ctypes.CDLL('libc.so.6')",
    "import ctypes; ctypes.pythonapi.Py_IncRef",
    "import sqlite3; sqlite3.connect(':memory:')",
    "import os; dict(os.environ)",
    "import os; os.environ.copy()",
    "import os; sorted(os.environ.items())",
    "open('new.txt', 'w')",
    "open('data.txt', 'a')",
    "open('data.txt', 'r+')",
    "import tempfile; tempfile.TemporaryFile()",
    "import os; os.rename('data.txt', 'data.txt')",
    "import os; os.stat('data.txt', dir_fd=os.open('.', os.O_RDONLY))",
    "import os; os.listdir(os.open('.', os.O_RDONLY))",
    "import sys; sys.meta_path[:] = []",
]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("watched")
    (folder / "folder").mkdir()
    (folder / "data.txt").write_text("data")
    (folder / "late.py").write_text("x = 1")
    statements = [*NOTED, *BEYOND, "pass", "open('/dev/null', 'w')"]
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        input=json.dumps(statements),
        capture_output=True,
        text=True,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{folder}"},
    )
    assert result.returncode == 0, result.stderr
    return {"folder": str(folder), **dict(zip(statements, json.loads(result.stdout), strict=True))}


pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")


@pytest.mark.parametrize("statement", NOTED)
def test_what_is_touched_is_noted(statement: str, told: dict[str, Any]) -> None:
    field, name = NOTED[statement]
    if field == "searched":
        assert "nowhere" in told[statement][field][told["folder"]]
    elif field == "variables":
        assert name in told[statement][field]
    else:
        assert os.path.join(told["folder"], name) in told[statement][field]
    assert told[statement]["beyond"] == []


@pytest.mark.parametrize("statement", BEYOND)
def test_what_can_not_be_accounted_for_is_told(statement: str, told: dict[str, Any]) -> None:
    assert told[statement]["beyond"]


@pytest.mark.parametrize("statement", ["pass", "open('/dev/null', 'w')"])
def test_what_leaves_nothing_behind_is_accounted_for(statement: str, told: dict[str, Any]) -> None:
    assert told[statement]["beyond"] == []
