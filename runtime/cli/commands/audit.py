"""The audit log: look, check, export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from runtime.cli.options import Json

app = typer.Typer()
audit = typer.Typer(invoke_without_command=True)
app.add_typer(audit, name="audit")


@audit.callback()
def show(
    context: typer.Context,
    tail: Annotated[int, typer.Option("--tail", "-n", min=0, max=10_000, help="How many entries.")] = 20,
    as_json: Json = False,
) -> None:
    """Show who decided what; without a node, what the last one wrote."""
    if context.invoked_subcommand is None:
        from runtime.cli.audit_command import show_entries

        raise typer.Exit(show_entries(tail, as_json=as_json))


@audit.command()
def verify(
    path: Annotated[Path | None, typer.Argument(help="state directory, log directory or one file")] = None,
    head: Annotated[str, typer.Option("--head", help="NUMBER:HASH of an entry, noted earlier.")] = "",
    as_json: Json = False,
) -> None:
    """Check that no entry was changed, removed or put in; names file and line. Needs no node."""
    from runtime.cli.audit_command import verify_log

    raise typer.Exit(verify_log(path, head, as_json=as_json))


@audit.command()
def export(
    since: Annotated[str, typer.Option("--since", help="ISO date or time; local when it names no zone.")] = "",
    until: Annotated[str, typer.Option("--until", help="ISO date or time, not included.")] = "",
    form: Annotated[str, typer.Option("--format", "-f", help="jsonl (with the hashes) or csv")] = "jsonl",
    path: Annotated[Path | None, typer.Option("--path", help="state directory, log directory or one file")] = None,
) -> None:
    """Write entries to stdout. Needs no node."""
    from runtime.cli.audit_command import export_entries

    raise typer.Exit(export_entries(since, until, form, path))
