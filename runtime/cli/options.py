"""Arguments and options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept with the switch and in the log.")]
Level = Annotated[str, typer.Argument(help="node, tenant, evolution, pipeline, provider or step")]
SwitchName = Annotated[
    str,
    typer.Argument(help="the tenant's (user's), pipeline's or provider's name; a step's type, or PIPELINE/STEP"),
]
ActorName = Annotated[str, typer.Argument(help="registered name or label (StepActor#12), see `ps`")]
RunId = Annotated[str, typer.Argument(help="a run's id")]
