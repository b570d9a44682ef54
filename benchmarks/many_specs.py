"""What 200 specs cost, one of which hangs and one of which dies, with one worker and with two.

    python -m benchmarks.many_specs [--specs 200] [--timeout 10]

Prints for each the time on the clock, which tells something on an idle machine alone, and the CPU time of the
judge and of the workers.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

MODEL = """\
import os, time
from torch import nn


class Net(nn.Module):
    def __init__(self, does=""):
        super().__init__()
        self.does, self.layers = does, nn.ModuleList(Layer() for _ in range(12))

    def forward(self, x):
        if self.does == "hang":
            time.sleep(1000)
        elif self.does == "die":
            os._exit(0)
        for layer in self.layers:
            x = layer(x)
        return x


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.mlp = nn.LayerNorm(8), nn.Linear(8, 8)

    def forward(self, x):
        return x + self.mlp(self.norm(x))
"""
SPEC = """\
model: {target: "net.py:Net", arguments: {does: "%s"}, inputs: {x: {shape: [2, 8]}}}
panels:
  layer:
    scope: layers.*
    boxes: {norm: {label: LayerNorm, module: norm}, mlp: {label: Linear, module: mlp}}
    flow: [norm, mlp]
    residuals: [{around: [norm, mlp]}]
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--specs", type=int, default=200)
    parser.add_argument("--timeout", type=float, default=10.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "net.py").write_text(MODEL)
        does = {options.specs // 4: "hang", options.specs // 2: "die"}
        for number in range(options.specs):
            Path(folder, f"{number:04}.yaml").write_text(SPEC % does.get(number, ""))
        os.chdir(folder)
        for jobs in ("1", "2"):
            process = multiprocessing.get_context("spawn").Process(
                target=check, args=(jobs, str(options.timeout), sorted(map(str, Path().glob("*.yaml"))))
            )
            process.start()
            process.join()


def check(jobs: str, timeout: str, specs: list[str]) -> None:
    """Verify in this process, and print what that cost and whether every verdict is right."""
    from archcheck.cli import main as archcheck

    start = time.monotonic()
    sys.argv = ["archcheck", "verify", "-j", jobs, "--timeout", timeout, "--format", "json=report", *specs]
    with contextlib.suppress(SystemExit):
        archcheck()
    took = time.monotonic() - start
    judge, workers = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    statuses = [each["status"] for each in json.loads(Path("report").read_text())["specs"]]
    print(
        f"-j {jobs}: {took:.1f} s; CPU of the judge {judge.ru_utime + judge.ru_stime:.1f} s, "
        f"of the workers {workers.ru_utime + workers.ru_stime:.1f} s; "
        f"{statuses.count('conforms')} conform, {statuses.count('error')} could not be checked"
    )


if __name__ == "__main__":
    main()
