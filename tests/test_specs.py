"""The specs that ship: the truthful ones conform, and those as published differ where their figures did."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from archcheck.findings import Report
from archcheck.source_location import Location
from tests.in_process import verify_once

REPOSITORY = Path(__file__).parent.parent

Told = tuple[str, str, str, str, str]


@cache
def check(name: str) -> Report:
    return verify_once(REPOSITORY / "specs" / f"{name}.yaml")


def told(report: Report) -> list[Told]:
    """Code, place, the line of the spec, the line of the model, and what is said of each finding."""
    assert report.problems == ()
    return [
        (
            finding.code,
            f"{finding.panel}.{finding.edge}",
            line(finding.spec),
            line(finding.location),
            finding.message,
        )
        for finding in report.findings
    ]


def line(location: Location | None) -> str:
    assert location is not None
    return (REPOSITORY / location.file).read_text().splitlines()[location.line - 1].strip()


@pytest.mark.parametrize("name", ["minimind", "minimind-moe", "as_published/dense-2025-04"])
def test_conforms(name: str) -> None:
    report = check(name)
    assert told(report) == []
    solid = [proof.edge for proof in report.proofs if proof.panel == "layer" and proof.edge]
    assert (report.status, len(solid)) == ("conforms", 2)
    assert {proof.count for proof in report.proofs if proof.edge} == {8}


def test_the_figure_before_issue_304_draws_two_inner_residuals_that_the_layer_implements() -> None:
    report = check("as_published/dense-2025-02")
    assert told(report) == [
        (
            "RES006",
            "gqa.norm..out",
            "- {around: [norm, out], line: solid}",
            "h = x + attended",
            "the residual around RMSNorm … Linear is implemented in layers.* (MiniMindBlock), not in (a) GQA",
        ),
        (
            "RES006",
            "ffn.norm..dropout",
            "- {around: [norm, dropout], line: solid}",
            "out = h + self.feed_forward(self.ffn_norm(h))",
            "the residual around RMSNorm … Dropout is implemented in layers.* (MiniMindBlock), "
            "not in (b) FFN",
        ),
    ]
    assert [finding.traced for finding in report.findings] == [
        f"layers.* (MiniMindBlock) computes the sum; draw it dashed with realized_by: layer.{box}"
        for box in ("gqa", "ffn")
    ]
    assert all(finding.layers == tuple(range(8)) for finding in report.findings)


def test_the_figure_of_march_2026_draws_a_dropout_that_is_gone() -> None:
    assert told(check("as_published/dense-2026-03")) == [
        (
            "BOX001",
            "ffn.dropout",
            "dropout: {label: Dropout, module: mlp.dropout, role: dropout}",
            "def forward(self, x: Tensor) -> Tensor:",
            "Dropout is drawn, but the model has no module mlp.dropout",
        )
    ]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("as_published/moe-2025-02", "y = y + self.shared_experts(x)"),
        ("as_published/moe-2026-04", "y.index_add_(0, rows, (expert(tokens[rows]) * weights[mask]"),
    ],
)
def test_the_figures_of_the_moe_block_draw_a_shortcut_that_is_not_there(name: str, code: str) -> None:
    report = check(name)
    _, (rule, edge, spec, model, message) = told(report)
    assert (rule, edge, spec, message) == (
        "RES001",
        "moe.input->sum",
        "- from: input",
        "there is no residual connection from the input to ⊕",
    )
    assert model.startswith(code)
    assert report.findings[1].layers == tuple(range(8))


@pytest.mark.parametrize(
    ("name", "line", "expert", "code"),
    [
        (
            "as_published/moe-2025-02",
            "weight_y->routed_y",
            "Routed Expert Y",
            "out.mul_(weights.view(-1, 1)[order[pairs]])",
        ),
        (
            "as_published/moe-2026-04",
            "weight_m->expert_n",
            "E-N",
            "y.index_add_(0, rows, (expert(tokens[rows]) * weights[mask]",
        ),
    ],
)
def test_the_figures_of_the_moe_block_weigh_before_the_expert_what_the_code_weighs_after_it(
    name: str, line: str, expert: str, code: str
) -> None:
    (rule, edge, _, model, message), _ = told(check(name))
    assert (rule, edge) == ("BOX003", f"moe.{line}")
    assert message.endswith(f"is drawn before {expert}, but runs after it")
    assert model.startswith(code)


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=path.stem, marks=[pytest.mark.slow] * (path.stem == "resnet50"))
        for path in sorted((REPOSITORY / "docs" / "gallery").glob("*.yaml"))
    ],
)
def test_the_gallery_conforms(path: Path) -> None:
    assert told(verify_once(path)) == []
