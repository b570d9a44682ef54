"""What a spec may say, as pydantic models. This file is the format's reference; `archcheck schema` prints it.

A spec has a model (what is checked) and panels (what is drawn). A panel has boxes bound to modules, a
flow between them, and residual edges with a line style. Names of modules are relative to the panel's
scope; `*` stands for one path component and binds every match.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from archcheck.graph import Kind

Name = Annotated[str, Field(min_length=1, max_length=200)]
Text = Annotated[str, Field(max_length=10_000)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Role(StrEnum):
    """What a box is; it decides the box's colour and, for `operator`, its round shape."""

    EMBEDDING = "embedding"
    NORM = "norm"
    LINEAR = "linear"
    CONVOLUTION = "convolution"
    ATTENTION = "attention"
    FEED_FORWARD = "feed_forward"
    ACTIVATION = "activation"
    SOFTMAX = "softmax"
    DROPOUT = "dropout"
    POOLING = "pooling"
    ROUTER = "router"
    EXPERT = "expert"
    POSITION = "position"
    MASK = "mask"
    BLOCK = "block"
    OPERATOR = "operator"
    INPUT = "input"
    OUTPUT = "output"
    OTHER = "other"


class Line(StrEnum):
    """`solid`: implemented by this panel's own module; `dashed`: drawn for orientation only."""

    SOLID = "solid"
    DASHED = "dashed"


class TensorInput(_Strict):
    """A tensor argument of the model's forward, made deterministically.

    Integers are drawn from [low, high), floats from a normal distribution, booleans are all true;
    `value` fills the tensor with one number instead.
    """

    shape: list[Annotated[int, Field(ge=0)]]
    dtype: str = "float32"
    low: int = 0
    high: int | None = None
    value: float | int | bool | None = None


class Target(_Strict):
    """A callable `pkg.module:name` or `path/file.py:name`, called with arguments that may be targets too."""

    target: Name
    arguments: dict[str, Any] = Field(default_factory=dict)


class Mode(_Strict):
    """One way to run the model; every mode of a spec is traced and checked.

    `arguments` and `inputs` are laid over those of the model.
    """

    name: Name
    train: bool = False
    arguments: dict[str, Any] = Field(default_factory=dict)
    inputs: dict[str, Any] = Field(default_factory=dict)


class Model(Target):
    """The model that the diagram is of: how to build it and what to call it with.

    `inputs` maps parameters of forward to a `TensorInput`, a `Target` (which builds the value), or a plain
    value. `rename` maps module names used in the spec to the model's own, by longest prefix.
    """

    inputs: dict[str, Any] = Field(default_factory=dict)
    modes: list[Literal["eval", "train"] | Mode] = Field(default_factory=list)
    rename: dict[str, str] = Field(default_factory=dict)


class Box(_Strict):
    """One element of a panel. A box without `module` is a functional operation, input or output.

    `module` names the modules it stands for, relative to the panel's scope. `repeat` is how often a
    wildcard must match, drawn as ×N; a text there is drawn and not checked. `detail` names the panel
    that opens the box. `inactive` greys it (an expert that is not chosen).
    """

    label: Text = ""
    module: Name | list[Name] | None = None
    role: Role | None = None
    detail: Name | None = None
    repeat: int | Text | None = None
    inactive: bool = False
    note: Text = ""


class ResidualEdge(_Strict):
    """A drawn residual connection.

    Either `around` one box or `[first, last]` (source: what enters the first; sink: after the last), or
    `from` a box's output (`input`: what enters the panel) `to` a box, whose output it is joined with.
    `through` names boxes on the skip path. `kind` says how they are joined. A dashed edge may name the
    solid one that really is implemented: `realized_by: PANEL.BOX` (or `PANEL.FIRST..LAST`, or the edge's `name`).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    name: Name | None = None
    around: Name | Annotated[list[Name], Field(min_length=2, max_length=2)] | None = None
    from_: Name | None = Field(default=None, alias="from")
    to: Name | None = None
    line: Line = Line.SOLID
    kind: Kind | None = None
    through: list[Name] = Field(default_factory=list)
    realized_by: Name | None = None
    label: Text = ""
    note: Text = ""


FlowItem = Name | list["Name | list[Name]"]


class Panel(_Strict):
    """One frame of the diagram.

    `scope` is the module that the panel shows (a pattern; "" is the model). A panel without a scope that
    details a box shows that box's modules, with names relative to the scope of the box's own panel.
    `flow` lists boxes from input to output; a list inside it stands side by side, and a list inside that is
    a chain. `edges` adds chains that are not series-parallel. `omit` names modules that are left out on
    purpose.
    """

    title: Text = ""
    scope: str | None = None
    boxes: dict[Name, Box] = Field(min_length=1)
    flow: list[FlowItem] = Field(default_factory=list)
    edges: list[Annotated[list[Name], Field(min_length=2)]] = Field(default_factory=list)
    residuals: list[ResidualEdge] = Field(default_factory=list)
    omit: list[Name] = Field(default_factory=list)
    color: Text = ""
    note: Text = ""


class Spec(_Strict):
    """A whole diagram and the model it is of."""

    title: Text = ""
    note: Text = ""
    caption: Text = ""
    model: Model
    panels: dict[Name, Panel] = Field(min_length=1)
    colors: dict[Role, Text] = Field(default_factory=dict)
