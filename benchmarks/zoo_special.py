"""Inputs of the few models whose needs can't be read off the signature of `forward`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from benchmarks.zoo_inputs import Inputs, tokens


def _musicgen(model: Any) -> Inputs:
    return {"input_ids": tokens(model, model.config.num_codebooks, 8)}


INPUTS: dict[str, Callable[[nn.Module], Inputs]] = {
    "MusicgenForCausalLM": _musicgen,
    "MusicgenMelodyForCausalLM": _musicgen,
}
