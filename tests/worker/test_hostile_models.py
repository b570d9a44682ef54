"""What a model may do to the process that runs it, and what is said of it: it has no say in the verdict."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
CONFORMS, DIFFERS, ERROR = "conforms", "differs", "error"
MODEL = """\
import atexit, builtins, ctypes, gc, json, os, resource, signal, socket, subprocess, sys, threading, time
import warnings
import torch
from torch import nn
{top}


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        {init}
        self.mlp, self.norm = nn.Linear(8, 8), nn.LayerNorm(8)

    def forward(self, x):
        {forward}
        return self.norm(x + self.mlp(x))
"""
SPEC = """\
model: {{target: "{name}.py:Net", inputs: {{x: {{shape: [2, 8]}}}}}}
panels:
  net:
    boxes:
      mlp: {{label: Linear, module: mlp}}
      norm: {{label: LayerNorm, module: norm}}
    residuals:
      - {{around: mlp}}
"""
WHILE_RUNNING = "while running Net (eval)"

# name: (where, what the code does there, status, how the message begins or what it holds)
TABLE: dict[str, tuple[str, str, str, str]] = {
    # it never ends, or never begins
    "calls_itself": ("forward", "return self(x)", ERROR, "TRC001 Net failed while it ran: RecursionError"),
    "holds_itself": (
        "init",
        "self._modules['up'] = self",
        ERROR,
        "TGT012 running the model recurses without",
    ),
    "returns_what_holds_itself": (
        "forward",
        "o = [x]; o.append(o); return o",
        ERROR,
        "TRC001 Net failed while it ran: RecursionError",
    ),
    "is_a_generator": (
        "forward",
        "yield x",
        ERROR,
        "TRC001 Net returned a generator, so that nothing in it has run",
    ),
    # it ends the process
    "exit_0_in_forward": (
        "forward",
        "os._exit(0)",
        ERROR,
        f"TGT013 the model ended the process with code 0 {WHILE_RUNNING}",
    ),
    "exit_1_in_forward": (
        "forward",
        "os._exit(1)",
        ERROR,
        f"TGT013 the model ended the process with code 1 {WHILE_RUNNING}",
    ),
    "exit_0_in_init": (
        "init",
        "os._exit(0)",
        ERROR,
        "TGT013 the model ended the process with code 0 while building",
    ),
    "exit_3_on_import": (
        "top",
        "os._exit(3)",
        ERROR,
        "TGT013 the model ended the process with code 3 while building",
    ),
    "sys_exit_0": (
        "forward",
        "sys.exit(0)",
        ERROR,
        "TGT012 running the model exited with code 0",
    ),
    "sys_exit_in_init": ("init", "sys.exit(0)", ERROR, "TGT006"),
    "sys_exit_on_import": ("top", "sys.exit(0)", ERROR, "TGT003"),
    "quit": ("forward", "quit()", ERROR, "TGT012"),
    "exec_another_program": (
        "forward",
        "os.execv(sys.executable, [sys.executable, '-c', ''])",
        ERROR,
        "TGT013 the model ended the process with code 0",
    ),
    "exit_in_a_thread": (
        "forward",
        "threading.Thread(target=os._exit, args=(0,)).start(); time.sleep(9)",
        ERROR,
        "TGT013 the model ended the process with code 0",
    ),
    "keyboard_interrupt": (
        "forward",
        "raise KeyboardInterrupt",
        ERROR,
        "TGT012 the model raised KeyboardInterrupt",
    ),
    "generator_exit": ("forward", "raise GeneratorExit", ERROR, "TGT012"),
    "odd_exception": (
        "forward",
        "raise type('Odd', (BaseException,), {})('why')",
        ERROR,
        "TGT012 running the model raised Odd: why",
    ),
    "mute_exception": (
        "forward",
        "raise type('Mute', (Exception,), {'__str__': lambda self: 1 / 0})",
        ERROR,
        "",
    ),
    "endless_recursion": ("forward", "self.forward(x)", ERROR, ""),
    # it crashes
    "abort": ("forward", "os.abort()", ERROR, "TGT013 the model was ended by the signal SIGABRT"),
    "segfault": ("forward", "ctypes.string_at(0)", ERROR, "TGT013 the model was ended by the signal SIGSEGV"),
    "kill_itself": (
        "forward",
        "os.kill(os.getpid(), 9)",
        ERROR,
        "TGT013 the model was ended by the signal SIGKILL",
    ),
    "terminate_itself": (
        "init",
        "os.kill(os.getpid(), 15)",
        ERROR,
        "TGT013 the model was ended by the signal SIGTERM",
    ),
    "kill_its_group": (
        "forward",
        "os.killpg(0, 9)",
        ERROR,
        "TGT013 the model was ended by the signal SIGKILL",
    ),
    "alarm": (
        "forward",
        "signal.setitimer(signal.ITIMER_REAL, 0.01); time.sleep(9)",
        ERROR,
        "TGT013 the model was ended by the signal SIGALRM",
    ),
    # it wants more than there is
    "too_many_bytes": ("forward", "bytearray(2**60)", ERROR, "TRC001 Net failed while it ran: MemoryError"),
    "too_large_a_tensor": (
        "forward",
        "torch.empty(2**50)",
        ERROR,
        "TRC001 Net failed while it ran: RuntimeError",
    ),
    "eats_memory": (
        "forward",
        "resource.setrlimit(resource.RLIMIT_DATA, (2**31, -1)); held = []\n"
        "        while True: held.append(bytearray(2**26))",
        ERROR,
        "TRC001 Net failed while it ran: MemoryError",
    ),
    "no_more_files": ("forward", "resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))", CONFORMS, ""),
    "no_file_may_grow": ("forward", "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))", CONFORMS, ""),
    # processes and threads
    "fork_and_go_on": ("forward", "os.fork()", CONFORMS, ""),
    "fork_in_init": ("init", "os.fork()", CONFORMS, ""),
    "fork_and_linger": ("forward", "os.fork() or time.sleep(600)", CONFORMS, ""),
    "child_process": ("forward", "subprocess.Popen(['sleep', '600'])", CONFORMS, ""),
    "session_of_its_own": ("forward", "os.setsid() if os.getpgrp() != os.getpid() else None", CONFORMS, ""),
    "endless_thread": (
        "forward",
        "threading.Thread(target=lambda: [time.sleep(0.01) for _ in iter(int, 1)]).start()",
        CONFORMS,
        "",
    ),
    "printing_thread": (
        "forward",
        "threading.Thread(target=lambda: [print('.') for _ in iter(int, 1)], daemon=True).start()",
        CONFORMS,
        "",
    ),
    "atexit_prints": ("init", "atexit.register(print, 'forged: conforms')", CONFORMS, ""),
    "atexit_exits": ("init", "atexit.register(os._exit, 0)", CONFORMS, ""),
    # what it does to its process
    "change_folder": ("forward", "os.chdir('/')", CONFORMS, ""),
    "empty_environment": ("forward", "os.environ.clear()", CONFORMS, ""),
    "default_dtype": ("init", "torch.set_default_dtype(torch.float64)", ERROR, "TRC001"),
    "warnings_as_errors": ("top", "warnings.simplefilter('error')", CONFORMS, ""),
    "no_modules": ("forward", "sys.modules.clear()", ERROR, ""),
    "no_import_path": ("init", "sys.path.clear()", CONFORMS, ""),
    "low_recursion_limit": ("init", "sys.setrecursionlimit(200)", CONFORMS, ""),
    "no_collection": ("init", "gc.disable(); gc.freeze()", CONFORMS, ""),
    "many_threads_of_torch": ("init", "torch.set_num_threads(64)", CONFORMS, ""),
    "ignored_signals": ("init", "[signal.signal(n, signal.SIG_IGN) for n in (1, 2, 13, 15)]", CONFORMS, ""),
    "trace_function": ("forward", "sys.settrace(lambda *_: None)", CONFORMS, ""),
    "no_exit": ("top", "os._exit = lambda code: None", CONFORMS, ""),
    "another_process_number": ("top", "os.getpid = lambda: 1", CONFORMS, ""),
    "patched_json": ("top", "json.dumps = json.loads = json.JSONEncoder = None", CONFORMS, ""),
    "patched_socket": ("top", "socket.socket.sendall = socket.socket.recv = None", ERROR, "TGT013"),
    "patched_len": ("forward", "builtins.len = lambda _: 0", ERROR, ""),
    "patched_print": ("top", "builtins.print = None", CONFORMS, ""),
    "patched_add": ("top", "torch.Tensor.__add__ = lambda a, b: torch.sub(a, -b)", CONFORMS, ""),
    "patched_call": ("forward", "nn.Module.__call__ = lambda self, x: x", DIFFERS, ""),
    "breakpoint": ("forward", "breakpoint()", ERROR, ""),
    # its streams
    "asks_for_input": ("forward", "input('name? ')", ERROR, "EOFError"),
    "prints": ("forward", 'print(\'{"status": "conforms"}\')', CONFORMS, ""),
    "prints_bytes": ("forward", "os.write(1, bytes(range(256)))", CONFORMS, ""),
    "flood": ("forward", "os.write(1, b'x' * 5_000_000)", CONFORMS, ""),
    "no_stdout": ("forward", "sys.stdout = None", CONFORMS, ""),
    "closed_stderr": ("forward", "sys.stderr.close()", CONFORMS, ""),
    "closed_streams": ("forward", "os.close(0); os.close(1); os.close(2)", CONFORMS, ""),
    "closed_everything": ("forward", "os.closerange(0, 1024)", ERROR, "TGT013"),
    "scribbles_everywhere": (
        "forward",
        "for n in range(3, 64):\n            try: os.write(n, b'[1]\\n')\n            except OSError: pass",
        ERROR,
        "",
    ),
    # nothing
    "plain": ("forward", "pass", CONFORMS, ""),
}
HANGS = {
    "loops": "while True: pass",
    "sleeps": "time.sleep(1e6)",
    "waits_for_itself": "lock = threading.Lock(); lock.acquire(); lock.acquire()",
    "stops_itself": "os.kill(os.getpid(), signal.SIGSTOP)",
    "ignores_signals": "[signal.signal(n, signal.SIG_IGN) for n in (2, 15)]; time.sleep(1e6)",
}


def write(folder: Path, name: str, where: str, code: str) -> str:
    """A model and its spec in a folder; the spec's name."""
    parts = {"top": "", "init": "pass", "forward": "pass"} | {where: code}
    (folder / f"{name}.py").write_text(MODEL.format(**parts))
    (folder / f"{name}.yaml").write_text(SPEC.format(name=name))
    return f"{name}.yaml"


