"""Rewrite each residual of the reference and gallery models, and ask archcheck about it.

A mutant that changes what a sum computes must be noticed, one that does not must conform. Each is run first
and compared with the model as it is, on generic weights in float64: one that does not do what its operator
claims does not count.

    python -m benchmarks.code_mutants [--only NAME] [--sample N] [--seed S] [--prove] [--list]

With `--prove` each residual is put to the proof too: a mutant that changes nothing must not be refuted.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import tempfile
import textwrap
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import torch
from torch import nn

from archcheck import verify
from archcheck.spec import LoadedSpec, load
from benchmarks.mutation.operators import OPAQUE, OPERATORS, Operator
from benchmarks.mutation.sites import SITES, Site

REPOSITORY = Path(__file__).resolve().parent.parent


class Outcome(NamedTuple):
    """The outcome of one mutant.

    `verdict` is "noticed", "conforms", "opaque", "refuted" (with `--prove`), or why it does not count.
    """

    site: Site
    operator: Operator
    verdict: str
    told: str

    @property
    def counts(self) -> bool:
        return self.verdict in ("noticed", "conforms", "opaque", "refuted")

    @property
    def is_right(self) -> bool:
        """Whether the verdict is what the operator deserves."""
        if self.operator.changes:
            return self.verdict in ("noticed", "opaque", "refuted")
        return self.verdict == "conforms" or (self.verdict == "opaque" and self.operator.name in OPAQUE)


def pairs(only: str = "") -> list[tuple[Site, Operator]]:
    """Return every operator at every site that it fits.

    `only` is part of the operator's, owner's or spec's name.
    """
    return [
        (site, operator)
        for site in SITES
        for operator in OPERATORS
        if ("BRANCH(" not in operator.snippet or "{}" in site.branch)
        and re.search(only, f"{operator.name} {site.owner} {site.spec}")
    ]


def outcomes(chosen: Sequence[tuple[Site, Operator]], prove: bool = False) -> Iterator[Outcome]:
    """Judge mutants one after the other."""
    with tempfile.TemporaryDirectory() as folder:
        for number, (site, operator) in enumerate(chosen):
            file = Path(folder) / f"mutant_{number}.py"
            file.write_text(rewritten((REPOSITORY / site.source).read_text(), site, operator.snippet))
            try:
                yield _judged(site, operator, _imported(file), prove)
            except Exception as error:  # the mutant's own fault: it can't be imported or run
                yield Outcome(site, operator, "does not run", f"{type(error).__name__}: {error}")
            finally:
                sys.modules.pop(file.stem, None)


def rewritten(source: str, site: Site, snippet: str) -> str:
    """Return the module's text with the snippet in the place of the site's sum."""
    begin = source.index(f"class {site.owner}(")
    at = source.index(site.text, begin)
    line = source.rfind("\n", 0, at) + 1
    body, _, definitions = snippet.partition("\n---\n")
    if "BRANCH(" not in body:
        body = f"b = {site.branch.format('s')}\n{body}"
    body = f"s = {site.skip}\n{_with_branch(body, site.branch)}\n{site.rest.format('y')}"
    code = textwrap.indent(body, source[line:at]).lstrip()
    return f"{source[:at]}{code}{source[at + len(site.text) :]}\n\n{definitions}\n"


def _with_branch(text: str, branch: str) -> str:
    """`text` with the branch's own code for `BRANCH(…)`, innermost first."""
    while (match := re.search(r"BRANCH\(((?:[^()]|\([^()]*\))*)\)", text)) is not None:
        text = text[: match.start()] + f"({branch.format(match[1])})" + text[match.end() :]
    return text


def _judged(site: Site, operator: Operator, module: ModuleType, prove: bool) -> Outcome:
    changed = _differs(site, module)
    if changed is not operator.changes:
        return Outcome(site, operator, "changes nothing" if operator.changes else "changes the output", "")
    report = verify(_spec(site.spec), _model(site, module), prove=prove)
    told = [f"{finding.code} {finding.message}" for finding in report.findings]
    told += [f"{problem.code} {problem.message}" for problem in report.problems]
    if any(problem.code == "TRC003" for problem in report.problems):
        return Outcome(site, operator, "refuted", "; ".join(told))
    verdict = {"conforms": "conforms", "differs": "noticed", "error": "opaque"}[report.status.value]
    return Outcome(site, operator, verdict, "; ".join(told))


