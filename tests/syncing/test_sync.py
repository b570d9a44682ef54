"""`archcheck sync`: a spec that is not true becomes one that is, and what was true keeps its bytes."""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Sequence
from difflib import SequenceMatcher
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from archcheck.cli import app
from archcheck.commands.run_modes import in_this_process, run_modes
from archcheck.commands.sync import _line_before, difference, sync, write
from archcheck.commands.verify import judged
from archcheck.diff.execution import Execution
from archcheck.errors import SpecError
from archcheck.findings import Report, Status
from archcheck.spec import LoadedSpec, load
from archcheck.spec.editing import replacements
from archcheck.spec.load import loads
from archcheck.spec.patching import UnwritableError, data_of, patched
from archcheck.syncing import Synced, sync_spec
from archcheck.syncing.renames import renames
from benchmarks.mutation.spec_operators import mutations
from benchmarks.spec_mutants import flow_lines

REPOSITORY = Path(__file__).resolve().parents[2]
GALLERY = REPOSITORY / "docs" / "gallery"
SMALL = [GALLERY / f"{name}.yaml" for name in ("post_norm", "parallel", "sandwich", "unet")]


@cache
def executions(file: Path) -> Sequence[Execution]:
    spec = load(file).spec
    with in_this_process() as worker:
        return run_modes(worker, spec.model, [file.parent, REPOSITORY], False, lambda _: None)


def synced(text: str, file: Path) -> Synced:
    runs = list(executions(file))
    modules = [name for run in runs for name in run.modules]

    def judge(loaded: LoadedSpec) -> Report:
        return judged(loaded, runs, [], "target")

    return sync_spec(loads(text, str(file)), judge, modules)


@pytest.mark.parametrize("file", [*SMALL, REPOSITORY / "specs" / "minimind.yaml"], ids=lambda file: file.stem)
def test_a_true_spec_keeps_every_byte(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert synced(text, file).after == text


def test_the_figure_of_issue_304_becomes_what_its_maintainer_drew() -> None:
    file = REPOSITORY / "specs" / "as_published" / "dense-2025-02.yaml"
    text = file.read_text(encoding="utf-8")
    expected = text.replace(
        "- {around: [norm, out], line: solid}",
        "- {around: [norm, out], line: dashed, realized_by: layer.gqa}",
    ).replace(
        "- {around: [norm, dropout], line: solid}",
        "- {around: [norm, dropout], line: dashed, realized_by: layer.ffn}",
    )
    found = synced(text, file)
    assert (found.report.status, found.after) == (Status.CONFORMS, expected)


def broken(file: Path, seed: int) -> str | None:
    """The spec with up to three marks changed; None where that is no spec, or is true all the same."""
    chance = random.Random(seed)
    text = file.read_text(encoding="utf-8")
    for _ in range(chance.randint(1, 3)):
        data = data_of(text)
        each = chance.choice(list(mutations(data, flow_lines)))
        try:
            changed = patched(text, each.data)
            loads(changed, str(file))
        except (UnwritableError, SpecError):
            continue
        text = changed
    return None if text == file.read_text(encoding="utf-8") else text


def check(file: Path, seed: int) -> None:
    text = broken(file, seed)
    if text is None:
        return
    found = synced(text, file)
    assert found.report.status is Status.CONFORMS, [str(each) for each in found.report.findings]
    assert synced(found.after, file).after == found.after
    # Comments that the broken spec still has are kept.
    true = set(file.read_text(encoding="utf-8").splitlines())
    lines = [line for line in text.splitlines() if line in true and line.lstrip().startswith("#")]
    matcher = SequenceMatcher(None, text.splitlines(), found.after.splitlines(), autojunk=False)
    kept = {
        text.splitlines()[block.a + at] for block in matcher.get_matching_blocks() for at in range(block.size)
    }
    assert kept.issuperset(lines)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("file", SMALL[:2], ids=lambda file: file.stem)
def test_whatever_was_changed_is_mended(file: Path, seed: int) -> None:
    check(file, seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6, 40))
@pytest.mark.parametrize("file", sorted(GALLERY.glob("*.yaml")), ids=lambda file: file.stem)
def test_whatever_was_changed_is_mended_in_every_figure(file: Path, seed: int) -> None:
    check(file, seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ["minimind", "minimind-moe"])
def test_whatever_was_changed_is_mended_of_minimind(name: str, seed: int) -> None:
    check(REPOSITORY / "specs" / f"{name}.yaml", seed)


# -- a model that changes -----------------------------------------------------------------------------------

MODEL = """\
from torch import nn


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(8)
        self.mlp = nn.Linear(8, 8)

    def forward(self, x):
        return x + self.mlp(self.norm(x))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(9, 8)
        self.layers = nn.ModuleList([Block() for _ in range(4)])
        self.head = nn.Linear(8, 9)

    def forward(self, ids):
        x = self.embed(ids)
        for layer in self.layers:
            x = layer(x)
        return self.head(x)
"""

