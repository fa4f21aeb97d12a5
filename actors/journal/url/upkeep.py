"""Operations on whole runs, each inside the open transaction of its caller. What the SQLite schema does by triggers
(steps go with their run, large values with the last row that names them) is done here in so many words."""

from __future__ import annotations

import json

from sqlalchemy import Connection, and_, delete, exists, func, insert, literal, or_, select, update

from actors.journal.blanking import blanked_meta, blanked_result
from actors.journal.errors import JournalError, changed_meanwhile
from actors.journal.json_text import as_json
from actors.journal.operations import FORMER, BlankRuns, ForgetRuns, ReopenRun, TakeOverRun
from actors.journal.preparing import prepared
from actors.journal.url.tables import blobs, runs, steps
from actors.journal.url.writing import Count, open_runs


def take_over(connection: Connection, order: TakeOverRun, at: float, count: Count) -> tuple[str, bool]:
    """See `TakeOverRun`. Raises `JournalError`; the caller then rolls back."""
    ready = prepared(order.run, at)
    if isinstance(ready, JournalError):
        raise ready
    (answer,) = open_runs(connection, [ready], count)
    if isinstance(answer, JournalError):
        raise answer
    assert isinstance(answer, tuple)
    if answer[1]:
        mine = and_(steps.c.run_id == order.source, steps.c.step.in_(order.steps))
        seqs = connection.scalars(select(steps.c.seq).where(mine).order_by(steps.c.seq)).all()
        if len(seqs) != len(order.steps):
            raise changed_meanwhile(order.source)
        copied = ("step", "attempt", "status", "result", "at", "blob", "stored")
        for seq in seqs:
            row = select(literal(count()), literal(order.run.run_id), *(steps.c[name] for name in copied))
            connection.execute(insert(steps).from_select(["seq", "run_id", *copied], row.where(steps.c.seq == seq)))
    return answer


def reopen(connection: Connection, order: ReopenRun) -> bool:
    """See `ReopenRun`."""
    failed = and_(runs.c.run_id == order.run_id, runs.c.status == "failed", runs.c.blanked_at.is_(None))
    was: str | None = connection.scalar(select(runs.c.blob).where(failed))
    opened = connection.execute(
        update(runs)
        .where(failed)
        .values(
            status="running", finished=0, closed_at=None, outcome="null", blob=None, stored=None,
            definition=as_json(order.definition), definition_hash=order.definition_hash,
            meta=as_json(dict(order.meta)),
        )
    )  # fmt: skip
    if opened.rowcount != 1:
        return False
    _drop_blobs(connection, [was])
    mine = and_(steps.c.run_id == order.run_id, steps.c.step.in_(order.drop))
    connection.execute(update(steps).where(mine).values(step=literal(f"{FORMER}[{order.round}]/") + steps.c.step))
    return True


def forget(connection: Connection, order: ForgetRuns) -> int:
    """See `ForgetRuns`."""
    due = select(runs.c.run_id, runs.c.blob).where(runs.c.finished == 1, runs.c.closed_at < order.before)
    found = connection.execute(due.order_by(runs.c.closed_at).limit(order.limit)).all()
    ids = [row.run_id for row in found]
    theirs = connection.scalars(select(steps.c.blob).where(steps.c.run_id.in_(ids), steps.c.blob.is_not(None))).all()
    connection.execute(delete(steps).where(steps.c.run_id.in_(ids)))
    connection.execute(delete(runs).where(runs.c.run_id.in_(ids)))
    _drop_blobs(connection, [*theirs, *(row.blob for row in found)])
    return len(found)


def blank(connection: Connection, order: BlankRuns) -> int:
    """See `BlankRuns`."""
    due = select(runs.c.run_id, runs.c.outcome, runs.c.meta, runs.c.stored, runs.c.blob).where(
        runs.c.finished == 1, runs.c.closed_at < order.before, runs.c.blanked_at.is_(None)
    )
    found = connection.execute(due.order_by(runs.c.closed_at).limit(order.limit)).all()
    for run in found:
        theirs = select(steps.c.seq, steps.c.result, steps.c.stored, steps.c.blob).where(steps.c.run_id == run.run_id)
        rows = connection.execute(theirs).all()
        for row in rows:
            values = {"result": _blanked(row.result, row.stored), "blob": None, "stored": None}
            connection.execute(update(steps).where(steps.c.seq == row.seq), values)
        connection.execute(
            update(runs).where(runs.c.run_id == run.run_id),
            {
                "definition": '""',
                "inputs": "{}",
                "outcome": _blanked(run.outcome, run.stored),
                "meta": as_json(blanked_meta(json.loads(run.meta), order.at)),
                "blob": None,
                "stored": None,
                "blanked_at": order.at,
            },
        )
        _drop_blobs(connection, [run.blob, *(row.blob for row in rows)])
    return len(found)


def size_of(connection: Connection) -> int:
    """The bytes of the database."""
    if connection.dialect.name == "postgresql":
        return int(connection.scalar(select(func.pg_database_size(func.current_database()))) or 0)
    return 0


def _drop_blobs(connection: Connection, named: list[str | None]) -> None:
    """Deletes those of the large values that no row names any more."""
    wanted = {each for each in named if each is not None}
    if wanted:
        used = or_(exists().where(steps.c.blob == blobs.c.sha256), exists().where(runs.c.blob == blobs.c.sha256))
        connection.execute(delete(blobs).where(blobs.c.sha256.in_(wanted), ~used))


def _blanked(text: str, note: str | None) -> str:
    value = json.loads(text)
    if note is not None:
        value = None if value is None else value["fields"]
    return as_json(blanked_result(value))
