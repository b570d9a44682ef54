"""The commands about changes: `diff`, `log`."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import typer

from archcheck.cli import options, output, parsing
from archcheck.cli.options import DiffFormat, InspectFormat


def diff(
    before: options.Before,
    after: options.After,
    names: options.Named = None,
    set_: options.Settings = None,
    input_: options.Inputs = None,
    format: options.ChangesFormat = DiffFormat.TEXT,
    output_: options.Output = None,
    force: options.Force = False,
    exit_code: options.ExitCode = False,
    timeout: options.Timeout = 600,
    python: options.Python = None,
    debug: options.Debug = False,
) -> None:
    """Show which residual connections changed from A to B.

    A git revision is read without touching the work tree. Exit code 2 if either side could not be checked.
    """
    from archcheck.cli.configuration import specs_of
    from archcheck.commands.diff import How, as_document
    from archcheck.commands.diff import diff as compare
    from archcheck.commands.workers import Workers

    with output.errors(debug):
        settings, inputs = parsing.settings(set_), parsing.inputs(input_)
        output.check_files(output_, None, [Path(before), Path(after)], force=force)
        workers = Workers(python, timeout)
        with closing(workers), output.progress(format is DiffFormat.TEXT) as progress:
            how = How(settings, inputs, workers, progress, pictures=format is DiffFormat.HTML)
            found = compare(before, after, names or (), specs_of, how)
        output.text(as_document(format.value, found, before, after), output_)
    if any(not each.changes.is_checked for each in found):
        raise typer.Exit(2)
    if exit_code and any(each.changes for each in found):
        raise typer.Exit(1)


def log(
    subject: options.Subject,
    path: options.Paths = None,
    residual: options.ResidualName = None,
    revision: options.Revision = "HEAD",
    max_count: options.Most = None,
    set_: options.Settings = None,
    input_: options.Inputs = None,
    format: options.LogFormat = InspectFormat.TEXT,
    output_: options.Output = None,
    force: options.Force = False,
    timeout: options.Timeout = 600,
    python: options.Python = None,
    debug: options.Debug = False,
) -> None:
    """Show which commits changed a model's residual connections.

    With --residual, show which commit added or removed that one.
    """
    from archcheck.commands.diff import How
    from archcheck.commands.log import log as history_of
    from archcheck.commands.workers import Workers
    from archcheck.history.story_tables import as_json, as_text

    with output.errors(debug):
        settings, inputs = parsing.settings(set_), parsing.inputs(input_)
        output.check_files(output_, None, [Path(subject)], force=force)
        workers = Workers(python, timeout)
        with closing(workers), output.progress(format is InspectFormat.TEXT) as progress:
            how = How(settings, inputs, workers, progress)
            found = history_of(subject, revision, path or (), residual, max_count, how)
        output.text((as_json if format is InspectFormat.JSON else as_text)(found), output_)