SPEC = """\
title: A small model  # ours
strict: true
model:
  target: model.py:Net
  inputs: {ids: {shape: [1, 4], dtype: int64, high: 9}}
panels:
  model:
    scope: ""
    boxes:
      embed: {label: Embedding, module: embed}
      layers: {label: Block, module: layers.*, repeat: 4, detail: block}
      head: {label: 'Linear', module: head}
    flow: [embed, layers, head]
  block:
    scope: layers.*
    boxes:
      norm: {label: LayerNorm, module: norm}   # first
      mlp: {label: Linear, module: mlp}
    flow:
      - norm
      - mlp
    residuals:
      - {around: [norm, mlp]}  # the stream
"""


def followed(tmp_path: Path, model: str, spec: str = SPEC) -> str:
    """The spec after its model became another one; it must conform."""
    (tmp_path / "model.py").write_text(model, encoding="utf-8")
    file = tmp_path / "spec.yaml"
    file.write_text(spec, encoding="utf-8")
    found = sync(file, worker=in_this_process)
    assert found.report.status is Status.CONFORMS, (found.report.findings, found.report.problems)
    return found.after


def test_the_model_as_it_is(tmp_path: Path) -> None:
    assert followed(tmp_path, MODEL) == SPEC


def test_a_renamed_module_is_followed(tmp_path: Path) -> None:
    model = MODEL.replace("self.mlp", "self.feed_forward")
    assert followed(tmp_path, model) == SPEC.replace("module: mlp", "module: feed_forward")


def test_a_renamed_stack_is_followed(tmp_path: Path) -> None:
    model = MODEL.replace("self.layers", "self.blocks")
    assert followed(tmp_path, model) == SPEC.replace("layers.*", "blocks.*")


def test_a_module_that_is_gone_is_not_taken_for_another(tmp_path: Path) -> None:
    model = MODEL.replace("self.norm = nn.LayerNorm(8)", "self.drop = nn.Dropout(0.1)")
    expected = SPEC.replace("      norm: {label: LayerNorm, module: norm}   # first\n", "")
    expected = expected.replace("      - norm\n", "").replace("around: [norm, mlp]", "around: mlp")
    assert followed(tmp_path, model.replace("self.norm(x)", "self.drop(x)")) == expected


def test_a_name_is_looked_for_where_the_pattern_looks(tmp_path: Path) -> None:
    parts = "panels: {stage: {scope: stage*.0, boxes: {down: {label: Linear, module: shortcut.0}}}}"
    spec = loads(f"title: x\nmodel: {{target: 'm:n'}}\n{parts}\n").spec
    names = [
        *(f"stage{stage}.0{part}" for stage in (1, 2) for part in ("", ".down", ".down.0")),
        *("", "stage1", "stage2", "stage1.1", "stage1.1.conv", "stage1.1.conv.0"),
    ]
    edits = [str(fix) for fix in renames(spec, names)]
    assert edits[0] == "module: down.0"


def test_a_removed_layer_is_followed(tmp_path: Path) -> None:
    assert followed(tmp_path, MODEL.replace("range(4)", "range(3)")) == SPEC.replace("repeat: 4", "repeat: 3")


def test_an_inserted_norm_is_followed(tmp_path: Path) -> None:
    model = MODEL.replace("Linear(8, 8)\n", "Linear(8, 8)\n        self.late = nn.RMSNorm(8)\n").replace(
        "self.mlp(self.norm(x))", "self.late(self.mlp(self.norm(x)))"
    )
    expected = SPEC.replace(
        "module: mlp}\n", "module: mlp}\n      late: {label: RMSNorm, module: late, role: norm}\n"
    ).replace("      - mlp\n", "      - mlp\n      - late\n")
    assert followed(tmp_path, model) == expected.replace("[norm, mlp]", "[norm, late]")


def test_another_norm_is_followed(tmp_path: Path) -> None:
    model = MODEL.replace("nn.LayerNorm", "nn.RMSNorm")
    assert followed(tmp_path, model) == SPEC.replace("label: LayerNorm", "label: RMSNorm")


def test_a_residual_that_is_gone_is_followed(tmp_path: Path) -> None:
    expected = SPEC.replace("    residuals:\n      - {around: [norm, mlp]}  # the stream\n", "")
    assert followed(tmp_path, MODEL.replace("x + self", "self")) == expected


def test_a_scaled_residual_is_followed(tmp_path: Path) -> None:
    expected = SPEC.replace("[norm, mlp]}", "[norm, mlp], kind: scaled, factor: 0.5, factor_on: branch}")
    assert followed(tmp_path, MODEL.replace("x + self", "x + 0.5 * self")) == expected


def test_what_a_comment_accepts_is_left_alone(tmp_path: Path) -> None:
    spec = SPEC.replace(
        "      norm: {label: LayerNorm",
        "      # archcheck: ignore[BOX006] we call it so\n      norm: {label: RMSNorm",
    )
    assert followed(tmp_path, MODEL, spec) == spec


# -- the command --------------------------------------------------------------------------------------------


def command(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["sync", *arguments, "--in-process"])
    return result.exit_code, result.stdout


