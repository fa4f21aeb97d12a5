"""The commands and their options. Each imports what it does only when it is called: `--help` stays below 150 ms."""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer

from runtime.cli import exits

app = typer.Typer(
    name="evopipe",
    help="A supervised node for LLM pipelines.",
    epilog=exits.HELP,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept with the switch and in the log.")]
Level = Annotated[str, typer.Argument(help="node, pipeline or provider")]
SwitchName = Annotated[str, typer.Argument(help="the pipeline's or provider's name; nothing for node")]
ActorName = Annotated[str, typer.Argument(help="registered name or label (StepActor#12), see `ps`")]
RunId = Annotated[str, typer.Argument(help="a run's id")]


def _tell_version(wanted: bool) -> None:
    if wanted:
        print(_version())
        raise typer.Exit(exits.OK)


@app.callback()
def options(
    config: Annotated[Path | None, typer.Option("--config", help="Settings file (or EVOPIPE_CONFIG).")] = None,
    _version_wanted: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_tell_version, help="Print the version.")
    ] = False,
) -> None:
    """A supervised node for LLM pipelines."""
    if config is not None:
        os.environ["EVOPIPE_CONFIG"] = str(config.absolute())


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
def logs(
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as lines are written.")] = False,
    tail: Annotated[int, typer.Option("--tail", "-n", min=0, max=100_000, help="How many lines first.")] = 100,
) -> None:
    """Show the node's log; without a node, what its last one wrote."""
    from runtime.cli.node_commands import show_logs

    raise typer.Exit(show_logs(follow=follow, count=tail))


@app.command()
def run(  # noqa: PLR0917 - typer passes by keyword
    file: Annotated[Path, typer.Argument(help="pipeline file (YAML)")],
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
    as_json: Json = False,
) -> None:
    """Run a pipeline. Progress goes to stderr, the outputs to stdout."""
    from runtime.cli.run_commands import run_pipeline

    raise typer.Exit(
        run_pipeline(
            file,
            given or [],
            input_file=input_file,
            workspace=workspace,
            key=key,
            follow=follow,
            as_json=as_json,
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
def validate(
    files: Annotated[list[Path], typer.Argument(help="pipeline files (YAML)")],
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as mistakes.")] = False,
    as_json: Json = False,
) -> None:
    """Check pipelines and tell everything that is wrong. Needs no node."""
    from runtime.cli.validate_command import validate_files

    raise typer.Exit(validate_files(files, as_json=as_json, strict=strict))


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


@app.command()
def kill(level: Level, name: SwitchName = "", reason: Reason = "by hand") -> None:
    """Trigger a kill switch: what it covers stops within a second and stays stopped until `arm`."""
    from runtime.cli.switch_commands import trigger

    raise typer.Exit(trigger(level, name, reason))


@app.command()
def arm(level: Level, name: SwitchName = "", reason: Reason = "by hand") -> None:
    """Make a triggered kill switch ready again."""
    from runtime.cli.switch_commands import arm as arm_switch

    raise typer.Exit(arm_switch(level, name, reason))


@app.command()
def switches(as_json: Json = False) -> None:
    """Show the kill switches that are triggered."""
    from runtime.cli.switch_commands import show

    raise typer.Exit(show(as_json=as_json))


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
def resume(name: ActorName) -> None:
    """Let a suspended actor go on."""
    from runtime.cli.actor_commands import resume_actor

    raise typer.Exit(resume_actor(name))


@app.command("kill-actor")
def kill_actor(name: ActorName) -> None:
    """Kill one actor, to see its supervisor put it right."""
    from runtime.cli.node_commands import kill_one

    raise typer.Exit(kill_one(name))


@app.command()
def version() -> None:
    """Print the version."""
    print(_version())


def _version() -> str:
    from importlib import metadata

    try:
        return metadata.version("evopipe")
    except metadata.PackageNotFoundError:
        return "0+unknown (not installed)"


def _make_streams_usable() -> None:
    """A stream that the caller closed becomes /dev/null; what a terminal's encoding lacks is written as an escape."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - open for good
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def main() -> None:
    """The entry point of the `evopipe` command. Ends the process with one of the codes in `runtime.cli.exits`."""
    _make_streams_usable()
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(exits.INTERRUPTED)
    except BrokenPipeError:
        # `evopipe logs | head`: the reader has enough. Python would complain once more when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(exits.OK)
    except Exception as error:  # noqa: BLE001 - the border: foreseen errors become sentences, others are raised again
        from runtime.cli.session import told

        sys.exit(told(error))
