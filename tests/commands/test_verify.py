"""`archcheck.verify`: one spec, its model, its modes, other implementations, and what can go wrong."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
import torch
from torch import nn

from archcheck.findings import Report, Status
from tests.in_process import verify

PRELUDE = """\
import torch
from torch import nn


"""
BLOCK = """\
class Net(nn.Module):
    def __init__(self, width=8, layers=2):
        super().__init__()
        self.blocks = nn.ModuleList(Block(width) for _ in range(layers))

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return x


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm, self.mlp = nn.LayerNorm(width), nn.Linear(width, width)

    def forward(self, x):
        return x + self.mlp(self.norm(x))
"""
SPEC = """\
title: Blocks
model:
  target: model.py:Net
  inputs:
    x: {shape: [2, 8]}
panels:
  block:
    title: Block k
    scope: blocks.*
    boxes:
      norm: {label: Norm, module: norm}
      mlp: {label: Linear, module: mlp}
    residuals:
      - {around: [norm, mlp]}
"""


def write(folder: Path, model: str = BLOCK, spec: str = SPEC, name: str = "model.py") -> Path:
    """A spec in a folder with its model; the path of the spec."""
    (folder / name).write_text(PRELUDE + textwrap.dedent(model))
    (folder / "spec.yaml").write_text(spec)
    return folder / "spec.yaml"


def found(report: Report) -> list[tuple[str, str, tuple[int | str, ...], tuple[str, ...]]]:
    """Code, place, layers and modes of each finding."""
    assert report.problems == ()
    return [
        (finding.code, f"{finding.panel}.{finding.edge}", finding.layers, finding.modes)
        for finding in report.findings
    ]


# -- the report -----------------------------------------------------------------------------------


def test_a_spec_that_conforms(tmp_path: Path) -> None:
    report = verify(write(tmp_path))
    assert (report.status, report.title, report.target) == (Status.CONFORMS, "Blocks", "model.py:Net")
    assert [(proof.edge, proof.line, proof.count, proof.statement) for proof in report.proofs] == [
        (
            "norm..mlp",
            "solid",
            2,
            "solid residual around Norm … Linear, from the input of Block k: "
            "implemented by this panel's module",
        ),
        ("", "", 2, "2 boxes of Block k are bound to modules that ran"),
    ]
    assert [residual.scope for residual in report.residuals] == ["blocks.0", "blocks.1"]
    assert report.remarks == ("on the CPU with 176 parameters",)


def test_notes_of_boxes_panels_and_edges_are_reported(tmp_path: Path) -> None:
    spec = SPEC.replace("title: Block k", "title: Block k\n    note: of a panel").replace(
        "[norm, mlp]}", "[norm, mlp], note: of an edge}"
    )
    assert verify(write(tmp_path, spec=spec)).notes == (
        ("block", "of a panel"),
        ("block.norm..mlp", "of an edge"),
    )


def test_a_module_of_the_caller_is_checked_and_left_as_it_was(tmp_path: Path) -> None:
    class Mine(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm, self.mlp, self.frozen = nn.BatchNorm1d(8), nn.Linear(8, 8), nn.Dropout()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.frozen(x + self.mlp(self.norm(x)))

    model = Mine()
    model.frozen.eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    spec = SPEC.replace("scope: blocks.*", 'scope: ""').replace("inputs:", "modes: [train, eval]\n  inputs:")
    report = verify(write(tmp_path, spec=spec), model)
    assert (report.status, report.target.rpartition(".")[2]) == (Status.CONFORMS, "Mine")
    assert [part.training for part in model.modules()] == [True, True, True, False]
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


# -- other implementations ------------------------------------------------------------------------

OTHER = """
class Model(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.backbone = nn.ModuleDict({"h": nn.ModuleList(Layer(width) for _ in range(3))})

    def forward(self, x):
        for layer in self.backbone["h"]:
            x = layer(x)
        return x


class Layer(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.ln, self.ffn = nn.LayerNorm(width), nn.ModuleDict({"c_fc": nn.Linear(width, width)})

    def forward(self, x):
        return x + self.ffn["c_fc"](self.ln(x))
"""
NAMES = {"blocks": "backbone.h", "blocks.*.norm": "backbone.h.*.ln", "blocks.*.mlp": "backbone.h.*.ffn.c_fc"}


def test_settings_change_the_models_arguments(tmp_path: Path) -> None:
    report = verify(write(tmp_path), settings=[("layers", 5)])
    assert (report.status, report.proofs[0].count) == (Status.CONFORMS, 5)


def test_the_same_spec_for_another_implementation(tmp_path: Path) -> None:
    spec = write(tmp_path)
    (tmp_path / "other.py").write_text(PRELUDE + OTHER)
    report = verify(spec, "other.py:Model", rename=NAMES)
    assert (report.status, report.target, report.proofs[0].count) == (Status.CONFORMS, "other.py:Model", 3)


def test_a_spec_may_rename_by_itself(tmp_path: Path) -> None:
    lines = "".join(f'    "{name}": {other}\n' for name, other in NAMES.items())
    spec = SPEC.replace("model.py:Net", "model.py:Model").replace("  inputs:", f"  rename:\n{lines}  inputs:")
    assert verify(write(tmp_path, OTHER, spec)).status is Status.CONFORMS


def test_a_finding_under_other_names_uses_the_models_own(tmp_path: Path) -> None:
    spec = write(tmp_path, OTHER.replace("x + self.ffn", "self.ffn"))
    report = verify(spec, "model.py:Model", rename=NAMES)
    assert found(report) == [("RES001", "block.norm..mlp", (0, 1, 2), ())]
    assert report.findings[0].traced == "the source is not added to the output of ffn.c_fc"


# -- modes ----------------------------------------------------------------------------------------


def modes(text: str, spec: str = SPEC) -> str:
    return spec.replace("  inputs:", f"  modes: {text}\n  inputs:")


def test_a_finding_names_the_modes_that_it_holds_in(tmp_path: Path) -> None:
    model = BLOCK.replace(
        "return x + self.mlp(self.norm(x))",
        "y = self.mlp(self.norm(x))\n        return y if self.training else x + y",
    )
    report = verify(write(tmp_path, model, modes("[eval, train]")))
    assert found(report) == [("RES001", "block.norm..mlp", (0, 1), ("train",))]


def test_a_finding_of_all_modes_names_none(tmp_path: Path) -> None:
    model = BLOCK.replace("x + self.mlp", "self.mlp")
    report = verify(write(tmp_path, model, modes("[eval, train]")))
    assert found(report) == [("RES001", "block.norm..mlp", (0, 1), ())]


def test_a_mode_has_arguments_and_inputs_of_its_own(tmp_path: Path) -> None:
    model = BLOCK.replace("return x + ", "return (x if x.shape[0] > 1 else 0) + ")
    own = "[eval, {name: one row, inputs: {x: {shape: [1, 6]}}, arguments: {width: 6, layers: 3}}]"
    report = verify(write(tmp_path, model, modes(own)))
    assert found(report) == [("RES001", "block.norm..mlp", (0, 1, 2), ("one row",))]
    assert report.findings[0].layer_count == 3


VARIANTS = """
class Net(nn.Module):
    def __init__(self, moe=False):
        super().__init__()
        self.norm = nn.LayerNorm(8)
        self.mlp = Moe() if moe else nn.Linear(8, 8)

    def forward(self, x):
        return x + self.mlp(self.norm(x))


class Moe(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate, self.experts = nn.Linear(8, 2), nn.ModuleList(nn.Linear(8, 8) for _ in range(2))

    def forward(self, x):
        weights = self.gate(x).softmax(-1)
        return sum(weights[:, [i]] * expert(x) for i, expert in enumerate(self.experts))
"""
VARIANTS_SPEC = """\
model:
  target: model.py:Net
  modes: [{name: dense}, {name: moe, arguments: {moe: true}}]
  inputs:
    x: {shape: [2, 8]}
panels:
  net:
    scope: ""
    boxes:
      norm: {label: Norm, module: norm}
      mlp: {label: Branch, module: mlp}
    residuals:
      - {around: [norm, mlp]}
  expert:
    scope: mlp.experts.*
    boxes:
      expert: {label: Expert, module: ""}
"""


def test_a_panel_may_be_of_one_mode_only(tmp_path: Path) -> None:
    spec = VARIANTS_SPEC.replace('expert: {label: Expert, module: ""}', "expert: {label: Expert}")
    report = verify(write(tmp_path, VARIANTS, spec))
    assert found(report) == []


def test_a_box_that_one_mode_lacks(tmp_path: Path) -> None:
    spec = VARIANTS_SPEC.partition("  expert:\n")[0].replace(
        "mlp: {label: Branch", "gate: {label: Gate, module: mlp.gate}\n      mlp: {label: Branch"
    )
    spec = spec.replace("residuals:", "flow: [norm, [gate, mlp]]\n    residuals:").replace(
        "around: [norm, mlp]", "from: input, to: mlp"
    )
    report = verify(write(tmp_path, VARIANTS, spec))
    assert found(report) == [("BOX001", "net.gate", (), ("dense",))]


def test_a_wildcard_that_one_mode_lacks(tmp_path: Path) -> None:
    spec = VARIANTS_SPEC.partition("  expert:\n")[0].replace("module: mlp}", "module: [mlp, mlp.experts.*]}")
    report = verify(write(tmp_path, VARIANTS, spec))
    assert found(report) == [("BOX001", "net.mlp", (), ("dense",))]


def test_a_pattern_that_no_mode_has(tmp_path: Path) -> None:
    spec = VARIANTS_SPEC.replace("mlp.experts.*", "mlp.expert.*").replace('module: ""', "module: up")
    report = verify(write(tmp_path, VARIANTS, spec))
    assert [(problem.code, problem.line, problem.path) for problem in report.problems] == [
        ("SPEC030", 15, "panels.expert.scope")
    ]


def test_what_runs_in_one_mode_only_is_no_idle_module(tmp_path: Path) -> None:
    model = BLOCK.replace(
        "def forward(self, x):\n        return x + self.mlp(self.norm(x))",
        (
            "def forward(self, x):\n"
            "        y = self.mlp(self.norm(x))\n"
            "        return x + (self.drop(y) if self.training else y)"
        ),
    ).replace("self.norm, self.mlp =", "self.drop = nn.Linear(width, width)\n        self.norm, self.mlp =")
    spec = SPEC.replace("    residuals:", "      drop: {label: Drop, module: drop}\n    residuals:")
    spec = spec.replace("[norm, mlp]}", "[norm, drop]}")
    assert found(verify(write(tmp_path, model, modes("[eval, train]", spec)))) == []
    assert found(verify(write(tmp_path, model, spec))) == [("RES012", "block.drop", (0, 1), ())]


# -- what can go wrong ----------------------------------------------------------------------------


def problems(report: Report, folder: Path) -> list[str]:
    """The problems in one line each, with the files of `folder` by their names."""
    assert report.status is Status.ERROR
    return [str(problem).replace(f"{folder}/", "") for problem in report.problems]


CODE = [
    (
        "raises on import",
        'raise ValueError("no weights here")\n',
        "model.py:5: TGT003 importing 'model.py' raised ValueError: no weights here (at model.target)",
    ),
    (
        "a syntax error",
        "class Net(nn.Module)\n    pass\n",
        "model.py:5:21: TGT003 importing 'model.py' met a syntax error: expected ':' (at model.target)",
    ),
    (
        "exits on import",
        "import sys\n\nsys.exit('bye')\n",
        "model.py:7: TGT003 importing 'model.py' exited with code 'bye' (at model.target) "
        'Move everything but definitions under `if __name__ == "__main__":`.',
    ),
    (
        "has no such name",
        "class Nett(nn.Module):\n    pass\n",
        "spec.yaml:3:11: TGT004 'model.py' has no 'Net' (at model.target) Did you mean 'Nett'?",
    ),
    (
        "needs other arguments",
        "class Net(nn.Module):\n    def __init__(self, width):\n        super().__init__()\n",
        "model.py:6: TGT005 'model.py:Net' needs the argument 'width' (at model) "
        "Give it under arguments, or with --set 'width=8'.",
    ),
    (
        "raises while it is built",
        "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        [][0]\n",
        "model.py:8: TGT006 building 'model.py:Net' raised IndexError: list index out of range (at model)",
    ),
    (
        "is no module",
        "def Net():\n    return 7\n",
        "spec.yaml:3:11: TGT007 'model.py:Net' returns an int, not an nn.Module (at model.target) "
        "Name an nn.Module class, or a function that returns a model.",
    ),
    (
        "raises while it runs",
        "class Net(nn.Module):\n    def forward(self, x):\n        return x.view(7)\n",
        "model.py:7: TRC001 Net failed while it ran: RuntimeError: shape '[7]' is invalid for input of "
        "size 16 Check that the shapes and dtypes of the inputs are what forward expects.",
    ),
    (
        "exits while it runs",
        "class Net(nn.Module):\n    def forward(self, x):\n        raise SystemExit(3)\n",
        "model.py:7: TGT012 running the model exited with code 3 "
        'Move everything but definitions under `if __name__ == "__main__":`.',
    ),
    (
        "takes other inputs",
        "class Net(nn.Module):\n    def forward(self, ids, x=None):\n        return x\n",
        "model.py:6: TGT008 Net.forward needs the input 'ids', which can't be guessed "
        "(at model.inputs) Give them under model.inputs in a spec, or as --input 'ids=int64[1,16]<100'.",
    ),
]


@pytest.mark.parametrize(("code", "problem"), [case[1:] for case in CODE], ids=[case[0] for case in CODE])
def test_code_that_gives_no_model(code: str, problem: str, tmp_path: Path) -> None:
    spec = SPEC.partition("panels:")[0] + "panels: {net: {boxes: {a: {}}}}\n"
    assert problems(verify(write(tmp_path, code, spec)), tmp_path) == [problem]


def test_a_problem_inside_the_models_arguments_has_its_line(tmp_path: Path) -> None:
    spec = SPEC.replace(
        "  inputs:",
        "  arguments:\n    width: 8\n    layers: {target: model.py:count, arguments: {n: 2}}\n  inputs:",
    )
    report = verify(write(tmp_path, f"{BLOCK}\n\ndef count():\n    return 2\n", spec))
    assert problems(report, tmp_path) == [
        "model.py:25: TGT005 'model.py:count' takes no argument 'n' (at model.arguments.layers.arguments.n) "
        "It takes none."
    ]
    spec = spec.replace("model.py:count", "model.py:counts")
    assert problems(verify(write(tmp_path, BLOCK, spec)), tmp_path) == [
        "spec.yaml:6:22: TGT004 'model.py' has no 'counts' (at model.arguments.layers.target) "
        "It defines Block, Net."
    ]


def test_another_implementation_that_is_not_there_is_no_fault_of_the_spec(tmp_path: Path) -> None:
    report = verify(write(tmp_path), "nowhere.py:Net")
    (problem,) = report.problems
    assert (problem.code, problem.file, problem.line, problem.path) == ("TGT002", "", None, "")


def test_no_guess_runs(tmp_path: Path) -> None:
    model = """\
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.f = nn.Linear(8, 8)

        def forward(self, x):
            raise ValueError("ids wanted")
    """
    spec = SPEC.replace("  inputs:\n    x: {shape: [2, 8]}\n", "")
    assert problems(verify(write(tmp_path, model, spec)), tmp_path) == [
        "model.py:10: TGT010 no inputs are given and none could be guessed for Net; "
        "tried x=float32[1,16,8]: Net failed while it ran: ValueError: ids wanted (model.py:11) "
        "(at model.inputs) Give them under model.inputs in a spec, or as --input 'x=float32[1,16,64]'."
    ]


NO_SPECS = [
    ("missing.yaml", None, "missing.yaml: SPEC001 There is no such file. Check the path."),
    ("binary.yaml", b"\x00\x01", "binary.yaml: SPEC001 This is a binary file. A spec is a YAML text file."),
    (
        "latin.yaml",
        b"title: \xe9\n",
        "latin.yaml:1:8: SPEC001 This is not UTF-8 text: byte 0xe9. Save the file as UTF-8.",
    ),
]


@pytest.mark.parametrize(("name", "content", "message"), NO_SPECS)
def test_a_spec_that_is_none(name: str, content: bytes | None, message: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert problems(verify(tmp_path / name), tmp_path) == [message]


def test_a_directory_is_no_spec(tmp_path: Path) -> None:
    (problem,) = verify(tmp_path).problems
    assert (problem.code, problem.message) == ("SPEC001", "This is a directory.")


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ("{shape: [0, 8]}", "the input 'x' is empty, so the run says nothing about the model"),
        (
            "{shape: [2, 8], value: .nan}",
            "the model's output is empty, or NaN throughout, so the run says nothing about the model",
        ),
    ],
)
def test_a_run_that_shows_nothing_can_not_conform(inputs: str, message: str, tmp_path: Path) -> None:
    report = verify(write(tmp_path, spec=SPEC.replace("{shape: [2, 8]}", inputs)))
    assert [(problem.code, problem.message) for problem in report.problems] == [("TRC005", message)]
