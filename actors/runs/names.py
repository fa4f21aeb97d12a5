"""The registered names of a run's actors, as `supervisors.run_tree` gives them."""

from __future__ import annotations


def run_name(run_id: str) -> str:
    """The run's supervisor."""
    return f"run.{run_id}"


def steps_name(run_id: str) -> str:
    """The dynamic supervisor of its StepActors."""
    return f"run.{run_id}.steps"


def pipeline_name(run_id: str) -> str:
    """Its PipelineActor."""
    return f"run.{run_id}.pipeline"


def step_name(run_id: str, key: str) -> str:
    """The StepActor of the step with this path."""
    return f"step.{run_id}.{key}"
