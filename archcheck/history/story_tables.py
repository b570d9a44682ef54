"""The history of a model's residual connections as text and JSON."""

from __future__ import annotations

from archcheck.history.revisions import Commit
from archcheck.history.story import Log, LogEntry
from archcheck.history.tables import problem_line, text_lines
from archcheck.history.wording import verdicts
from archcheck.reporters.common import counted, no_command, one_line
from archcheck.reporters.json import VERSION, plain, to_json


def as_json(log: Log) -> str:
    """Return `{"version": 1, "name": …, "entries": […]}`, the newest first."""
    return to_json({"version": VERSION, **plain(log)})


def as_text(log: Log) -> str:
    """Return a block for each commit that changed a residual, and for those that could not be run."""
    changed = sum(entry.changes is not None for entry in log.entries)
    of = f"{changed} of {counted(log.commits, 'commit')}"
    lines = [f"{one_line(log.name)}: {of} changed something ({counted(log.runs, 'run')})"]
    lines += [f"  ({log.remark})"] if log.remark else []
    for entry in log.entries:
        lines += ["", *_entry(entry)]
    return "\n".join(map(no_command, lines)) + "\n"


def _entry(entry: LogEntry) -> list[str]:
    if entry.changes is None:
        more = f", and {counted(entry.count - 1, 'commit')} after it" if entry.count > 1 else ""
        heading = f"{_commit(entry.commit)}: could not be checked{more}"
        return [heading, *(f"  ! {problem_line(problem)}" for problem in entry.problems)]
    lines = [_commit(entry.commit), f"  {verdicts(entry.changes)}", *text_lines(entry.changes)]
    if entry.unrun:
        lines.append(
            f"  ? or one of the {counted(entry.unrun, 'commit')} before it, which could not be checked"
        )
    return lines


def _commit(commit: Commit) -> str:
    return one_line(f"{commit.short} {commit.date} {commit.author}: {commit.subject}")
