"""The command line: what each command writes, where, and with which exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from archcheck import __version__
from archcheck.cli import app

MODEL = """\
from torch import nn


class Net(nn.Module):
    def __init__(self, layers=2):
        super().__init__()
        self.layers = nn.ModuleList(Layer() for _ in range(layers))

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.mlp = nn.LayerNorm(8), nn.Linear(8, 8)

    def forward(self, x):
        x = self.norm(x)
        return x + self.mlp(x)
"""
SPEC = """\
title: A small model
model:
  target: model.py:Net
  inputs:
    x: {shape: [2, 8]}
panels:
  layer:
    title: Layer k
    scope: layers.*
    boxes:
      norm: {label: Norm, module: norm}
      mlp: {label: Linear, module: mlp}
    residuals:
      - {around: [norm, mlp]}
"""
GOOD = SPEC.replace("around: [norm, mlp]", "from: norm, to: mlp")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test runs in a folder with a spec that conforms, one that differs, and one that is broken."""
    (tmp_path / "model.py").write_text(MODEL)
    (tmp_path / "good.yaml").write_text(GOOD)
    (tmp_path / "bad.yaml").write_text(SPEC)
    (tmp_path / "broken.yaml").write_text("title: [\n")
    monkeypatch.chdir(tmp_path)
    for name in ("GITHUB_WORKSPACE", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def written(*arguments: str) -> tuple[int, str]:
    """The exit code and what was written to standard output; nothing may be on standard error."""
    result = run(*arguments)
    assert result.stderr == ""
    return result.exit_code, result.stdout


def complaint(*arguments: str) -> str:
    """What was written to standard error by a run that could not check, and wrote nothing else."""
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    return result.stderr


# -- verify ---------------------------------------------------------------------------------------


def test_text_of_a_spec_that_conforms() -> None:
    assert written("verify", "good.yaml") == (
        0,
        """\
✓ good.yaml conforms: 6 of 6 marks proved
  A small model, model.py:Net

  proved
    layer: 1 solid edge and the boxes, in 2 layers

  remarks
    on the CPU with 176 parameters
""",
    )


def test_text_of_a_spec_that_differs() -> None:
    assert written("verify", "bad.yaml") == (
        1,
        """\
✗ bad.yaml differs: 1 finding, 5 of 6 marks proved, 1 refuted
  A small model, model.py:Net

  layer
  1. RES004 the residual around Norm … Linear has the wrong source: it is taken after Norm
     drawn: solid residual around Norm … Linear, from the input of Layer k
            bad.yaml:14:9
            14 │ - {around: [norm, mlp]}
     code:  taken after norm (model.py:21), not from the input of Layer k
            model.py:22
            22 │ return x + self.mlp(x)
     in:    all 2 layers
     fix:   around: mlp

  proved
    layer: the boxes in 2 layers

  remarks
    on the CPU with 176 parameters

For the meaning and the fix, run: archcheck explain RES004
""",
    )


def test_quiet_and_verbose() -> None:
    assert written("verify", "good.yaml", "-q") == (0, "")
    assert written("verify", "bad.yaml", "-q") == (
        1,
        "model.py:22: RES004 the residual around Norm … Linear has the wrong source: "
        "it is taken after Norm\n",
    )
    code, text = written("verify", "good.yaml", "-v")
    assert code == 0
    assert "layer: solid residual from Norm to Linear: implemented by this panel's module\n" in text
    assert "layers.*: identity around mlp from norm (model.py:22) (2 times)\n" in text
    code, text = written("verify", "good.yaml", "-vv")
    assert "layers.1: identity around mlp from norm (model.py:22)\n" in text


def test_json() -> None:
    code, text = written("verify", "bad.yaml", "--format", "json")
    report = json.loads(text)["specs"][0]
    assert (code, json.loads(text)["version"], report["status"]) == (1, 1, "differs")
    assert report["findings"] == [
        {
            "code": "RES004",
            "message": "the residual around Norm … Linear has the wrong source: it is taken after Norm",
            "panel": "layer",
            "edge": "norm..mlp",
            "layers": [0, 1],
            "layer_count": 2,
            "drawn": "solid residual around Norm … Linear, from the input of Layer k",
            "traced": "taken after norm (model.py:21), not from the input of Layer k",
            "spec": {"file": "bad.yaml", "line": 14, "column": 9},
            "location": {"file": "model.py", "line": 22, "column": None},
            "modes": [],
            "code_branch": ["mlp"],
            "code_source": "norm",
            "note": "",
            "fix": {
                "edits": [
                    {
                        "action": "set",
                        "place": ["panels", "layer", "residuals", 0, "around"],
                        "value": "mlp",
                        "after": "",
                    }
                ]
            },
        }
    ]
    assert [(each["scope"], each["source"], each["branch"]) for each in report["residuals"]] == [
        ("layers.0", "norm", ["mlp"]),
        ("layers.1", "norm", ["mlp"]),
    ]


def test_github() -> None:
    assert written("verify", "bad.yaml", "good.yaml", "-f", "github") == (
        1,
        "::error file=model.py,line=22,title=RES004::"
        "the residual around Norm … Linear has the wrong source: it is taken after Norm%0A"
        "drawn: solid residual around Norm … Linear, from the input of Layer k (bad.yaml:14:9)%0A"
        "code: taken after norm (model.py:21), not from the input of Layer k (model.py:22)%0A"
        "all 2 layers%0A"
        "fix: around: mlp%0A"
        "@@ bad.yaml:14 @@%0A"
        "-      - {around: [norm, mlp]}%0A"
        "+      - {around: mlp}\n"
        "::notice file=good.yaml,line=1,title=archcheck::"
        "good.yaml conforms (layer: 1 solid edge and the boxes, in 2 layers)\n",
    )


@pytest.mark.parametrize("format", ["sarif", "junit", "markdown"])
def test_other_formats(format: str) -> None:
    code, text = written("verify", "bad.yaml", "-f", format)
    assert code == 1
    assert "RES004" in text


def test_one_broken_spec_does_not_hide_the_others() -> None:
    code, text = written("verify", "bad.yaml", "broken.yaml", "missing.yaml", "good.yaml", "-f", "json")
    assert code == 2
    assert [(spec["file"], spec["status"]) for spec in json.loads(text)["specs"]] == [
        ("bad.yaml", "differs"),
        ("broken.yaml", "error"),
        ("missing.yaml", "error"),
        ("good.yaml", "conforms"),
    ]


def test_the_worst_spec_decides_the_exit_code() -> None:
    assert run("verify", "good.yaml").exit_code == 0
    assert run("verify", "good.yaml", "bad.yaml").exit_code == 1
    assert run("verify", "good.yaml", "bad.yaml", "broken.yaml").exit_code == 2


def test_what_the_model_prints_is_not_in_the_report(folder: Path) -> None:
    (folder / "model.py").write_text(
        MODEL.replace("x = self.norm(x)", "print('forward')\n        x = self.norm(x)")
        + "\nprint('import')\n"
    )
    result = run("verify", "good.yaml", "-f", "json")
    assert json.loads(result.stdout)["specs"][0]["status"] == "conforms"
    assert result.stderr.split() == ["import", "forward", "forward"]


def test_settings_renames_and_another_model(folder: Path) -> None:
    (folder / "other.py").write_text(MODEL.replace("self.norm", "self.ln").replace("self.layers", "self.h"))
    arguments = ("verify", "good.yaml", "--model", "other.py:Net", "--set", "layers=3")
    code, text = written(*arguments, "--rename", "layers=h", "--rename", "norm=ln")
    assert (code, "in 3 layers" in text) == (0, True)
    assert run(*arguments).exit_code == 2


def test_output_goes_to_a_file(folder: Path) -> None:
    assert written("verify", "bad.yaml", "-o", "report.txt") == (1, "")
    assert (folder / "report.txt").read_text().startswith("✗ bad.yaml differs: 1 finding, ")
    assert written("verify", "broken.yaml", "-f", "json", "-o", "report.json") == (2, "")
    assert json.loads((folder / "report.json").read_text())["specs"][0]["status"] == "error"


def test_the_diagram_shows_the_verdict(folder: Path) -> None:
    assert run("verify", "bad.yaml", "-q", "--diagram", "verdict.svg").exit_code == 1
    assert "RES004" in (folder / "verdict.svg").read_text()
    assert run("verify", "broken.yaml", "-q", "--diagram", "none.svg").exit_code == 2
    assert not (folder / "none.svg").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "no/report.txt"], "archcheck: no/report.txt: there is no folder no\n"),
        (["-o", "."], "archcheck: .: this is a directory\n"),
        (
            ["--diagram", "x.bmp"],
            "archcheck: CLI001 Can't draw to x.bmp. "
            "Choose one of .svg, .png, .pdf, .dot, .mmd, .mermaid, .html.\n",
        ),
        (["--diagram", "no/x.svg"], "archcheck: no/x.svg: there is no folder no\n"),
        (
            ["good.yaml", "--diagram", "x.svg"],
            "archcheck: CLI001 --diagram takes a single spec. "
            "Check one spec at a time, or use archcheck render.\n",
        ),
        (
            ["--rename", "layers"],
            "archcheck: CLI001 'layers' is not a renaming. "
            "Write --rename SPEC=MODEL, such as layers=transformer.h\n",
        ),
        (
            ["--set", "layers"],
            "archcheck: TGT011 the setting 'layers' can't be applied: it has no key. "
            "Write --set KEY=VALUE, such as --set num_hidden_layers=4.\n",
        ),
    ],
)
def test_options_are_refused_before_the_model_is_built(
    arguments: list[str], message: str, folder: Path
) -> None:
    (folder / "model.py").write_text("open('built', 'w')\n")
    assert complaint("verify", "bad.yaml", *arguments) == message
    assert not (folder / "built").exists()


