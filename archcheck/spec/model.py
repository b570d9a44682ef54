"""What a spec may say, as pydantic models. This file is the format's reference; `archcheck schema` prints it.

A spec has a model (what is checked) and panels (what is drawn). A panel has boxes bound to modules, a
flow between them, and residual edges with a line style. Names of modules are relative to the panel's
scope; `*` stands for one path component and binds every match. What one key says about another (a box in
the flow that does not exist, a cycle) is checked in `check.py`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Strict, Tag, WithJsonSchema
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError
from typing_extensions import TypeAliasType

from archcheck.connections import Kind
from archcheck.spec.css_colors import as_hex
from archcheck.spec.factors import factor_value

ID_PATTERN = "^[A-Za-z0-9_-]+$"
"""Names of panels and boxes: `realized_by: PANEL.FIRST..LAST` must be readable."""

_CLOSED: JsonDict = {"additionalProperties": False}


def _checked_color(value: str) -> str:
    """Return the colour as it is written; "" leaves it to the theme."""
    if value and as_hex(value) is None:
        raise PydanticCustomError("color", "not a colour")
    return value


def _checked_factor(value: str) -> str:
    """Return the factor as it is written."""
    try:
        factor_value(value)
    except ValueError as error:
        raise PydanticCustomError("factor", "not a factor") from error
    return value


Name = Annotated[str, Field(min_length=1, max_length=200)]
Id = Annotated[str, Field(min_length=1, max_length=200, json_schema_extra={"pattern": ID_PATTERN})]
Text = Annotated[str, Field(max_length=10_000)]
Color = Annotated[
    str,
    AfterValidator(_checked_color),
    Field(json_schema_extra={"pattern": "^(#[0-9a-fA-F]{3}|#[0-9a-fA-F]{6}|[a-zA-Z]*)$"}),
]
Factor = Annotated[str, Field(max_length=100), AfterValidator(_checked_factor)]
Integer = Annotated[int, Strict()]
Number = Annotated[float, Strict()]
Boolean = Annotated[bool, Strict()]

DTYPES = (
    *("bfloat16", "bool", "complex128", "complex32", "complex64", "float16", "float32", "float64"),
    *("int16", "int32", "int64", "int8", "uint16", "uint32", "uint64", "uint8"),
)
"""PyTorch's names of the dtypes that an input may have."""

MARK = "\0"
"""The prefix of the names that pydantic's paths give to union members; no key of a spec can have it."""

_TEXT, _LIST, _MAPPING = Tag(f"{MARK}text"), Tag(f"{MARK}a list"), Tag(f"{MARK}a mapping")
_INTEGER, _NUMBER, _BOOLEAN = (
    Tag(f"{MARK}a whole number"),
    Tag(f"{MARK}a number"),
    Tag(f"{MARK}true or false"),
)


def _kind_of(value: object) -> str:
    """Return the member of a union that a value is meant for, so that only its errors are reported."""
    match value:
        case str():
            return _TEXT.tag
        case bool():
            return _BOOLEAN.tag
        case int():
            return _INTEGER.tag
        case float():
            return _NUMBER.tag
        case list():
            return _LIST.tag
        case dict() | BaseModel():
            return _MAPPING.tag
    return f"{MARK}nothing"


_BY_KIND = Discriminator(_kind_of)


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

    shape: list[Annotated[Integer, Field(ge=0)]] = Field(description="Sizes, such as [1, 16].")
    dtype: str = Field(
        default="float32",
        description="The dtype, by its PyTorch name.",
        json_schema_extra={"enum": [*DTYPES]},
    )
    low: Integer = Field(default=0, description="The smallest integer drawn.")
    high: Integer | None = Field(default=None, description="Integers are drawn below this.")
    value: (
        Annotated[
            Annotated[Number, _NUMBER] | Annotated[Integer, _INTEGER] | Annotated[Boolean, _BOOLEAN],
            _BY_KIND,
            WithJsonSchema({"type": ["number", "boolean"]}),
        ]
        | None
    ) = Field(default=None, description="Fill the tensor with this value instead.")


class Target(_Strict):
    """A callable `pkg.module:name` or `path/file.py:name`, called with arguments that may be targets too."""

    target: Name = Field(description="What to call: `pkg.module:name` or `path/file.py:name`.")
    arguments: dict[Name, Any] = Field(
        default_factory=dict,
        description="Keyword arguments. One with a `target` is built by calling that target.",
    )


