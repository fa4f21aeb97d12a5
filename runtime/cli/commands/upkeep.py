"""Upkeep of what a node keeps: backup, restore, fsck, vacuum."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from runtime.cli.options import Json

app = typer.Typer()
journal = typer.Typer(help="Move the journal.", rich_markup_mode=None, no_args_is_help=True)
app.add_typer(journal, name="journal")


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="the backup to write (a tar)")],
    force: Annotated[bool, typer.Option("--force", help="Replace the file if there is one.")] = False,
    as_json: Json = False,
) -> None:
    """Write a backup of everything the node keeps; it may be running."""
    from runtime.cli.upkeep_commands import make_backup

    raise typer.Exit(make_backup(file, force=force, as_json=as_json))


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="a file that `backup` has written")],
    force: Annotated[bool, typer.Option("--force", help="Move a state that is there aside.")] = False,
    as_json: Json = False,
) -> None:
    """Put a backup in place, verified first. The node must be down."""
    from runtime.cli.upkeep_commands import restore_backup

    raise typer.Exit(restore_backup(file, force=force, as_json=as_json))


@app.command()
def fsck(as_json: Json = False) -> None:
    """Verify everything the node keeps, and say what is wrong, where, and what to do."""
    from runtime.cli.upkeep_commands import check_files

    raise typer.Exit(check_files(as_json=as_json))


@app.command()
def vacuum(as_json: Json = False) -> None:
    """Give the room of deleted runs back to the disk."""
    from runtime.cli.upkeep_commands import vacuum_journal

    raise typer.Exit(vacuum_journal(as_json=as_json))


@journal.command("copy")
def copy_journal(as_json: Json = False) -> None:
    """Copy the journal from the state directory into the empty database that `journal.url` names."""
    from runtime.cli.upkeep_commands import copy_to_database

    raise typer.Exit(copy_to_database(as_json=as_json))