def test_a_failure_of_our_own_is_a_report(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("archcheck.commands.verify.compare", broken)
    code, text = written("verify", "good.yaml", "-q")
    assert (code, text) == (
        2,
        "good.yaml: CLI002 archcheck itself failed: RuntimeError: a bug "
        "Please report this; --debug shows where.\n",
    )
    assert "Traceback" in run("verify", "good.yaml", "--debug").stderr


def test_debug_shows_where_the_model_failed(folder: Path) -> None:
    (folder / "model.py").write_text("raise ValueError('no weights')\n")
    assert "Traceback" not in run("verify", "good.yaml").output
    assert "ValueError: no weights" in run("verify", "good.yaml", "--debug").stderr


# -- inspect --------------------------------------------------------------------------------------


def test_inspect() -> None:
    assert written("inspect", "model.py:Net") == (
        0,
        "model.py:Net: 2 residuals\n"
        "  Net\n"
        "    layers.0–1 ×2  Layer\n"
        "      norm  LayerNorm\n"
        "      mlp   Linear\n"
        "\n"
        "  layers.*: identity around mlp from norm (model.py:22) (2 times)\n"
        "\n"
        "  remarks\n"
        "    on the CPU with 176 parameters\n",
    )


def test_inspect_in_json_with_inputs_and_settings() -> None:
    code, text = written(
        "inspect", "model.py:Net", "-f", "json", "--set", "layers=1", "-i", "x=float32[4,8]", "--train"
    )
    (report,) = json.loads(text)["specs"]
    assert (code, report["status"], len(report["residuals"])) == (0, "conforms", 1)


def test_inspect_finds_what_is_wrong_in_any_case(folder: Path) -> None:
    (folder / "model.py").write_text(MODEL.replace("x + self.mlp(x)", "x + (x + self.mlp(x))"))
    code, text = written("inspect", "model.py:Net")
    assert (code, "RES007" in text) == (1, True)


def test_inspect_draws(folder: Path) -> None:
    assert run("inspect", "model.py:Net", "--diagram", "net.dot").exit_code == 0
    assert "digraph architecture {" in (folder / "net.dot").read_text()


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("nowhere.py:Net", "TGT002 there is no file 'nowhere.py'"),
        ("model.py:Nett", "TGT004 'model.py' has no 'Nett'"),
        ("", "TGT001 '' does not name a class or function"),
        ("x" * 300, "TGT001 'xxx"),
    ],
)
def test_inspect_without_a_model(target: str, message: str) -> None:
    code, text = written("inspect", target)
    assert (code, message in text, "at model.target" in text) == (2, True, False)
    code, text = written("inspect", target, "-f", "json")
    assert (code, json.loads(text)["specs"][0]["status"]) == (2, "error")


