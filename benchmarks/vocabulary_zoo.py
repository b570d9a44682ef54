"""Compares the terms recognised in the models of the zoo with what the names of their classes say.

    python benchmarks/vocabulary_zoo.py [--library timm|torchvision] [--only REGEX] [--sample N]

The oracle reads class names (`LlamaRMSNorm`, `NewGELUActivation`, `Conv1d`), which the recogniser never looks
at. Each kind of disagreement is printed once, with its class and a model; the classes whose names are known
to say something else than they compute are listed here. The exit code is 1 if fewer than 99.5 % agree.
"""

from __future__ import annotations

import os

os.environ["HF_HUB_OFFLINE"] = "1"

import argparse
import re
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch

from benchmarks.zoo_models import cases
from benchmarks.zoo_pool import run_all
from benchmarks.zoo_vision import names, runnable

TIMEOUT = 180.0
WANTED = 0.995

# What the class of a module says, the first that matches: a pattern for the name, and the term.
ORACLE = (
    (r".*RMSNormGated|.*(Gated|InputScaled)RMSNorm", "(RMSNorm)"),
    (r".*RMSNorm(WithoutWeight)?$", "RMSNorm"),
    (r".*BatchNorm(1d|2d|3d)?$", "BatchNorm"),
    (r".*GroupNorm$", "GroupNorm"),
    (r".*InstanceNorm(1d|2d|3d)?$", "InstanceNorm"),
    (r".*LayerNorm$", "LayerNorm"),
    (r"NewGELUActivation|FastGELUActivation|PytorchGELUTanh|GELUTanh|AccurateGELUActivation", "tanh GELU"),
    (r"GELUActivation", "exact GELU"),
    (r"GELU", "GELU"),
    (r"QuickGELUActivation", "QuickGELU"),
    (r"SiLUActivation|SiLU|Swish", "SiLU"),
    (r"ReLUSquaredActivation", "ReLU²"),
    (r"ReLU|ReLU6|Sigmoid|Tanh|Mish|Softplus|Hardswish|LeakyReLU|PReLU|ELU|SELU", "\\g<0>"),
    (r"Linear|Conv1D|NonDynamicallyQuantizableLinear", "Linear"),
    (r"ConvTranspose[123]d", "transposed convolution"),
    (r"Conv[123]d", "convolution"),
    (r"Embedding", "Embedding"),
    (r"Softmax", "SoftMax"),
    (r"MaxPool[123]d|AdaptiveMaxPool[123]d", "max pooling"),
    (r"AvgPool[123]d|AdaptiveAvgPool[123]d", "average pooling"),
    (r"LSTM|GRU", "\\g<0>"),
    (r"MultiheadAttention", "(attention)"),
    (
        r"(?!.*(Linear|Light|Lsh|LSH|LocalSelf|Fourier|Block|Sparse)).*Attention$",
        "(attention)",
    ),
    (r".*(MLP|FeedForward|FFN)$", "(feed-forward)"),
)
_COMPILED = [(re.compile(pattern), term) for pattern, term in ORACLE]

# Classes whose names say another thing than they compute, each looked at by eye.
LYING = (
    (
        r"(.*T5|SwitchTransformers|ImageGPT|Pix2Struct|Udop|Pop2Piano|CpmAnt|Kosmos2_5)\w*LayerNorm",
        "RMSNorm",
        "no mean is taken off",
    ),
    (r"ConvDropoutLayerNorm", "(LayerNorm)", "a convolution, a sum and a norm"),
    (r"HYV4UnweightedRMSNorm", "", "gives the factor alone, which is multiplied elsewhere"),
    (r"(SmolVLM|Idefics3)SimpleMLP|(SLANeXt|SLANet|Segformer)MLP", "(Linear)", "no activation"),
    (r"PatchTSMixerGatedAttention", "(gate)", "a product with a softmax over features"),
    (r"RwkvSelfAttention", "(gate)", "a weighted mean over time, and a gate"),
    (r"YosoAttention|YosoSelfAttention", "(matrix product)", "an arc cosine in the place of the softmax"),
    (r"(Dbrx|GptOss|OpenAIPrivacyFilter)(FFN|MLP)", "(mixture of experts)", "a router and experts"),
)
# What the vocabulary has no term for, and the oracle's pattern would take in.
BEYOND = (
    (r".*MultiscaleDeformableAttention|MultiScaleDeformableAttention", "samples values at learned places"),
    (r"(Longformer|LED).*Attention", "scores of diagonals, put together by views of their storage"),
    (r"GroupViTAssignAttention", "assigns by a hard maximum, straight through"),
    (r"Mra.*Attention", "scores of blocks, by an operation that can't be seen into"),
    (r"BailingHybridDeltaAttention", "a delta rule: a state that is corrected by what it predicts"),
    (r"NeoMMEExclusiveSelfAttention", "what an attention called elsewhere gives, less a part of it"),
    (r"SwiftFormerEfficientAdditiveAttention", "one query for all, and no product of two matrices"),
    (r"Zamba2MLP", "maps with an adapter beside them"),
    (r"Gemma3nTextMLP", "a cut-off by the gate's own statistics before the activation"),
    (r"Apertus\w*MLP", "its activation, xIELU, has learned slopes and is no term here"),
)


