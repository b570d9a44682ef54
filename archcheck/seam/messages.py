"""The questions that a judge asks a worker, and the answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from archcheck.dataflow.cuts import Answers, Cuts
from archcheck.dataflow.join import Join
from archcheck.dataflow.probe import Probe
from archcheck.dataflow.run import Dataflow, Module
from archcheck.seam.touched import Touched

Progress = Callable[[str], None]


@dataclass(frozen=True)
class RunMode:
    """One way to run the model; `arguments` and `inputs` replace or extend those of the request."""

    name: str = "eval"
    train: bool = False
    arguments: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Request:
    """What to build, what to call it with, and in which modes.

    Arguments and inputs are plain values as in a spec: `{shape: …}` is a tensor, `{target: …}` is built by a
    call. `search` are the folders in which a relative target is looked up, in this order, from the worker's
    working folder. `seed` is that of the model's random values; `weights` and `data` are files with its state
    dict and its inputs; `gradients` records the run so that it can be differentiated. `watch` notes what it
    touches.
    """

    target: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, Any] = field(default_factory=dict)
    modes: tuple[RunMode, ...] = (RunMode(),)
    search: tuple[str, ...] = ()
    seed: int = 0
    weights: str = ""
    data: str = ""
    gradients: bool = False
    watch: bool = False


@dataclass(frozen=True)
class RecordedRun:
    """What one run in one mode showed: the dataflow, all modules by path ("" is the model), and remarks.

    `inputs` is what the model was called with, as a spec states it, guesses included.
    """

    mode: str
    flow: Dataflow
    modules: dict[str, Module]
    remarks: tuple[str, ...]
    inputs: dict[str, Any] = field(default_factory=dict)


class Worker(Protocol):
    """Something that runs a model, in this process or in another one."""

    def run(self, request: Request, progress: Progress) -> list[RecordedRun]:
        """Build the model and run it in each mode. Raises TargetError or TraceError."""

    def prove(self, joins: Sequence[Sequence[Join]], progress: Progress) -> list[list[str]]:
        """Check whether the numbers of each run agree with the residuals found in it; a second question.

        The answers are remarks on each run. Raises TraceError if they disagree.
        """

    def probe(self, probes: Sequence[Sequence[Probe]], progress: Progress) -> list[str]:
        """Check whether the operations of each run behave like the terms recognised; a third question.

        The answers are remarks, one for each run. Raises TraceError if they do not.
        """

    def measure(self, cuts: Cuts, progress: Progress) -> Answers:
        """Measure what the residuals of the first run do to signal and gradient; a fourth question.

        Raises TargetError (TGT018) if the run has no gradient.
        """

    def touched(self) -> Touched | None:
        """Return what all that touched, None if it was not watched; the last question."""
