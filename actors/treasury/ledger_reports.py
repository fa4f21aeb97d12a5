"""What people ask of the ledger, over a connection of its own: however long a report takes, no booking waits for it."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from actors.treasury.ledger_pruning import whole_from
from actors.treasury.ledger_schema import closed, dollars, open_ledger
from actors.treasury.messages import RunCost
from pipelines.guardrails.break_even import PipelineCost

MOST_LOOKED_AT: Final = 200_000
_STATUS = "CASE WHEN runs.status IS NULL OR runs.status = 'reopened' THEN 'running' ELSE runs.status END"


class LedgerReports:
    """One connection, used by one thread at a time. Every method raises `LedgerClosedError`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = open_ledger(path)
        self._file.execute("PRAGMA query_only = ON")

    def close(self) -> None:
        """Gives the file back."""
        self._file.close()

    def pipelines(self, since: str) -> tuple[PipelineCost, ...]:
        """What each pipeline has cost since that day, the dearest first."""
        try:
            rows = self._file.execute(
                "SELECT pipeline, count(*), sum(status = 'succeeded'), sum(status = 'failed'), sum(calls), sum(tokens),"
                " coalesce(sum(pico), 0), sum(unpriced) FROM ("
                " SELECT min(pipeline) AS pipeline, count(*) AS calls, sum(tokens) AS tokens, sum(pico_usd) AS pico,"
                f" sum(pico_usd IS NULL) AS unpriced, min({_STATUS}) AS status"
                " FROM charges LEFT JOIN runs ON runs.run = charges.run WHERE day >= ? GROUP BY charges.run"
                ") GROUP BY pipeline ORDER BY 7 DESC, pipeline LIMIT 10000",
                (since,),
            )
            return tuple(
                PipelineCost(name, runs, good, bad, calls, tokens, dollars(pico_usd), unpriced)
                for name, runs, good, bad, calls, tokens, pico_usd, unpriced in rows
            )
        except sqlite3.Error as error:
            raise closed(self._path, error) from error

    def whole_from(self) -> str:
        """The day from which on no charge was deleted; empty: none was."""
        try:
            return whole_from(self._file)
        except sqlite3.Error as error:
            raise closed(self._path, error) from error

    def newest_runs(self, limit: int) -> tuple[RunCost, ...]:
        """What the runs with the newest calls have cost, the newest first; those among the latest 200,000 calls."""
        try:
            found: dict[str, None] = {}
            newest = self._file.execute("SELECT run FROM charges ORDER BY day DESC, at DESC LIMIT ?", (MOST_LOOKED_AT,))
            for (run,) in newest:
                found[run] = None
                if len(found) >= limit:
                    break
            newest.close()
            return tuple(self._run(run) for run in found)
        except sqlite3.Error as error:
            raise closed(self._path, error) from error

    def _run(self, run: str) -> RunCost:
        row = self._file.execute(
            "SELECT min(pipeline), min(tenant), count(*), sum(tokens), coalesce(sum(pico_usd), 0),"
            f" sum(pico_usd IS NULL), min({_STATUS}), max(charges.at)"
            " FROM charges LEFT JOIN runs ON runs.run = charges.run WHERE charges.run = ?",
            (run,),
        ).fetchone()
        pipeline, tenant, calls, tokens, pico_usd, unpriced, status, at = row
        return RunCost(run, pipeline, tenant, calls, tokens, dollars(pico_usd), unpriced, status, at)
