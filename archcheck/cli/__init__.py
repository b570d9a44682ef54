"""The command line: commands, options, the choice of a reporter, exit codes; nothing else.

Exit codes hold for every command: 0 conforms (or done), 1 findings, 2 could not check.
"""

from __future__ import annotations

import contextlib
import gc
import sys
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

from archcheck import __version__
from archcheck.cli import options, output, streams
from archcheck.cli.options import Arrangement, DiffFormat, Format, InspectFormat, MeasureFormat, Theme
from archcheck.errors import own_failure
from archcheck.findings import Report, Status

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


@app.command()
def verify(
    specs: options.SpecPaths = None,
    format: options.ReportFormats = None,
    output_: options.Output = None,
    force: options.Force = False,
    diagram: options.VerdictPicture = None,
    model: options.OtherModel = None,
    set_: options.Settings = None,
    unset: options.Unset = None,
    arguments: options.ArgumentsFile = None,
    shrink: options.Shrink = False,
    input_: options.Inputs = None,
    rename: options.Renames = None,
    prove: options.Prove = False,
    strict: options.Strict = False,
    select: options.Select = None,
    ignore: options.Ignore = None,
    baseline: options.BaselineFile = None,
    write_baseline: options.WriteBaseline = None,
    jobs: options.Jobs = 0,
    timeout: options.Timeout = 600,
    python: options.Python = None,
    in_process: options.InProcess = False,
    cache: options.KeepVerdicts = None,
    theme: options.ThemeOption = Theme.README,
    layout: options.LayoutOption = Arrangement.ROW,
    panels: options.PanelsOption = "",
    dpi: options.DpiOption = 150,
    quiet: options.Quiet = False,
    verbose: options.Verbose = 0,
    debug: options.Debug = False,
) -> None:
    """Check each SPEC against its model.

    Exit code 0 if all conform, 1 with findings, 2 if one could not be checked.
    """
    from archcheck.cli import accepting, checking, destinations, github_actions
    from archcheck.cli.configuration import configuration

    with output.errors(debug):
        settings = options.settings(set_, unset, arguments, shrink=shrink)
        given, renames = options.inputs(input_), options.renames(rename)
        wanted = destinations.destinations(format, output_)
        project = configuration()
        waivers = accepting.waivers(project, select, ignore, baseline, write_baseline)
        specs = specs or project.find_specs()
        if diagram is not None and len(specs) > 1:
            hint = "Check one spec at a time, or use archcheck render."
            raise options.usage_error("--diagram draws one spec.", hint)
        known = waivers.baseline and Path(waivers.baseline.file)
        inputs = [*specs, *(file for file in (known, arguments) if file)]
        output.check_files(write_baseline, diagram, inputs, force=force)
        destinations.check(wanted, [write_baseline, diagram], inputs, force=force)
        options.check_place(python, in_process, jobs)
        asked = checking.Asked(model, settings, given, renames, prove, strict or project.strict, waivers)
        printed = any(each.file is None and each.format is Format.TEXT for each in wanted)
        where = checking.Place(jobs, timeout, python, in_process)
        kept = checking.cache_of(project, cache, where)
        told = checking.Told(printed and not quiet, verbose > 0, debug)
        reports = checking.check_all(specs, asked, where, kept, told)
        if write_baseline is not None:
            reports = accepting.written(write_baseline, reports)
        reports = accepting.with_stale(waivers.baseline, reports)
        destinations.write(reports, wanted, verbose, quiet)
        github_actions.tell(reports, wanted)
        if diagram is not None and reports[0].status is not Status.ERROR:
            from archcheck.commands.render import render as draw_file

            draw_file(specs[0], diagram, options.style(theme, layout, panels, dpi), reports[0])
    output.exit_with(reports)


@app.command()
def render(
    spec: options.SpecPath,
    picture: options.Picture,
    check: options.Check = False,
    theme: options.ThemeOption = Theme.README,
    layout: options.LayoutOption = Arrangement.ROW,
    panels: options.PanelsOption = "",
    dpi: options.DpiOption = 150,
    debug: options.Debug = False,
) -> None:
    """Draw SPEC as a picture. Needs no model, and runs none."""
    from archcheck.commands.render import check_picture, staleness
    from archcheck.commands.render import render as draw_file

    with output.errors(debug):
        style = options.style(theme, layout, panels, dpi)
        if not check:
            check_picture(picture)
            draw_file(spec, picture, style)
            return
        why = staleness(spec, picture, style)
        if why:
            fix = f"archcheck render {spec} -o {picture}"
            typer.echo(f"{picture}: DIA001 the picture of {spec} {why}. To update it, run: {fix}", err=True)
            raise typer.Exit(1)


