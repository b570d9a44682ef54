"""States and entries of histories, from runs that the test makes up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from archcheck.connections import Kind, Residual
from archcheck.errors import Problem
from archcheck.findings import Report, Status
from archcheck.history.dependencies import Dependencies, Tree
from archcheck.history.revisions import Commit, CommitStep
from archcheck.history.story import CommitRun, blame, entries_of, states_of
from archcheck.seam.touched import Touched

BROKEN = Problem("net.py", 1, None, "TGT003", "broken")


def report(text: str) -> Report:
    """That of a model whose code is a letter for each residual; `!` can't be run."""
    if "!" in text:
        return Report("a.yaml", Status.ERROR, problems=(BROKEN,))
    residuals = tuple(Residual(Kind.IDENTITY, "", "", "input", (letter,), None) for letter in text)
    return Report("a.yaml", Status.CONFORMS, residuals=residuals)


def history(trees: list[dict[str, str]]) -> list[CommitStep]:
    """The steps between trees, the oldest first, given the newest first as git does."""
    steps = []
    for number, tree in enumerate(trees):
        before = trees[number - 1] if number else {}
        changed = {
            path: before.get(path)
            for path in sorted(tree.keys() | before)
            if tree.get(path) != before.get(path)
        }
        steps.append(CommitStep(Commit(str(number), "Ann", "2026-01-02", f"commit {number}"), changed))
    return steps[::-1]


def told(
    trees: list[dict[str, str]], asked: frozenset[str] = frozenset({"net.py"})
) -> tuple[list[object], int]:
    """What `log` makes of a history whose model is in net.py, and how often the model was run."""
    runs = []

    def run(commit: Commit, tree: Tree) -> CommitRun:
        runs.append(commit)
        return CommitRun(report(tree.get("net.py", "!")), tree, Dependencies(asked, frozenset(), frozenset()))

    states = states_of(history(trees), trees[-1], run, lambda path: True)
    entries = entries_of(states, from_nothing=True)
    said = [
        (
            entry.commit.revision,
            [(each.what.value, each.residual.branch[0]) for each in entry.changes.residuals]
            if entry.changes
            else entry.count,
            entry.unrun,
        )
        for entry in entries
    ]
    return said, len(runs)


def test_each_state_is_run_once_and_each_change_has_its_commit() -> None:
    texts = ["a", "a", "ab", "a", "ab"]
    trees = [{"net.py": text, "README": str(number)} for number, text in enumerate(texts)]
    assert told(trees) == (
        [
            ("4", [("added", "b")], 0),
            ("3", [("removed", "b")], 0),
            ("2", [("added", "b")], 0),
            ("0", [("added", "a")], 0),
        ],
        2,
    )


def test_commits_that_can_not_be_run_are_said() -> None:
    trees = [{"net.py": text} for text in ("a", "!", "!!", "ab")]
    assert told(trees)[0] == [("3", [("added", "b")], 2), ("1", 2, 0), ("0", [("added", "a")], 0)]


@given(st.lists(st.tuples(st.sampled_from(["a", "ab", "b", "!"]), st.sampled_from("xyz")), min_size=1))
def test_what_is_told_is_what_each_commit_changed(texts: list[tuple[str, str]]) -> None:
    trees = [{"net.py": net, "README": other} for net, other in texts]
    found, runs = told(trees)
    assert runs <= len({net for net, _ in texts})
    letters: set[str] = set()
    expected = []
    for number, (net, _) in enumerate(texts):
        if net == "!":
            continue
        changes = {("added", each) for each in set(net) - letters}
        changes |= {("removed", each) for each in letters - set(net)}
        if changes:
            expected.append((str(number), changes))
        letters = set(net)
    assert [(name, set(said)) for name, said, _ in found if isinstance(said, list)] == expected[::-1]  # type: ignore[misc]


def test_what_is_there_at_the_end_of_a_cut_history_was_not_added_by_its_oldest_commit() -> None:
    state = CommitRun(report("a"), {})
    assert entries_of([(Commit("1", "Ann", "2026-01-02", "x"), state)], from_nothing=False) == []


def test_blame_by_key_module_and_pattern() -> None:
    residual = Residual(Kind.IDENTITY, "layers.0", "layers.0", "input", ("norm", "attn"), None)
    commit = Commit("1", "Ann", "2026-01-02", "x")
    reports = [Report("a", Status.CONFORMS, residuals=(residual,))]
    entries = entries_of([(commit, CommitRun(reports[0], {}))], from_nothing=True)
    for name in ("attn", "layers.0.attn", "layers.*.attn", "layers.0:norm+attn", "layers.*:norm+attn"):
        assert [entry.commit for entry in blame(entries, name, reports)] == [commit]
    assert blame(entries, "mlp", reports) == []


def sees(before: set[str], after: set[str], changed: set[str] = frozenset()) -> bool:  # type: ignore[assignment]
    stamp = (0, 0, 0, 0, 0)
    touched = Touched(
        opened={"/r/net.py": stamp},
        asked={"/r/data": stamp, "/elsewhere/x": None},
        listed=("/r/parts",),
        searched={"/r": ("net", "flash"), "/r/pkg": ("ops",)},
        modules=("/r/pkg/__init__.py",),
        variables=(),
        beyond=(),
    )
    dependencies = Dependencies.of(
        [touched],
        ["/r/a.yaml"],
        lambda path: path.removeprefix("/r").lstrip("/") if path.startswith("/r") else None,
    )
    one, other = (dict.fromkeys(side, "x") for side in (before, after))
    return dependencies.see(changed or before ^ after, one, other)


def test_what_a_run_sees() -> None:
    net = {"net.py"}
    assert sees(net, net, {"net.py"})
    assert sees(net, net, {"a.yaml"})
    assert not sees(net, net | {"README"})
    assert not sees(net | {"README"}, net | {"README"}, {"README"})
    assert sees(net, net | {"flash.py"})  # looked for in vain
    assert sees(net, net | {"flash/__init__.py"})
    assert sees(net, net | {"pkg/ops.py"})
    assert not sees(net, net | {"ops.py"})
    assert sees(net, net | {"parts/new.txt"})
    assert not sees(net | {"parts/a.txt"}, net | {"parts/a.txt"}, {"parts/a.txt"})
    assert sees(net, net | {"data/x.bin"})
    assert not sees(net | {"data/y.bin"}, net | {"data/x.bin", "data/y.bin"})
