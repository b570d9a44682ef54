"""The commands about a diagram: `verify`, `render`, `sync`."""

from __future__ import annotations

from pathlib import Path

import typer

from archcheck.cli import options, output, parsing
from archcheck.cli.checking import one_worker, place
from archcheck.cli.options import ArrangementChoice, Format, ThemeChoice
from archcheck.findings import Status


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
    theme: options.ThemeOption = ThemeChoice.README,
    layout: options.LayoutOption = ArrangementChoice.ROW,
    panels: options.PanelsOption = "",
    dpi: options.DpiOption = 150,
    quiet: options.Quiet = False,
    verbose: options.Verbose = 0,
    debug: options.Debug = False,
) -> None:
    """Check each SPEC against its model.

    Exit code 0 if all conform, 1 if there are findings, 2 if a spec could not be checked.
    """
    from archcheck.cli import accepting, checking, destinations, github_actions
    from archcheck.cli.configuration import configuration

    with output.errors(debug):
        settings = parsing.settings(set_, unset, arguments, shrink=shrink)
        given, renames = parsing.inputs(input_), parsing.renames(rename)
        wanted = destinations.destinations(format, output_)
        project = configuration()
        waivers = accepting.waivers(project, select, ignore, baseline, write_baseline)
        specs = specs or project.find_specs()
        if diagram is not None and len(specs) > 1:
            hint = "Check one spec at a time, or use archcheck render."
            raise parsing.usage_error("--diagram takes a single spec.", hint)
        known = waivers.baseline and Path(waivers.baseline.file)
        inputs = [*specs, *(file for file in (known, arguments) if file)]
        output.check_files(write_baseline, diagram, inputs, force=force)
        destinations.check(wanted, [write_baseline, diagram], inputs, force=force)
        where = checking.place(timeout, python, in_process, jobs)
        asked = checking.Asked(model, settings, given, renames, prove, strict or project.strict, waivers)
        printed = any(each.file is None and each.format is Format.TEXT for each in wanted)
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

            draw_file(specs[0], diagram, parsing.style(theme, layout, panels, dpi), reports[0])
    output.exit_with(reports)


def render(
    spec: options.SpecPath,
    picture: options.Picture,
    check: options.Check = False,
    theme: options.ThemeOption = ThemeChoice.README,
    layout: options.LayoutOption = ArrangementChoice.ROW,
    panels: options.PanelsOption = "",
    dpi: options.DpiOption = 150,
    debug: options.Debug = False,
) -> None:
    """Draw SPEC as a picture, without running a model."""
    from archcheck.commands.render import check_picture, staleness
    from archcheck.commands.render import render as draw_file

    with output.errors(debug):
        style = parsing.style(theme, layout, panels, dpi)
        if not check:
            check_picture(picture)
            draw_file(spec, picture, style)
            return
        why = staleness(spec, picture, style)
        if why:
            fix = f"archcheck render {spec} -o {picture}"
            typer.echo(f"{picture}: DIA001 the picture of {spec} {why}. To update it, run: {fix}", err=True)
            raise typer.Exit(1)


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
    """Rewrite SPEC to match its model's code, and show the change.

    Nothing else in the file changes. Exit code 0 if the spec then conforms, 1 if findings remain.
    """
    from archcheck.cli.configuration import configuration
    from archcheck.commands import sync as syncing

    with output.errors(debug):
        settings = parsing.settings(set_)
        where = place(timeout, python, in_process)
        strict = strict or configuration().strict
        with one_worker(where, shown=True) as (progress, worker):
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
        stays = dry_run or check
        if not stays:
            syncing.write(spec, synced)
        report = syncing.unwritten(synced) if stays else synced.report
        output.report([report], Format.TEXT, None, verbose, quiet=False)
    output.exit_with([synced.report])
    if check and changed:
        raise typer.Exit(1)