def expected(class_name: str) -> str:
    """Return the term that a class's name says.

    In brackets if such a thing need only be among what it computes.
    """
    if any(re.fullmatch(pattern, class_name) for pattern, _ in BEYOND):
        return ""
    for pattern, term, _ in LYING:
        if re.fullmatch(pattern, class_name):
            return term
    for pattern, term in _COMPILED:
        if pattern.fullmatch(class_name):
            return class_name if term == "\\g<0>" else term
    return ""


@dataclass(frozen=True)
class Vision:
    """A model of timm or torchvision."""

    library: str
    name: str

    def build(self) -> tuple[Any, Sequence[Any], dict[str, Any]]:
        """Return the model, and arguments with which it runs."""
        return *runnable(self.library, self.name), {}


def check(case: Any) -> list[tuple[str, str, str, bool]]:
    """Return class, its meaning, what was recognised, and whether that is right, per known module called."""
    from archcheck import trace
    from archcheck.tracing.behaviour import disagreements
    from archcheck.vocabulary import is_a, probes, recognise

    torch.set_num_threads(1)
    model, args, kwargs = case.build()
    with torch.no_grad():
        traced = trace(model, *args, **kwargs)
    found = recognise(traced.dataflow)
    _, wrong = disagreements(traced.recording.recorder, probes(traced.dataflow, found))
    rows = [(f"behaviour of {each.probe.term}", each.probe.term, each.behaviour, False) for each in wrong]
    flawed = {str(region.details["flaw"]) for region in found.regions if "flaw" in region.details}
    rows += [("flaw of attention", "attention", flaw, False) for flaw in sorted(flawed)]
    for index, call in enumerate(found.flow.calls):
        term = expected(call.type_name)
        if not term or not any(found.counts(at) for at in range(call.first, call.end)):
            continue
        if term.startswith("("):
            terms = [region.term.name for region in found.inside(index)]
        else:
            terms = [region.term.name for region in found.whole(index)]
        agreed = any(is_a(name, term.strip("()")) for name in terms)
        shown = "" if agreed else " | ".join(dict.fromkeys(terms)) or _operations(found, call)
        rows.append((call.type_name, term, shown, agreed))
    return rows


def _operations(found: Any, call: Any) -> str:
    names = [found.flow.ops[at].name for at in range(call.first, call.end) if found.counts(at)]
    return "nothing in " + " ".join(names[:24])


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--library", choices=("timm", "torchvision"), help="instead of transformers")
    parser.add_argument("--only", default="", metavar="REGEX", help="classes whose name matches")
    parser.add_argument("--sample", type=int, default=1, metavar="N", help="every N-th model")
    options = parser.parse_args()
    library = options.library
    every = [Vision(library, name) for name in names(library)] if library else list(cases())
    chosen = [case for case in every if re.search(options.only, case.name)][:: options.sample]
    agreed: Counter[str] = Counter()
    wrong: dict[tuple[str, str, str], list[str]] = {}
    failed = 0
    for case, outcome in run_all(check, chosen, TIMEOUT):
        if outcome.error is not None:
            failed += 1
            print(f"{case.name}: {outcome.error}", flush=True)
            continue
        for class_name, term, shown, is_right in outcome.value:
            if is_right:
                agreed[term] += 1
            else:
                wrong.setdefault((class_name, term, shown), []).append(case.name)
    for (class_name, term, shown), models in sorted(wrong.items(), key=lambda item: -len(item[1])):
        print(f"{len(models):5} {class_name}: {term}, but {shown}  ({models[0]})")
    total = sum(agreed.values()) + sum(map(len, wrong.values()))
    share = sum(agreed.values()) / max(total, 1)
    print(f"{share:.2%} of {total} modules agree, in {len(chosen) - failed} models")
    return int(share < WANTED)


if __name__ == "__main__":
    raise SystemExit(main())
