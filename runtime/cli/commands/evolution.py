"""Breeding better pipelines."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from runtime.cli.options import Json

app = typer.Typer()


@app.command()
def evolve(  # noqa: PLR0917 - typer passes by keyword
    file: Annotated[Path, typer.Argument(help="pipeline file (YAML)")],
    generations: Annotated[int, typer.Option(min=1, max=1000)] = 3,
    population: Annotated[int, typer.Option(min=2, max=1000)] = 8,
    budget_requests: Annotated[int, typer.Option(min=1, help="Provider calls in all.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same evolution.")] = 0,
    given: Annotated[list[str] | None, typer.Option("--input", "-i", help="key=text, or key:=JSON.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Where the best pipeline goes.")] = None,
    as_json: Json = False,
) -> None:
    """Breed better versions of a pipeline."""
    from runtime.cli.evolve_command import evolve_pipeline

    raise typer.Exit(
        evolve_pipeline(
            file,
            given or [],
            generations=generations,
            population=population,
            budget_requests=budget_requests,
            seed=seed,
            output=output,
            as_json=as_json,
        )
    )