def test_inspect_refuses_inputs_that_are_none() -> None:
    assert complaint("inspect", "model.py:Net", "-i", "x=float32").startswith(
        "archcheck: TGT009 'x=float32' is not an input. Write NAME=DTYPE[SHAPE]"
    )


# -- render ---------------------------------------------------------------------------------------


def test_render_and_its_check(folder: Path) -> None:
    stale = "archcheck render bad.yaml -o net.svg\n"
    result = run("render", "bad.yaml", "-o", "net.svg", "--check")
    assert (result.exit_code, result.stderr) == (
        1,
        f"net.svg: DIA001 the picture of bad.yaml does not exist. To update it, run: {stale}",
    )
    assert written("render", "bad.yaml", "-o", "net.svg") == (0, "")
    assert written("render", "bad.yaml", "-o", "net.svg", "--check") == (0, "")
    (folder / "bad.yaml").write_text(GOOD)
    result = run("render", "bad.yaml", "-o", "net.svg", "--check")
    assert (result.exit_code, result.stderr) == (
        1,
        f"net.svg: DIA001 the picture of bad.yaml is out of date. To update it, run: {stale}",
    )


def test_render_writes_nothing_on_an_error(folder: Path) -> None:
    assert complaint("render", "missing.yaml", "-o", "x.svg") == (
        "archcheck: missing.yaml: SPEC001 There is no such file. Check the path.\n"
    )
    assert complaint("render", "broken.yaml", "-o", "x.svg").startswith("archcheck: broken.yaml:1: SPEC002")
    assert not (folder / "x.svg").exists()


