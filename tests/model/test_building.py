"""From the model section of a spec to an `nn.Module`."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import torch
from torch import nn

from archcheck.errors import Problem, TargetError
from archcheck.model import memory
from archcheck.model.building import BuiltModel, build_model, materialize
from archcheck.source_location import shown_path

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes `net.py` into a fresh folder, which is the current one."""
    monkeypatch.chdir(tmp_path)

    def write(text: str) -> Path:
        file = tmp_path / "net.py"
        file.write_text("import torch\nfrom torch import nn\n" + dedent(text), encoding="utf-8")
        return file

    return write


def build(target: str, **arguments: Any) -> BuiltModel:
    return build_model(target, arguments)


def problems_of(target: str, **arguments: Any) -> tuple[Problem, ...]:
    with pytest.raises(TargetError) as caught:
        build(target, **arguments)
    return caught.value.problems


# What a target may be

NET = """
class Config:
    def __init__(self, width: int = 4, dtype=None):
        self.width, self.dtype = width, dtype

class Net(nn.Module):
    def __init__(self, config: Config, act=None):
        super().__init__()
        self.layer = nn.Linear(config.width, config.width, dtype=config.dtype)
        self.act = act

    @classmethod
    def from_config(cls, config):
        return cls(config)

def build(width):
    return Net(Config(width)), "a tokenizer"

ready = Net(Config(3))
"""


@pytest.mark.parametrize(
    ("target", "arguments", "width"),
    [
        ("net:Net", {"config": {"target": "net:Config", "arguments": {"width": 5}}}, 5),
        ("net.py:Net", {"config": {"target": "net.py:Config"}}, 4),
        ("net:Net.from_config", {"config": {"target": "net:Config"}}, 4),
        ("net:build", {"width": 6}, 6),
        ("net:ready", {}, 3),
        ("torch.nn:Linear", {"in_features": 2, "out_features": 7}, 7),
    ],
)
def test_a_class_a_function_a_classmethod_or_a_module(
    target: str, arguments: dict[str, Any], width: int, write: Write
) -> None:
    write(NET)
    built = build(target, **arguments)
    linear = built.module if isinstance(built.module, nn.Linear) else built.module.get_submodule("layer")
    assert isinstance(linear, nn.Linear)
    assert linear.out_features == width
    assert built.device == "cpu"
    count = sum(p.numel() for p in linear.parameters())
    assert built.remark == f"on the CPU with {count} parameters"


def test_an_argument_may_be_a_value_that_is_not_called(write: Write) -> None:
    write(NET)
    config = {"target": "net:Config", "arguments": {"dtype": {"target": "torch:bfloat16"}}}
    gelu = {"target": "torch.nn:GELU"}
    module: Any = build("net:Net", config=config, act={**gelu, "arguments": None}).module
    assert module.layer.weight.dtype is torch.bfloat16
    assert module.act is nn.GELU
    module = build("net:Net", config=config, act=["torch.float32", gelu]).module
    assert (module.act[0], type(module.act[1])) == ("torch.float32", nn.GELU)


def test_values_are_the_same_in_every_run_and_the_random_state_is_left_alone(write: Write) -> None:
    write(NET)
    states = torch.get_rng_state(), random.getstate()
    first = build("net:build", width=4).module.state_dict()
    assert torch.equal(torch.get_rng_state(), states[0])
    assert random.getstate() == states[1]
    torch.rand(3)
    second = build("net:build", width=4).module.state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    torch.set_rng_state(states[0])


# What goes wrong


def test_arguments_that_are_missing_or_unknown_are_all_told(write: Write) -> None:
    write(NET)
    needs, unknown = problems_of("net:build", widht=1)
    assert (needs.code, shown_path(needs.file), needs.line, needs.path) == ("TGT005", "net.py", 18, "model")
    assert needs.message == "'net:build' needs the argument 'width'"
    assert needs.hint == "Give it under arguments, or with --set 'width=8'."
    assert (unknown.message, unknown.hint) == (
        "'net:build' takes no argument 'widht'",
        "Did you mean 'width'?",
    )
    (unknown,) = problems_of("net:Net", confg=1)
    assert (unknown.message, unknown.path) == ("'net:Net' takes no argument 'confg'", "model.arguments.confg")
    assert unknown.hint == "Did you mean 'config'?"


def test_arguments_that_are_missing_are_told_together(write: Write) -> None:
    write("class Net:\n    def __init__(self, img, n_classes, nh: float): ...\n")
    (problem,) = problems_of("net:Net")
    assert problem.message == "'net:Net' needs the arguments 'img', 'n_classes' and 'nh'"
    assert problem.hint == (
        "Give them under arguments, or with --set 'img=VALUE' --set 'n_classes=8' --set 'nh=0.1'."
    )