@app.command()
def sync(
    spec: options.SpecToSync,
    dry_run: options.DryRun = False,
    check: options.CheckSync = False,
    set_: options.Settings = None,
    strict: options.Strict = False,
    timeout: options.Timeout = 600,
    python: options.Python = None,
    in_process: options.InProcess = False,
    verbose: options.Verbose = 0,
    debug: options.Debug = False,
) -> None:
    """Rewrite SPEC so that it says what its model's code does, and show the change.

    What it does not touch keeps its bytes. Exit code 0 if the spec then conforms, 1 if findings are left.
    """
    from archcheck.cli.configuration import configuration
    from archcheck.commands import sync as syncing
    from archcheck.commands.verify_all import workers

    with output.errors(debug):
        settings = options.settings(set_)
        options.check_place(python, in_process)
        strict = strict or configuration().strict
        with (
            output.progress(True) as progress,
            workers(1, python, timeout, in_process=in_process) as worker,
        ):
            synced = syncing.sync(
                spec,
                settings,
                strict=strict,
                progress=progress,
                failed=output.shown_cause(debug),
                worker=worker,
            )
        changed = syncing.difference(synced, str(spec))
        output.text(changed, None)
        if not (dry_run or check):
            syncing.write(spec, synced)
        output.report([synced.report], Format.TEXT, None, verbose, quiet=False)
    output.exit_with([synced.report])
    if check and changed:
        raise typer.Exit(1)


@app.command()
def inspect(
    target: options.TargetName,
    set_: options.Settings = None,
    arguments: options.ArgumentsFile = None,
    shrink: options.Shrink = False,
    input_: options.Inputs = None,
    train: options.Train = False,
    format: options.InspectionFormat = InspectFormat.TEXT,
    output_: options.Output = None,
    force: options.Force = False,
    diagram: options.OutlinePicture = None,
    prove: options.Prove = False,
    timeout: options.Timeout = 600,
    python: options.Python = None,
    in_process: options.InProcess = False,
    theme: options.ThemeOption = Theme.README,
    layout: options.LayoutOption = Arrangement.ROW,
    panels: options.PanelsOption = "",
    dpi: options.DpiOption = 150,
    verbose: options.Verbose = 0,
    debug: options.Debug = False,
) -> None:
    """List the residual connections of any model.

    With what is wrong with them whatever a diagram says; that makes exit code 1.
    """
    from archcheck.commands.inspect import inspect as inspect_target
    from archcheck.commands.verify_all import workers

    reports: list[Report] = []
    with output.errors(debug):
        settings, inputs = options.settings(set_, None, arguments, shrink=shrink), options.inputs(input_)
        output.check_files(output_, diagram, [Path(target.rpartition(":")[0])], force=force)
        options.check_place(python, in_process)
        outline = None
        with (
            output.progress(format is InspectFormat.TEXT) as progress,
            workers(1, python, timeout, in_process=in_process) as worker,
            output.failures(target, reports, debug),
        ):
            report, outline = inspect_target(
                target, settings, inputs, train, prove, progress, output.shown_cause(debug), worker
            )
            reports.append(report)
        if format is InspectFormat.TEXT:
            from archcheck.reporters.text import render_inspection

            output.page(lambda console: render_inspection(reports[0], console, verbose=verbose), output_)
        else:
            output.report(reports, Format.JSON, output_, verbose, quiet=False)
        if diagram is not None and outline is not None:
            from archcheck.commands.render import render_spec

            render_spec(outline(), diagram, options.style(theme, layout, panels, dpi), reports[0])
    output.exit_with(reports)


@app.command()
def init(
    target: options.TargetName,
    set_: options.Settings = None,
    arguments: options.ArgumentsFile = None,
    shrink: options.Shrink = False,
    input_: options.Inputs = None,
    output_: options.NewSpec = None,
    force: options.Replace = False,
    diagram: options.NewPicture = None,
    timeout: options.Timeout = 600,
    python: options.Python = None,
    in_process: options.InProcess = False,
    theme: options.ThemeOption = Theme.README,
    layout: options.LayoutOption = Arrangement.ROW,
    panels: options.PanelsOption = "",
    dpi: options.DpiOption = 150,
    verbose: options.Verbose = 0,
    debug: options.Debug = False,
) -> None:
    """Write the spec of a model from its code.

    With every mark proved: exit code 1 where one is not, and 2 where the model can't be built or run.
    """
    from archcheck.commands.init import file_of, write_spec
    from archcheck.commands.init import init as draw_model
    from archcheck.commands.verify_all import workers

    with output.errors(debug):
        settings, inputs = options.settings(set_, None, arguments, shrink=shrink), options.inputs(input_)
        file = output_ or file_of(target)
        output.check_new(file, diagram, force=force)
        options.check_place(python, in_process)
        with (
            output.progress(True) as progress,
            workers(1, python, timeout, in_process=in_process) as worker,
        ):
            made = draw_model(target, settings, inputs, str(file), progress, worker)
        if str(file) == "-":
            output.text(made.text, None)
        else:
            write_spec(file, made.text)
            output.report([made.report], Format.TEXT, None, verbose, quiet=False)
        if diagram is not None:
            from archcheck.commands.render import render_spec

            render_spec(made.spec, diagram, options.style(theme, layout, panels, dpi), made.report)
    output.exit_with([made.report])


