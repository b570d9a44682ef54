"""Several reports of one run: each to its place, and none over an input."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from archcheck.cli.options import Format
from tests.cli.test_cli import SPEC, complaint, folder, run, written

__all__ = ["folder"]  # the fixture: model.py, good.yaml, bad.yaml and broken.yaml in the current folder


def test_each_report_goes_to_its_file_and_one_to_standard_output(folder: Path) -> None:
    alone = {format: written("verify", "broken.yaml", "--format", format)[1] for format in Format}
    asked = [f"--format={format}={format}.out" for format in Format if format is not Format.GITHUB]
    assert written("verify", "broken.yaml", "--format", "github", *asked) == (2, alone[Format.GITHUB])
    files = {path.stem: path.read_text(encoding="utf-8") for path in folder.glob("*.out")}
    del files["text"], alone[Format.TEXT]  # a text in a file is wider
    assert files == {name: text for name, text in alone.items() if name != "github"}


def test_output_is_the_file_of_the_format_that_has_none(folder: Path) -> None:
    assert written("verify", "broken.yaml", "-f", "sarif=a", "-f", "json", "-o", "b") == (2, "")
    assert json.loads((folder / "a").read_text())["version"] == "2.1.0"
    assert json.loads((folder / "b").read_text())["version"] == 1


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (
            "-f nosuch",
            "Unknown format 'nosuch'. Choose one of text, json, github, gitlab, sarif, junit, ",
        ),
        ("-f sariv=a", "Unknown format 'sariv'. Did you mean 'sarif'?"),
        ("-f sarif=", "--format sarif= names no file. Write --format sarif=FILE."),
        (
            "-f json -f sarif",
            "Only one report can go to standard output, not json and sarif. Give the ",
        ),
        (
            "-f json=a -o b",
            "--output is for a format without a file of its own. Every format here already has one.",
        ),
        ("-f json=a -f sarif=./a", "Two reports would go to a. Give each a file of its own."),
        ("-f json=a -f sarif -o a", "Two reports would go to a. Give each a file of its own."),
        (
            "-f json=a.svg --diagram a.svg",
            "Two things would be written to a.svg. Give each a file of its own.",
        ),
        ("-f json=k.json --write-baseline k.json", "Two things would be written to k.json. Give each a file"),
    ],
)
def test_reports_that_can_not_be_written_are_refused_before_a_model_runs(
    arguments: str, why: str, folder: Path
) -> None:
    before = sorted(path.name for path in folder.iterdir())
    assert complaint("verify", "good.yaml", *arguments.split()).startswith(f"archcheck: CLI001 {why}")
    assert sorted(path.name for path in folder.iterdir()) == before


@pytest.mark.parametrize("name", ["bad.yaml", "./bad.yaml", "link", "hard.out", "known.json", "new.py"])
def test_no_report_takes_the_place_of_an_input(name: str, folder: Path) -> None:
    (folder / "link").symlink_to("bad.yaml")
    os.link("bad.yaml", "hard.out")
    (folder / "known.json").write_text('{"version": 1, "findings": []}')
    before = {path.name: path.read_text() for path in folder.glob("*.*")}
    message = complaint("verify", "bad.yaml", "--baseline", "known.json", "-f", "text", "-f", f"json={name}")
    assert "choose another file, or add --force" in message
    assert {path.name: path.read_text() for path in folder.glob("*.*")} == before
    assert (folder / "bad.yaml").read_text() == SPEC


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("format", list(Format))
def test_a_full_disk_keeps_no_other_report_back(format: str, folder: Path) -> None:
    result = run("verify", "broken.yaml", "-f", f"{format}=/dev/full", "-f", "json=a.json", "-f", "github")
    assert (result.exit_code, result.stderr) == (2, "archcheck: /dev/full: No space left on device\n")
    assert result.stdout.startswith("::error file=broken.yaml")
    assert json.loads((folder / "a.json").read_text())["specs"][0]["status"] == "error"


# -- GitHub Actions ------------------------------------------------------------------------------


@pytest.fixture
def summary(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(folder / "summary"))
    (folder / "summary").write_text("before\n")
    return folder / "summary"


ANNOTATION = "::error file=broken.yaml,line="


def test_annotations_and_summary_come_by_themselves(summary: Path) -> None:
    code, text = written("verify", "broken.yaml")
    assert (code, text.startswith("! broken.yaml"), text.count(f"\n{ANNOTATION}")) == (2, True, 1)
    assert summary.read_text().startswith("before\n## archcheck: could not be checked\n")
    written("verify", "broken.yaml")
    assert summary.read_text().count("## archcheck") == 2


def test_what_programs_read_is_not_mixed_with_annotations(summary: Path) -> None:
    result = run("verify", "broken.yaml", "-f", "json")
    assert json.loads(result.stdout)["version"] == 1
    assert result.stderr.startswith(ANNOTATION)


def test_what_is_asked_for_does_not_come_twice(summary: Path) -> None:
    code, text = written("verify", "broken.yaml", "-f", "github", "-f", f"markdown={summary}")
    assert (code, text.count(ANNOTATION)) == (2, 1)
    assert summary.read_text().count("## archcheck") == 1


def test_a_summary_that_can_not_be_written_is_told_and_changes_nothing(
    summary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "/no/such/folder/summary")
    result = run("verify", "broken.yaml", "-f", "github")
    assert (result.exit_code, result.stdout.count(ANNOTATION)) == (2, 1)
    assert result.stderr == (
        "archcheck: /no/such/folder/summary: No such file or directory; the job summary is incomplete\n"
    )


def test_a_summary_is_not_larger_than_what_github_keeps(summary: Path) -> None:
    summary.write_text("x" * 999_990 + "\n")
    written("verify", "broken.yaml")
    assert summary.read_text().endswith("x\n\n\nThe rest is in the log.\n")


def test_elsewhere_nothing_is_added(folder: Path) -> None:
    assert "::" not in written("verify", "broken.yaml")[1]


# -- in this process ---------------------------------------------------------------------------------


def test_in_process_says_once_what_it_gives_up(folder: Path) -> None:
    result = run("verify", "broken.yaml", "broken.yaml", "--in-process", "-q")
    assert result.exit_code == 2
    assert result.stderr == (
        "archcheck: --in-process: the model runs inside archcheck; it can exit, hang or tamper with the "
        "report, and --timeout has no effect\n"
    )
