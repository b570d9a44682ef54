"""Change every mark of the shipped specs, one at a time, and ask archcheck about each changed spec.

A model runs once; each changed spec is compared with what that run did.

    python -m benchmarks.spec_mutants [SPEC…] [--only OPERATOR] [--claims | --figure] [--list]
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from ruamel.yaml import YAML

from archcheck.commands.run_modes import in_this_process, run_modes
from archcheck.commands.verify import at_published_size
from archcheck.diff import compare
from archcheck.diff.binding import bind
from archcheck.diff.execution import Execution
from archcheck.errors import SpecError
from archcheck.findings import Finding
from archcheck.spec import LoadedSpec
from archcheck.spec.flow import flow_edges
from archcheck.spec.load import loads
from archcheck.spec.model import Model, Panel
from benchmarks.mutation.claim_operators import claim_mutations
from benchmarks.mutation.equivalent_specs import EQUIVALENT
from benchmarks.mutation.figure_operators import figure_mutations
from benchmarks.mutation.spec_operators import Data, Mutation, mutations
from benchmarks.mutation.wide_operators import wide_mutations

Maker = Callable[[Data, Callable[[Data, str], list[tuple[str, str]]]], Iterator[Mutation]]
Runs = tuple[Sequence[Execution], Sequence[Execution]]
"""Of a model as the spec builds it, and of its published size."""

REPOSITORY = Path(__file__).resolve().parent.parent

SHIPPED = (
    *sorted((REPOSITORY / "docs" / "gallery").glob("*.yaml")),
    *sorted((REPOSITORY / "specs").glob("*.yaml")),
    REPOSITORY / "specs" / "as_published" / "dense-2025-04.yaml",
)


class Judged(NamedTuple):
    """What became of one changed spec: noticed, by a finding that names the mark or another, or refused."""

    spec: str
    mutation: Mutation
    verdict: str  # "noticed", "refused", "conforms", or "equivalent"
    named: bool
    told: Sequence[str] = ()


def judge(file: Path, only: str = "", wide: int = 0, maker: Maker = mutations) -> Iterator[Judged]:
    """Yield every changed spec of one file that a maker makes, or `wide` random further ones.

    Raises AssertionError where the spec itself does not conform.
    """
    data = YAML(typ="safe", pure=True).load(file.read_text(encoding="utf-8"))
    plain = _loaded(data, file)
    runs = _runs(plain.spec.model, file.parent)
    assert not _findings(plain, runs), f"{file.name} does not conform"
    found = list((wide_mutations if wide else maker)(data, flow_lines))
    if wide:
        found = random.Random(file.stem).sample(found, min(wide, len(found)))
    for mutation in found:
        if re.search(only, mutation.operator):
            yield _judged(file, mutation, runs)


def _runs(model: Model, folder: Path) -> Runs:
    """Return the runs of a spec's model, and those of its published size."""
    sizes = [model, *([at_published_size(model)] if model.published else [])]
    found = []
    for size in sizes:
        with in_this_process() as worker:
            found.append(run_modes(worker, size, [folder, Path()], False, lambda _: None))
    return found[0], found[1] if len(found) > 1 else ()


def _judged(file: Path, mutation: Mutation, runs: Runs) -> Judged:
    try:
        findings = _findings(_loaded(mutation.data, file), runs)
    except SpecError as error:
        return Judged(file.stem, mutation, "refused", True, (error.problems[0].message,))
    if not findings:
        key = f"{file.stem}: {mutation.operator}, {mutation.panel}, {mutation.what}"
        return Judged(file.stem, mutation, "equivalent" if key in EQUIVALENT else "conforms", False)
    told = [f"{each.code} {each.panel}.{each.edge} {each.message}" for each in findings]
    return Judged(file.stem, mutation, "noticed", names(findings[0], mutation), told)


def _findings(spec: LoadedSpec, runs: Runs) -> Sequence[Finding]:
    known = [name for execution in runs[0] for name in execution.modules]
    bound = [[(execution, bind(spec, execution.modules, known)) for execution in each] for each in runs]
    return compare(spec, *bound).findings


def names(finding: Finding, mutation: Mutation) -> bool:
    """Return whether a finding is at the changed mark. None can be at one that is gone."""
    if mutation.operator in ("delete", "residual deleted"):
        return finding.panel == mutation.panel
    names = set(re.split(r"->|\.\.", finding.edge))
    return finding.panel == mutation.panel and not names.isdisjoint(mutation.boxes)


def _loaded(data: Data, file: Path) -> LoadedSpec:
    return loads(json.dumps(data, ensure_ascii=False, indent=1), str(file))  # JSON is YAML


def flow_lines(data: Data, panel: str) -> list[tuple[str, str]]:
    return list(flow_edges(Panel.model_validate(data["panels"][panel])))


def table(found: Sequence[Judged], key: str) -> str:
    """Return how many were noticed, in Markdown, by operator or by spec."""
    rows: dict[str, list[Judged]] = defaultdict(list)
    for judged in found:
        rows[judged.mutation.operator if key == "operator" else judged.spec].append(judged)
    rows["**all**"] = list(found)
    head = f"| {key} | changed | noticed | of them refused | the first names the mark | by one | equivalent |"
    return "\n".join(
        [head, "|---|--:|--:|--:|--:|--:|--:|", *(_row(name, each) for name, each in rows.items())]
    )


def _row(name: str, each: Sequence[Judged]) -> str:
    def count(*verdicts: str) -> int:
        return sum(judged.verdict in verdicts for judged in each)

    named = sum(judged.named and judged.verdict == "noticed" for judged in each)
    noticed = count("noticed", "refused")
    single = sum(judged.verdict == "noticed" and len(judged.told) == 1 for judged in each)
    cells: list[Any] = [name, len(each), noticed, count("refused"), named, single, count("equivalent")]
    return f"| {' | '.join(map(str, cells))} |"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("specs", nargs="*", type=Path, help="specs; those that ship unless given")
    parser.add_argument("--only", default="", help="a pattern in the operator's name")
    parser.add_argument("--list", action="store_true", help="list the changed specs that conform")
    parser.add_argument("--unnamed", action="store_true", help="list those whose first finding is elsewhere")
    parser.add_argument("--several", action="store_true", help="list those with more than one finding")
    parser.add_argument("--claims", action="store_true", help="the changes of single claims instead")
    parser.add_argument("--figure", action="store_true", help="the changes of what the hand draws instead")
    parser.add_argument("--wide", type=int, default=0, help="so many of a spec's further changes instead")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    maker = claim_mutations if chosen.claims else figure_mutations if chosen.figure else mutations
    found = [
        judged for file in chosen.specs or SHIPPED for judged in judge(file, chosen.only, chosen.wide, maker)
    ]
    print(table(found, "operator"), table(found, "spec"), sep="\n\n")
    for judged in found:
        place = f"{judged.spec}: {judged.mutation.operator}, {judged.mutation.panel}, {judged.mutation.what}"
        if chosen.list and judged.verdict == "conforms":
            print(f"conforms: {place}")
        if chosen.unnamed and judged.verdict == "noticed" and not judged.named:
            print(f"elsewhere: {place}\n    {'; '.join(judged.told)[:300]}")
        if chosen.several and judged.verdict == "noticed" and len(judged.told) > 1:
            print(f"several: {place}", *judged.told, sep="\n    ")
    return int(any(judged.verdict == "conforms" for judged in found))


if __name__ == "__main__":
    sys.exit(main())
