"""Kill switches."""

from __future__ import annotations

import typer

from runtime.cli.options import Json, Level, Reason, SwitchName

app = typer.Typer()


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