# -- explain, schema, version ---------------------------------------------------------------------


def test_explain() -> None:
    code, text = written("explain", "res006", "SPEC030", "CLI002")
    assert code == 0
    assert [line for line in text.splitlines() if line.startswith("# ")] == [
        "# RES006: the residual is implemented at another level",
        "# SPEC030: a pattern that matches no module",
        "# CLI002: archcheck itself failed",
    ]
    assert complaint("explain", "RES06").startswith("archcheck: There is no code 'RES06'")


def test_schema() -> None:
    code, text = written("schema")
    assert (code, json.loads(text)["title"]) == (0, "archcheck spec")


def test_version_and_help() -> None:
    assert written("--version") == (0, f"archcheck {__version__}\n")
    code, text = written("--help")
    assert (code, "verify   Check each SPEC against its model." in text) == (0, True)
    assert run().exit_code == 2
    assert run("verify").exit_code == 2


# -- nothing is lost ------------------------------------------------------------------------------


def test_a_report_never_replaces_a_spec_or_the_model() -> None:
    """The shell expands `-o *.yaml`: the first spec would be the report's file."""
    before = Path("bad.yaml").read_text()
    assert complaint("verify", "-o", "bad.yaml", "good.yaml", "broken.yaml") == (
        "archcheck: bad.yaml: a report should not end in .yaml; choose another file, or add --force\n"
    )
    assert complaint("inspect", "model.py:Net", "-o", "model.py") == (
        "archcheck: model.py: this is an input of the run; choose another file, or add --force\n"
    )
    assert complaint("schema", "-o", "bad.yaml").startswith("archcheck: bad.yaml: a report should not end in")
    assert (Path("bad.yaml").read_text(), Path("model.py").read_text()) == (before, MODEL)


def test_a_report_may_have_a_name_without_a_suffix() -> None:
    assert written("verify", "good.yaml", "-f", "markdown", "-o", "summary") == (0, "")
    assert "good.yaml" in Path("summary").read_text()