class Mode(_Strict):
    """One way to run the model; every mode of a spec is traced and checked.

    `arguments` and `inputs` replace or extend those of the model.
    """

    name: Name = Field(description="The mode's name in findings.")
    train: Boolean = Field(default=False, description="Run in training mode instead of evaluation.")
    arguments: dict[Name, Any] = Field(
        default_factory=dict, description="Arguments that replace or extend the model's."
    )
    inputs: dict[Name, Any] = Field(
        default_factory=dict, description="Inputs that replace or extend the model's."
    )


class Model(Target):
    """The model that the diagram is of: how to build it and what to call it with.

    `inputs` maps parameters of forward to a `TensorInput`, a `Target` (which builds the value), or a plain
    value. `rename` maps module names used in the spec to the model's own, by longest prefix.
    """

    inputs: dict[Name, Any] = Field(
        default_factory=dict,
        description="The arguments of forward, by parameter: {shape: …}, {target: …} or a value.",
    )
    published: dict[Name, Any] = Field(
        default_factory=dict,
        description="Arguments of the published size, which the numbers in labels refer to.",
    )
    modes: list[
        Annotated[Annotated[Literal["eval", "train"], _TEXT] | Annotated[Mode, _MAPPING], _BY_KIND]
    ] = Field(default_factory=list, description="The modes to run the model in; by default only evaluation.")
    rename: dict[Name, str] = Field(
        default_factory=dict,
        description="Maps module names in this spec to the model's own; the longest prefix wins.",
    )


class Box(_Strict):
    """One element of a panel. A box without `module` is a functional operation, input or output.

    `module` names the modules it stands for, relative to the panel's scope. `repeat` is how many modules a
    wildcard must match, drawn as ×N; text there is drawn but not checked. `detail` names the panel that opens
    the box. `inactive` greys it out (an expert that is not chosen). `op` is the term that the box claims if
    its label does not. `outside` is not part of what the model runs.
    """

    label: Text = Field(default="", description="The text in the box; by default its name.")
    module: (
        Annotated[Annotated[Name, _TEXT] | Annotated[list[Name], Field(min_length=1), _LIST], _BY_KIND] | None
    ) = Field(default=None, description="The module or list of modules, relative to the panel's scope.")
    role: Role | None = Field(default=None, description="What the box is; sets its colour and shape.")
    detail: Id | None = Field(default=None, description="The panel that opens this box.")
    repeat: Annotated[Annotated[Integer, Field(ge=1), _INTEGER] | Annotated[Text, _TEXT], _BY_KIND] | None = (
        Field(
            default=None, description="How many modules the wildcard must match (checked), or text such as N."
        )
    )
    inactive: Boolean = Field(default=False, description="Greyed out, such as an expert that was not chosen.")
    op: Name | None = Field(
        default=None,
        description="The operation that the box stands for, if its label does not name it, such as RoPE.",
    )
    outside: Boolean = Field(
        default=False, description="Not part of the model, such as a tokenizer or a sampler."
    )
    note: Text = Field(default="", description="An explanation, shown in reports and in the picture.")

    @property
    def modules(self) -> tuple[str, ...]:
        """The names of its modules, one or several."""
        return (self.module,) if isinstance(self.module, str) else tuple(self.module or ())


