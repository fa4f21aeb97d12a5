"""Pipeline files, without a node."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from runtime.cli.options import Json

app = typer.Typer()


@app.command()
def validate(
    files: Annotated[list[Path], typer.Argument(help="pipeline files (YAML)")],
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as mistakes.")] = False,
    as_json: Json = False,
) -> None:
    """Check pipelines and tell everything that is wrong. Needs no node."""
    from runtime.cli.validate_command import validate_files

    raise typer.Exit(validate_files(files, as_json=as_json, strict=strict))


@app.command()
def new(
    request: Annotated[str, typer.Argument(help="what the pipeline is to do, in a sentence")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A new file; without it: stdout.")] = None,
) -> None:
    """Write a first pipeline from a fixed template. Needs no node and no key."""
    from runtime.cli.new_command import new_pipeline

    raise typer.Exit(new_pipeline(request, output=output))


@app.command()
def schema() -> None:
    """Print the JSON Schema of pipeline files, for editors."""
    from runtime.cli.tooling_commands import print_schema

    raise typer.Exit(print_schema())


@app.command()
def graph(
    file: Annotated[Path, typer.Argument(help="pipeline file (YAML)")],
    form: Annotated[str, typer.Option("--format", "-f", help="text, mermaid or dot")] = "text",
) -> None:
    """Draw which step waits for which."""
    from runtime.cli.tooling_commands import print_graph

    raise typer.Exit(print_graph(file, form))


@app.command()
def explain(file: Annotated[Path, typer.Argument(help="pipeline file (YAML)")]) -> None:
    """Tell in words what a pipeline will do, in which order, and what happens when a step fails."""
    from runtime.cli.tooling_commands import print_explanation

    raise typer.Exit(print_explanation(file))


@app.command()
def estimate(
    file: Annotated[Path, typer.Argument(help="pipeline file (YAML)")],
    given: Annotated[list[str] | None, typer.Option("--input", "-i", help="key=text, or key:=JSON.")] = None,
    input_file: Annotated[Path | None, typer.Option("--input-file", help="JSON or YAML file of inputs.")] = None,
    workspace: Annotated[Path | None, typer.Option("--workspace", "-w", help="Directory of file steps.")] = None,
    as_json: Json = False,
) -> None:
    """Estimate tokens, cost and time before anything runs."""
    from runtime.cli.estimate_command import print_estimate

    raise typer.Exit(print_estimate(file, given or [], input_file=input_file, workspace=workspace, as_json=as_json))


@app.command()
def fmt(
    files: Annotated[list[Path], typer.Argument(help="pipeline files (YAML)")],
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 when a file would change.")] = False,
) -> None:
    """Bring pipeline files into one layout. Comments, quotes and values stay."""
    from runtime.cli.rewriting_commands import format_files

    raise typer.Exit(format_files(files, check=check))


@app.command()
def migrate(
    file: Annotated[Path, typer.Argument(help="pipeline file (YAML)")],
    write: Annotated[bool, typer.Option("--write", help="Change the file instead of printing.")] = False,
) -> None:
    """Upgrade a pipeline_ex file to the canonical form and say what was changed."""
    from runtime.cli.rewriting_commands import migrate_file

    raise typer.Exit(migrate_file(file, write=write))
