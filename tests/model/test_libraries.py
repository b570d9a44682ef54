"""Models of libraries by one word. The libraries are stand-ins with the functions that are used."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from archcheck.errors import Problem, TargetError
from archcheck.model.building import build_model

TIMM = """
from torch import nn

def is_model(name):
    return name in ("resnet50", "vit_tiny")

def list_models():
    return ["resnet50", "vit_tiny"]

def create_model(name, pretrained=True, **arguments):
    assert not pretrained
    def block():
        return nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))

    return nn.Sequential(*(block() for _ in range(arguments.get("depth", 5))))
"""
TORCHVISION = """
from torch import nn
from . import models
"""
MODELS = """
from torch import nn

class Net(nn.Module):
    def __init__(self, width=4, init_weights=True):
        super().__init__()
        assert not init_weights
        self.layer = nn.Linear(width, width)

def net(*, weights=None, weights_backbone="fetched", **kwargs) -> Net:
    assert weights is weights_backbone is None
    return Net(**kwargs)

def list_models():
    return ["net"]

def get_model_builder(name):
    return globals()[name]
"""
TRANSFORMERS = """
from torch import nn

class PretrainedConfig:
    def __init__(self, **values):
        values.setdefault("num_hidden_layers", 4)
        values.setdefault("hidden_size", 64)
        values.setdefault("vocab_size", 5000)
        values.setdefault("num_attention_heads", 2)
        self.__dict__.update(values)

    model_type = "tiny"
    architectures = None

    @classmethod
    def from_dict(cls, values):
        return cls(**values)

    def to_diff_dict(self):
        return dict(vars(self))

    @classmethod
    def get_config_dict(cls, name):
        raise OSError("no network\\nsecond line")

CONFIG_MAPPING = {"tiny": PretrainedConfig}

class TinyModel(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.embed = nn.Embedding(config.vocab_size, config.hidden_size)

class TinyForMaskedLM(TinyModel):
    pass
"""
TABLES = """
MODEL_FOR_MASKED_LM_MAPPING_NAMES = {"tiny": "TinyForMaskedLM"}
MODEL_MAPPING_NAMES = {"tiny": "TinyModel"}
"""


@pytest.fixture(autouse=True)
def libraries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The stand-ins, in front of what may be installed."""
    for name, text in {
        "timm/__init__": TIMM,
        "torchvision/__init__": TORCHVISION,
        "torchvision/models": MODELS,
        "transformers/__init__": TRANSFORMERS,
        "transformers/models/__init__": "",
        "transformers/models/auto/__init__": "",
        "transformers/models/auto/modeling_auto": TABLES,
    }.items():
        file = tmp_path / "libraries" / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path / "libraries")
    monkeypatch.chdir(tmp_path)
    _forget()
    yield
    _forget()


def _forget() -> None:
    for name in [
        name for name in sys.modules if name.partition(".")[0] in ("timm", "torchvision", "transformers")
    ]:
        del sys.modules[name]


def build(target: str, **arguments: Any) -> Any:
    return build_model(target, arguments).module


def problem_of(target: str, **arguments: Any) -> Problem:
    with pytest.raises(TargetError) as caught:
        build(target, **arguments)
    (problem,) = caught.value.problems
    return problem


def test_timm() -> None:
    assert len(build("timm:resnet50")) == 5
    assert len(build("timm:resnet50", depth=3)) == 3
    assert list(dict(build("timm:resnet50", shrink=True).named_children())) == ["0", "1"]
    assert isinstance(build("timm:create_model", name="resnet50", pretrained=False), nn.Module)


def test_torchvision_fetches_no_weights() -> None:
    assert build("torchvision:net", width=8).layer.in_features == 8


def test_a_configuration_is_a_file_a_folder_or_a_type(tmp_path: Path) -> None:
    (tmp_path / "tiny").mkdir()
    values = {"model_type": "tiny", "architectures": ["TinyModel"], "hidden_size": 32}
    (tmp_path / "tiny" / "config.json").write_text(json.dumps(values), encoding="utf-8")
    for name in ("tiny", "./tiny", "tiny/config.json", str(tmp_path / "tiny")):
        model = build(f"hf:{name}", num_hidden_layers=7)
        assert (type(model).__name__, model.config.hidden_size) == ("TinyModel", 32)
        assert model.config.num_hidden_layers == 7
    (tmp_path / "tiny" / "config.json").rename(tmp_path / "other.json")
    (tmp_path / "tiny").rmdir()
    assert type(build("hf:tiny")).__name__ == "TinyForMaskedLM"


def test_a_shrunk_configuration_is_shallow_and_narrow() -> None:
    config = build("hf:tiny", shrink=True).config
    assert (config.num_hidden_layers, config.hidden_size, config.vocab_size) == (2, 16, 1024)
    assert config.num_attention_heads == 2


def test_a_value_that_the_configuration_has_not() -> None:
    problem = problem_of("hf:tiny", hiden_size=8)
    assert (problem.code, problem.path) == ("TGT005", "model.arguments.hiden_size")
    assert (problem.message, problem.hint) == (
        "PretrainedConfig has no 'hiden_size'",
        "Did you mean 'hidden_size'?",
    )


def test_a_configuration_that_can_not_be_had(tmp_path: Path) -> None:
    problem = problem_of("hf:somebody/model")
    assert (problem.code, problem.message) == (
        "TGT002",
        "the configuration of 'somebody/model' can't be loaded: no network",
    )
    assert problem.hint == "Give a local folder or config.json, or fetch it once while online."
    assert problem_of("hf:tyny").hint == "Did you mean 'tiny'?"
    assert problem_of("hf:./none").message == "there is no configuration './none'"
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    assert problem_of("hf:broken.json").code == "TGT003"
    (tmp_path / "empty.json").write_text("{}", encoding="utf-8")
    assert problem_of("hf:empty.json").hint == "A transformers configuration has a 'model_type'."


def test_code_that_comes_with_a_configuration_is_never_run(tmp_path: Path) -> None:
    values = {"model_type": "mine", "auto_map": {"AutoModel": "evil--evil.Model"}}
    (tmp_path / "config.json").write_text(json.dumps(values), encoding="utf-8")
    problem = problem_of("hf:.")
    assert problem.message == "'.' ships its own model code, which archcheck never downloads and runs"
    assert problem.hint == "Download the code, read it, and give it as path/file.py:Class."


def test_a_model_that_the_library_has_not() -> None:
    problem = problem_of("timm:resnet5O")
    assert (problem.code, problem.message) == ("TGT004", "timm has no model 'resnet5O'")
    assert problem.hint == "Did you mean 'resnet50'?"
    assert problem_of("torchvision:nett").hint == "Did you mean 'net'?"


def test_a_library_that_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if "libraries" not in entry])
    problem = problem_of("timm:resnet50")
    assert (problem.code, problem.message) == ("TGT002", "timm:resnet50 needs the package timm")
    assert problem.hint == "Run pip install timm."


def test_a_small_configuration_that_the_library_does_not_accept(monkeypatch: pytest.MonkeyPatch) -> None:
    widths = []

    def picky(self: Any, config: Any) -> None:
        widths.append((config.hidden_size, config.num_hidden_layers))
        if len(widths) < 3:
            raise ValueError("num_channels must be divisible by num_groups")
        nn.Module.__init__(self)

    monkeypatch.setattr(type(build("hf:tiny")), "__init__", picky)
    build("hf:tiny", shrink=True)
    assert widths == [(16, 2), (32, 2), (64, 2)]
