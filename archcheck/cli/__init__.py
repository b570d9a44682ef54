"""The command line: commands, options, the choice of a reporter, exit codes; nothing else.

Begin with `main`; a command is the function of its name in one of the files `*_commands.py`.

Exit codes hold for every command: 0 conforms (or done), 1 findings, 2 could not check.
"""

from __future__ import annotations

import contextlib
import gc
import sys
from typing import Annotated, Any

import typer

from archcheck import __version__
from archcheck.cli import output, streams
from archcheck.cli.diagram_commands import render, sync, verify
from archcheck.cli.history_commands import diff, log
from archcheck.cli.model_commands import init, inspect, measure
from archcheck.cli.reference_commands import explain, schema
from archcheck.errors import own_failure

# typer has no public name for the class of all errors that it shows by itself.
_UsageError: Any = typer.BadParameter.__mro__[2]

app = typer.Typer(
    name="archcheck",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help=(
        "Prove a neural network's architecture diagram against the model's code.\n\n"
        "A spec is the diagram: boxes, flow, solid and dashed residual edges. Checking one loads and runs "
        "the model's code: check only what you trust.\n\n"
        "Exit codes: 0 conforms, 1 findings, 2 could not check."
    ),
)
for _command in (verify, render, sync, inspect, init, measure, diff, log, explain, schema):
    app.command()(_command)


@app.callback()
def _global(
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=lambda on: _version(on), help="Show the version."),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the console script; without a verdict it ends with exit code 2, whatever happens."""
    # What a run makes lives to its end: looking for garbage all the time only costs.
    gc.set_threshold(100_000, 50, 1_000)
    streams.prepare()
    try:
        code = _run()
        streams.finish()
    except BrokenPipeError:
        streams.reader_left()
        code = 0
    except OSError as error:
        output.complain(f"{error.filename or 'output'}: {error.strerror or error}")
        code = 2
    except KeyboardInterrupt:
        output.complain("interrupted")
        code = 2
    except BaseException as error:
        output.complain(own_failure(error))
        code = 2
    if code == 2:
        with contextlib.suppress(Exception):
            streams.finish()
    sys.exit(code)


def _run() -> int:
    """Return the exit code of the command that the arguments name."""
    try:
        result = app(standalone_mode=False)
    except typer.Abort:
        raise KeyboardInterrupt from None
    except SystemExit:  # what typer makes of a broken pipe
        raise BrokenPipeError from None
    except _UsageError as error:
        error.show()
        return 2
    return result if isinstance(result, int) else 0


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"archcheck {__version__}")
        raise typer.Exit


__all__ = ["app", "main"]
