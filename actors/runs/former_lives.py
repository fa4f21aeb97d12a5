"""What the journal had of unfinished runs when the node started, kept until their first PipelineActors begin.

The dispatcher has read all of it at once to know what is unfinished; ten thousand PipelineActors that each asked the
journal again would hold one another up. Shared by the runs' actors like their voice. Loop thread only.
"""

from __future__ import annotations

from collections.abc import Iterable

from actors.journal import RunRecord


class FormerLives:
    """A record that is here is what the journal has of its run: nothing has written to that run since it was read.

    For that, `keep` takes what the first dispatcher of the process has read (before it no tree of a run can have
    lived, while trees that live may record at any time); `take` gives a record once (a PipelineActor that is restarted
    reads the journal, in which its own life is, too); and who writes to a run without a tree calls `forget` first.
    """

    def __init__(self) -> None:
        self._records: dict[str, RunRecord] = {}
        self._begun = False

    def keep(self, records: Iterable[RunRecord]) -> None:
        """Keeps the whole ones of these; what was read without its large values has to be read again. Only the first
        call keeps anything."""
        if self._begun:
            return
        self._begun = True
        self._records = {each.run_id: each for each in records if _is_whole(each)}

    def take(self, run_id: str) -> RunRecord | None:
        """The record of a run whose first PipelineActor begins; None: the journal has to be asked."""
        return self._records.pop(run_id, None)

    def forget(self, run_id: str) -> None:
        """Something is about to be written to this run, or it is not started."""
        self._records.pop(run_id, None)


def _is_whole(record: RunRecord) -> bool:
    return all(step.stored is None for step in record.steps.values())
