"""Changes between two reports."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from archcheck.connections import Factor, Kind, Residual
from archcheck.errors import Problem
from archcheck.findings import Finding, Mark, MarkKind, Proof, Report, Status, Verdict
from archcheck.history.changes import Change, PropertyChange, What, compare, residual_changes, tally
from archcheck.source_location import Location


def residual(layer: int, branch: str = "attn", kind: Kind = Kind.IDENTITY, source: str = "input") -> Residual:
    scope = f"layers.{layer}"
    return Residual(kind, scope, scope, source, (branch,), Location("net.py", 10))


def report(*residuals: Residual) -> Report:
    return Report("a.yaml", Status.CONFORMS, residuals=residuals)


def changes(before: list[Residual], after: list[Residual]) -> tuple[Change, ...]:
    return residual_changes(report(*before), report(*after))


Shown = list[tuple[str, str, tuple[int | str, ...], tuple[PropertyChange, ...]]]


def shown(*sides: list[Residual]) -> Shown:
    return [(c.what.value, c.scope, c.layers, c.differences) for c in changes(*sides)]


LAYERS = [residual(layer, branch) for layer in range(4) for branch in ("attn", "mlp")]


def test_nothing_changed_where_lines_moved() -> None:
    moved = [replace(each, location=Location("net.py", 99)) for each in LAYERS]
    assert shown(LAYERS, moved) == []
    assert tally(changes(LAYERS, moved)) == "no residual changed"


def test_removed_from_all_layers_is_one_change() -> None:
    left = [each for each in LAYERS if each.branch == ("attn",)]
    assert shown(LAYERS, left) == [("removed", "layers.*", (0, 1, 2, 3), ())]
    assert shown(left, LAYERS) == [("added", "layers.*", (0, 1, 2, 3), ())]
    assert tally(changes(LAYERS, left)) == "1 residual removed"


def test_changed_in_one_layer() -> None:
    scaled = replace(LAYERS[2], kind=Kind.SCALED, factors=(Factor("branch", 0.5),))
    assert shown(LAYERS, [*LAYERS[:2], scaled, *LAYERS[3:]]) == [
        (
            "changed",
            "layers.*",
            (1,),
            (
                PropertyChange("kind", "identity", "scaled"),
                PropertyChange("factors", "none", "0.5 on the branch"),
            ),
        )
    ]


def test_another_source_or_sink_is_a_move() -> None:
    other = replace(LAYERS[0], source="norm", implemented_in="layers.0.block")
    assert shown(LAYERS[:1], [other]) == [
        (
            "moved",
            "layers.*",
            (0,),
            (
                PropertyChange("source", "input", "norm"),
                PropertyChange("implemented in", "layers.*", "layers.*.block"),
            ),
        )
    ]


def test_a_branch_that_got_a_norm_moved() -> None:
    normed = [replace(each, branch=("norm", *each.branch)) for each in LAYERS]
    assert shown(LAYERS, normed) == [
        ("moved", "layers.*", (0, 1, 2, 3), (PropertyChange("branch", "attn", "norm, attn"),)),
        ("moved", "layers.*", (0, 1, 2, 3), (PropertyChange("branch", "mlp", "norm, mlp"),)),
    ]


def test_only_in_training_is_a_change() -> None:
    assert shown([residual(0)], [replace(residual(0), modes=("train",))]) == [
        ("changed", "layers.*", (0,), (PropertyChange("modes", "all", "train"),))
    ]


def test_a_doubled_residual_is_an_added_one() -> None:
    assert shown([residual(0)], [residual(0), residual(0)]) == [("added", "layers.*", (0,), ())]


def test_more_layers_are_added_residuals() -> None:
    assert shown(LAYERS, [*LAYERS, residual(4), residual(4, "mlp")]) == [
        ("added", "layers.*", (4,), ()),
        ("added", "layers.*", (4,), ()),
    ]


@given(st.lists(st.booleans(), min_size=8, max_size=8), st.lists(st.booleans(), min_size=8, max_size=8))
def test_what_is_added_and_removed_is_the_difference_of_sets(before: list[bool], after: list[bool]) -> None:
    old, new = ([each for each, kept in zip(LAYERS, side, strict=True) if kept] for side in (before, after))
    found = {
        (change.what, layer, change.residual.branch)
        for change in changes(old, new)
        for layer in change.layers
    }
    assert found == {
        *((What.ADDED, int(each.layer), each.branch) for each in new if each not in old),
        *((What.REMOVED, int(each.layer), each.branch) for each in old if each not in new),
    }


def test_the_panel_is_that_of_the_proof_or_of_others_in_the_scope() -> None:
    proof = Proof("block", "attn", "solid", "holds", 4, residuals=(residual(0),))
    before = replace(report(residual(0), residual(0, "mlp")), proofs=(proof,))
    assert [change.panel for change in residual_changes(before, report())] == ["block", "block"]
    assert [change.panel for change in residual_changes(report(), before)] == ["block", "block"]


def test_marks_are_compared_by_what_they_stand_for() -> None:
    def mark(name: str, verdict: Verdict, line: int) -> Mark:
        return Mark("p", MarkKind.BOX, name, verdict, Location("a.yaml", line))

    before = replace(report(), marks=(mark("a", Verdict.PROVED, 1), mark("b", Verdict.PROVED, 2)))
    after = replace(report(), marks=(mark("a", Verdict.PROVED, 7), mark("c", Verdict.PROVED, 2)))
    found = compare("a.yaml", before, after).marks
    assert [(each.what, each.mark.name) for each in found] == [(What.ADDED, "c"), (What.REMOVED, "b")]
    refuted = replace(before, marks=(mark("a", Verdict.REFUTED, 1), before.marks[1]))
    found = compare("a.yaml", before, refuted).marks
    assert [(each.what, each.mark.verdict) for each in found] == [(What.CHANGED, Verdict.REFUTED)]


def test_findings_are_compared_by_what_they_say() -> None:
    old = Finding("RES001", "gone (net.py:3)", "layer", "a", spec=Location("a.yaml", 3))
    new = Finding("RES002", "new", "layer", "b", spec=Location("a.yaml", 4))
    before = Report("a.yaml", Status.DIFFERS, findings=(old,))
    found = compare("a.yaml", before, Report("a.yaml", Status.DIFFERS, findings=(new,)))
    assert (found.findings_added, found.findings_removed) == ((new,), (old,))
    moved = replace(before, findings=(replace(old, message="gone (net.py:4)", spec=None),))
    assert not compare("a.yaml", before, moved)


def test_a_side_that_could_not_be_checked_is_not_compared() -> None:
    problem = Problem("a.yaml", 1, None, "TGT001", "no such model")
    broken = Report("a.yaml", Status.ERROR, problems=(problem,))
    found = compare("a.yaml", report(*LAYERS), broken)
    assert (found.residuals, found.problems, found.is_checked) == ((), (problem,), False)


def test_a_spec_on_one_side_only() -> None:
    found = compare("a.yaml", None, report(residual(0)))
    assert (found.status_before, found.status_after) == ("", "conforms")
    assert [change.what for change in found.residuals] == [What.ADDED]
    assert [change.what for change in compare("a.yaml", report(residual(0)), None).residuals] == [
        What.REMOVED
    ]
