"""The rules: what each code means, what it looks like, and what to do about it.

`RULES` is the one source: `archcheck explain` prints from it, and `python -m archcheck.rules.catalogue`
rewrites the pages in docs/rules from it. Codes that say why no verdict was possible (SPEC…, TGT…, TRC…) are
handed to `explain` by its caller.
"""

from __future__ import annotations

import difflib
import sys
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. All texts are Markdown; `bad` and `good` hold fenced PyTorch or spec fragments.

    `origin` says which real trouble the rule comes from; its counts are out of 155 public reports.
    """

    code: str
    title: str
    explanation: str
    bad: str
    good: str
    fix: str
    origin: str


FAMILIES: tuple[tuple[str, str], ...] = (
    ("RES", "residual connections"),
    ("BOX", "boxes and the modules they stand for"),
    ("FLOW", "lines between boxes"),
    ("MARK", "marks that could not be checked"),
    ("DIA", "the picture on disk"),
    ("BAS", "the baseline"),
    ("SPEC", "the spec can't be read"),
    ("TGT", "the model can't be built"),
    ("TRC", "the model can't be traced"),
)


def rule(code: str) -> Rule | None:
    """The rule with this code, or None (SPEC…, TGT… and TRC… codes are no rules)."""
    return next((rule for rule in RULES if rule.code == code), None)


def explain(code: str, extra: Iterable[tuple[str, str, str]] = ()) -> str:
    """What `code` means, as Markdown that reads well in a terminal; case does not matter.

    `extra` adds codes that are no rules, each as (code, title, one paragraph). Raises LookupError, with a
    message for the user, where the code is unknown.
    """
    texts = {rule.code: page(rule) for rule in RULES}
    texts |= {name: f"# {name}: {title}\n\n{textwrap.fill(text, 100)}\n" for name, title, text in extra}
    wanted = code.strip().upper()
    if wanted in texts:
        return texts[wanted]
    near = difflib.get_close_matches(wanted, sorted(texts), n=1)
    hint = f"did you mean {near[0]}?" if near else f"The codes are {', '.join(sorted(texts))}."
    raise LookupError(f"There is no code {wanted!r}: {hint}")


def page(rule: Rule) -> str:
    """The page of one rule, as it stands in docs/rules and as `archcheck explain` prints it."""
    sections = (
        ("Bad", rule.bad),
        ("Good", rule.good),
        ("How to fix it", rule.fix),
        ("Where it comes from", rule.origin),
    )
    body = "".join(f"\n## {heading}\n\n{text.strip()}\n" for heading, text in sections)
    return f"# {rule.code}: {rule.title}\n\n{rule.explanation.strip()}\n{body}"


def pages() -> dict[str, str]:
    """File name to content of everything in docs/rules."""
    return {"README.md": _index()} | {f"{rule.code}.md": page(rule) for rule in RULES}


def _index() -> str:
    parts = [
        "# Rules\n",
        "Each finding has a code, and `archcheck explain CODE` prints its page in the terminal.",
        "These pages are made from `archcheck/rules/catalogue.py` by `python -m archcheck.rules.catalogue`.",
    ]
    for prefix, title in FAMILIES:
        parts.append(f"\n## {prefix}: {title}\n")
        rows = [f"- [{rule.code}]({rule.code}.md): {rule.title}" for rule in RULES if _family(rule) == prefix]
        parts.extend(rows or [f"No page: `archcheck explain` says what each {prefix} code means."])
    return "\n".join(parts) + "\n"


def _family(rule: Rule) -> str:
    return rule.code.rstrip("0123456789")


RULES: tuple[Rule, ...] = (
    Rule(
        code="RES001",
        title="a drawn residual is missing from the code",
        explanation="""
The diagram draws a solid residual connection, and no module executes it: neither the panel's own
nor one above or below it. Where a wildcard binds several layers, the finding names those in which
it is missing; where several modes were traced, those in which it is.
""",
        bad="""
```python
def forward(self, x):
    return self.mlp(self.norm(x))
```

