"""What archcheck costs, as ratios to other programs measured in the same run.

    python benchmarks/cost.py [--repeat 3]

Each number is the median over the rounds; in a round every program runs once, in a process of its own, so
that what disturbs the machine disturbs all of them alike. Time is CPU time, user and system. Tracing is
measured without imports and without building the model, in one thread, on a narrow minimind-3 whose
residual connections are counted afterwards. torchview and TorchLens take part where they are installed;
they are no dependencies. The exit code is 1 if a target is missed.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
MINIMIND = "specs/minimind.yaml"
# maxrss is in kilobytes, on macOS in bytes.
_MEGABYTE = 2**20 if sys.platform == "darwin" else 2**10


@dataclass(frozen=True)
class Cost:
    """CPU time in seconds and peak memory (when tracing, its growth) in megabytes."""

    cpu: float
    memory: float


@dataclass(frozen=True)
class Row:
    """One measured quantity; `unit` is "×" for a ratio. It must stay at or below `target`."""

    name: str
    measured: float
    unit: str
    target: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--repeat", type=int, default=3, help="rounds (default: 3)")
    parser.add_argument("--child", nargs=2, metavar=("TOOL", "LAYERS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        tool, layers = options.child
        print(json.dumps(vars(measure_tracer(TOOLS[tool], int(layers)))))
        return 0
    rows = [*command_rows(options.repeat), *tracing_rows(options.repeat)]
    for row in rows:
        verdict = "" if row.measured <= row.target else "  OVER"
        print(f"{row.name:<58} {row.measured:8.3f} {row.unit:<2} target {row.target:g}{verdict}")
    return int(any(row.measured > row.target for row in rows))


# -- commands, each a process ---------------------------------------------------------------------


def command_rows(repeat: int) -> list[Row]:
    """Start-up, a refused spec, verifying and drawing MiniMind, against `import torch`."""
    archcheck = [sys.executable, "-m", "archcheck"]
    with tempfile.TemporaryDirectory() as folder:
        broken = Path(folder, "broken.yaml")
        broken.write_text("title: a spec with errors\npanels: {layer: {boxes: {}, flows: [a]}}\n")
        picture = str(Path(folder, "minimind.svg"))
        commands = {
            "torch": ([sys.executable, "-c", "import torch"], 0),
            "help": ([*archcheck, "--help"], 0),
            "broken": ([*archcheck, "verify", str(broken)], 2),
            "verify": ([*archcheck, "verify", MINIMIND], 0),
            "kept": ([*archcheck, "verify", "--cache", MINIMIND], 0),
            "render": ([*archcheck, "render", MINIMIND, "-o", picture], 0),
        }
        run(*commands["kept"])
        rounds = [
            {name: run(command, code) for name, (command, code) in commands.items()} for _ in range(repeat)
        ]

    def ratio(name: str, quantity: str) -> float:
        return median_ratio([(getattr(r[name], quantity), getattr(r["torch"], quantity)) for r in rounds])

    drawing = statistics.median(one["render"].cpu - one["help"].cpu for one in rounds)
    return [
        Row("archcheck --help, CPU / import torch", ratio("help", "cpu"), "×", 1 / 3),
        Row("verify a spec with errors, CPU / import torch", ratio("broken", "cpu"), "×", 1 / 3),
        Row(f"verify {MINIMIND}, CPU / import torch", ratio("verify", "cpu"), "×", 1.3),
        Row(f"verify --cache {MINIMIND} again, CPU / import torch", ratio("kept", "cpu"), "×", 1 / 4),
        Row(f"verify {MINIMIND}, peak memory / import torch", ratio("verify", "memory"), "×", 1.3),
        Row(f"render {MINIMIND}, CPU beyond --help", drawing, "s", 0.3),
    ]


def run(command: Sequence[str], expected: int) -> Cost:
    """Return the cost of a command, which must end with the expected exit code."""
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != expected:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}, not {expected}")
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / _MEGABYTE)


# -- tracing, measured inside a process of its own ------------------------------------------------


def tracing_rows(repeat: int) -> list[Row]:
    """Trace and detect at 80 layers, against other tracers and against 800 layers."""
    targets = {"torchview": 0.35, "torchlens": 0.05}
    others = {name: target for name, target in targets.items() if importlib.util.find_spec(name)}
    scaled = ("archcheck", "mismatch", "vocabulary")
    wanted = [*((name, layers) for name in scaled for layers in (80, 800)), *((name, 80) for name in others)]
    rounds = [{one: run_tracer(*one) for one in wanted} for _ in range(repeat)]

    def ratio(subject: tuple[str, int], baseline: tuple[str, int], quantity: str) -> float:
        return median_ratio([(getattr(r[subject], quantity), getattr(r[baseline], quantity)) for r in rounds])

    few, many = ("archcheck", 80), ("archcheck", 800)
    return [
        *(
            Row(
                f"trace and detect, 80 layers, CPU / {name}",
                ratio(few, (name, 80), "cpu"),
                "×",
                targets[name],
            )
            for name in others
        ),
        Row("trace and detect, 800 layers / 80 layers, CPU", ratio(many, few, "cpu"), "×", 12),
        Row("trace and detect, 800 layers / 80 layers, memory", ratio(many, few, "memory"), "×", 12),
        Row(
            "trace and recognise terms, 800 layers / 80 layers, CPU",
            ratio(("vocabulary", 800), ("vocabulary", 80), "cpu"),
            "×",
            12,
        ),
        Row(
            "verify, an edge around all layers that nothing matches, 800 / 80, CPU",
            ratio(("mismatch", 800), ("mismatch", 80), "cpu"),
            "×",
            12,
        ),
    ]


def run_tracer(tool: str, layers: int) -> Cost:
    """Return the cost of one tracer's run over a model with so many layers."""
    command = [sys.executable, __file__, "--child", tool, str(layers)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return Cost(**json.loads(done.stdout.splitlines()[-1]))


def measure_tracer(tool: Callable[[Any, Any], int | None], layers: int) -> Cost:
    """Trace a narrow minimind-3 once, after a warm-up on two layers and a plain run of the model."""
    sys.path.insert(0, str(ROOT))
    import torch

    from reference_models.minimind import build

    tokens = torch.arange(16)[None]
    with torch.no_grad():
        tool(build(num_hidden_layers=2, hidden_size=32, vocab_size=64).eval(), tokens)
        model = build(num_hidden_layers=layers, hidden_size=32, vocab_size=64).eval()
        model(tokens)
        memory, start = peak(), time.process_time()
        residuals = tool(model, tokens)
        cost = Cost(time.process_time() - start, peak() - memory)
    assert residuals is None or residuals == 2 * layers, residuals
    return cost


def trace_and_detect(model: Any, tokens: Any) -> int:
    import archcheck

    return len(archcheck.trace(model, tokens).residuals)


def recognise_terms(model: Any, tokens: Any) -> None:
    import archcheck
    from archcheck.vocabulary import recognise

    found = recognise(archcheck.trace(model, tokens).dataflow)
    assert {"GQA", "RMSNorm", "RoPE", "SwiGLU"} <= {region.term.name for region in found.regions}


MISMATCH = """\
title: A residual around all layers, which the code does not have
model:
  target: reference_models.minimind:build
  inputs: {input_ids: {shape: [1, 16], dtype: int64, high: 64}}
panels:
  model: {scope: "", boxes: {layers: {module: model.layers.*}}, residuals: [{around: layers}]}
"""


def verify_mismatch(model: Any, tokens: Any) -> None:
    import archcheck

    with tempfile.TemporaryDirectory() as folder:
        spec = Path(folder, "spec.yaml")
        spec.write_text(MISMATCH)
        report = archcheck.verify(spec, model)
    assert "RES001" in {finding.code for finding in report.findings}, report


def torchview(model: Any, tokens: Any) -> None:
    from torchview import draw_graph

    draw_graph(model, input_data=tokens, device="cpu")


def torchlens(model: Any, tokens: Any) -> None:
    from torchlens import trace

    trace(model, tokens)


TOOLS: dict[str, Callable[[Any, Any], int | None]] = {
    "archcheck": trace_and_detect,
    "mismatch": verify_mismatch,
    "vocabulary": recognise_terms,
    "torchview": torchview,
    "torchlens": torchlens,
}


def peak() -> float:
    """Return the highest memory of this process so far, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _MEGABYTE


def median_ratio(pairs: Sequence[tuple[float, float]]) -> float:
    return statistics.median(subject / baseline for subject, baseline in pairs)


if __name__ == "__main__":
    sys.exit(main())
