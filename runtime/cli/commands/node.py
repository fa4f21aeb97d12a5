"""The node itself: start, stop, look."""

from __future__ import annotations

from typing import Annotated

import typer

from runtime.cli.options import Json

app = typer.Typer()


@app.command()
def up(
    foreground: Annotated[bool, typer.Option("--foreground/--detach", help="Stay in this terminal.")] = False,
) -> None:
    """Start the node; returns when it serves (or, in the foreground, when it has ended)."""
    from runtime.cli.node_commands import start

    raise typer.Exit(start(foreground=foreground))


@app.command()
def down(
    now: Annotated[bool, typer.Option("--now", help="Do not wait for running pipelines.")] = False,
) -> None:
    """Stop the node: it drains, then ends; unfinished runs resume at the next start."""
    from runtime.cli.node_commands import stop

    raise typer.Exit(stop(now=now))


@app.command()
def status(as_json: Json = False) -> None:
    """Show how the node is."""
    from runtime.cli.node_commands import show_status

    raise typer.Exit(show_status(as_json=as_json))


@app.command()
def logs(
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as lines are written.")] = False,
    tail: Annotated[int, typer.Option("--tail", "-n", min=0, max=100_000, help="How many lines first.")] = 100,
) -> None:
    """Show the node's log; without a node, what its last one wrote."""
    from runtime.cli.node_commands import show_logs

    raise typer.Exit(show_logs(follow=follow, count=tail))