```yaml
boxes:
  ffn: {label: FFN, module: [norm, mlp]}
flow: [ffn]
residuals:
  - {around: ffn, line: solid}
```
""",
        good="""
```python
def forward(self, x):
    return x + self.mlp(self.norm(x))
```
""",
        fix="""
If the code is right, delete the edge from the spec. If the diagram is right, add `x + …` in the
layers that the finding names; look first at conditions (`if self.use_residual`, a shape test) that
are false there.
""",
        origin="""
32 reports: a skip that is drawn and stands nowhere in the code (22), or only in some layers or
branches (10), as when a shape test silently leaves the add out.
""",
    ),
    Rule(
        code="RES002",
        title="the code has a residual that the diagram doesn't draw",
        explanation="""
The panel's own module executes a residual connection around boxes of this panel, and the panel
draws none there, neither solid nor dashed. Residuals inside a module that no panel opens are
listed, and are no findings.
""",
        bad="""
```python
def forward(self, x):
    x = x + self.attn(x)
    return x + self.mlp(x)
```

```yaml
flow: [attn, mlp]
residuals:
  - {around: attn, line: solid}
```
""",
        good="""
```yaml
flow: [attn, mlp]
residuals:
  - {around: attn, line: solid}
  - {around: mlp, line: solid}
```
""",
        fix="""
Draw the edge; the finding names its source and its branch, and `archcheck sync SPEC` can write it.
If the add is a leftover, remove it from the code.
""",
        origin="15 reports of a residual that is in the code and not in the figure.",
    ),
    Rule(
        code="RES003",
        title="a dashed residual is implemented here",
        explanation="""
A dashed line says: drawn for orientation, not implemented in this panel. But this panel's own
module executes exactly that residual connection, so the line understates what the code does.
""",
        bad="""
```python
def forward(self, x):
    return x + self.o_proj(self.norm(x))
```

```yaml
residuals:
  - {around: [norm, out], line: dashed}
```
""",
        good="""
```yaml
residuals:
  - {around: [norm, out], line: solid}
```
""",
        fix="""
Make the line solid, and drop its `realized_by`. If the add was moved here from the parent, check
that the parent no longer adds as well (RES007).
""",
        origin="""
The mirror image of RES006: it appears when an add is moved from a layer into its sub-module and the
figure's dashed line stays.
""",
    ),
    Rule(
        code="RES004",
        title="the residual starts from the wrong tensor",
        explanation="""
The diagram and the code join at the same place around the same branch, but the skip path begins
elsewhere: after a norm or activation instead of before it, or from an earlier tensor, such as the
layer's first input used again for its second residual.
""",
        bad="""
```python
def forward(self, x):
    x = self.norm(x)
    return x + self.attn(x)
```

```yaml
boxes:
  gqa: {label: GQA, module: [norm, attn]}
flow: [gqa]
residuals:
  - {around: gqa, line: solid}
```
""",
        good="""
```python
def forward(self, x):
    return x + self.attn(self.norm(x))
```
""",
        fix="""
Keep the tensor that the diagram shows before it is overwritten (`residual = x`), and add that one.
If the code means what it does, as BLOOM's option to take the residual after the norm, draw the edge
from there: `{from: norm, to: attn}`.
""",
        origin="""
37 reports: 19 tapped after a norm or activation instead of before it, 18 from another wrong tensor.
Shapes agree and training runs, so that nothing else shows it.
""",
    ),
    Rule(
        code="RES005",
        title="the residual is joined at the wrong place",
        explanation="""
The skip path begins where the diagram says, but the sink is earlier or later in the flow: the
branch that the code adds around is shorter or longer than the one drawn.
""",
        bad="""
```python
def forward(self, x):
    return self.dropout(x + self.proj(x))
```

```yaml
flow: [proj, dropout]
residuals:
  - {around: [proj, dropout], line: solid}
```
""",
        good="""
```python
def forward(self, x):
    return x + self.dropout(self.proj(x))
```
""",
        fix="Move the add to where it is drawn, or end the drawn edge at the box that the finding names.",
        origin="6 reports of a skip path joined at the wrong place, such as one layer late.",
    ),
    Rule(
        code="RES006",
        title="the residual is implemented at another level",
        explanation="""
