"""Labels: what is lowered and raised, where lines break, what is left out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archcheck.diagram.dot import quote
from archcheck.diagram.labels import MAX_LINES, TextRun, clean, is_cut, lines_of, plain, shown, width_of
from archcheck.diagram.layout.measuring import chip_lines
from archcheck.diagram.mermaid import escaped
from archcheck.diagram.theme import THEMES
from archcheck.spec.model import ResidualEdge


@pytest.mark.parametrize(
    ("label", "runs"),
    [
        ("W_q", [("W", 0), ("q", -1)]),
        ("x_{t-1}", [("x", 0), ("t-1", -1)]),
        ("d_{model}", [("d", 0), ("model", -1)]),
        ("x^{2} + 1", [("x", 0), ("2", 1), (" + 1", 0)]),
        ("$x_t^2$", [("x", 0), ("t", -1), ("2", 1)]),
        ("o_proj", [("o_proj", 0)]),
        ("k_norm_2", [("k_norm_2", 0)]),
        ("_x", [("_x", 0)]),
        ("c_attn", [("c_attn", 0)]),
        ("W_q_proj", [("W_q_proj", 0)]),
        ("x^2", [("x", 0), ("2", 1)]),
        ("(a + b)^2", [("(a + b)", 0), ("2", 1)]),
        ("10^-6", [("10", 0), ("-6", 1)]),
        ("QK^T", [("QK", 0), ("T", 1)]),
        ("x^{1/2}", [("x", 0), ("1/2", 1)]),
        ("a ^ b", [("a ^ b", 0)]),
        ("x^abc", [("x^abc", 0)]),
        (r"\alpha x", [("α x", 0)]),
        (r"\alpha_{i}", [("α", 0), ("i", -1)]),
        (r"$\beta_1$", [("β", 0), ("1", -1)]),
        (r"C:\alphabet", [(r"C:\alphabet", 0)]),
    ],
)
def test_mathematics_in_a_label(label: str, runs: list[tuple[str, int]]) -> None:
    (line,) = lines_of(label, 13, 1000)
    merged: list[tuple[str, int]] = []
    for run in line:
        if merged and merged[-1][1] == run.shift:
            merged[-1] = (merged[-1][0] + run.text, run.shift)
        else:
            merged.append((run.text, run.shift))
    assert merged == runs


def test_lines_break_between_words_and_are_even() -> None:
    lines = [shown(line) for line in lines_of("Multi-head self attention over everything", 13, 140)]
    assert lines == ["Multi-head self", "attention over", "everything"]


def test_ideographs_break_anywhere_and_a_newline_breaks_a_line() -> None:
    lines = [shown(line) for line in lines_of("多头注意力机制与前馈网络", 13, 90)]
    assert len(lines) == 2
    assert "".join(lines) == "多头注意力机制与前馈网络"
    assert [shown(line) for line in lines_of("one\ntwo", 13, 90)] == ["one", "two"]


def test_a_label_without_end_ends_in_an_ellipsis() -> None:
    lines = lines_of("x" * 10_000, 13, 140, MAX_LINES)
    assert len(lines) == MAX_LINES
    assert shown(lines[-1]).endswith("…")
    assert is_cut(lines, "x" * 10_000)
    assert not is_cut(lines_of("and so on …", 13, 140, MAX_LINES), "and so on …")


@given(st.text(max_size=300), st.floats(60, 200))
def test_no_line_is_wider_than_the_measure(label: str, measure: float) -> None:
    for line in lines_of(label, 13, measure):
        assert width_of(line, 13) <= measure * 1.01


def test_control_signs_and_direction_marks_are_left_out() -> None:
    assert clean("a\x1b[31mb\x00\u202ec\u2066d\r\ne\tf\ufeff\ud800") == "a[31mbcd\ne f"
    assert plain("a\n  b " + "x" * 500, 10) == "a b xxxxx…"


def test_width_counts_raised_text_smaller_and_wide_signs_whole() -> None:
    assert width_of((TextRun("M", -1),), 10) < width_of((TextRun("M"),), 10)
    assert width_of((TextRun("中"),), 10) >= 10
    assert width_of((TextRun("e\u0301"),), 10) == width_of((TextRun("e"),), 10)


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("plain", '"plain"'),
        ('a"b', r'"a\"b"'),
        ("\\N", r'"\\N"'),
        ("a\nb", r'"a\nb"'),
        ("&lt;", '"&amp;lt;"'),
        ("<b>", '"<b>"'),
    ],
)
def test_dot_strings_are_quoted_in_one_place(text: str, quoted: str) -> None:
    assert quote(text) == quoted


def test_mermaid_text_is_written_in_entities() -> None:
    assert escaped('a"]<b>;end %%注') == "a#34;#93;#60;b#62;#59;end #37;#37;注"


@pytest.mark.parametrize(
    ("text", "ems"),
    [
        ("Щ", 1.34),
        ("ю", 1.03),
        ("α", 0.77),
        ("Ω", 0.9),
        ("i", 0.38),
        ("é", 0.68),
        ("注", 1.02),
        ("e\u0301", 0.68),
    ],
)
def test_signs_are_as_wide_as_in_a_bold_font(text: str, ems: float) -> None:
    assert width_of((TextRun(text),), 1.0) == pytest.approx(ems, abs=0.02)


@pytest.mark.parametrize(
    ("edge", "shown"),
    [
        ({"kind": "scaled"}, "× α"),
        ({"kind": "scaled", "factor_on": "branch"}, "x + α · f(x)"),
        ({"kind": "scaled", "factor": 0.2, "factor_on": "skip"}, "0.2 · x + f(x)"),
        ({"factor": "1/sqrt(2)", "factor_on": "both"}, "1/sqrt(2) · (x + f(x))"),
        ({"kind": "scaled", "factor_on": "branch", "label": "γ"}, "γ"),
        ({"kind": "projection"}, "proj"),
        ({}, ""),
    ],
)
def test_a_residual_edge_says_on_which_side_its_factor_is(edge: dict[str, Any], shown: str) -> None:
    lines = chip_lines(ResidualEdge.model_validate({"around": "f", **edge}), THEMES["paper"])
    assert " ".join("".join(run.text for run in line) for line in lines) == shown
