"""The supervision tree and single actors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from runtime.cli.options import ActorName, Json

app = typer.Typer()


@app.command()
def tree(
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Go on until Ctrl-C, showing every change.")] = False,
    as_json: Json = False,
) -> None:
    """Show the supervision tree."""
    if watch:
        from runtime.cli.actor_commands import watch_tree

        raise typer.Exit(watch_tree(as_json=as_json))
    from runtime.cli.node_commands import show_tree

    raise typer.Exit(show_tree(as_json=as_json))


@app.command()
def ps(as_json: Json = False) -> None:
    """List all actors."""
    from runtime.cli.node_commands import show_processes

    raise typer.Exit(show_processes(as_json=as_json))


@app.command()
def inspect(
    name: ActorName,
    trace: Annotated[
        int | None,
        typer.Option("--trace", min=0, max=1000, help="Keep its last N messages from now on; 0 ends that."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Look inside one actor: what it does, its mailbox, its state's shape, its restarts."""
    from runtime.cli.actor_commands import inspect_actor

    raise typer.Exit(inspect_actor(name, keep=trace, as_json=as_json))


@app.command()
def suspend(name: ActorName) -> None:
    """Hold up one actor: its messages wait until `resume`. For finding faults."""
    from runtime.cli.actor_commands import suspend_actor

    raise typer.Exit(suspend_actor(name))


@app.command()
def resume(
    name: Annotated[str, typer.Argument(metavar="RUN|ACTOR", help="a failed run (run-...), or a suspended actor")],
    definition: Annotated[
        Path | None, typer.Option("--definition", help="A run: go on by this file; steps that changed run anew.")
    ] = None,
    accept: Annotated[
        bool, typer.Option("--accept-definition", help="A run: go on by its definition as this version reads it.")
    ] = False,
    follow: Annotated[bool, typer.Option("--follow/--detach", help="A run: wait and show progress.")] = True,
    as_json: Json = False,
) -> None:
    """Let a failed run go on from where it failed, or a suspended actor go on."""
    if name.startswith("run-"):
        from runtime.cli.rerun_commands import resume_run

        raise typer.Exit(resume_run(name, definition, accept_definition=accept, follow=follow, as_json=as_json))
    if definition is not None or accept:
        raise typer.BadParameter("only runs have a definition; a run's id begins with run-", param_hint="RUN|ACTOR")
    from runtime.cli.actor_commands import resume_actor

    raise typer.Exit(resume_actor(name))


@app.command("kill-actor")
def kill_actor(name: ActorName) -> None:
    """Kill one actor, to see its supervisor put it right."""
    from runtime.cli.node_commands import kill_one

    raise typer.Exit(kill_one(name))