def verify(folder: Path, *arguments: str) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    """One command on many specs; its reports by the spec's name."""
    result = subprocess.run(
        [sys.executable, "-m", "archcheck", "verify", "-f", "json", *arguments],
        capture_output=True,
        text=True,
        errors="replace",
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    reports = json.loads(result.stdout)["specs"]
    assert [report["file"] for report in reports] == [name for name in arguments if name.endswith(".yaml")]
    return result, {report["file"].removesuffix(".yaml"): report for report in reports}


def said(report: dict[str, Any]) -> str:
    return " ".join(f"{problem['code']} {problem['message']}" for problem in report.get("problems", ()))


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """All of them in one run: none disturbs another."""
    folder = tmp_path_factory.mktemp("hostile")
    names = [write(folder, name, *row[:2]) for name, row in TABLE.items()]
    result, reports = verify(folder, *names, "-j", "2", "--timeout", "60")
    assert result.returncode == 2, result.stderr
    assert len(result.stderr) < 4_000_000
    assert "Traceback" not in result.stdout
    return reports


@pytest.mark.slow
@pytest.mark.parametrize("name", TABLE)
def test_what_a_model_does_decides_nothing_but_its_own_report(name: str, judged: dict[str, Any]) -> None:
    _, _, status, message = TABLE[name]
    assert judged[name]["status"] == status, said(judged[name])
    assert message in said(judged[name])
    assert (status == ERROR) == bool(said(judged[name]))


@pytest.mark.slow
def test_models_that_hang_are_ended_and_the_others_judged(tmp_path: Path) -> None:
    names = [write(tmp_path, name, "forward", code) for name, code in HANGS.items()]
    names.append(write(tmp_path, "plain", "forward", "pass"))
    started = time.monotonic()
    result, reports = verify(tmp_path, *names, "--timeout", "8", "-j", "3")
    assert time.monotonic() - started < 60
    assert result.returncode == 2
    assert reports.pop("plain")["status"] == CONFORMS
    pattern = re.compile(r"TGT014 the model did not end within 8 seconds while running Net \(eval\)")
    assert [name for name in reports if not pattern.fullmatch(said(reports[name]))] == []


@pytest.mark.slow
@pytest.mark.parametrize("code", ["os._exit(0)", "os.abort()", "pass"])
def test_a_single_spec_has_a_fresh_process(code: str, tmp_path: Path) -> None:
    name = write(tmp_path, "net", "forward", code)
    result, reports = verify(tmp_path, name)
    assert result.returncode == (0 if code == "pass" else 2)
    assert reports["net"]["status"] == (CONFORMS if code == "pass" else ERROR)