@pytest.fixture
def wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("model.py").write_text(MODEL, encoding="utf-8")
    file = Path("spec.yaml")
    file.write_text(SPEC.replace("repeat: 4", "repeat: 5"), encoding="utf-8")
    return file


def test_the_change_is_shown_and_written(wrong: Path) -> None:
    code, shown = command("spec.yaml")
    assert (code, wrong.read_text(encoding="utf-8")) == (0, SPEC)
    assert shown.startswith("--- spec.yaml\n+++ spec.yaml\n@@ ")
    assert "\n✓ spec.yaml conforms: " in shown
    code, shown = command("spec.yaml")
    assert (code, shown.splitlines()[0].split(":")[0]) == (0, "✓ spec.yaml conforms")


@pytest.mark.parametrize(("option", "code"), [("--dry-run", 0), ("--check", 1)])
def test_nothing_is_written(wrong: Path, option: str, code: int) -> None:
    before = wrong.read_bytes()
    found, shown = command("spec.yaml", option)
    assert (found, wrong.read_bytes()) == (code, before)
    assert "-      layers: {label: Block, module: layers.*, repeat: 5, detail: block}\n" in shown


def test_what_is_left_is_told(wrong: Path) -> None:
    wrong.write_text(SPEC, encoding="utf-8")
    doubled = MODEL.replace(
        "return x + self.mlp(self.norm(x))", "y = x + self.mlp(self.norm(x))\n        return x + y"
    )
    Path("model.py").write_text(doubled, encoding="utf-8")
    code, shown = command("spec.yaml")
    assert (code, wrong.read_text(encoding="utf-8")) == (1, SPEC)
    assert "RES007" in shown


def test_what_is_left_of_a_file_that_stays_has_its_lines_as_they_are(wrong: Path) -> None:
    doubled = MODEL.replace(
        "return x + self.mlp(self.norm(x))", "y = x + self.mlp(self.norm(x))\n        return x + y"
    ).replace("        x = self.embed", "        x = self.late(self.embed")
    model = doubled.replace("self.embed(ids)", "self.embed(ids))").replace(
        "        self.head", "        self.late = nn.LayerNorm(8)\n        self.head"
    )
    Path("model.py").write_text(model, encoding="utf-8")
    text = wrong.read_text(encoding="utf-8")
    line = text.splitlines().index("      - {around: [norm, mlp]}  # the stream") + 1
    code, shown = command("spec.yaml", "--dry-run")
    assert (code, wrong.read_text(encoding="utf-8")) == (1, text)
    assert f"spec.yaml:{line}:9\n" in shown
    command("spec.yaml")
    assert wrong.read_text(encoding="utf-8").splitlines()[line] == text.splitlines()[line - 1]


TEXTS = st.lists(st.sampled_from("abc"), max_size=7)


@given(TEXTS, TEXTS)
def test_lines_that_stay_are_found_where_they_were(old: list[str], new: list[str]) -> None:
    before, after = ("".join(f"{line}\n" for line in lines) for lines in (old, new))
    changed = list(replacements(before, after))
    found = [_line_before(number, changed) for number in range(1, len(new) + 1)]
    assert found == sorted(found)
    rewritten = {
        number
        for blocks in SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
        if blocks[0] != "equal"
        for number in range(blocks[3] + 1, blocks[4] + 1)
    }
    assert all(
        old[line - 1] == new[number - 1] for number, line in enumerate(found, 1) if number not in rewritten
    )


def test_a_file_that_was_changed_meanwhile_stays(wrong: Path) -> None:
    found = sync(wrong, worker=in_this_process)
    wrong.write_text("# mine\n", encoding="utf-8")
    with pytest.raises(OSError, match="changed while its model ran"):
        write(wrong, found)
    assert wrong.read_text(encoding="utf-8") == "# mine\n"


@pytest.mark.parametrize("name", ["mkstemp", "fdopen", "chmod", "replace"])
def test_an_interrupted_sync_leaves_the_old_file(
    name: str, wrong: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    found = sync(wrong, worker=in_this_process)
    with monkeypatch.context() as patch:
        patch.setattr(tempfile if name == "mkstemp" else os, name, interrupt)
        with pytest.raises(KeyboardInterrupt):
            write(wrong, found)
    assert wrong.read_text(encoding="utf-8") == found.before
    assert not list(wrong.parent.glob(".spec*"))


def test_a_spec_that_can_not_be_read_stays(wrong: Path) -> None:
    wrong.write_text("model: [", encoding="utf-8")
    code, _ = command("spec.yaml")
    assert (code, wrong.read_text(encoding="utf-8")) == (2, "model: [")


def test_a_text_without_a_last_line_end_has_a_diff(wrong: Path) -> None:
    found = Synced("a: 1", "a: 2", Report("spec.yaml", Status.CONFORMS), ())
    assert difference(found, "s") == (
        "--- s\n+++ s\n@@ -1 +1 @@\n"
        "-a: 1\n\\ No newline at end of file\n+a: 2\n\\ No newline at end of file\n"
    )
