"""The small tree of one evolution: its organisms' supervisor and its chamber.

    evolution.<id> (one_for_all, temporary)
    ├─ evolution.<id>.organisms (dynamic)   one Organism per genome at work; temporary
    └─ evolution.<id>.chamber               the BreedingChamber; its normal end ends this tree

The ledger is the truth, so both may start anew together and go on where it ends. A tree that gives up is not restarted:
an evolution that crashes at the same place every time would take the floor it stands on along, and then the node. The
BreedingDesk, which watches the tree, ends that evolution as failed.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from actors.evolution import Evolve, breeding_chamber_spec, organisms_name, tree_name
from actors.kernel import ActorRef, ChildSpec
from actors.killswitch import KillView
from supervisors.dynamic import DynamicSupervisor
from supervisors.supervisor import Supervisor


def chamber_tree(
    by_name: Callable[[str], ActorRef[Any]], providers: tuple[str, ...], kill_view: KillView | None = None
) -> Callable[[str, Evolve, Path], ChildSpec]:
    """What the BreedingDesk calls for the child spec of one evolution; `by_name` is the kernel's `ref`."""

    def spec(evolution_id: str, order: Evolve, directory: Path) -> ChildSpec:
        organisms = organisms_name(evolution_id)
        children = (
            ChildSpec(
                id="organisms",
                actor_class=DynamicSupervisor,
                kwargs={"max_restarts": 50, "max_seconds": 60.0},
                name=organisms,
                type="supervisor",
            ),
            breeding_chamber_spec(
                evolution_id, order, directory, by_name(organisms), providers=providers, kill_view=kill_view
            ),
        )
        return ChildSpec(
            id=evolution_id,
            actor_class=Supervisor,
            args=(children,),
            kwargs={
                "strategy": "one_for_all",
                "max_restarts": 5,
                "max_seconds": 60.0,
                "auto_shutdown": "any_significant",
            },
            name=tree_name(evolution_id),
            restart="temporary",
            type="supervisor",
        )

    return spec
