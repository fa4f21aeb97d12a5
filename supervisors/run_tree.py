"""The small tree of one run: its step actors and its PipelineActor.

    run.<id> (rest_for_one, transient)
    ├─ run.<id>.steps (dynamic)   one StepActor per running step
    └─ run.<id>.pipeline          the PipelineActor; when it ends normally the run's tree ends with it

A killed StepActor is restarted alone. A killed PipelineActor is restarted and resumes from the journal; steps that
still run are taken over. When the steps' supervisor gives up, both start anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from actors.kernel import Actor, ChildSpec
from supervisors.dynamic import DynamicSupervisor
from supervisors.supervisor import Supervisor

RUN_RESTARTS = 5
STEP_RESTARTS = 20
WINDOW_S = 60.0

# The same for every run, of which thousands live at once.
_STEPS_OPTIONS: Final[Mapping[str, Any]] = {"max_restarts": STEP_RESTARTS, "max_seconds": WINDOW_S}
_RUN_OPTIONS: Final[Mapping[str, Any]] = {
    "strategy": "rest_for_one",
    "max_restarts": RUN_RESTARTS,
    "max_seconds": WINDOW_S,
    "auto_shutdown": "any_significant",
}


def run_tree(run_id: str, pipeline_actor: type[Actor], args: tuple[object, ...]) -> ChildSpec:
    """The child spec that the "pipelines" supervisor starts for one run.

    A run whose tree gives up (more than 5 restarts in a minute) is not restarted; the dispatcher, which watches it,
    ends it as failed.
    """
    steps = ChildSpec(
        id="steps",
        actor_class=DynamicSupervisor,
        kwargs=_STEPS_OPTIONS,
        name=f"run.{run_id}.steps",
        type="supervisor",
    )
    pipeline = ChildSpec(
        id="pipeline",
        actor_class=pipeline_actor,
        args=args,
        name=f"run.{run_id}.pipeline",
        restart="transient",
        significant=True,
    )
    return ChildSpec(
        id=run_id,
        actor_class=Supervisor,
        args=((steps, pipeline),),
        kwargs=_RUN_OPTIONS,
        name=f"run.{run_id}",
        restart="transient",
        type="supervisor",
    )
