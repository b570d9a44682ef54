"""The wording of changes that every format shares."""

from __future__ import annotations

from archcheck.history.changes import Change, Changes, MarkChange, What, tally
from archcheck.phrasing.module_paths import generic
from archcheck.reporters.common import counted, one_line, runs

SIGNS = {What.ADDED: "+", What.REMOVED: "-", What.MOVED: ">", What.CHANGED: "~"}
_STATUS = {"conforms": "conforms", "differs": "differs", "error": "could not be checked"}


def verdicts(changes: Changes) -> str:
    """Return `conforms → differs`, `differs` if it stayed, `added (conforms)`."""
    before, after = (_STATUS.get(each, "") for each in (changes.status_before, changes.status_after))
    if not before:
        return f"added ({after})"
    if not after:
        return f"removed (it was: {before})"
    return after if before == after else f"{before} → {after}"


def summary(changes: Changes) -> str:
    """Return how much of what changed, in one line."""
    if not changes.is_checked:
        return "not compared: one side could not be checked"
    parts = [tally(changes.residuals)]
    if changes.marks:
        parts.append(f"{counted(len(changes.marks), 'mark')} changed")
    if changes.findings_added:
        parts.append(counted(len(changes.findings_added), "new finding"))
    if changes.findings_removed:
        parts.append(f"{counted(len(changes.findings_removed), 'finding')} gone")
    return ", ".join(parts)


def connection(change: Change) -> str:
    """Return `layers.*: identity residual around attn_norm, attn`."""
    residual = change.residual
    around = ", ".join(map(generic, residual.branch)) or "operations"
    kind = change.before.kind if change.before else residual.kind
    return one_line(f"{change.scope or '(model)'}: {kind} residual around {around}")


def differences(change: Change) -> str:
    """Return `kind: identity → scaled; factors: none → 0.5 on the branch`; the source of an added one."""
    if not change.differences:
        return one_line(f"from {generic(change.residual.source)}")
    return one_line("; ".join(f"{each.name}: {each.before} → {each.after}" for each in change.differences))


def layers(change: Change) -> str:
    """Return `layers 0-3`; "" for what is in no layer."""
    if not change.layers:
        return ""
    return one_line(f"layer{'s' * (len(change.layers) > 1)} {runs(change.layers)}")


def mark(change: MarkChange) -> str:
    """Return `layer: the box attn: proved → refuted`."""
    found = change.mark
    name = f"{found.panel}: the {found.kind.value} {found.name}"
    if change.before is None or change.after is None:
        return one_line(f"{name}: {found.verdict.value}")
    return one_line(f"{name}: {change.before.verdict.value} → {change.after.verdict.value}")
