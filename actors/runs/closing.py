"""How a run's end becomes a `RunOutcome`, and how one is kept in the journal and read back. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from msgspec.structs import replace as struct_replace
from pydantic import JsonValue

from actors.journal import CloseRun, JournalError, LostResult, ResultLostError, RunRecord
from actors.runs.frames import FrameTree, Start
from actors.runs.values import RunOutcome, RunRequest, RunStatus
from pipelines.language import OutputError, Scope, select_outputs


class RunClosing:
    """Closes one run, from the frames it has."""

    def __init__(self, request: RunRequest, tree: FrameTree) -> None:
        self._request = request
        self._tree = tree

    def outcome(
        self,
        status: str,
        error: dict[str, JsonValue] | None,
        duration_s: float,
        last: tuple[Start, JsonValue] | None = None,
    ) -> RunOutcome:
        """The outcome; a run whose declared outputs are not there has failed. `last` is a step of the run whose result
        its frames do not have yet."""
        results, spent = dict(self._tree.results), self._tree.spending
        if last is not None:
            place, result = last
            results[place.name] = result
            spent = spent.with_one(place.key, result)
        outputs: dict[str, JsonValue] = {}
        if status == "succeeded":
            try:
                outputs = select_outputs(self._request.pipeline.outputs, self._scope(results))
                if any(isinstance(each, LostResult) for each in results.values()):
                    json.dumps(outputs)  # raises if what is lost is in them
            except (OutputError, ResultLostError) as missing:
                status, error = "failed", {"code": missing.code, "message": str(missing)}
        return RunOutcome(
            run_id=self._request.run_id,
            status=cast(RunStatus, status),
            results=results,
            outputs=outputs,
            error=error,
            usage=spent.usage,
            cost_usd=spent.cost_usd,
            duration_s=round(duration_s, 6),
        )

    def _scope(self, results: Mapping[str, JsonValue]) -> Scope:
        base = self._tree.root.spec.scope
        return Scope(
            inputs=base.inputs,
            steps={**self._tree.root.offered, **results},
            global_vars=base.global_vars,
            state=self._tree.root.state,
            workflow=base.workflow,
        )

    def entry(self, outcome: RunOutcome) -> CloseRun:
        """What the journal keeps of it: results are there already, step by step."""
        usage: dict[str, JsonValue] = {**outcome.usage}
        kept: dict[str, JsonValue] = {
            "outputs": outcome.outputs,
            "error": outcome.error,
            "usage": usage,
            "cost_usd": outcome.cost_usd,
            "duration_s": outcome.duration_s,
            **({} if outcome.review is None else {"review": outcome.review}),
        }
        return CloseRun(outcome.run_id, outcome.status, kept)

    def unrecorded(self, outcome: RunOutcome, lost: JournalError) -> RunOutcome:
        """The outcome of a run whose end could not be written: failed here, unfinished in the journal."""
        message = f"the run has {outcome.status}, but that could not be recorded: {lost}"
        return struct_replace(outcome, status="failed", error={"code": lost.code, "message": message})

    def of_record(self, record: RunRecord) -> RunOutcome:
        """See `outcome_of`."""
        return outcome_of(record)


def outcome_of(record: RunRecord) -> RunOutcome:
    """The outcome of a finished run, as the journal has it; large values that it lost are `LostResult`s."""
    kept = cast("Mapping[str, Any]", record.outcome if isinstance(record.outcome, Mapping) else {})
    return RunOutcome(
        run_id=record.run_id,
        status=cast(RunStatus, record.status),
        results={key: step.result for key, step in record.steps.items() if "/" not in key and step.status != "failed"},
        outputs=_outputs_in(kept),
        error=kept.get("error"),
        usage=dict(kept.get("usage") or {}),
        cost_usd=kept.get("cost_usd"),
        duration_s=float(kept.get("duration_s") or 0.0),
        review=kept.get("review"),
    )


def _outputs_in(kept: Mapping[str, Any]) -> dict[str, JsonValue]:
    try:
        return dict(kept.get("outputs") or {})
    except ResultLostError as lost:
        return LostResult(lost, {}, ())