The panel draws a solid residual connection, and its own module does not execute it; a parent, a
child or the neighbouring block does, around the same branch. A solid line means "implemented here",
so the picture shows the same add twice or in the wrong frame. The finding names the module and the
line where it really is.
""",
        bad="""
```python
class Layer(nn.Module):
    def forward(self, x):
        return x + self.attn(self.norm(x))  # the add is here


class Attention(nn.Module):
    def forward(self, x):
        return self.out(self.mix(x))  # and not here
```

```yaml
residuals: # in the panel of Attention
  - {around: [mix, out], line: solid}
```
""",
        good="""
```yaml
residuals: # in the panel of Attention
  - {around: [mix, out], line: dashed, realized_by: layer.attn}
```
""",
        fix="""
Make the line dashed and name the solid edge that stands for it: `realized_by: PANEL.BOX`. That edge
is then checked in its place. Or delete the inner edge.
""",
        origin="""
4 reports, and the one that this program began with: MiniMind's issue 304. The figure drew residuals
around the layer and again inside the GQA and FFN frames, and the code adds only in the layer.
""",
    ),
    Rule(
        code="RES007",
        title="the same residual is added twice",
        explanation="""
The same source is added to the same branch two times, in one forward or once in a module and again
in its parent, so that the output is `2x + F(x)`. This is wrong whatever the diagram says;
`archcheck inspect` reports it with no spec.
""",
        bad="""
```python
class MLP(nn.Module):
    def forward(self, x):
        return x + self.down(self.act(self.up(x)))


class Layer(nn.Module):
    def forward(self, x):
        return x + self.mlp(x)  # adds x again
```
""",
        good="""
```python
class MLP(nn.Module):
    def forward(self, x):
        return self.down(self.act(self.up(x)))


class Layer(nn.Module):
    def forward(self, x):
        return x + self.mlp(x)
```
""",
        fix="""
Remove one of the two adds; the finding gives the lines of both. The layer is the usual place to
keep it.
""",
        origin="5 reports. Across nesting it is hard to see: neither module shows both adds.",
    ),
    Rule(
        code="RES008",
        title="a tensor is added to itself",
        explanation="""
Both operands of the add are the same tensor, so that the "residual" doubles the branch: the
variable that held the source was overwritten before the add. This is wrong whatever the diagram
says; `archcheck inspect` reports it with no spec.
""",
        bad="""
```python
def forward(self, x):
    x = self.mlp(self.norm(x))
    return x + x
```
""",
        good="""
```python
def forward(self, x):
    residual = x
    x = self.mlp(self.norm(x))
    return residual + x
```
""",
        fix="Keep the source under a name of its own before the branch reuses the variable.",
        origin="3 reports. The shapes always agree, so that nothing fails.",
    ),
    Rule(
        code="RES009",
        title="the residual is of another kind",
        explanation="""
Source, branch and sink agree, but they are joined differently than drawn: identity or projection,
add or concat or gate, a scale that is missing, undrawn, or on the wrong operand.
""",
        bad="""
```python
def forward(self, x):
    return torch.cat([x, self.block(x)], dim=1)
```

```yaml
residuals:
  - {around: block, line: solid, kind: identity}
```
""",
        good="""
```yaml
residuals:
  - {around: block, line: solid, kind: concat}
```
""",
        fix="""
Give the edge the `kind` that the code has (`identity`, `scaled`, `projection`, `gated`, `concat`,
`multi-stream`), or mend the code. For `scaled`, compare the factor and its operand: `x + alpha *
F(x)` and `alpha * x + F(x)` are two models.
""",
        origin="""
27 reports: identity where a projection is drawn, or the reverse (12); add, concat and multiply
confused (9); a scale missing or on the wrong operand (6).
""",
    ),
    Rule(
        code="RES010",
        title="a norm or activation is on the wrong side of the add",
        explanation="""
