"""Runs and conversations."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from runtime.cli.options import Json, RunId

app = typer.Typer()


@app.command()
def run(  # noqa: PLR0917 - typer passes by keyword
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE|NAME", help="pipeline file (YAML), or a name of the node's library")
    ] = None,
    reference: Annotated[
        str | None, typer.Option("--ref", help="NAME, NAME@VERSION or NAME@HASH of the node's library.")
    ] = None,
    given: Annotated[
        list[str] | None, typer.Option("--input", "-i", help="key=text, or key:=JSON; may be repeated.")
    ] = None,
    input_file: Annotated[Path | None, typer.Option("--input-file", help="JSON or YAML file of inputs.")] = None,
    workspace: Annotated[
        Path | None, typer.Option("--workspace", "-w", help="Directory of file steps (default ./workspace).")
    ] = None,
    key: Annotated[
        str | None, typer.Option("--idempotency-key", help="The same key never starts a second run.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow/--detach", help="Wait and show progress, or only submit.")] = True,
    wait: Annotated[
        bool, typer.Option("--wait", help="When the node has no room for the run, wait until it has.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Run a pipeline. Progress goes to stderr, the outputs to stdout."""
    from runtime.cli.run_commands import run_pipeline

    raise typer.Exit(
        run_pipeline(
            file,
            given or [],
            reference=reference,
            input_file=input_file,
            workspace=workspace,
            key=key,
            follow=follow,
            as_json=as_json,
            wait=wait,
        )
    )


@app.command()
def follow(run_id: RunId, as_json: Json = False) -> None:
    """Show the progress of a run, as far back as the node keeps it, and its outputs."""
    from runtime.cli.run_commands import follow_run

    raise typer.Exit(follow_run(run_id, as_json=as_json))


@app.command()
def runs(limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many.")] = 20, as_json: Json = False) -> None:
    """List the newest runs."""
    from runtime.cli.run_commands import list_runs

    raise typer.Exit(list_runs(limit, as_json=as_json))


@app.command()
def cancel(run_id: RunId) -> None:
    """Cancel a run."""
    from runtime.cli.run_commands import cancel_run

    raise typer.Exit(cancel_run(run_id))


@app.command()
def history(run_id: RunId, as_json: Json = False) -> None:
    """Show every recorded step of a run in order: status, attempt, time, cost, size."""
    from runtime.cli.rerun_commands import show_history

    raise typer.Exit(show_history(run_id, as_json=as_json))


@app.command()
def replay(  # noqa: PLR0917 - typer passes by keyword
    run_id: RunId,
    from_step: Annotated[
        str | None, typer.Option("--from", metavar="STEP", help="Run this step and all that depends on it anew.")
    ] = None,
    definition: Annotated[
        Path | None, typer.Option("--definition", help="By this file; steps that changed run anew.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would run anew, and why.")] = False,
    follow: Annotated[bool, typer.Option("--follow/--detach", help="Wait and show progress, or only submit.")] = True,
    as_json: Json = False,
) -> None:
    """Run a finished run again as a new one that takes over the results that still hold."""
    from runtime.cli.rerun_commands import replay_run

    raise typer.Exit(replay_run(run_id, from_step, definition, dry_run=dry_run, follow=follow, as_json=as_json))


@app.command()
def result(
    run_id: RunId,
    step: Annotated[str | None, typer.Argument(help="a step's path (summary, loop[3]/gist); none: the outputs")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write to this file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The JSON that is kept, as it is.")] = False,
) -> None:
    """Fetch the outputs of a run, or the result of one of its steps, however large."""
    from runtime.cli.result_command import fetch_result

    raise typer.Exit(fetch_result(run_id, step, output, as_json=as_json))


@app.command()
def sessions(
    name: Annotated[str | None, typer.Argument(help="a session's name: shows what was said last")] = None,
    turns: Annotated[int, typer.Option(min=1, max=1000, help="How many of its turns.")] = 20,
    forget: Annotated[bool, typer.Option("--forget", help="End this session; all its turns go.")] = False,
    as_json: Json = False,
) -> None:
    """List the conversations of claude_session steps, or show or end one."""
    from runtime.cli.session_commands import forget_session, list_sessions, show_session

    if name is None:
        if forget:
            raise typer.BadParameter("name the session that is to be forgotten", param_hint="--forget")
        raise typer.Exit(list_sessions(100, as_json=as_json))
    raise typer.Exit(forget_session(name) if forget else show_session(name, turns, as_json=as_json))
