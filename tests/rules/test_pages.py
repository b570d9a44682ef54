"""The pages of the codes: complete, with examples that are well formed, and listed in docs/rules."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path
from typing import get_args

import pytest
from ruamel.yaml import YAML

from archcheck.rules.codes import RuleCode
from archcheck.rules.pages import Page, explain, index, pages
from archcheck.spec.model import Box, ResidualEdge

ROOT = Path(__file__).parents[2]
CODE = re.compile(r"\b(?:RES|BOX|FLOW|MARK|DIA|SPEC|TGT|TRC|CFG|BAS|HIS|CLI)\d{3}\b")


def test_the_parts_of_a_page() -> None:
    page = pages()["RES005"]
    assert (page.code, page.title) == ("RES005", "the residual joins the branch in the wrong place")
    assert list(page.sections) == ["Bad", "Good", "How to fix it", "Where it comes from"]
    assert page.explanation.startswith("The skip path starts where the diagram says")
    assert page.fix == (
        "Move the add to where it is drawn, or end the drawn edge at the box that the finding names."
    )
    assert page.text == (ROOT / "archcheck" / "rules" / "RES005.md").read_text(encoding="utf-8")


def test_every_code_that_is_reported_has_a_page_and_every_page_a_code_that_is_reported() -> None:
    literal = re.compile(f'"({CODE.pattern})"')
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "archcheck").rglob("*.py")]
    assert {code for source in sources for code in literal.findall(source)} == set(pages())


def test_every_code_is_tested() -> None:
    tests = (
        path.read_text(encoding="utf-8")
        for path in (ROOT / "tests").rglob("*")
        if path.suffix in {".py", ".txt"}
    )
    tested = {code for text in tests for code in CODE.findall(text)}
    assert set(pages()) - tested == set()


def test_the_pages_are_listed_in_the_docs() -> None:
    on_disk = (ROOT / "docs" / "rules" / "README.md").read_text(encoding="utf-8")
    assert on_disk == index(), "run: python -m archcheck.rules.pages"


def test_what_is_no_python_in_the_package_is_in_the_wheel_too() -> None:
    setup = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    package = ROOT / "archcheck"
    packed = {path for pattern in setup["package-data"]["archcheck"] for path in package.glob(pattern)}
    data = {path for path in package.rglob("*") if path.is_file() and path.suffix not in {".py", ".pyc"}}
    assert len(data) > len(pages())
    assert data == packed


def test_explain_prints_the_page() -> None:
    assert (
        explain(" tgt004 ")
        == """\
# TGT004: the module has no such name

The file or module was imported, but does not define the name after the colon.
"""
    )


def test_explain_lists_the_codes_of_a_prefix() -> None:
    assert (
        explain("his")
        == """\
# HIS: revisions and saved reports

HIS001: a revision or a history can't be read
HIS002: a saved report can't be read
"""
    )


@pytest.mark.parametrize(("wrong", "near"), [("res0o6", "RES006"), ("res1", "RES001"), ("RES0012", "RES012")])
def test_an_unknown_code_names_the_nearest(wrong: str, near: str) -> None:
    with pytest.raises(LookupError, match=rf"^There is no code '{wrong.upper()}': did you mean {near}\?$"):
        explain(wrong)


@pytest.mark.parametrize("wrong", ["nope", "xyz999", "", "9"])
def test_an_unknown_code_like_no_other_names_the_prefixes(wrong: str) -> None:
    with pytest.raises(
        LookupError, match=r"\. Codes begin with RES, BOX, .*, CLI; `archcheck explain RES` lists"
    ):
        explain(wrong)


@pytest.mark.parametrize("page", pages().values(), ids=lambda page: page.code)
def test_every_page_is_complete_with_examples_that_parse(page: Page) -> None:
    assert page.title
    assert not page.title.endswith(".")
    assert page.explanation.endswith((".", ".)"))
    assert max(len(line) for line in page.text.splitlines()) <= 110
    if page.code not in get_args(RuleCode):
        assert page.sections == {}
        return
    assert list(page.sections) == ["Bad", "Good", "How to fix it", "Where it comes from"]
    assert all(page.sections.values())
    bad, good = page.sections["Bad"], page.sections["Good"]
    assert bad != good
    blocks = re.findall(r"```(\w+)\n(.*?)```", bad + good, re.DOTALL)
    assert len(blocks) >= 2
    for language, text in blocks:
        if language == "python":
            ast.parse(text)
        elif language == "yaml":
            check_fragment(YAML(typ="safe").load(text))


def check_fragment(panel: dict[str, object]) -> None:
    """Boxes and residuals of a panel's fragment are as the spec format wants them."""
    boxes, residuals = panel.get("boxes", {}), panel.get("residuals", [])
    assert set(panel) <= {"boxes", "flow", "residuals"}
    assert isinstance(boxes, dict)
    assert isinstance(residuals, list)
    for box in boxes.values():
        Box.model_validate(box)
    for edge in residuals:
        ResidualEdge.model_validate(edge)
