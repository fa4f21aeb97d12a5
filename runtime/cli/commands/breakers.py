"""Circuit breakers."""

from __future__ import annotations

from typing import Annotated

import typer

from runtime.cli.options import Json

app = typer.Typer()


@app.command()
def breakers(as_json: Json = False) -> None:
    """Show the circuit breakers: closed, open or half-open, since when and why."""
    from runtime.cli.breaker_commands import show

    raise typer.Exit(show(as_json=as_json))


@app.command()
def breaker(
    order: Annotated[str, typer.Argument(help="open, close (both hold until reset) or reset")],
    name: Annotated[
        str, typer.Argument(help="KIND:SUBJECT as `evopipe breakers` shows it, such as provider:anthropic")
    ],
    reason: Annotated[str, typer.Option("--reason", help="Why; kept with the breaker and in the log.")],
) -> None:
    """Set a circuit breaker by hand."""
    from runtime.cli.breaker_commands import set_by_hand

    raise typer.Exit(set_by_hand(order, name, reason))