The residual exists, but a norm or an activation that is drawn inside the branch comes after the
add, or the other way round: pre-norm drawn and post-norm coded, ReLU before the add instead of
after it.
""",
        bad="""
```python
def forward(self, x):
    return self.norm(x + self.attn(x))  # post-norm
```

```yaml
flow: [norm, attn]
residuals:
  - {around: [norm, attn], line: solid} # pre-norm
```
""",
        good="""
```python
def forward(self, x):
    return x + self.attn(self.norm(x))
```
""",
        fix="""
Decide which of the two the published weights were trained with: it is not a matter of taste for
them. Then mend the other side. If both exist, behind an option, trace both as modes and draw the
default.
""",
        origin="16 reports of a norm or an activation on the wrong side of the add.",
    ),
    Rule(
        code="RES011",
        title="the source is overwritten in place before the add",
        explanation="""
An in-place operation changes the storage of the source between the place where the skip path leaves
it and the add, so that the add reads the changed values: `x` has become `relu(x)`. Views of the
source count. This is wrong whatever the diagram says; `archcheck inspect` reports it with no spec.
""",
        bad="""
```python
self.branch = nn.Sequential(nn.ReLU(inplace=True), nn.Conv2d(8, 8, 3, padding=1))


def forward(self, x):
    return x + self.branch(x)  # x is already relu(x) here
```
""",
        good="""
```python
self.branch = nn.Sequential(nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1))


def forward(self, x):
    return x + self.branch(x)
```
""",
        fix="""
Use the out-of-place form of the operation that the finding names, or add a clone taken before it.
""",
        origin="""
3 reports. Symbolic tracing does not show it: the graphs with and without `inplace=True` are equal,
only the storage differs.
""",
    ),
    Rule(
        code="RES012",
        title="a branch is computed and dropped, or never called",
        explanation="""
A module runs and its result never reaches the model's output, or a sub-module is built, holds
parameters, and no forward calls it. This is wrong whatever the diagram says; `archcheck inspect`
reports it with no spec.
""",
        bad="""
```python
def forward(self, x):
    y = x + self.attn(x)
    z = self.mlp(y)  # never used
    return y
```
""",
        good="""
```python
def forward(self, x):
    y = x + self.attn(x)
    return y + self.mlp(y)
```
""",
        fix="""
Return what was computed, or delete the module. If it serves only another mode (training, a cache),
trace that mode too: `modes: [eval, train]`.
""",
        origin="7 reports of a branch computed and dropped, or of a sub-module that is never called.",
    ),
    Rule(
        code="BOX001",
        title="a box names a module that the model doesn't have",
        explanation="""
A box is bound to a module, and in some or all of the panel's layers no module has that name. The
diagram draws a part that the model has lost, or never had.
""",
        bad="""
```yaml
boxes:
  drop: {label: Dropout, module: mlp.dropout} # FFN has no dropout any more
```
""",
        good="""
```yaml
boxes:
  down: {label: Linear, module: mlp.down_proj}
```
""",
        fix="""
Delete the box, or correct its `module`; the names are those of `model.named_modules()`, relative to
the panel's scope. For another implementation under the same spec, map the names with `rename`.
""",
        origin="""
MiniMind's figure of March 2026 draws a Dropout at the end of FFN that the code no longer has.
""",
    ),
    Rule(
        code="BOX002",
        title="a module is not drawn",
        explanation="""
The panel's module has a child that holds parameters or runs in its forward, and no box of the panel
stands for it. A reader would think that the model does without.
""",
        bad="""
```yaml
boxes: # the attention also has q_norm and k_norm
  q: {label: Linear, module: q_proj}
  k: {label: Linear, module: k_proj}
```
""",
        good="""
```yaml
boxes:
  q: {label: Linear, module: q_proj}
  q_norm: {label: RMSNorm, module: q_norm}
  k: {label: Linear, module: k_proj}
  k_norm: {label: RMSNorm, module: k_norm}
```
""",
        fix="""
Draw it, add it to the `module` list of a box that covers it, or name it under the panel's `omit`.
""",
        origin="""
