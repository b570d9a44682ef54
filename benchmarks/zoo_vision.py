"""Traces and proves the models of torchvision and timm, and writes what came of it to a table.

    python benchmarks/zoo_vision.py [--library timm] [--only REGEX] [--each N] [--output docs/zoo-vision.md]

Each model that the installed libraries can build, with random weights, runs in evaluation and in training
mode on a small picture. Its trace must replay bit for bit, no residual connection may be refuted by
`--prove`, and both modes must list the same residuals (but for auxiliary heads that one of them leaves
unused). Each model has a process of its own, with limits on memory and time; `--each N` takes the first N
names of each family only. The exit code is 1 if a model that runs falls short.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

MEMORY = 8 * 2**30
SECONDS = 300
SIZES = (64, 128, 224, 256, 384)
FAR = "not run"  # the model itself does not run at any of the sizes


@dataclass
class Row:
    """What came of one model: `status` is `ok`, `not run`, or what fell short."""

    library: str
    name: str
    status: str
    detail: str = ""
    residuals: int = 0
    proved: int = 0
    remarks: list[str] = field(default_factory=list)
    seconds: float = 0.0
    megabytes: int = 0

    @property
    def family(self) -> str:
        return re.split(r"[_\d.]", self.name)[0]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--library", choices=("torchvision", "timm"), action="append")
    parser.add_argument("--only", default="", metavar="REGEX")
    parser.add_argument("--each", type=int, default=10**6, metavar="N", help="models of each family")
    parser.add_argument("--output", type=Path, help="the table, as Markdown")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(asdict(_judge(*options.child))))
        return 0
    rows = []
    taken: Counter[tuple[str, str]] = Counter()
    for library in options.library or ("torchvision", "timm"):
        for name in names(library):
            family = (library, Row(library, name, "").family)
            if not re.search(options.only, name) or taken[family] >= options.each:
                continue
            taken[family] += 1
            rows.append(_in_child(library, name))
            print(_line(rows[-1]), flush=True)
    if options.output:
        options.output.write_text("\n".join(_table(rows)) + "\n")
    print(*_table(rows)[2:6], sep="\n")
    return int(any(row.status not in ("ok", FAR) for row in rows))


def names(library: str) -> list[str]:
    if library == "timm":
        import timm

        return sorted(timm.list_models())
    import torchvision

    return sorted(torchvision.models.list_models())


def _in_child(library: str, name: str) -> Row:
    command = [sys.executable, __file__, "--child", library, name]
    start = time.perf_counter()
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return Row(library, name, "took too long", seconds=SECONDS)
    try:
        row = Row(**json.loads(done.stdout.splitlines()[-1]))
    except (IndexError, ValueError):
        last = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        return Row(library, name, "ended", last[0][:200])
    row.seconds = time.perf_counter() - start
    return row


def _judge(library: str, name: str) -> Row:
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    try:
        model, call = runnable(library, name)
    except Exception as error:
        return Row(library, name, FAR, _text(error))
    row = Row(library, name, "ok")
    listed: list[list[tuple[str, ...]]] = []
    for training in (False, True):
        try:
            traced = _traced(model, call, training)
        except Exception as error:
            if training:  # some models need targets, or more than one picture, to train
                row.remarks.append(f"training mode does not run: {_text(error)}")
                break
            return Row(library, name, "not traced", _text(error))
        listed.append(sorted(_described(join.residual) for join in traced.joins))
        _prove(row, traced, training)
    if row.status == "ok" and len(listed) == 2 and listed[0] != listed[1]:
        other = Counter(listed[0]) - Counter(listed[1]) or Counter(listed[1]) - Counter(listed[0])
        row.status, row.detail = "modes differ", " ".join(next(iter(other)))
    row.megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return row


def _traced(model: Any, call: Sequence[Any], training: bool) -> Any:
    import torch

    import archcheck

    model.train(training)
    with torch.set_grad_enabled(training):
        return archcheck.trace(model, *call)


def _described(residual: Any) -> tuple[str, ...]:
    return residual.kind.value, residual.implemented_in, residual.source, *residual.branch


def _prove(row: Row, traced: Any, training: bool) -> None:
    """Replay and proof; the first that falls short gives the row its status."""
    from archcheck.errors import TraceError
    from archcheck.tracing.proof import prove

    try:
        summary, *remarks = prove(traced.recording, traced.joins)
    except TraceError as error:
        code = error.problems[0].code
        if row.status == "ok":
            row.status = "not replayed" if code == "TRC002" else "refuted"
            row.detail = f"{'training: ' if training else ''}{error.problems[0].message}"
        return
    if not training:
        agreed = re.search(r"agree on (\d+) of (\d+)", summary)
        row.proved, row.residuals = map(int, agreed.groups()) if agreed else (0, 0)
    row.remarks += remarks


def runnable(library: str, name: str) -> tuple[Any, Sequence[Any]]:
    """Return a model and arguments with which it runs.

    Raises what its forward raises at the last size tried.
    """
    import torch

    if library == "timm":
        import timm

        model = timm.create_model(name, pretrained=False)
    else:
        import torchvision

        extra = (
            {"weights_backbone": None} if re.search("rcnn|fcos|retina|ssd|deeplab|fcn|lraspp", name) else {}
        )
        model = torchvision.models.get_model(name, weights=None, **extra)
    model.eval()
    error: Exception | None = None
    for call in _calls(name):
        try:
            with torch.no_grad():
                model(*call)
            return model, call
        except Exception as caught:
            error = caught
    assert error is not None
    raise error


def _calls(name: str) -> Iterator[Sequence[Any]]:
    import torch

    if re.search("rcnn|fcos|retinanet|ssd", name):
        yield ([torch.rand(3, 64, 64)],)
    if re.match("raft", name):
        yield torch.rand(1, 3, 128, 128), torch.rand(1, 3, 128, 128)
    if re.match("mvit|swin3d|s3d|r3d|mc3|r2plus1d", name):
        yield (torch.rand(1, 3, 16, 224, 224),)
    for size in SIZES:
        yield (torch.rand(2 if size <= 128 else 1, 3, size, size),)


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"


def _line(row: Row) -> str:
    found = f"{row.proved}/{row.residuals} proved"
    return (
        f"{row.library} {row.name}: {row.status} {found} {row.seconds:.0f} s {row.megabytes} MB {row.detail}"
    )


def _table(rows: Sequence[Row]) -> list[str]:
    lines = [
        "# torchvision and timm",
        "",
        "| library | models | run | traced, replayed | none refuted | modes agree | residuals | proved |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for library in sorted({row.library for row in rows}):
        ran = [row for row in rows if row.library == library and row.status != FAR]
        replayed = [row for row in ran if row.status in ("ok", "refuted", "modes differ")]
        right = [row for row in ran if row.status in ("ok", "modes differ")]
        good = [row for row in ran if row.status == "ok"]
        counts = [sum(row.library == library for row in rows), len(ran), len(replayed), len(right), len(good)]
        counts += [sum(row.residuals for row in ran), sum(row.proved for row in ran)]
        lines.append(f"| {library} | " + " | ".join(map(str, counts)) + " |")
    short = [row for row in rows if row.status not in ("ok", FAR)]
    if short:
        lines += ["", "| model | | why |", "|---|---|---|"]
        lines += [f"| {row.name} | {row.status} | {row.detail.replace('|', '/')} |" for row in short]
    unproved = Counter(
        re.sub(r"^not proved: \d+ residuals? at \S+ ", "", remark) for row in rows for remark in row.remarks
    )
    if unproved:
        lines += ["", "| models | not proved, or remarked |", "|---|---|"]
        lines += [f"| {count} | {remark.replace('|', '/')} |" for remark, count in unproved.most_common(20)]
    return lines


if __name__ == "__main__":
    sys.exit(main())
