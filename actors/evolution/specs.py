"""Names and child specs of an evolution's actors, for the tree that puts supervisors around them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from actors.evolution.chamber import BreedingChamber
from actors.evolution.messages import Evolve
from actors.evolution.names import chamber_name, organisms_name, tree_name
from actors.kernel import ActorRef, ChildSpec
from actors.killswitch import KillView


def breeding_chamber_spec(
    evolution_id: str,
    order: Evolve,
    directory: Path,
    organisms: ActorRef[Any],
    *,
    providers: tuple[str, ...] = ("anthropic", "gemini", "offline"),
    max_parallel: int = 16,
    run_timeout_s: float = 120.0,
    kill_view: KillView | None = None,
) -> ChildSpec:
    """The chamber as a child: transient, and significant, so that its normal end ends the supervisor around it.

    `organisms` is the ref by name of its organisms' DynamicSupervisor (`organisms_name`), which must start before it
    and be restarted with it (`one_for_all`).
    """
    return ChildSpec(
        id="chamber",
        actor_class=BreedingChamber,
        args=(evolution_id, order, directory, organisms),
        kwargs={
            "providers": providers,
            "max_parallel": max_parallel,
            "run_timeout_s": run_timeout_s,
            "kill_view": kill_view,
        },
        name=chamber_name(evolution_id),
        restart="transient",
        significant=True,
    )


__all__ = ["breeding_chamber_spec", "chamber_name", "organisms_name", "tree_name"]