It appears when a later version adds a part, such as norms on queries and keys, and the figure
stays.
""",
    ),
    Rule(
        code="BOX003",
        title="the boxes are in another order than the code",
        explanation="""
The flow draws one box before another, and in the code the data goes the other way. Where it does
not go from the one to the other at all, that is FLOW001.
""",
        bad="""
```python
def forward(self, x):
    return self.dropout(self.act(self.norm(x)))
```

```yaml
flow: [act, norm, dropout]
```
""",
        good="""
```yaml
flow: [norm, act, dropout]
```
""",
        fix="""
Reorder the panel's `flow`. Boxes that run side by side stand in a list of their own: `[norm, [q, k,
v], out]`.
""",
        origin="""
Dropout before or after the projection, norm before or after the activation: a figure drawn from
memory errs here.
""",
    ),
    Rule(
        code="BOX004",
        title="a stack has another number of layers than drawn",
        explanation="""
A box or panel states how often a wildcard must match, drawn as ×N, and the model built from the
spec's arguments has another number of matching modules.
""",
        bad="""
```yaml
boxes:
  layers: {label: Transformer layer, module: model.layers.*, repeat: 16} # the model has 8
```
""",
        good="""
```yaml
boxes:
  layers: {label: Transformer layer, module: model.layers.*, repeat: 8}
```
""",
        fix="""
Correct `repeat`, or the model's `arguments`. A text there (`repeat: k`) is drawn and not checked;
use it where the figure is of a family of sizes.
""",
        origin="It appears when a default changes after the figure was drawn.",
    ),
    Rule(
        code="BOX005",
        title="a number in a label disagrees with the model",
        explanation="""
A label states a number that the model also holds (heads, key and value heads, experts, layers, kernel
sizes, strides), and the two differ.
""",
        bad="""
```yaml
boxes:
  moe: {label: 8 experts, module: mlp.experts.*} # the model has 4
```
""",
        good="""
```yaml
boxes:
  moe: {label: 4 experts, module: mlp.experts.*}
```
""",
        fix="Correct the label, or build the model with the arguments that the figure is about.",
        origin="It appears when a figure is reused for another size of the same model.",
    ),
    Rule(
        code="BOX006",
        title="the box says one thing and its module computes another",
        explanation="""
The label (or `op`, or else the role) of a box names an operation, and what the box's module computes is
another one. What counts is the arithmetic, not the class's name: `x * rsqrt(mean(x²) + eps) * w` is
RMSNorm, whatever it is called. A label that names no operation (a block's own name) claims nothing.
""",
        bad="""
```python
self.norm = nn.LayerNorm(width)
```

```yaml
boxes:
  norm: {label: RMSNorm, module: norm}
```
""",
        good="""
```yaml
boxes:
  norm: {label: LayerNorm, module: norm}
```
""",
        fix="Correct the label, or the module.",
        origin="Figures are copied from one model to the next, and norms and activations change.",
    ),
    Rule(
        code="BOX007",
        title="a drawn operation is not there",
        explanation="""
A box without a module stands for an operation that the panel's own code executes between the boxes that
it is drawn between. The code has none there that computes what the box says.
""",
        bad="""
```yaml
boxes:
  gate: {label: Linear, module: gate}
  sigmoid: {label: Sigmoid} # the code computes a SiLU
```
""",
        good="""
```yaml
boxes:
  gate: {label: Linear, module: gate}
  silu: {label: SiLU}
```
""",
        fix="""
Delete the box, or correct its label. Where the label does not name the operation, `op` does: `{label: R,
op: repeat}`. What is not part of the model (a tokenizer, a sampler) is `outside: true`.
""",
        origin="An activation that was replaced, or a position encoding that moved, lives on in the figure.",
    ),
    Rule(
        code="BOX008",
        title="an operation that matters is not drawn",
        explanation="""
A panel that draws one operation of a class (norm, activation, position, product or gate, softmax) claims
to draw all of that class that its own modules execute and no box covers. One is missing. Reshapes, casts,
scales by constants, dropout and caches never count; in a `strict` spec every class does, drawn or not.
""",
        bad="""
```yaml
boxes: # the code turns keys as well
  q_rope: {label: RoPE}
