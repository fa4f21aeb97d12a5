"""Questions that runs put to people."""

from __future__ import annotations

from typing import Annotated

import typer

from runtime.cli.options import Json

app = typer.Typer()

ApprovalId = Annotated[str, typer.Argument(help="its id, see `approvals`; a run's id does when it asks one thing")]
Comment = Annotated[str, typer.Option("--comment", "-m", help="Why; kept with the answer.")]
Data = Annotated[
    list[str] | None, typer.Option("--data", "-d", help="What it asks for: key=value, or key:=JSON; may be repeated.")
]


@app.command()
def approvals(
    approval: Annotated[str | None, typer.Argument(help="an id: shows this one with its preview")] = None,
    run: Annotated[str | None, typer.Option("--run", help="Of this run only.")] = None,
    as_json: Json = False,
) -> None:
    """List what waits for a person's answer, or show one."""
    from runtime.cli.approval_commands import list_approvals, show_approval

    raise typer.Exit(
        list_approvals(run, as_json=as_json) if approval is None else show_approval(approval, as_json=as_json)
    )


@app.command()
def approve(
    approval: ApprovalId,
    comment: Comment = "",
    data: Data = None,
    choice: Annotated[str | None, typer.Option("--choice", "-c", help="Which, where there are several.")] = None,
    as_json: Json = False,
) -> None:
    """Let a run that waits go on."""
    from runtime.cli.approval_commands import answer_approval

    raise typer.Exit(answer_approval(approval, True, choice, comment, data or [], as_json=as_json))


@app.command()
def reject(approval: ApprovalId, comment: Comment = "", as_json: Json = False) -> None:
    """Say no to what a run asks."""
    from runtime.cli.approval_commands import answer_approval

    raise typer.Exit(answer_approval(approval, False, None, comment, [], as_json=as_json))
