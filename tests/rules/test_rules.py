"""The rules: complete, explained, and the same in docs/rules."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from archcheck.rules.catalogue import FAMILIES, RULES, Rule, explain, pages, rule
from archcheck.spec.model import Box, ResidualEdge

DOCS = Path(__file__).parents[2] / "docs" / "rules"


def test_the_codes() -> None:
    expected = [f"RES{n:03}" for n in range(1, 13)] + [f"BOX{n:03}" for n in range(1, 9)]
    expected += ["FLOW001", "FLOW002", "MARK001", "DIA001", "BAS002"]
    assert [rule.code for rule in RULES] == expected
    assert {re.sub(r"\d", "", rule.code) for rule in RULES} <= {prefix for prefix, _ in FAMILIES}


def test_a_rule_by_its_code() -> None:
    found = rule("RES006")
    assert found is not None
    assert found.title == "the residual is implemented at another level"
    assert rule("SPEC001") is None


def test_the_pages_on_disk_are_those_of_the_rules() -> None:
    on_disk = {path.name: path.read_text(encoding="utf-8") for path in DOCS.iterdir()}
    assert on_disk == pages(), "run: python -m archcheck.rules.catalogue"


def test_explain_prints_the_page() -> None:
    text = explain(" dia001 ")
    assert text == pages()["DIA001.md"]
    assert (
        text
        == """\
# DIA001: the picture on disk is out of date

`archcheck render SPEC -o FILE --check` compares the picture with what it would draw now, and they
differ in meaning: a box, an edge, a line style or a text. Fonts and library versions are not
compared.

## Bad

```console
$ git diff --name-only
specs/minimind.yaml
```

## Good

```console
$ archcheck render specs/minimind.yaml -o docs/minimind.svg
$ git diff --name-only
docs/minimind.svg
specs/minimind.yaml
```

## How to fix it

Run `archcheck render SPEC -o FILE` and commit the picture together with the spec.

## Where it comes from

A picture is as true as its last export, and the one in the README is the one that people read.
"""
    )


def test_explain_takes_codes_that_are_no_rules() -> None:
    extra = [("SPEC001", "not YAML", "The file is no YAML 1.2, " + "and no " * 13 + "other.")]
    assert (
        explain("spec001", extra)
        == """\
# SPEC001: not YAML

The file is no YAML 1.2, and no and no and no and no and no and no and no and no and no and no and
no and no and no other.
"""
    )


def test_an_unknown_code_names_the_nearest_or_all() -> None:
    with pytest.raises(LookupError, match=r"There is no code 'RES0O6': did you mean RES006\?"):
        explain("res0o6")
    with pytest.raises(LookupError, match=r"There is no code 'NOPE': The codes are BAS002, .*, RES012\."):
        explain("nope")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_every_rule_is_explained_with_examples_that_parse(rule: Rule) -> None:
    assert all((rule.title, rule.explanation.strip(), rule.fix.strip(), rule.origin.strip()))
    assert not rule.title.endswith(".")
    assert rule.bad != rule.good
    blocks = re.findall(r"```(\w+)\n(.*?)```", rule.bad + rule.good, re.DOTALL)
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
