"""The commands about a model: `inspect`, `init`, `measure`."""

from __future__ import annotations

from pathlib import Path

import typer

from archcheck.cli import options, output, parsing
from archcheck.cli.checking import one_worker, place
from archcheck.cli.options import ArrangementChoice, Format, MeasureFormat, ThemeChoice
from archcheck.findings import Report


def inspect(
    target: options.TargetName,
    set_: options.Settings = None,
    arguments: options.ArgumentsFile = None,
    shrink: options.Shrink = False,
    input_: options.Inputs = None,
    train: options.Train = False,
    format: options.ReportFormats = None,
    output_: options.Output = None,
    force: options.Force = False,
    diagram: options.OutlinePicture = None,
    prove: options.Prove = False,
    timeout: options.Timeout = 600,
    python: options.Python = None,
    in_process: options.InProcess = False,
    theme: options.ThemeOption = ThemeChoice.README,
    layout: options.LayoutOption = ArrangementChoice.ROW,
    panels: options.PanelsOption = "",
    dpi: options.DpiOption = 150,
    verbose: options.Verbose = 0,
    debug: options.Debug = False,
) -> None:
    """Show a model's parts and its residual connections.

    Also report defects that need no diagram (RES007, RES008, RES011, RES012); exit code 1 if there are any.
    """
    from archcheck.cli import destinations
    from archcheck.commands.inspect import inspect as inspect_target

    reports: list[Report] = []
    with output.errors(debug):
        settings, inputs = parsing.settings(set_, None, arguments, shrink=shrink), parsing.inputs(input_)
        wanted = destinations.destinations(format, output_)
        sources = [Path(target.rpartition(":")[0]), *([arguments] if arguments else [])]
        output.check_files(None, diagram, sources, force=force)
        destinations.check(wanted, [diagram], sources, force=force)
        where = place(timeout, python, in_process)
        printed = any(each.file is None and each.format is Format.TEXT for each in wanted)
        outline = None
        with one_worker(where, shown=printed) as (progress, worker), output.failures(target, reports, debug):
            report, outline = inspect_target(
                target, settings, inputs, train, prove, progress, output.shown_cause(debug), worker
            )
            reports.append(report)
        destinations.write(reports, wanted, verbose)
        if diagram is not None and outline is not None:
            from archcheck.commands.render import render_spec

            render_spec(outline(), diagram, parsing.style(theme, layout, panels, dpi), reports[0])
    output.exit_with(reports)


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
    theme: options.ThemeOption = ThemeChoice.README,
    layout: options.LayoutOption = ArrangementChoice.ROW,
    panels: options.PanelsOption = "",
    dpi: options.DpiOption = 150,
    verbose: options.Verbose = 0,
    debug: options.Debug = False,
) -> None:
    """Write a spec from a model's code.

    Exit code 0 if every mark of the spec is proved, 1 if one is not, 2 if the model can't be built or run.
    """
    from archcheck.commands.init import file_of, write_spec
    from archcheck.commands.init import init as draw_model

    with output.errors(debug):
        settings, inputs = parsing.settings(set_, None, arguments, shrink=shrink), parsing.inputs(input_)
        file = output_ or file_of(target)
        output.check_new(file, diagram, force=force)
        where = place(timeout, python, in_process)
        with one_worker(where, shown=True) as (progress, worker):
            made = draw_model(target, settings, inputs, str(file), progress, worker)
        if str(file) == "-":
            output.text(made.text, None)
        else:
            write_spec(file, made.text)
            output.report([made.report], Format.TEXT, None, verbose, quiet=False)
        if diagram is not None:
            from archcheck.commands.render import render_spec

            render_spec(made.spec, diagram, parsing.style(theme, layout, panels, dpi), made.report)
    output.exit_with([made.report])


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
    theme: options.ThemeOption = ThemeChoice.README,
    dpi: options.DpiOption = 150,
    verbose: options.Verbose = 0,
    debug: options.Debug = False,
) -> None:
    """Measure what each residual does to signal and gradient.

    Exit code 1 if a --fail-if condition holds.
    """
    from archcheck.commands.measure import Options
    from archcheck.commands.measure import measure as measure_model
    from archcheck.measures.tables import WRITERS
    from archcheck.measures.values import by_edge

    with output.errors(debug):
        settings, inputs = parsing.settings(set_, None, arguments, shrink=shrink), parsing.inputs(input_)
        bounds = parsing.bounds(fail_if)
        output.check_files(output_, diagram, [Path(subject)], force=force)
        parsing.check_plot(plot)
        parsing.check_measured_picture(diagram, subject, show)
        where = place(timeout, python, in_process)
        asked = Options(settings, inputs, weights, data, seeds)
        with one_worker(where, shown=format is MeasureFormat.TEXT) as (progress, worker):
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
            typer.echo(f"{each.name}{layer}: {bound.measure} is {value:.3g} (--fail-if {bound})", err=True)
    if broken:
        raise typer.Exit(1)
