"""What `--set` and `--input` say about a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from archcheck.commands.settings import SHRINK, apply_settings, parse_input, parse_setting, read_arguments
from archcheck.errors import TargetError
from archcheck.model.arguments import UNSET, override
from archcheck.spec.model import Mode, Model


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hidden_size=64", ("hidden_size", 64)),
        ("config.num_hidden_layers=4", ("config.num_hidden_layers", 4)),
        ("eps=1e-5", ("eps", 1e-5)),
        ("use_moe=true", ("use_moe", True)),
        ("bias=no", ("bias", "no")),
        ("dims=[1, 2]", ("dims", [1, 2])),
        ("dtype={target: 'torch:float32'}", ("dtype", {"target": "torch:float32"})),
        ("name=a=b", ("name", "a=b")),
        ("drop=", ("drop", None)),
    ],
)
def test_a_setting_is_a_key_and_a_yaml_value(text: str, expected: tuple[str, Any]) -> None:
    assert parse_setting(text) == expected


@pytest.mark.parametrize("text", ["hidden_size", "=4", "a..b=1", "a=[1", "a=!!python/object:os.system x"])
def test_what_is_no_setting_is_refused(text: str) -> None:
    with pytest.raises(TargetError) as caught:
        parse_setting(text)
    (problem,) = caught.value.problems
    assert problem.code == "TGT011"
    assert f"'{text}'" in problem.message
    assert problem.hint


def test_a_dotted_key_reaches_through_targets_and_mappings_and_changes_no_original() -> None:
    arguments = {
        "config": {"target": "m:Config", "arguments": {"width": 8, "rope": {"theta": 1}}},
        "bare": {"target": "m:Bare"},
        "options": {"deep": {"x": 1}},
    }
    model = Model(target="m:Net", arguments=arguments)
    changed = apply_settings(
        model,
        [
            ("config.width", 16),
            ("config.rope.theta", 2),
            ("config.target", "m:Other"),
            ("bare.width", 3),
            ("options.deep.x", 4),
            ("new", 5),
        ],
    )
    assert changed.arguments == {
        "config": {"target": "m:Other", "arguments": {"width": 16, "rope": {"theta": 2}}},
        "bare": {"target": "m:Bare", "arguments": {"width": 3}},
        "options": {"deep": {"x": 4}},
        "new": 5,
    }
    assert model.arguments == {
        "config": {"target": "m:Config", "arguments": {"width": 8, "rope": {"theta": 1}}},
        "bare": {"target": "m:Bare"},
        "options": {"deep": {"x": 1}},
    }


@pytest.mark.parametrize(
    ("key", "message", "hint"),
    [
        (
            "confg.width",
            "the setting 'confg.width' can't be applied: there is no argument 'confg' to set a part of",
            "Did you mean 'config'?",
        ),
        (
            "width.x",
            "the setting 'width.x' can't be applied: 'width' is 8, which has no parts",
            "Set 'width' itself.",
        ),
    ],
)
def test_a_key_that_passes_through_nothing_is_refused(key: str, message: str, hint: str) -> None:
    with pytest.raises(TargetError) as caught:
        override({"width": 8, "config": {"target": "m:Config"}}, [(key, 1)])
    (problem,) = caught.value.problems
    assert (problem.code, problem.message, problem.hint) == ("TGT011", message, hint)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x=float32[1,3,224,224]", ("x", {"shape": [1, 3, 224, 224], "dtype": "float32"})),
        ("input_ids=int64[1,16]<6400", ("input_ids", {"shape": [1, 16], "dtype": "int64", "high": 6400})),
        ("t=float32[]", ("t", {"shape": [], "dtype": "float32"})),
        ("batch.x=int64[2]", ("batch.x", {"shape": [2], "dtype": "int64"})),
        ("m=bool[ 1 , 2 ]", ("m", {"shape": [1, 2], "dtype": "bool"})),
    ],
)
def test_an_input_is_a_name_a_dtype_and_a_shape(text: str, expected: tuple[str, dict[str, Any]]) -> None:
    assert parse_input(text) == expected


def test_a_dotted_name_is_a_part_of_an_input() -> None:
    model = Model.model_construct(target="net:Net", inputs={"batch": {"x": {"shape": [1]}, "y": 1}})
    changed = apply_settings(model, [], dict([parse_input("batch.x=int64[2]"), parse_input("more.z=2")]))
    assert changed.inputs == {"batch": {"x": {"shape": [2], "dtype": "int64"}, "y": 1}, "more": {"z": 2}}


@pytest.mark.parametrize(
    "text", ["x", "x=float32", "x=float32[1", "x=float32[1,-2]", "x=int64[1]<a", "=int64[1]"]
)
def test_what_is_no_input_is_refused(text: str) -> None:
    with pytest.raises(TargetError) as caught:
        parse_input(text)
    (problem,) = caught.value.problems
    assert (problem.code, problem.message) == ("TGT009", f"'{text}' is not an input")
    assert "'x=float32[1,3,224,224]'" in problem.hint


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("use_cache=false", ("use_cache", False)),
        ("batch=2", ("batch", 2)),
        ("scale=0.5", ("scale", 0.5)),
        ("mode=train", ("mode", "train")),
        ("mask=null", ("mask", None)),
        ("x={shape: [1, 2], value: 0}", ("x", {"shape": [1, 2], "value": 0})),
    ],
)
def test_an_input_may_be_a_plain_value(text: str, expected: tuple[str, Any]) -> None:
    assert parse_input(text) == expected


@pytest.mark.parametrize("text", ["x=1,3,8,8", "x=[1, 3, 8, 8]", "x=1x3x8x8", "x=(1,3,8,8)"])
def test_sizes_without_a_dtype_lead_to_the_tensor(text: str) -> None:
    with pytest.raises(TargetError) as caught:
        parse_input(text)
    assert caught.value.problems[0].hint == "Write --input 'x=float32[1,3,8,8]'."


def test_a_dotted_key_makes_the_mappings_that_are_not_there() -> None:
    assert override({"width": 8}, [("config.depth", 2), ("config.rope.theta", 3)]) == {
        "width": 8,
        "config": {"depth": 2, "rope": {"theta": 3}},
    }


def test_what_is_unset_is_gone_in_every_mode_and_at_the_published_size() -> None:
    model = Model(
        target="m:Net",
        arguments={"width": 8, "depth": 2, "config": {"a": 1, "b": 2}},
        inputs={"x": 1, "mask": 2},
        published={"width": 512, "depth": 12},
        modes=["eval", Mode(name="wide", arguments={"width": 16}, inputs={"mask": 3})],
    )
    changed = apply_settings(model, [("width", UNSET), ("config.a", UNSET), ("mask", UNSET)], {"ids": 5})
    assert changed.arguments == {"depth": 2, "config": {"b": 2}}
    assert changed.inputs == {"x": 1, "ids": 5}
    assert changed.published == {"depth": 12}
    assert changed.modes == ["eval", Mode(name="wide")]


def test_what_is_not_there_can_not_be_unset() -> None:
    with pytest.raises(TargetError) as caught:
        apply_settings(Model(target="m:Net", arguments={"width": 8}), [("widht", UNSET)])
    (problem,) = caught.value.problems
    assert (problem.code, problem.hint) == ("TGT011", "Did you mean 'width'?")


def test_only_models_of_libraries_are_shrunk() -> None:
    with pytest.raises(TargetError) as caught:
        apply_settings(Model(target="net.py:Net"), [(SHRINK, True)])
    (problem,) = caught.value.problems
    assert problem.message == (
        "the setting 'shrink' can't be applied: 'net.py:Net' is not a timm:, torchvision: or hf: model"
    )
    shrunk = apply_settings(Model(target="timm:resnet50"), [(SHRINK, True)])
    assert shrunk.arguments == {"shrink": True}


@pytest.mark.parametrize("text", ["width: 8\nname: net\n", '{"width": 8, "name": "net"}'])
def test_arguments_in_a_file(text: str, tmp_path: Path) -> None:
    file = tmp_path / "arguments"
    file.write_text(text, encoding="utf-8")
    assert read_arguments(file) == [("width", 8), ("name", "net")]


@pytest.mark.parametrize("text", ["- 1\n", "a: [", None])
def test_what_are_no_arguments_is_refused(text: str | None, tmp_path: Path) -> None:
    file = tmp_path / "arguments.yaml"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    with pytest.raises(TargetError) as caught:
        read_arguments(file)
    assert caught.value.problems[0].code == "TGT011"
