"""Reports that the reporter tests share: one spec of each status, and arbitrary texts for hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st

from archcheck.connections import Factor, Kind, Residual
from archcheck.errors import Problem
from archcheck.findings import Edit, Finding, Fix, Proof, Report, Status
from archcheck.source_location import Location

SPEC_TEXT = "panels:\n  gqa:\n    residuals:\n      - {around: [norm, out], line: solid}\n"
MODEL_TEXT = "class Layer:\n    def forward(self, x):\n        x += residual\n        return x\n"

FIX = Fix((Edit("set", ("panels", "gqa", "residuals", 0, "line"), "dashed"),))

DIFFERS = Report(
    file="specs/a.yaml",
    status=Status.DIFFERS,
    title="A [bold]model[/bold] 模型",
    target="model:build",
    findings=(
        Finding(
            code="RES006",
            message="the residual around norm..out is implemented one level up",
            panel="gqa",
            edge="norm..out",
            layers=(3, 7),
            layer_count=8,
            drawn="solid residual around norm..out",
            traced="layers.* adds around norm, attn",
            spec=Location("specs/a.yaml", 4, 9),
            location=Location("model.py", 3),
            note="drawn as published",
        ),
        Finding(
            code="BOX001",
            message="no module mlp.dropout",
            panel="ffn",
            edge="drop",
            layers=(0, 1, 2, 3, 4, 5, 6, 7),
            layer_count=8,
            drawn="Dropout",
            spec=Location("specs/a.yaml", 99, 5),
            modes=("train",),
        ),
    ),
    proofs=(
        Proof("layer", "gqa", "solid", "solid residual around gqa, from input", 8),
        Proof("layer", "ffn", "solid", "solid residual around ffn, from sink(attn)", 8),
        Proof("layer", "", "", "2 boxes in this order", 8),
    ),
    residuals=tuple(
        Residual(
            kind=Kind.SCALED,
            scope=f"layers.{layer}",
            implemented_in=f"layers.{layer}",
            source="input",
            branch=("norm", "attn"),
            location=Location("model.py", 3),
            factors=(Factor("branch", 0.5),),
        )
        for layer in range(2)
    ),
    remarks=("traced on the meta device",),
)

CONFORMS = Report(
    file="specs/b.yaml",
    status=Status.CONFORMS,
    proofs=(
        Proof("layer", "attn", "solid", "solid residual around attn, from input", 2),
        Proof("attn", "all", "dashed", "dashed residual around all, realized by layer.attn", 1),
    ),
    notes=(("layer.attn", "post-norm on purpose"),),
)

ERROR = Report(
    file="specs/c.yaml",
    status=Status.ERROR,
    problems=(
        Problem(
            "specs/c.yaml", 4, 7, "SPEC003", "unknown key 'arround'", "panels.gqa", "Did you mean 'around'?"
        ),
        Problem("", None, None, "TGT001", "no module named 'model'"),
    ),
)

REPORTS = (DIFFERS, CONFORMS, ERROR)

any_text = st.one_of(
    st.text(st.characters()),  # with control characters and lone surrogates
    st.sampled_from(
        [
            "\x1b[31mred\x1b[0m",
            "\n::error::injected",
            "<script>alert(1)</script>",
            "]]>",
            "a | b \\| c",
            "`` ` ``",
            "[red]x[/red] [x](javascript:1)",
            "@name #1 https://example.org",
            "\u202egnp.exe",
            "%0A,title=x::y",
        ]
    ),
)


def differs(text: str) -> Report:
    """A report with `text` in every place where a spec or a model may put one."""
    finding = Finding(
        code="RES001",
        message=text,
        panel=text,
        edge=text,
        layers=(text,),
        layer_count=2,
        drawn=text,
        traced=text,
        spec=Location(f"missing/{text}", 1, 1),
        location=Location(f"missing/{text}.py", 2),
        modes=(text,),
        note=text,
    )
    problem = Problem(f"missing/{text}", 1, None, "SPEC001", text, text, text)
    return Report(
        file=f"missing/{text}",
        status=Status.ERROR,
        title=text,
        target=text,
        findings=(finding,),
        proofs=(Proof(text, text, "solid", text, 2), Proof(text, "", "", text, 1)),
        residuals=(
            Residual(Kind.GATED, text, "", text, (text,), None, (text,), (Factor("skip", None, text),)),
        ),
        problems=(problem,),
        remarks=(text,),
        notes=((text, text),),
    )
