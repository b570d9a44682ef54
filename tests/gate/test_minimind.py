"""What the gate says of changes of MiniMind: red with the right line in every format, or green."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from junitparser import JUnitXml

from archcheck.cli.options import Format
from tests.gate.repository import MODEL, SPEC, bash, make

IN_PLACE = "        hidden_states += residual  # in place, on the tensor that attention returned\n"
ATTENTION = "hidden_states, present = self.self_attn("
# name: (what is replaced, by what, the rule's code, the line that has this text)
RED: dict[str, tuple[str, str, str, str]] = {
    "a residual is removed": (IN_PLACE, "", "RES001", ATTENTION),
    "a residual is added inside of GQA": (
        "return self.resid_dropout(self.o_proj(y)), present",
        "return x + self.resid_dropout(self.o_proj(y)), present",
        "RES002",
        "return x + self.resid_dropout",
    ),
    "the norm moves before the residual's source": (
        "        residual = hidden_states\n        normed = self.input_layernorm(hidden_states)\n",
        "        normed = self.input_layernorm(hidden_states)\n        residual = normed\n",
        "RES004",
        "hidden_states += residual",
    ),
    "the sum is dropped": (
        IN_PLACE,
        IN_PLACE.replace("+= residual", ".add(residual)").replace("s .add", "s.add"),
        "RES001",
        ATTENTION,
    ),
}
REFORMATTED = (
    "            normed, position_embeddings, past_key_value, use_cache, attention_mask\n",
    "            normed,\n            position_embeddings,\n            past_key_value=past_key_value,\n"
    "            use_cache=use_cache,\n            attention_mask=attention_mask,\n",
)


def verify(repository: Path, old: str, new: str) -> tuple[int, dict[str, str]]:
    """Exit code, and the report in every format."""
    model = repository / MODEL
    text = model.read_text()
    assert text.count(old) == 1
    model.write_text(text.replace(old, new))
    formats = " ".join(f"--format {format}=../{format}.out" for format in Format)
    result = bash(f"archcheck verify {formats}", repository / "specs")  # from anywhere in the repository
    assert result.stdout == ""
    reports = {format: (repository / f"{format}.out").read_text(encoding="utf-8") for format in Format}
    return result.returncode, reports


def found_in(reports: dict[str, str]) -> dict[str, set[tuple[str, str, int]]]:
    """Of each format that programs read, the findings as (code, file, line)."""
    sarif: list[Any] = json.loads(reports["sarif"])["runs"][0]["results"]
    places = [each["locations"][0]["physicalLocation"] for each in sarif]
    lines = [line for line in reports["github"].splitlines() if line.startswith("::error ")]
    properties = [dict(part.split("=") for part in line[8:].split("::")[0].split(",")) for line in lines]
    (suite,) = JUnitXml.fromstring(reports["junit"].encode())
    failed = [case for case in suite if any(each._tag == "failure" for each in case.result)]
    return {
        "json": {
            (each["code"], each["location"]["file"], each["location"]["line"])
            for each in json.loads(reports["json"])["specs"][0]["findings"]
        },
        "sarif": {
            (each["ruleId"], where["artifactLocation"]["uri"], where["region"]["startLine"])
            for each, where in zip(sarif, places, strict=True)
        },
        "gitlab": {
            (each["check_name"], each["location"]["path"], each["location"]["lines"]["begin"])
            for each in json.loads(reports["gitlab"])
        },
        "github": {(each["title"], each["file"], int(each["line"])) for each in properties},
        "junit": {
            (case.result[0].type, case._elem.get("file"), int(case._elem.get("line"))) for case in failed
        },
    }


@pytest.mark.slow
@pytest.mark.parametrize("change", RED)
def test_red_at_the_right_line_in_every_format(change: str, tmp_path: Path) -> None:
    old, new, code, marker = RED[change]
    repository = make(tmp_path / "repository")
    exit_code, reports = verify(repository, old, new)
    line = (repository / MODEL).read_text().partition(marker)[0].count("\n") + 1
    assert exit_code == 1
    for format, findings in found_in(reports).items():
        assert (code, MODEL, line) in findings, format
    assert f"{MODEL}:{line}\n" in reports["text"]
    assert f"{code} " in reports["text"]
    assert f"| {code} |" in reports["markdown"]
    assert f"<code>reference&#95;models/minimind.py&#58;{line}</code>" in reports["markdown"]


@pytest.mark.slow
def test_reformatting_is_green(tmp_path: Path) -> None:
    repository = make(tmp_path / "repository")
    exit_code, reports = verify(repository, *REFORMATTED)
    assert exit_code == 0
    assert reports["text"].startswith(f"✓ {SPEC} conforms: 79 of 79 marks proved")
    assert not any(found_in(reports).values())