@app.command()
def measure(
    subject: options.Subject,
    set_: options.Settings = None,
    arguments: options.ArgumentsFile = None,
    shrink: options.Shrink = False,
    input_: options.Inputs = None,
    weights: options.Weights = None,
    data: options.Data = None,
    seeds: options.Seeds = 3,
    format: options.MeasuresFormat = MeasureFormat.TEXT,
    output_: options.Output = None,
    force: options.Force = False,
    plot: options.Plot = None,
    diagram: options.MeasuredPicture = None,
    show: options.Show = "gradient_ratio",
    fail_if: options.FailIf = None,
    timeout: options.Timeout = 600,
    python: options.Python = None,
    in_process: options.InProcess = False,
    theme: options.ThemeOption = Theme.README,
    dpi: options.DpiOption = 150,
    verbose: options.Verbose = 0,
    debug: options.Debug = False,
) -> None:
    """Measure what each residual connection does to signal and gradient.

    Exit code 1 only if a bound of --fail-if is broken.
    """
    from archcheck.commands.measure import Options
    from archcheck.commands.measure import measure as measure_model
    from archcheck.commands.verify_all import workers
    from archcheck.measures.tables import WRITERS
    from archcheck.measures.values import by_edge

    with output.errors(debug):
        settings, inputs = options.settings(set_, None, arguments, shrink=shrink), options.inputs(input_)
        bounds = options.bounds(fail_if)
        output.check_files(output_, diagram, [Path(subject)], force=force)
        options.check_plot(plot)
        options.check_measured_picture(diagram, subject, show)
        options.check_place(python, in_process)
        asked = Options(settings, inputs, weights, data, seeds)
        with (
            output.progress(format is MeasureFormat.TEXT) as progress,
            workers(1, python, timeout, in_process=in_process) as worker,
        ):
            measures = measure_model(subject, asked, progress, worker)
        output.text(WRITERS[format.value](measures, verbose > 0), output_)
        if plot is not None:
            from archcheck.diagram.plot import write_plot
            from archcheck.measures.curves import charts_of

            write_plot(charts_of(measures), measures.title or measures.target, plot, theme.value, dpi)
        if diagram is not None:
            from archcheck.commands.render import render_measures

            render_measures(Path(subject), diagram, show, by_edge(measures.residuals, show), theme.value, dpi)
        broken = [(bound, each) for bound in bounds for each in bound.broken_by(measures.residuals)]
        for bound, each in broken:
            value = each.values[bound.measure].mean
            layer = "" if each.layer is None else f", layer {each.layer}"
            typer.echo(f"{each.name}{layer}: {bound.measure} is {value:.3g} (fails if {bound})", err=True)
    if broken:
        raise typer.Exit(1)


@app.command()
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
    """Say which residual connections changed from A to B.

    Revisions are read from git aside. Exit code 2 if a side could not be checked, else 0.
    """
    from archcheck.cli.configuration import specs_of
    from archcheck.commands.diff import How, as_document
    from archcheck.commands.diff import diff as compare
    from archcheck.commands.processes import Workers

    with output.errors(debug):
        settings, inputs = options.settings(set_), options.inputs(input_)
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


@app.command()
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
    """Say which commits changed a model's residual connections.

    With --residual, which commit put that one there or took it away.
    """
    from archcheck.commands.diff import How
    from archcheck.commands.log import log as history_of
    from archcheck.commands.processes import Workers
    from archcheck.history.story_tables import as_json, as_text

    with output.errors(debug):
        settings, inputs = options.settings(set_), options.inputs(input_)
        output.check_files(output_, None, [Path(subject)], force=force)
        workers = Workers(python, timeout)
        with closing(workers), output.progress(format is InspectFormat.TEXT) as progress:
            how = How(settings, inputs, workers, progress)
            found = history_of(subject, revision, path or (), residual, max_count, how)
        output.text((as_json if format is InspectFormat.JSON else as_text)(found), output_)


@app.command()
def explain(codes: options.Codes) -> None:
    """Say what a rule or an error code means: bad, good, fix."""
    from archcheck.rules.pages import explain as explain_code

    try:
        pages = [explain_code(code) for code in codes]
    except LookupError as error:
        typer.echo(f"archcheck: {error.args[0]}", err=True)
        raise typer.Exit(2) from None
    with output.errors(False):
        output.text("\n".join(page.rstrip("\n") + "\n" for page in pages), None)


@app.command()
def schema(output_: options.Output = None, force: options.Force = False) -> None:
    """Print the JSON Schema of a spec, for editors."""
    import json

    from archcheck.spec import schema as spec_schema

    with output.errors(False):
        output.check_files(output_, force=force)
        output.text(json.dumps(spec_schema(), indent=2, ensure_ascii=False) + "\n", output_)


@app.callback()
def _global(
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=lambda on: _version(on), help="Show the version."),
    ] = False,
) -> None:
    pass


def main() -> None:
    """The console script. What is no verdict ends with exit code 2, whatever happens."""
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
    """The exit code of the command that the arguments name."""
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
