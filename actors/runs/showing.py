"""How a run is shown: the journal's records as `RunInfo`s. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from actors.journal import RunRecord, RunSummary
from actors.runs.events import RunEvent
from actors.runs.values import RunInfo, RunStatus


def info_of_record(record: RunRecord, paused: str | None, events: tuple[RunEvent, ...]) -> RunInfo:
    """Everything known of one run; `paused` says why it stands still."""
    kept = record.outcome if isinstance(record.outcome, Mapping) else {}
    error = kept.get("error")
    large = {key: step.stored.facts() for key, step in record.steps.items() if step.stored is not None}
    return RunInfo(
        run_id=record.run_id,
        pipeline_name=record.pipeline_name,
        definition_hash=record.definition_hash,
        status=cast(RunStatus, "paused" if paused is not None else record.status),
        opened_at=record.opened_at,
        closed_at=record.closed_at,
        # A path with "@" holds something a step keeps for itself, not a step.
        steps={key: step.status for key, step in record.steps.items() if "/@" not in key},
        error=error if isinstance(error, dict) else None,
        reason=paused,
        events=events,
        large=large,
    )


def info_of_summary(summary: RunSummary, paused: str | None) -> RunInfo:
    """One line of a listing."""
    return RunInfo(
        run_id=summary.run_id,
        pipeline_name=summary.pipeline_name,
        definition_hash=summary.definition_hash,
        status=cast(RunStatus, "paused" if paused is not None else summary.status),
        opened_at=summary.opened_at,
        closed_at=summary.closed_at,
        reason=paused,
    )
