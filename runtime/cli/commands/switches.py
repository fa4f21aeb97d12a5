"""Kill switches."""

from __future__ import annotations

from typing import Annotated

import typer

from runtime.cli.options import Json, Level, Reason, SwitchName

DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would stop.")]
WhyArmed = Annotated[
    str, typer.Option("--reason", help="Why it is safe to go on; kept in the log.", show_default=False)
]

app = typer.Typer()


@app.command()
def kill(level: Level, name: SwitchName = "", reason: Reason = "by hand", dry_run: DryRun = False) -> None:
    """Trigger a kill switch: what it covers stops within a second and stays stopped until `arm`."""
    from runtime.cli.switch_commands import show_reach, trigger

    raise typer.Exit(show_reach(level, name) if dry_run else trigger(level, name, reason))


@app.command()
def arm(level: Level, reason: WhyArmed, name: SwitchName = "") -> None:
    """Make a triggered kill switch ready again."""
    from runtime.cli.switch_commands import arm as arm_switch

    raise typer.Exit(arm_switch(level, name, reason))


@app.command()
def switches(as_json: Json = False) -> None:
    """Show the kill switches that are triggered."""
    from runtime.cli.switch_commands import show

    raise typer.Exit(show(as_json=as_json))
