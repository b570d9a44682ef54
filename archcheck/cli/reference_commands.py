"""The commands for reference: `explain`, `schema`."""

from __future__ import annotations

import typer

from archcheck.cli import options, output


def explain(codes: options.Codes) -> None:
    """Explain a code: a bad example, a good one, and the fix."""
    from archcheck.rules.pages import explain as explain_code

    try:
        pages = [explain_code(code) for code in codes]
    except LookupError as error:
        typer.echo(f"archcheck: {error.args[0]}", err=True)
        raise typer.Exit(2) from None
    with output.errors(False):
        output.text("\n".join(page.rstrip("\n") + "\n" for page in pages), None)


def schema(output_: options.Output = None, force: options.Force = False) -> None:
    """Print the JSON Schema of a spec, for editors."""
    import json

    from archcheck.spec import schema as spec_schema

    with output.errors(False):
        output.check_files(output_, force=force)
        output.text(json.dumps(spec_schema(), indent=2, ensure_ascii=False) + "\n", output_)