def test_a_nested_target_is_told_by_its_place_in_the_spec(write: Write) -> None:
    write(NET)
    (problem,) = problems_of("net:Net", config={"target": "net:Config", "arguments": {"zzz": 1}})
    assert (problem.path, problem.hint) == (
        "model.arguments.config.arguments.zzz",
        "It takes width, dtype.",
    )
    (problem,) = problems_of("net:Net", config={"target": "net:Confg"})
    assert (problem.code, problem.path) == ("TGT004", "model.arguments.config.target")
    (problem,) = problems_of("net:ready", width=1)
    assert (problem.code, problem.message) == (
        "TGT005",
        "'net:ready' is already a Net and takes no arguments",
    )


def test_a_type_error_inside_is_no_wrong_argument(write: Write) -> None:
    write("def build():\n    return nn.Linear(2)")
    (problem,) = problems_of("net:build")
    assert (problem.code, shown_path(problem.file), problem.line) == ("TGT006", "net.py", 4)
    assert problem.message.startswith("building 'net:build' raised TypeError: ")


def test_an_exit_while_building_is_an_error(write: Write) -> None:
    write("def build():\n    raise SystemExit(1)")
    (problem,) = problems_of("net:build")
    assert (problem.code, problem.line) == ("TGT006", 4)
    assert problem.message == "building 'net:build' exited with code 1"


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ("None", "'net:build' returns None, not an nn.Module"),
        ("{}", "'net:build' returns a dict, not an nn.Module"),
        ("nn.Linear", "'net:build' returns the class Linear, not an nn.Module"),
        ("(1, 2)", "'net:build' returns a tuple, not an nn.Module"),
        ("nn.ReLU(), nn.ReLU()", "'net:build' returns a tuple with 2 modules, not a single one"),
    ],
)
def test_what_is_no_module_is_refused(returned: str, message: str, write: Write) -> None:
    write(f"def build():\n    return {returned}")
    (problem,) = problems_of("net:build")
    assert (problem.code, problem.message, problem.path) == ("TGT007", message, "model.target")


def test_a_run_is_contained_and_may_still_import(write: Write, tmp_path: Path) -> None:
    write("""
    class Net(nn.Module):
        def forward(self, x):
            import lazy
            return x @ lazy.weight
    """)
    (tmp_path / "lazy.py").write_text("import torch\nweight = torch.ones(3, 3)\n")
    built = build("net.py:Net")
    with built.running():
        assert built.module(torch.ones(1, 3)).tolist() == [[3, 3, 3]]
    with pytest.raises(TargetError) as caught, built.running():
        built.module(torch.ones(1, 2))
    (problem,) = caught.value.problems
    assert (problem.code, shown_path(problem.file), problem.line) == ("TGT012", "net.py", 7)
    assert problem.message.startswith("running the model raised RuntimeError: ")
    assert "mat1 and mat2" in problem.message
    assert problem.hint == "Check the names, shapes and dtypes of its inputs."


def test_a_model_that_asks_for_an_accelerator_stays_on_the_cpu(write: Write) -> None:
    write("""
    def build(how):
        layer = nn.Linear(2, 2, device="cuda") if how == "factory" else nn.Linear(2, 2)
        if how == "context":
            with torch.device("cuda"):
                return nn.Linear(2, 2)
        return {"factory": lambda: layer, "to": lambda: layer.to("cuda:0"), "cuda": layer.cuda}[how]()
    """)
    for how in ("factory", "context", "to", "cuda"):
        built = build("net:build", how=how)
        assert {p.device.type for p in built.module.parameters()} == {"cpu"}
        assert built.remark.endswith("; its code asks for another device, which archcheck does not use")


# Large models

LARGE = """
class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, width, bias=False)
        nn.init.xavier_uniform_(self.up.weight)
        self.gate = nn.Parameter(torch.randn(width, width))
        self.register_buffer("mask", torch.tril(torch.ones(width, width)))
        self.scale = torch.full((1,), 2.0)
        self.table = [torch.arange(3)]

class Net(nn.Module):
    def __init__(self, width=1024, depth=3):
        super().__init__()
        self.embed = nn.Embedding(1000, width, padding_idx=0)
        self.blocks = nn.ModuleList(Block(width) for _ in range(depth))
        self.head = nn.Linear(width, 1000, bias=False)
        self.head.weight = self.embed.weight
        self.rnn = nn.LSTM(width, 2)

    def forward(self, x):
        x = self.embed(x)
        for block in self.blocks:
            if (x > 1e9).any():
                x = x + 1
            x = x + block.up(block.norm(x)) @ block.mask * block.scale
        return self.head(x) + self.rnn(x)[0].mean()
"""


