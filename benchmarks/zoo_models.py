"""The zoo: one small, randomly initialised model of every class that `transformers` maps to a task.

    python benchmarks/zoo_models.py [--family causal-lm] [--only REGEX]

builds and runs each in a process of its own and prints which do, and why the others don't. Nothing is
downloaded. Some classes need more than torch (scipy, timm, natten, detectron2, torchaudio): each says so.
"""

from __future__ import annotations

import os

os.environ["HF_HUB_OFFLINE"] = "1"

import argparse
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
import transformers
from torch import Tensor, nn
from transformers.models.auto import modeling_auto
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from benchmarks.zoo_config import Widths, small_config, ways
from benchmarks.zoo_inputs import example_inputs
from benchmarks.zoo_pool import Outcome, run_all
from benchmarks.zoo_special import INPUTS

LARGEST = 30_000_000
"""The most parameters that a case may have: above, a rule is missing in `zoo_config`."""
FAMILIES = {
    "causal-lm": ("CAUSAL_LM",),
    "encoder": ("MASKED_LM", "TEXT_ENCODING"),
    "encoder-decoder": ("SEQ_TO_SEQ_CAUSAL_LM",),
    "multimodal": (
        "IMAGE_TEXT_TO_TEXT",
        "MULTIMODAL_LM",
        "VISUAL_QUESTION_ANSWERING",
        "DOCUMENT_QUESTION_ANSWERING",
        "ZERO_SHOT_IMAGE_CLASSIFICATION",
        "ZERO_SHOT_OBJECT_DETECTION",
        "RETRIEVAL",
    ),
    "vision": (
        "IMAGE_CLASSIFICATION",
        "OBJECT_DETECTION",
        "SEMANTIC_SEGMENTATION",
        "UNIVERSAL_SEGMENTATION",
        "INSTANCE_SEGMENTATION",
        "DEPTH_ESTIMATION",
        "VIDEO_CLASSIFICATION",
        "MASKED_IMAGE_MODELING",
        "IMAGE_TO_IMAGE",
        "KEYPOINT_DETECTION",
        "KEYPOINT_MATCHING",
        "POSE_ESTIMATION",
        "IMAGE_MATTING",
        "NORMAL_ESTIMATION",
        "POINTMAP_ESTIMATION",
        "BACKBONE",
        "MASK_GENERATION",
        "TEXT_RECOGNITION",
        "TABLE_RECOGNITION",
        "IMAGE_SEGMENTATION",
        "CAUSAL_IMAGE_MODELING",
    ),
    "audio": (
        "AUDIO_CLASSIFICATION",
        "CTC",
        "SPEECH_SEQ_2_SEQ",
        "TEXT_TO_WAVEFORM",
        "TEXT_TO_SPECTROGRAM",
        "TDT",
        "RNNT",
        "AUDIO_XVECTOR",
    ),
    "time-series": (
        "TIME_SERIES_CLASSIFICATION",
        "TIME_SERIES_PREDICTION",
        "TIME_SERIES_REGRESSION",
        "DECISION",
    ),
}
"""Which task mappings make a family; a class belongs to the first family that names it. The family `base`
is the bare models of the types that no task names."""


class TooLargeError(Exception):
    """A configuration that the rules failed to shrink."""


@dataclass(frozen=True)
class Case:
    """One class of the zoo: its `name`, the `family` it is counted in, its configuration's `model_type`."""

    name: str
    family: str
    model_type: str

    def build(self) -> tuple[nn.Module, tuple[Any, ...], dict[str, Any]]:
        """Return the model in evaluation mode with positional and keyword inputs on which it runs.

        Same weights and inputs in every call. Raises whatever the model's constructor or forward raises.
        """
        errors: list[Exception] = []
        for text_alone in (False, True):
            for widths in ways(CONFIG_MAPPING[self.model_type]):
                try:
                    return self._build(widths, text_alone)
                except ImportError:
                    raise
                except Exception as error:
                    errors.append(error)
        raise errors[0]

    def _build(self, widths: Widths, text_alone: bool) -> tuple[nn.Module, tuple[Any, ...], dict[str, Any]]:
        model_class = getattr(transformers, self.name)
        config = small_config(CONFIG_MAPPING[self.model_type], self.name, widths)
        wanted = model_class.config_class
        if wanted is not None and not isinstance(config, wanted):
            config = next((value for value in vars(config).values() if isinstance(value, wanted)), config)
        _check_size(model_class, config)
        torch.manual_seed(0)
        model = model_class(config).eval()
        _stir_constants(model)
        torch.manual_seed(1)
        return model, (), example_inputs(model, INPUTS.get(self.name), text_alone)


