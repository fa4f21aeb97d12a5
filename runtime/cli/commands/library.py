"""The node's library of pipelines."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from runtime.cli.options import Json

app = typer.Typer()
pipelines = typer.Typer(invoke_without_command=True)
app.add_typer(pipelines, name="pipelines")

Version = Annotated[str, typer.Argument(metavar="NAME@VERSION", help="which one")]


@app.command()
def register(
    file: Annotated[Path, typer.Argument(help="pipeline file (YAML)")],
    name: Annotated[str | None, typer.Option("--name", help="Under this name (default: the pipeline's own).")] = None,
    version: Annotated[
        str | None, typer.Option("--version", help="As this version (default: the file's own, else the next number).")
    ] = None,
) -> None:
    """Keep a pipeline in the node's library. A version never changes; the newest is meant by the name alone."""
    from runtime.cli.library_commands import register_pipeline

    raise typer.Exit(register_pipeline(file, name=name, version=version))


@app.command()
def unregister(reference: Version) -> None:
    """Remove one version of a pipeline from the library. Runs that use it go on."""
    from runtime.cli.library_commands import unregister_pipeline

    raise typer.Exit(unregister_pipeline(reference))


@pipelines.callback()
def list_all(context: typer.Context, as_json: Json = False) -> None:
    """List the pipelines of the node's library, shipped and registered; * is what the name alone means."""
    if context.invoked_subcommand is None:
        from runtime.cli.library_commands import list_pipelines

        raise typer.Exit(list_pipelines(as_json=as_json))


@pipelines.command()
def show(
    reference: Annotated[str, typer.Argument(metavar="NAME[@VERSION]", help="version, or 8 or more of a hash")],
    as_json: Json = False,
) -> None:
    """Print the definition of a pipeline of the library."""
    from runtime.cli.library_commands import show_pipeline

    raise typer.Exit(show_pipeline(reference, as_json=as_json))
