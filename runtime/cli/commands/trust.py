"""Progressive trust."""

from __future__ import annotations

from typing import Annotated

import typer

from runtime.cli.options import Json

app = typer.Typer()
trust = typer.Typer(
    help="Show what people's answers to approvals teach, and set from when on nobody need be asked.",
    rich_markup_mode=None,
    invoke_without_command=True,
)
app.add_typer(trust, name="trust")

Target = Annotated[str, typer.Argument(help="PIPELINE or PIPELINE/STEP, as `evopipe trust` shows them")]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept in the audit log.")]


@trust.callback()
def state(context: typer.Context, as_json: Json = False) -> None:
    """Show each pattern: people's approvals and rejections, its score, and the threshold, if somebody set one."""
    if context.invoked_subcommand is not None:
        return
    from runtime.cli.trust_commands import show

    raise typer.Exit(show(as_json=as_json))


@trust.command("set")
def set_threshold(
    target: Target,
    reason: Reason,
    threshold: Annotated[float, typer.Option("--threshold", help="The score that is enough, 0.8 to 0.999.")],
) -> None:
    """Have questions approved without asking from a score on; holds for those asked from now on, and over restarts."""
    from runtime.cli.trust_commands import set_by_hand

    raise typer.Exit(set_by_hand(target, threshold, reason))


@trust.command("clear")
def clear_threshold(
    target: Target,
    reason: Reason,
    history: Annotated[bool, typer.Option("--history", help="Forget people's answers, too.")] = False,
) -> None:
    """Have people asked again."""
    from runtime.cli.trust_commands import clear

    raise typer.Exit(clear(target, reason, history=history))
