"""Boxes for a panel's inputs, if its first boxes do not make them clear."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from archcheck.dataflow.run import Op
from archcheck.diff.marks.territory import Reads, Territory
from archcheck.diff.marks.values import Values
from archcheck.spec.ways import Line

INPUT = "input"
"""The name of a panel's input in residual edges."""
MAIN = "Hidden states"
"""The label of a panel's first input, if it is drawn."""
_COUNTED = (
    (r"^(decoder|tgt|target|trg)", "Target tokens"),
    (r"^(encoder|src|source)", "Source tokens"),
    (r"type|segment", "Token types"),
    (r"time|step|^t$", "Time step"),
    (r"label|class|^y$", "Class"),
)
_MEASURED = (
    (r"time|step|^t$", "Time step"),
    (r"mel|spec|feature", "Spectrogram"),
    (r"wave|audio|speech|input_values", "Waveform"),
    (r"video", "Video"),
)
_BY_RANK = {4: "Image", 5: "Video"}


def entries(
    ground: Territory, boxes: Mapping[str, Any], lines: Sequence[Line], skips: Reads, is_model: bool
) -> list[tuple[str, list[str]]]:
    """Return the label of each value that enters a panel and is drawn, with the boxes that read it.

    A model shows all of its inputs. Another panel shows the first where a box further on reads it again, and
    the others that are streams of their own, as the encoder's output in a decoder is.
    """
    entered = {box: ground.origins(ground.entering(box, skips), without=skips).entered for box in boxes}
    fed = {other for _, other in lines}
    ops, named = ground.values.recognition.flow.ops, ground.values.input_names
    found: list[tuple[str, list[str]]] = []
    main: tuple[str, list[str]] | None = None
    for number, node in enumerate(ground.inputs):
        readers = [box for box in boxes if node in entered[box]]
        if not readers:
            continue
        if is_model:
            found.append((input_label(ops[node], named.get(node, "")), readers))
        elif number == 0:
            main = MAIN, readers
        elif ops[node].floating and ops[node].depends_on_input and ops[node].depends_on_parameter:
            found.append((_side_label(node, ground.values), readers))
    is_told = (
        main is not None and fed.isdisjoint(main[1]) and all(fed.issuperset(readers) for _, readers in found)
    )
    shown = found if main is None or is_told else [main, *found]
    labels = [label for label, _ in shown]
    if "Target tokens" in labels:
        shown = [("Source tokens" if label == "Tokens" else label, readers) for label, readers in shown]
    return shown


def input_label(op: Op, name: str = "") -> str:
    """Return what a figure writes for a tensor that the model is given under a name.

    >>> input_label(Op("input", (), 0, shape=(1, 16)), "decoder_input_ids")
    'Target tokens'
    """
    for words, label in _MEASURED if op.floating else _COUNTED:
        if re.search(words, name):
            return label
    if op.floating:
        return _BY_RANK.get(len(op.shape), "Features")
    return "Tokens" if len(op.shape) > 1 else "Step"


def _side_label(node: int, values: Values) -> str:
    """Return what a stream beside the main one is called, by the part of the model that made it."""
    flow = values.recognition.flow
    return "Encoder output" if "encoder" in flow.calls[flow.ops[node].call].path else "Condition"