@pytest.fixture
def large(write: Write, monkeypatch: pytest.MonkeyPatch) -> BuiltModel:
    monkeypatch.setattr(memory, "BUDGET", 4_000_000)
    write(LARGE)
    built = build("net:Net")
    built.module.eval()
    return built


def test_a_large_model_is_built_on_the_meta_device_as_a_whole(large: BuiltModel) -> None:
    assert large.device == "meta"
    assert all(tensor.is_meta for tensor in memory.tensors(large.module))
    block: Any = large.module.get_submodule("blocks.0")
    assert block.scale.is_meta
    assert block.table[0].is_meta
    count = 1000 * 1024 + 3 * (2 * 1024 * 1024 + 2 * 1024) + 4 * 2 * (1024 + 2 + 2)
    assert sum(p.numel() for p in large.module.parameters()) == count
    assert large.remark == f"on the meta device: its {count:,} parameters have shapes but no values"


def test_tied_weights_stay_tied(large: BuiltModel) -> None:
    module: Any = large.module
    assert module.head.weight is module.embed.weight
    materialize(large)
    assert module.head.weight is module.embed.weight


@pytest.mark.slow
def test_a_large_model_can_be_run_on_zeros(large: BuiltModel) -> None:
    with pytest.raises(TargetError), large.running():
        large.module(torch.zeros(1, 4, dtype=torch.long, device="meta"))
    built = materialize(large)
    assert built.module is large.module
    assert (built.device, built.remark) == (
        "cpu",
        "on the CPU, with zeros as its large weights, because its code needs values",
    )
    block: Any = built.module.get_submodule("blocks.2")
    weight = block.up.weight
    assert isinstance(weight, nn.Parameter)
    assert weight.shape == (1024, 1024)
    assert weight.is_contiguous()
    assert not weight.any()
    assert torch.equal(block.mask, torch.tril(torch.ones(1024, 1024)))
    assert block.norm.weight.tolist() == [1.0] * 1024
    assert block.scale.tolist() == [2.0]
    assert block.table[0].tolist() == [0, 1, 2]
    with built.running():
        assert built.module(torch.zeros(1, 4, dtype=torch.long)).shape == (1, 4, 1000)


def test_many_small_parameters_add_up(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "BUDGET", 1_000)
    write("""
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList(nn.Linear(10, 10) for _ in range(20))
            weight = nn.Parameter(torch.ones(10, 10))
            self.a = self.b = weight
    """)
    built = build("net:Net")
    assert built.device == "meta"
    assert built.module.a is built.module.b


@pytest.mark.slow
def test_a_huge_model_takes_little_time_and_memory(tmp_path: Path) -> None:
    """35 billion parameters would be 140 GB; the first operation on meta loads hundreds of modules."""
    (tmp_path / "net.py").write_text(
        dedent("""
        import torch
        from torch import nn

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.layers = nn.ModuleList(nn.Linear(8192, 28672) for _ in range(150))
                self.old = nn.Parameter(torch.Tensor(8192, 28672))
                self.cache = torch.zeros(80, 8192, 8192)
                for layer in self.layers:
                    nn.init.trunc_normal_(layer.weight, std=0.02)
                    layer.weight.data.mul_(0.5).clamp_(-1, 1)
                    nn.init.zeros_(layer.bias)
        """)
    )
    script = dedent("""
        import resource, sys
        from archcheck.model.building import build_model
        loaded = len(sys.modules)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        built = build_model("net.py:Net", {})
        used = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
        print(built.device, used < 100, len(sys.modules) - loaded < 50)
    """)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    run = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout == "meta True True\n"


def test_the_same_mask_in_each_layer_is_one_tensor_and_leaves_the_model_on_the_cpu(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("archcheck.model.memory.BUDGET", 3 * 2**20)
    write("""
    class Layer(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(2))
            self.register_buffer("mask", torch.full((1200, 1200), float("-inf")).triu(1))

    def build():
        return nn.ModuleList(Layer() for _ in range(8))
    """)
    built = build("net:build")
    assert built.device == "cpu"
    masks = [layer.mask for layer in built.module.children()]
    assert {mask.data_ptr() for mask in masks} == {masks[0].data_ptr()}
    assert torch.equal(masks[0], torch.full((1200, 1200), float("-inf")).triu(1))


def test_caches_of_the_same_size_stay_apart(write: Write) -> None:
    write("""
    def build():
        layers = nn.ModuleList(nn.Identity() for _ in range(2))
        for layer in layers:
            layer.register_buffer("cache", torch.zeros(2**20))
        return layers
    """)
    one, other = (layer.cache for layer in build("net:build").module.children())
    assert one.data_ptr() != other.data_ptr()
