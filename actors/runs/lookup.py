"""What the journal knows of runs, for the dispatcher's callers."""

from __future__ import annotations

from collections.abc import Mapping

from actors.journal import ListRuns, LoadRun, RunRecord
from actors.kernel import Kernel
from actors.runs.errors import NoSuchRunError
from actors.runs.recording import journal
from actors.runs.showing import info_of_record, info_of_summary
from actors.runs.values import RunInfo
from actors.runs.voice import RunVoice

_PATIENCE_S = 5.0


async def record_of(kernel: Kernel, run_id: str, *, whole: bool = True) -> RunRecord:
    """The record of a run; not `whole`, without its large values. Raises `NoSuchRunError`, or `JournalError` when the
    journal does not answer within 5 s."""
    record: RunRecord | None = await journal(kernel, LoadRun(run_id, whole=whole), _PATIENCE_S)
    if record is None:
        raise NoSuchRunError(run_id)
    return record


async def info_of(kernel: Kernel, run_id: str, paused: str | None, voice: RunVoice) -> RunInfo:
    """A run with its steps and kept events; `paused` says why it stands still. Raises as `record_of` does."""
    return info_of_record(await record_of(kernel, run_id, whole=False), paused, voice.since(run_id, 0))


async def newest(kernel: Kernel, limit: int, paused: Mapping[str, str]) -> tuple[RunInfo, ...]:
    """The last `limit` runs, newest first; `paused` says why runs stand still."""
    summaries = await journal(kernel, ListRuns(limit), _PATIENCE_S)
    return tuple(info_of_summary(summary, paused.get(summary.run_id)) for summary in summaries)
