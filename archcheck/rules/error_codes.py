"""Every code that is no rule: why a spec can't be read, a model not built or traced, a picture not drawn."""

from __future__ import annotations

from archcheck.rules.spec_codes import SPEC_CODES
from archcheck.rules.target_codes import TARGET_CODES

BINDING_CODES = (
    (
        "SPEC030",
        "a pattern that matches no module",
        "The scope of a panel, or the module of a box, is a pattern such as `layers.*.mlp`, and no module "
        "of the model has such a name, in any mode. The names are those of `model.named_modules()`; a "
        "box's are relative to its panel's scope. `archcheck inspect TARGET` shows them; `--rename` maps "
        "those of another implementation.",
    ),
)
TRACE_CODES = (
    (
        "TRC001",
        "the model failed while it ran",
        "archcheck runs the model once on small inputs, and its code raised an error. The line is the "
        "model's own. Check the shapes, dtypes and names of the inputs in the spec (`model.inputs`) or on "
        "the command line (`--input`), and that the model runs on the CPU.",
    ),
    (
        "TRC002",
        "the trace does not replay",
        "`--prove` runs the recorded graph again, and it gave other values than the model: part of the "
        "model's work was not seen. Nothing is reported as proved. Look at the report's remarks for what "
        "could not be seen into; please report the model.",
    ),
    (
        "TRC003",
        "the numbers contradict a residual connection",
        "`--prove` runs the recorded graph again with finite changes, knowing nothing of how a residual was "
        "found. A change where the skip path uses the source must move the sink by exactly that change, "
        "times the factor, in every element (a projection: affinely; a gate held as it was); the branch "
        "must move with the source, the sink with what the branch's modules return and with that of no "
        "other module, and the model's output with the sink. One of these did not hold, and the message "
        "says which. Please report the model: the detector is wrong about it.",
    ),
    (
        "TRC004",
        "operations do not behave as what they were recognised as",
        "`--prove` runs what was recognised (a norm, an activation, an attention, …) again on inputs made up "
        "for the purpose, and compares what it does with what the term means: an RMSNorm is changed by "
        "shifting its input and not by scaling it, a causal attention does not see later tokens. Here the "
        "two disagree. Please report the model: the vocabulary is wrong about it.",
    ),
    (
        "TRC005",
        "the run shows nothing",
        "An input has no element (a batch or a sequence of length 0), or the output is NaN throughout. A "
        "model may do anything in such a run, so nothing can be proved by it. Give other inputs.",
    ),
)
SEEN_CODES = (
    (
        "TRC005",
        "a residual connection is not provable here",
        "What would join its two sides, or carry its skip path, is one operation that archcheck can't see "
        "into: a scripted or compiled function, a custom operator or kernel. That is no finding, and no "
        "proof either. Findings on other edges stand beside it. Let the model run its plain Python form, or "
        "write `opaque: accepted` at the edge: it is then counted as not checked.",
    ),
)
DRAWING_CODES = (
    (
        "DIA002",
        "the picture can't be drawn",
        "The file's suffix is none that archcheck draws, Graphviz is missing (`pip install pygraphviz` "
        "brings it along), or the file can't be written.",
    ),
    (
        "DIA003",
        "the picture would not show what the spec says",
        "A panel, theme or layout asked for does not exist, or no font on this machine has a character "
        "of a label: install one that has (for Chinese a Noto CJK font), or draw an SVG, which leaves the "
        "choice to the viewer.",
    ),
)
COMMAND_CODES = (
    ("CLI001", "options that do not go together", "The message says which, and what to write instead."),
    (
        "CLI002",
        "archcheck itself failed",
        "An error in archcheck, not in the spec or the model. Nothing was proved. Run it again with "
        "`--debug`, which shows where, and please report it.",
    ),
)
PROJECT_CODES = (
    (
        "BAS001",
        "the baseline can't be used",
        "The file of `--baseline` (or the configuration's) can't be read or is not a baseline of this "
        "version. `archcheck verify --write-baseline FILE` writes one.",
    ),
    (
        "CFG001",
        "the configuration can't be used",
        "`archcheck.toml`, or `[tool.archcheck]` in `pyproject.toml`, can't be read, or has an unknown key "
        "or a value of a wrong type. The keys are specs, select, ignore, baseline and strict.",
    ),
    (
        "CFG002",
        "no spec was found",
        "No spec was named, and none matches the configuration's `specs` (without it, the YAML files in "
        "`specs/`). Checking nothing would be a pass, so it is an error.",
    ),
)
OTHER_CODES = (
    *SPEC_CODES,
    *BINDING_CODES,
    *TARGET_CODES,
    *TRACE_CODES,
    *SEEN_CODES,
    *DRAWING_CODES,
    *COMMAND_CODES,
    *PROJECT_CODES,
)
