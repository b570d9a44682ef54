"""Where the arguments of a spec go: to the target, or into a configuration that it takes."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from archcheck.errors import Problem, TargetError
from archcheck.model.building import build_model

HEAD = """
import torch
from dataclasses import dataclass
from torch import nn

class Net(nn.Module):
    def __init__(self, config{hint}):
        super().__init__()
        self.layer = nn.Linear(config.width, config.depth)
"""
CONFIG = """
@dataclass
class {name}:
    width: int = 4
    depth: int = 2
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder, where `net.py` is written."""
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    sys.modules.pop("net", None)
    importlib.invalidate_caches()


def shape(text: str, arguments: Mapping[str, Any]) -> tuple[int, int]:
    """Width and depth of the net that a file builds."""
    Path("net.py").write_text(dedent(text), encoding="utf-8")
    layer: Any = build_model("net.py:Net", arguments).module.layer
    return layer.in_features, layer.out_features


def problem(text: str, arguments: Mapping[str, Any]) -> Problem:
    with pytest.raises(TargetError) as caught:
        shape(text, arguments)
    (problem,) = caught.value.problems
    return problem


@pytest.mark.parametrize(
    "text",
    [
        "from __future__ import annotations\n" + HEAD.format(hint=": 'Sizes'") + CONFIG.format(name="Sizes"),
        HEAD.format(hint="") + CONFIG.format(name="NetConfig") + CONFIG.format(name="OtherConfig"),
        HEAD.format(hint="") + CONFIG.format(name="Args"),
        HEAD.format(hint="") + CONFIG.format(name="Sizes") + "Net.config_class = Sizes\n",
        "from dataclasses import dataclass\n" + CONFIG.format(name="Sizes") + HEAD.format(hint="=Sizes()"),
    ],
    ids=["hint", "name after the class", "only name", "config_class", "default"],
)
def test_a_configuration_is_made_of_what_is_given(text: str) -> None:
    assert shape(text, {}) == (4, 2)
    assert shape(text, {"width": 8}) == (8, 2)
    assert shape(text, {"config": {"depth": 5}, "width": 8}) == (8, 5)


def test_a_mapping_without_a_class_has_attributes_and_items() -> None:
    text = HEAD.format(hint="").replace("config.depth", "config['inner'].depth")
    assert shape(text, {"config": {"width": 3, "inner": {"depth": 7}}}) == (3, 7)
    assert shape(text, {"width": 3, "inner": {"depth": 7}}) == (3, 7)


def test_what_nobody_takes_is_told_with_the_nearest_name() -> None:
    text = HEAD.format(hint="") + CONFIG.format(name="NetConfig")
    found = problem(text, {"widht": 8})
    assert (found.message, found.hint) == ("'net.py:Net' takes no argument 'widht'", "Did you mean 'width'?")
    found = problem(text, {"config": {"widht": 8}})
    assert (found.message, found.file, found.line) == (
        "'NetConfig' takes no argument 'widht'",
        str(Path.cwd() / "net.py"),
        11,
    )


def test_what_is_missing_is_told_with_what_to_type() -> None:
    text = HEAD.format(hint="")
    assert problem(text, {}).hint == (
        "Give it under arguments, with --arguments FILE, or give what is read from it: "
        "--set config.width=VALUE --set config.depth=VALUE."
    )
    assert problem(text + "def parse_args():\n    return None\n", {}).hint == (
        "Try --set 'config={target: net.py:parse_args}'."
    )
    found = problem(
        "from torch import nn\ndef Net(num_heads, name: str):\n    return nn.Linear(1, 1)\n", {"name": "a"}
    )
    assert found.hint == "Give it under arguments, or with --set 'num_heads=8'."


def test_what_a_configuration_lacks_is_called_by_its_whole_key() -> None:
    text = HEAD.format(hint=": Config") + CONFIG.format(name="Config")
    text = text.replace(
        "class Net", "class Inner:\n    def __init__(self, heads):\n        pass\n\nclass Net"
    )
    text = text.replace("width: int = 4", "inner: Inner\n    width: int = 4")
    text = "from __future__ import annotations\n" + text
    hint = "Give it under arguments, or with --set 'config.inner.heads=8'."
    assert problem(text, {"config": {"inner": {}}}).hint == hint
    inner = {"target": "net.py:Inner"}
    assert problem(text, {"config": {"inner": inner}}).hint == hint
