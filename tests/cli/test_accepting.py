"""Living with findings: comments, options, a baseline and the configuration, as a user meets them."""

from __future__ import annotations

import html
import json
from pathlib import Path

import pytest

from archcheck.cli.options import Format
from tests.cli.test_cli import MODEL, SPEC, complaint, folder, run, written

__all__ = ["folder"]  # the fixture: model.py, good.yaml, bad.yaml and broken.yaml in the current folder

FOUND = (
    "RES004 the residual around Norm … Linear has the wrong source: it is taken after Norm (all 2 layers): {}"
)
ACCEPTED = """\
✓ bad.yaml conforms: 5 of 6 marks proved, 1 accepted, 1 finding accepted
  A small model, model.py:Net

  accepted
    {}

  proved
    layer: the boxes in 2 layers

  remarks
    on the CPU with 176 parameters
"""


def accepted(why: str) -> tuple[int, str]:
    return 0, ACCEPTED.format(FOUND.format(why))


def commented_spec(folder: Path) -> None:
    (folder / "bad.yaml").write_text(SPEC.rstrip() + "  # archcheck: ignore[RES004] as the paper draws it\n")


def test_a_comment_in_the_spec(folder: Path) -> None:
    commented_spec(folder)
    assert written("verify", "bad.yaml") == accepted("as the paper draws it (comment, bad.yaml:14)")


def test_a_comment_in_the_model(folder: Path) -> None:
    line = "        return x + self.mlp(x)"
    assert line in MODEL
    (folder / "model.py").write_text(MODEL.replace(line, f"{line}  # archcheck: ignore[RES004] on purpose"))
    assert written("verify", "bad.yaml") == accepted("on purpose (comment, model.py:22)")


def test_options() -> None:
    ignored = accepted("ignored by option or configuration (option)")
    assert written("verify", "bad.yaml", "--ignore", "RES") == ignored
    other = accepted("not selected by option or configuration (option)")
    assert written("verify", "bad.yaml", "--select", "BOX") == other
    assert run("verify", "bad.yaml", "--select", "RES004").exit_code == 1
    assert complaint("verify", "bad.yaml", "--select", "REZ") == (
        "archcheck: CLI001 No code begins with 'REZ'. Write a code or a prefix, such as RES002 or RES.\n"
    )


def test_a_baseline(folder: Path) -> None:
    assert written("verify", "bad.yaml", "--write-baseline", "known.json") == accepted(
        "no reason given (baseline)"
    )
    assert written("verify", "bad.yaml", "--baseline", "known.json") == accepted("no reason given (baseline)")
    (folder / "bad.yaml").write_text((folder / "good.yaml").read_text())
    stale = (
        "the baseline accepts a finding that is gone: RES004 the residual around Norm … Linear has "
        "the wrong source: it is taken after Norm"
    )
    result = written("verify", "bad.yaml", "-q", "--baseline", "known.json")
    assert result == (1, f"known.json:5: BAS002 {stale}\n")
    formats = [f"--format={format}={format}.out" for format in Format]
    assert written("verify", "bad.yaml", *formats, "--baseline", "known.json") == (1, "")
    for format in Format:  # a baseline that only grows would be seen by nobody
        text = (folder / f"{format}.out").read_text(encoding="utf-8")
        assert "BAS002" in text, format
        assert stale in html.unescape(text).replace(r"\u2026", "…"), format
    assert run("verify", "bad.yaml", "-q", "--write-baseline", "known.json").exit_code == 0
    assert json.loads((folder / "known.json").read_text()) == {"version": 1, "findings": []}


def test_a_baseline_that_can_not_be_read_or_written(folder: Path) -> None:
    assert complaint("verify", "bad.yaml", "--baseline", "none.json") == (
        "archcheck: none.json: BAS001 the baseline can't be used: No such file or directory. "
        "Write it with archcheck verify --write-baseline FILE.\n"
    )
    assert complaint("verify", "bad.yaml", "--write-baseline", "bad.yaml") == (
        "archcheck: bad.yaml: this is an input of the run; choose another file, or add --force\n"
    )
    result = run("verify", "bad.yaml", "broken.yaml", "-q", "--write-baseline", "known.json")
    assert (result.exit_code, (folder / "known.json").exists()) == (2, False)


def test_the_configuration(folder: Path) -> None:
    (folder / "pyproject.toml").write_text('[tool.archcheck]\nspecs = "bad.y*"\nignore = ["RES004"]\n')
    assert written("verify") == accepted("ignored by option or configuration (option)")
    assert run("verify", "--ignore", "BOX").exit_code == 1  # the option wins


def test_no_spec_is_found(folder: Path) -> None:
    (folder / ".git").mkdir()
    assert complaint("verify") == (
        f"archcheck: CFG002 no spec in {folder.name} matches specs/*.yaml, specs/*.yml. "
        "Name the specs, or set `specs` to their patterns in archcheck.toml or [tool.archcheck].\n"
    )


WHY = FOUND.format("as the paper draws it (comment, bad.yaml:14)")


@pytest.mark.parametrize(
    ("format", "line"),
    [
        ("github", f"::notice file=model.py,line=22,title=archcheck accepted::{WHY}"),
        ("markdown", f"- {WHY.replace(':', '&#58;')}"),
        ("junit", f'<skipped message="{WHY}" />'),
        ("sarif", '"justification": "as the paper draws it"'),
        ("json", '"reason": "as the paper draws it",'),
    ],
)
def test_every_format_shows_what_was_accepted(folder: Path, format: str, line: str) -> None:
    commented_spec(folder)
    code, text = written("verify", "bad.yaml", "-f", format)
    assert (code, [each.strip() for each in text.splitlines() if line in each]) == (0, [line])


def test_it_is_drawn_as_accepted(folder: Path) -> None:
    commented_spec(folder)
    assert run("verify", "bad.yaml", "-q", "--diagram", "verdict.svg").exit_code == 0
    assert "accepted: as the paper draws it" in (folder / "verdict.svg").read_text()