def cases() -> Iterator[Case]:
    """Yield every class, families in the order of `FAMILIES`, sorted by name within."""
    seen: set[str] = set()
    covered: set[str] = set()
    for family, tasks in FAMILIES.items():
        found: dict[str, str] = {}
        for task in tasks:
            for model_type, names in getattr(modeling_auto, f"MODEL_FOR_{task}_MAPPING_NAMES").items():
                covered.add(model_type)
                for name in (names,) if isinstance(names, str) else names:
                    if name not in seen and (name not in found or _is_own(name, model_type)):
                        found[name] = model_type
        seen.update(found)
        yield from (Case(name, family, found[name]) for name in sorted(found))
    bare = {
        name: model_type
        for model_type, names in modeling_auto.MODEL_MAPPING_NAMES.items()
        for name in ((names,) if isinstance(names, str) else names)
        if model_type not in covered and name not in seen
    }
    yield from (Case(name, "base", bare[name]) for name in sorted(bare))


def _is_own(name: str, model_type: str) -> bool:
    """Return whether the class is made for this model type's configuration, rather than borrowed by it."""
    return getattr(transformers, name).config_class is CONFIG_MAPPING[model_type]


def _check_size(model_class: type[nn.Module], config: Any) -> None:
    try:
        with torch.device("meta"):
            count = sum(parameter.numel() for parameter in model_class(config).parameters())
    except (NotImplementedError, RuntimeError):
        return
    if count > LARGEST:
        raise TooLargeError(f"{count / 1e6:.0f} M parameters")


@torch.no_grad()
def _stir_constants(model: nn.Module) -> None:
    """Add noise to parameters that are initialised to one constant.

    A zero gate or output projection would hide its branch, a unit norm weight would hide its scale.
    """
    for parameter in model.parameters():
        if (
            parameter.is_floating_point()
            and parameter.numel()
            and bool((parameter == parameter.flatten()[0]).all())
        ):
            parameter.add_(torch.randn_like(parameter), alpha=0.05)


def try_case(case: Case) -> dict[str, Any]:
    """Build and run one case: its size, inputs and time, as plain data."""
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    start = time.perf_counter()
    model, _, inputs = case.build()
    return {
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "inputs": ", ".join(sorted(k for k, v in inputs.items() if isinstance(v, Tensor))),
        "seconds": time.perf_counter() - start,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--family", choices=[*FAMILIES, "base"])
    parser.add_argument("--only", default="", metavar="REGEX", help="classes whose name matches")
    options = parser.parse_args()
    chosen = [
        case
        for case in cases()
        if options.family in (None, case.family) and re.search(options.only, case.name)
    ]
    built: dict[str, list[bool]] = {}
    for case, outcome in run_all(try_case, chosen, timeout=60.0):
        built.setdefault(case.family, []).append(outcome.error is None)
        print(_line(case, outcome), flush=True)
    for family, results in built.items():
        print(f"{family}: {sum(results)} of {len(results)}")


def _line(case: Case, outcome: Outcome) -> str:
    if outcome.error is not None:
        return f"FAIL {case.family:<16}{case.name:<48}{outcome.error}"
    value = outcome.value
    return (
        f"ok   {case.family:<16}{case.name:<48}{value['parameters'] / 1e6:6.2f} M {value['seconds']:5.2f} s  "
        f"{value['inputs']}"
    )


if __name__ == "__main__":
    main()