def _differs(site: Site, module: ModuleType) -> bool:
    """Return whether the mutant's output differs from the model's, beyond rounding in float64."""
    expected = _original_output(site)
    output = _output(site, module)
    return output.shape != expected.shape or not torch.allclose(output, expected, rtol=1e-8, atol=1e-10)


@lru_cache
def _original_output(site: Site) -> torch.Tensor:
    return _output(site, _imported(REPOSITORY / site.source))


def _output(site: Site, module: ModuleType) -> torch.Tensor:
    """Return what the model computes from generic weights and inputs."""
    model = _model(site, module).double()
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
        inputs = [_input(value) for value in _spec(site.spec).spec.model.inputs.values()]
        output = model(*inputs)
    first: torch.Tensor = output[0] if isinstance(output, tuple) else output
    return first


def _input(value: dict[str, Any]) -> torch.Tensor:
    if value.get("high"):
        return torch.randint(int(value["high"]), tuple(value["shape"]))
    return torch.randn(*value["shape"], dtype=torch.float64)


def _model(site: Site, module: ModuleType) -> nn.Module:
    section = _spec(site.spec).spec.model
    torch.manual_seed(0)
    model: nn.Module = getattr(module, section.target.partition(":")[2])(**section.arguments)
    return model.eval()


@lru_cache
def _spec(name: str) -> LoadedSpec:
    return load(REPOSITORY / name)


def _imported(file: Path) -> ModuleType:
    spec = spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[file.stem] = module
    spec.loader.exec_module(module)
    return module


def table(found: Sequence[Outcome]) -> str:
    """Mutants and right verdicts by operator, in Markdown."""
    lines = []
    for changes, title, right in (
        (True, "changes the sum", "noticed"),
        (False, "changes nothing", "conform"),
    ):
        by_operator: dict[str, list[Outcome]] = defaultdict(list)
        for outcome in found:
            if outcome.operator.changes is changes and outcome.counts:
                by_operator[outcome.operator.name].append(outcome)
        rows = [
            (name, len(each), sum(one.is_right for one in each), sum(one.verdict == "opaque" for one in each))
            for name, each in by_operator.items()
        ]
        rows.append(("**all**", *(sum(row[index] for row in rows) for index in (1, 2, 3))))
        lines += [f"| {title} | mutants | {right} | of them could not tell |", "|---|--:|--:|--:|"]
        lines += [f"| {name} | {count} | {good} | {opaque} |" for name, count, good, opaque in rows]
        lines.append("")
    lost = Counter(outcome.verdict for outcome in found if not outcome.counts)
    lines += [f"Not counted: {count} ({reason})" for reason, count in sorted(lost.items())]
    return "\n".join(lines)


def survivors(found: Sequence[Outcome]) -> str:
    """Mutants by operator: the snippet, where it stood, and what was told of the first."""
    lines = []
    by_operator: dict[Operator, list[Outcome]] = defaultdict(list)
    for outcome in found:
        by_operator[outcome.operator].append(outcome)
    for operator, each in by_operator.items():
        owed = "to be noticed" if operator.changes else "to conform"
        lines += ["", f"{operator.name} ({owed}): {len(each)}", textwrap.indent(operator.snippet, "    ")]
        lines += [f"  {outcome.verdict} at {outcome.site.name}" for outcome in each]
        lines += [f"  {each[0].told[:400]}"] if each[0].told else []
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default="", help="a pattern in the operator's, class's or spec's name")
    parser.add_argument("--sample", type=int, default=0, help="judge so many, drawn by the seed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--prove", action="store_true", help="put each residual to the proof")
    parser.add_argument("--list", action="store_true", help="list the mutants that were misjudged")
    parser.add_argument("--lost", action="store_true", help="list the mutants that do not count")
    chosen = parser.parse_args()
    mutants = pairs(chosen.only)
    if chosen.sample:
        mutants = random.Random(chosen.seed).sample(mutants, min(chosen.sample, len(mutants)))
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    found = list(outcomes(mutants, chosen.prove))
    print(table(found))
    if chosen.list:
        print(survivors([outcome for outcome in found if outcome.counts and not outcome.is_right]))
    if chosen.lost:
        print(survivors([outcome for outcome in found if not outcome.counts]))
    return int(any(outcome.counts and not outcome.is_right for outcome in found))


if __name__ == "__main__":
    sys.exit(main())