class ResidualEdge(_Strict):
    """A drawn residual connection.

    It goes either `around` one box or `[first, last]` (source: the input of the first; sink: after the last),
    or `from` a box's output (`input`: the panel's input) `to` a box, with whose output it is joined.
    `through` names boxes on the skip path. `kind` says how they are joined. A dashed edge may name the solid
    one that implements it: `realized_by: PANEL.BOX` (or `PANEL.FIRST..LAST`, `PANEL.NAME`). A solid edge
    without `kind`, `factor` or `factor_on` claims the source itself, or what it is drawn `through`, with no
    factors but those of the boxes. `opaque: accepted` is for a sum that can't be seen.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    name: Name | None = Field(default=None, description="The edge's name in reports and in realized_by.")
    around: (
        Annotated[
            Annotated[Id, _TEXT] | Annotated[list[Id], Field(min_length=2, max_length=2), _LIST], _BY_KIND
        ]
        | None
    ) = Field(default=None, description="The box, or [first, last], that the edge goes around.")
    from_: Id | None = Field(
        default=None, alias="from", description="The box whose output is the source, or `input`."
    )
    to: Id | None = Field(default=None, description="The box whose output is joined with the source.")
    line: Line = Field(
        default=Line.SOLID, description="solid: implemented by this panel's module; dashed: drawn only."
    )
    kind: Kind | None = Field(default=None, description="How the skip path and the branch are joined.")
    factor: (
        Annotated[
            Annotated[Number, _NUMBER] | Annotated[Integer, _INTEGER] | Annotated[Factor, _TEXT],
            _BY_KIND,
            WithJsonSchema({"type": ["number", "string"]}),
        ]
        | None
    ) = Field(default=None, description="The value of the factor, such as 0.2 or 1/sqrt(2).")
    factor_on: Literal["skip", "branch", "both"] | None = Field(
        default=None, description="Where a scaled residual has its factor; `both` means on the whole sum."
    )
    through: list[Id] = Field(default_factory=list, description="Boxes on the skip path, in order.")
    realized_by: Name | None = Field(
        default=None,
        description="For a dashed edge, the solid edge that implements it: PANEL.BOX or PANEL.FIRST..LAST.",
    )
    opaque: Literal["accepted"] | None = Field(
        default=None, description="`accepted`: if the edge can't be traced, count it as not checked."
    )
    label: Text = Field(default="", description="Text drawn at the edge.")
    note: Text = Field(default="", description="An explanation, shown in reports and in the picture.")

    @property
    def span(self) -> tuple[str, str]:
        """The first and the last box that it goes around, or those that it goes from and to."""
        match self.around:
            case str():
                return self.around, self.around
            case [first, last]:
                return first, last
        return self.from_ or "input", self.to or ""


if TYPE_CHECKING:
    FlowItem: TypeAlias = "str | list[FlowItem]"
else:
    FlowItem = TypeAliasType(
        "FlowItem",
        Annotated[Annotated[Id, _TEXT] | Annotated[list["FlowItem"], Field(min_length=1), _LIST], _BY_KIND],
    )
"""A box, or a list: of what stands side by side in a chain, of a chain in what stands side by side."""


class Panel(_Strict):
    """One frame of the diagram.

    `scope` is the module that the panel shows (a pattern; "" is the model). A panel without a scope that
    details a box shows that box's modules, with names relative to the scope of the box's own panel.
    `flow` lists boxes from input to output; a list inside it stands side by side, a list inside that is a
    chain, and so on in turn. `edges` adds chains that are not series-parallel. Without flow and edges the
    boxes follow each other as written. `omit` names modules that are left out on purpose.
    """

    title: Text = Field(default="", description="The panel's title; by default its name.")
    scope: str | None = Field(
        default=None,
        max_length=1000,
        description='The module shown, such as model.layers.*; "" is the whole model.',
    )
    boxes: dict[Id, Box] = Field(
        min_length=1, max_length=500, description="The boxes, by name.", json_schema_extra=_CLOSED
    )
    flow: list[FlowItem] = Field(
        default_factory=list,
        description="Boxes from input to output; a list inside is drawn side by side, "
        "a list inside that is a chain, and so on.",
    )
    edges: list[Annotated[list[Id], Field(min_length=2)]] = Field(
        default_factory=list, description="More chains of boxes, for flow that is not series-parallel."
    )
    residuals: list[ResidualEdge] = Field(
        default_factory=list, description="The residual connections that are drawn."
    )
    omit: list[Name] = Field(default_factory=list, description="Modules left out of the panel on purpose.")
    except_: list[Name] = Field(
        default_factory=list,
        alias="except",
        description="Modules that match the scope but belong to another panel or to none.",
    )
    color: Color = Field(default="", description="The frame's colour: a name or #rrggbb.")
    note: Text = Field(default="", description="An explanation, shown in reports and in the picture.")


class Spec(_Strict):
    """A whole diagram and its model."""

    title: Text = Field(default="", description="The diagram's title.")
    note: Text = Field(default="", description="An explanation, shown in reports and in the picture.")
    caption: Text = Field(default="", description="Text below the diagram.")
    model: Model = Field(description="How to build the model and which inputs to run it with.")
    strict: Boolean = Field(default=False, description="Report each mark that is not proved as a finding.")
    panels: dict[Id, Panel] = Field(
        min_length=1, max_length=100, description="The panels, by name.", json_schema_extra=_CLOSED
    )
    colors: dict[Role, Color] = Field(default_factory=dict, description="The colours of boxes, by role.")
