"""Budgets."""

from __future__ import annotations

from typing import Annotated

import typer

from runtime.cli.options import Json

app = typer.Typer()
budget = typer.Typer(
    help="Show and set what the node may spend, and what it has spent.",
    rich_markup_mode=None,
    invoke_without_command=True,
)
app.add_typer(budget, name="budget")


@budget.callback()
def state(context: typer.Context, as_json: Json = False) -> None:
    """Show the budgets: limits, spent, reserved, left; what today's pipelines and the newest runs have cost."""
    if context.invoked_subcommand is not None:
        return
    from runtime.cli.budget_commands import show

    raise typer.Exit(show(as_json=as_json))


@budget.command("set")
def set_limit(  # noqa: PLR0917 - typer passes by keyword
    path: Annotated[
        str, typer.Argument(help="day, tenant/NAME, tier/NAME, pipeline/NAME, class/NAME (a day), run/TIER, step/CLASS")
    ],
    reason: Annotated[str, typer.Option("--reason", help="Why; kept with the change and in the log.")],
    usd: Annotated[str | None, typer.Option("--usd", help="Dollars; not given: no limit in dollars.")] = None,
    tokens: Annotated[int | None, typer.Option("--tokens", min=0, help="Not given: no limit in tokens.")] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Let the settings' limits hold again.")] = False,
    as_json: Json = False,
) -> None:
    """Set both limits of one budget; they hold at once and over restarts."""
    from runtime.cli.budget_commands import set_by_hand

    raise typer.Exit(set_by_hand(path, usd, tokens, clear=clear, reason=reason, as_json=as_json))


@budget.command()
def report(  # noqa: PLR0917 - typer passes by keyword
    since: Annotated[str, typer.Option("--since", help="UTC day, YYYY-MM-DD; not given: since ever.")] = "",
    saved_minutes: Annotated[str | None, typer.Option(help="Minutes of work that one successful run saves.")] = None,
    hourly_usd: Annotated[str | None, typer.Option(help="What an hour of that work costs.")] = None,
    review_minutes: Annotated[str, typer.Option(help="Minutes that a person looks at each run.")] = "0",
    development_hours: Annotated[str, typer.Option(help="Hours that went into making the pipeline.")] = "0",
    as_json: Json = False,
) -> None:
    """Show what each pipeline has really cost, and from how many runs on it is worth it."""
    from runtime.cli.budget_commands import Figures, show_report

    said = Figures(saved_minutes, hourly_usd, review_minutes, development_hours)
    raise typer.Exit(show_report(since, said, as_json=as_json))
