"""Guesses that follow from how a model failed, and those around what is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from archcheck.errors import TargetError
from archcheck.model.guessing import guess_inputs, not_guessed
from archcheck.model.isolation import contained


@contextmanager
def running() -> Iterator[None]:
    with contained("running the model", "TGT012"):
        yield


def that_runs(module: nn.Module, **given: Any) -> tuple[int, str]:
    """How many guesses it took, and the one that runs."""
    module.eval()
    tried = []
    for example in guess_inputs(module, given, running=running):
        tried.append(example.text)
        try:
            module(*example.args, **example.kwargs)
        except (RuntimeError, ValueError, IndexError, AttributeError):
            continue
        return len(tried), example.text
    raise AssertionError(tried)


class Net(nn.Module):
    """Layers by name, and a forward that is given."""

    def __init__(self, forward: Callable[..., Any], **layers: nn.Module) -> None:
        super().__init__()
        for name, layer in layers.items():
            self.add_module(name, layer)
        self.forward = forward.__get__(self)  # type: ignore[attr-defined]


def encode_decode(self: Any, image: Tensor, caption: Tensor) -> Any:
    return self.words(caption) + self.eyes(image).mean((2, 3))[:, None]


def out_of_order(self: Any, x: Tensor) -> Any:
    return self.last(self.first(x))


def channels_last(self: Any, x: Tensor) -> Any:
    return self.conv(x.permute(0, 3, 1, 2))


def sequence_last(self: Any, x: Tensor) -> Any:
    return self.conv(x.transpose(1, 2))


def without_channel(self: Any, x: Tensor) -> Any:
    return self.conv(x.unsqueeze(1))


def with_positions(self: Any, x: Tensor) -> Any:
    return self.proj(x) + self.places.weight


def unpacking(self: Any, x: Tensor) -> Any:
    batch, _length = x.shape
    return self.proj(x) * batch


def flattened(self: Any, x: Tensor) -> Any:
    return self.head(self.conv(x).flatten(1))


def split(self: Any, x: Tensor) -> Any:
    points, views = x.split([5, 3], dim=-1)
    return self.first(points) + self.second(torch.cat((points, views), -1))


def along_edges(self: Any, x: Tensor, edge_index: Tensor) -> Any:
    nodes, _width = x.shape
    start, end = edge_index
    return self.first(torch.zeros(nodes, 4).index_add(0, end, x[start]))


def of_a_square(self: Any, x: Tensor, t: Tensor) -> Any:
    if x.shape[-1] != self.config.data["image_size"]:
        raise ValueError
    return self.conv(x) * t


def in_patches(self: Any, x: Tensor) -> Any:
    pictures, _channels, _height, _width = x.shape
    patches = x.unfold(2, 8, 8).unfold(3, 8, 8).permute(0, 2, 3, 4, 5, 1)
    return self.proj(patches.reshape(pictures, -1, 192)) + self.places.weight


def keys_of_a_mapping(self: Any, batch: Any) -> Any:
    return self.words(batch["input_ids"]) + self.eyes(batch.get("image")).mean((2, 3))[:, None]


def asking(self: Any, x: Tensor, boxes: Tensor | None = None) -> Any:
    """Show a call: `x["ids"]` is what `self(x=...)` takes."""
    if boxes is None:
        raise ValueError("You have to specify boxes")
    return self.words(x)[..., None] + boxes[:, :, None]


def keys_of_keywords(self: Any, **batch: Any) -> Any:
    return self.first(batch["x"])


def with_config(module: Net) -> Net:
    module.config = SimpleNamespace(data={"image_size": 20})  # type: ignore[assignment]
    return module


@pytest.mark.parametrize(
    ("module", "text"),
    [
        (
            Net(encode_decode, words=nn.Embedding(50, 8), eyes=nn.Conv2d(3, 8, 4)),
            "image=float32[1,3,64,64] caption=int64[1,16]",
        ),
        (Net(out_of_order, last=nn.Linear(6, 2), first=nn.Linear(9, 6)), "x=float32[1,16,9]"),
        (Net(channels_last, conv=nn.Conv2d(3, 8, 4)), "x=float32[1,64,64,3]"),
        (Net(sequence_last, conv=nn.Conv1d(7, 8, 1)), "x=float32[1,256,7]"),
        (Net(without_channel, conv=nn.Conv2d(1, 8, 4)), "x=float32[1,64,64]"),
        (Net(with_positions, proj=nn.Linear(4, 8), places=nn.Embedding(10, 8)), "x=float32[1,10,4]"),
        (Net(split, first=nn.Linear(5, 2), second=nn.Linear(8, 2)), "x=float32[1,16,8]"),
        (Net(along_edges, first=nn.Linear(4, 2)), "x=float32[16,4] edge_index=int64[2,16]"),
        (
            with_config(Net(of_a_square, time=nn.Linear(4, 8), conv=nn.Conv2d(3, 8, 4))),
            "x=float32[1,3,20,20] t=int64[1]",
        ),
        (Net(keys_of_keywords, first=nn.Linear(4, 2)), "x=float32[1,16,4]"),
        (Net(out_of_order, first=nn.Linear(9, 6), last=nn.Linear(6, 2)).half(), "x=float16[1,16,9]"),
        (Net(in_patches, proj=nn.Linear(192, 8), places=nn.Embedding(16, 8)), "x=float32[1,3,32,32]"),
        (Net(asking, words=nn.Embedding(9, 2)), "x=int64[1,16] boxes=int64[1,16,4]"),
        (Net(unpacking, proj=nn.Linear(4, 8)), "x=float32[1,4]"),
        (Net(flattened, conv=nn.Conv2d(3, 2, 4, 4), head=nn.Linear(2 * 20 * 20, 5)), "x=float32[1,3,80,80]"),
    ],
    ids=lambda value: value.forward.__name__ if isinstance(value, Net) else "",
)
def test_a_failure_leads_to_inputs_that_run(module: nn.Module, text: str) -> None:
    count, found = that_runs(module)
    assert found == text
    assert count <= 16


def test_a_mapping_is_guessed_by_the_keys_that_are_read_of_it() -> None:
    module = Net(keys_of_a_mapping, words=nn.Embedding(50, 8), eyes=nn.Conv2d(3, 8, 4))
    example = next(guess_inputs(module))
    assert example.inputs == {
        "batch": {
            "input_ids": {"shape": [1, 16], "dtype": "int64", "high": 50},
            "image": {"shape": [1, 3, 64, 64]},
        }
    }
    module(*example.args)


def test_a_normalization_over_the_batch_gets_a_batch_of_two() -> None:
    module = Net(lambda self, x: self.norm(self.conv(x).mean((2, 3))), conv=nn.Conv2d(3, 8, 4))
    module.norm = nn.BatchNorm1d(8)
    first, second, *_ = guess_inputs(module, running=running)
    assert (first.text, second.text) == ("x=float32[1,3,64,64]", "x=float32[2,3,64,64]")


def test_what_is_given_stays_and_the_others_are_guessed() -> None:
    module = Net(encode_decode, words=nn.Embedding(50, 8), eyes=nn.Conv2d(3, 8, 4))
    image = {"shape": [2, 3, 9, 9]}
    assert that_runs(module, image=image) == (1, "image=float32[2,3,9,9] caption=int64[1,16]")
    both = {"image": image, "caption": {"shape": [2, 3], "dtype": "int64"}}
    (only,) = guess_inputs(module, both, running=running)
    assert only.inputs == both


def test_annotations_tell_plain_values_and_lists_of_tensors() -> None:
    def forward(self: Any, images: list[Tensor], depth: int, flag: bool) -> Any:
        return self.conv(images[0])

    example = next(guess_inputs(Net(forward, conv=nn.Conv2d(3, 8, 4))))
    assert example.inputs == {"images": [{"shape": [3, 64, 64]}], "depth": 1, "flag": False}


def test_a_model_states_what_it_takes() -> None:
    module = Net(channels_last, conv=nn.Conv2d(3, 8, 4))
    module.pretrained_cfg = {"input_size": (3, 96, 96)}  # type: ignore[assignment]
    assert next(guess_inputs(module)).text == "x=float32[1,3,96,96]"
    module.pretrained_cfg = None  # type: ignore[assignment]
    module.example_input_array = torch.ones(2, 5, dtype=torch.int64)
    assert next(guess_inputs(module)).text == "x=int64[2,5]"


def test_an_image_and_the_tokens_in_its_place() -> None:
    class Config:
        image_token_id = 7

    def forward(self: Any, input_ids: Any = None, pixel_values: Any = None) -> Any:
        count = int((input_ids == 7).sum())
        if count != 9:
            raise ValueError(f"Image features and image tokens do not match, tokens: {count}, features: 9")
        return self.words(input_ids)

    module = Net(forward, words=nn.Embedding(50, 8), eyes=nn.Conv2d(3, 8, 4))
    module.config = Config()  # type: ignore[assignment]
    assert that_runs(module) == (2, "input_ids=int64[1,9] pixel_values=float32[1,3,64,64]")


def test_the_remedy_offers_nothing_that_was_tried() -> None:
    module = Net(out_of_order, last=nn.Linear(6, 2))
    module.layer = nn.Linear(64, 2)
    tried = list(guess_inputs(module))
    (problem,) = not_guessed(module, {}, tried).problems
    assert "x=float32[1,16,64]" in [example.text for example in tried]
    assert problem.hint == "Give them under model.inputs in a spec, or as --input 'x=float32[1,3,224,224]'."


def test_the_remedy_is_what_a_name_tells() -> None:
    def forward(self: Any, nodes: Any, edge_index: Any, lengths: Any, pixel_values: Any) -> Any:
        return nodes

    module = Net(forward, first=nn.Linear(4, 2))
    (problem,) = not_guessed(module, {}, []).problems
    assert problem.hint == (
        "Give them under model.inputs in a spec, or as --input 'nodes=float32[1,16,64]' "
        "--input 'edge_index=int64[2,16]<16' --input 'lengths=int64[1]' "
        "--input 'pixel_values=float32[1,3,224,224]'."
    )


def test_an_input_that_is_missing_beside_one_that_is_given() -> None:
    def forward(self: Any, x: Any, token_ids: Any) -> Any:
        return x

    with pytest.raises(TargetError) as caught:
        guess_inputs(Net(forward), {"x": 1})
    (problem,) = caught.value.problems
    assert (problem.code, problem.message) == (
        "TGT008",
        "Net.forward needs the input 'token_ids', which can't be guessed",
    )
    assert problem.hint.endswith("--input 'token_ids=int64[1,16]<100'.")