```
""",
        good="""
```yaml
boxes:
  q_rope: {label: RoPE}
  k_rope: {label: RoPE}
```
""",
        fix="Draw it, at the place that the finding names.",
        origin="Norms on queries and keys were added to the code and not to the figure.",
    ),
    Rule(
        code="FLOW001",
        title="a line is drawn and the data does not go there",
        explanation="""
A line says that values go from one box to another and pass no third drawn box. They do not, or only by
way of other boxes. Where they go the other way, that is BOX003. A residual edge that holds is a line too.
""",
        bad="""
```yaml
flow: [norm, [up, gate], act, multiply] # act reads gate alone
```
""",
        good="""
```yaml
flow: [norm, [up, [gate, act]], multiply]
```
""",
        fix="""
Lead the line where the data goes; the finding says from where the box really reads. Boxes side by side
stand in a list of their own, and a chain beside them in a list inside that.
""",
        origin="Parallel parts drawn in a row, or an activation on the wrong branch.",
    ),
    Rule(
        code="FLOW002",
        title="data goes there and no line says so",
        explanation="""
Values go from one drawn box to another and pass no third, and neither a line nor a residual edge shows
it. Shapes, indices, what a skip path carries, and what goes from one repetition to the next don't count;
nor do inputs for which no box is drawn, but for the main one.
""",
        bad="""
```yaml
flow: [norm, q, scores, attend] # v also reads norm, and attend reads v
```
""",
        good="""
```yaml
flow: [norm, [[q, scores], v], attend]
```
""",
        fix="Draw the line: side by side in the `flow`, or under `edges`.",
        origin="A second reader of a norm's output, or a memory that every layer reads, is easily left out.",
    ),
    Rule(
        code="MARK001",
        title="a mark that is not proved in a strict spec",
        explanation="""
`strict: true` (or `--strict`) says that every mark is proved: each box, label, number, line and edge. This
one could be neither proved nor refuted, for the reason that the finding gives.
""",
        bad="""
```yaml
boxes: # of a strict spec
  widen: {label: copy to n streams} # names no operation
```
""",
        good="""
```yaml
boxes:
  widen: {label: copy to n streams, op: repeat}
```
""",
        fix="""
Name the operation with `op`, bind the box to its module, say `outside: true` of what the model does not
run, add a mode that runs it, or give up `strict`.
""",
        origin="A figure is only as true as its least checked mark.",
    ),
    Rule(
        code="DIA001",
        title="the picture on disk is out of date",
        explanation="""
`archcheck render SPEC -o FILE --check` compares the picture with what it would draw now, and they
differ in meaning: a box, an edge, a line style or a text. Fonts and library versions are not
compared.
""",
        bad="""
```console
$ git diff --name-only
specs/minimind.yaml
```
""",
        good="""
```console
$ archcheck render specs/minimind.yaml -o docs/minimind.svg
$ git diff --name-only
docs/minimind.svg
specs/minimind.yaml
```
""",
        fix="Run `archcheck render SPEC -o FILE` and commit the picture together with the spec.",
        origin="""
A picture is as true as its last export, and the one in the README is the one that people read.
""",
    ),
    Rule(
        code="BAS002",
        title="the baseline accepts what is no longer found",
        explanation="""
An entry of the baseline (`--baseline FILE`, or the configuration's) matches no finding of its spec any more:
the code or the diagram was mended, or the finding now reads otherwise. Left in the file it would accept the
same fault when it comes back.
""",
        bad="""
```console
$ archcheck verify --baseline known.json   # the spec has been corrected since
```
""",
        good="""
```console
$ archcheck verify --write-baseline known.json
$ git diff --stat
 known.json | 8 --------
```
""",
        fix="Remove the entry, or write the baseline again with `--write-baseline FILE`.",
        origin="""
Linters' lists of accepted findings only ever grow unless something asks for the entries to go.
""",
    ),
)


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/rules")
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")
