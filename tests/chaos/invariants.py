"""What must hold when the monkey has gone: each function gives the sentences of what does not."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actors.audit import check_place
from actors.journal import RunRecord
from actors.kernel import ChildSpec, Kernel
from supervisors import DynamicSupervisor, snapshot
from tests.chaos.load import Order
from tests.chaos.world import World

_OF_ACTORS = ("_Hands", "loop-watchdog")


@dataclass(frozen=True)
class Footprint:
    """What a process holds beside its memory."""

    threads: frozenset[str]
    files: int
    tasks: int


def footprint() -> Footprint:
    """Now. Threads of asyncio's own pool stay for the next work and do not count."""
    threads = (thread.name for thread in threading.enumerate() if not thread.name.startswith("asyncio_"))
    return Footprint(frozenset(threads), len(list(Path("/proc/self/fd").iterdir())), len(asyncio.all_tasks()))


def wait_for_threads(before: Footprint, timeout_s: float) -> None:
    """Threads of killed actors end once the code they run returns: gives those that came since so much time."""
    for thread in threading.enumerate():
        if thread.name not in before.threads and thread.name.startswith(_OF_ACTORS):
            thread.join(timeout_s)


def left_behind(before: Footprint, after: Footprint) -> list[str]:
    """Threads, open files and tasks that outlived the node."""
    wrong = [f"thread {name} outlived the node" for name in sorted(after.threads - before.threads)]
    if after.files > before.files:
        wrong.append(f"{after.files - before.files} open files outlived the node")
    if after.tasks > before.tasks:
        names = sorted(task.get_name() for task in asyncio.all_tasks())
        wrong.append(f"{after.tasks - before.tasks} tasks outlived the node: {names}")
    return wrong


def runs_ended(accepted: Sequence[Order], records: Mapping[str, RunRecord | None], cancelled: set[str]) -> list[str]:
    """Every accepted run is on record and has ended; one that succeeded gave what it must."""
    wrong: list[str] = []
    for order in accepted:
        run_id = order.request.run_id
        record = records[run_id]
        if record is None:
            wrong.append(f"{run_id}: accepted, but not on record")
        elif not record.finished:
            wrong.append(f"{run_id}: neither ended nor resumed (status {record.status})")
        elif record.status == "cancelled" and run_id not in cancelled:
            wrong.append(f"{run_id}: cancelled, and nobody asked for it")
        elif record.status == "succeeded":
            wrong += _right(order, record)
    return wrong


def _right(order: Order, record: RunRecord) -> list[str]:
    end = record.steps.get("end")
    result: Any = None if end is None else end.result
    got: Any = result["text"] if isinstance(result, dict) and "text" in result else result  # pyright: ignore[reportUnknownVariableType]
    if got == order.expected:
        return []
    return [
        f"{record.run_id} ({record.pipeline_name}): step end gave {got!r} instead of {order.expected!r}; {record.steps}"
    ]


def nothing_repeated(world: World) -> list[str]:
    """No provider was asked for a step that was on record already."""
    return [f"{key}: asked again after its result was on record" for key in world.ledger.repeated]


def calls_are_booked(world: World, records: Mapping[str, RunRecord | None]) -> list[str]:
    """What succeeded runs asked for is in the treasury's ledger, and no call more often than it was answered."""
    with closing(sqlite3.connect(world.directory / "treasury.sqlite3")) as connection:
        booked = dict(connection.execute("SELECT run || ':' || step, count(*) FROM charges GROUP BY 1"))
    answered = world.ledger.answered
    wrong = [
        f"{key}: booked {count} times, answered {answered[key]} times"
        for key, count in booked.items()
        if key in answered and count > answered[key]
    ]
    for run_id, record in records.items():
        if record is not None and record.status == "succeeded" and record.pipeline_name == "asking":
            steps = (f"{run_id}:{step}" for step in ("a", "end"))
            wrong += [f"{key}: on record, and nobody has paid for it" for key in steps if not booked.get(key)]
    return wrong


def audit_is_sound(world: World) -> list[str]:
    """The audit log's chain is whole, whoever was killed while it was written."""
    return [f"audit log: {flaw}" for flaw in check_place(world.audit_place).flaws]


def tree_as_specified(world: World) -> list[str]:
    """The static part of the tree is the specified one, and nothing of any run is left in the dynamic part."""
    roots = [root for root in snapshot(world.kernel) if root["name"] == "node"]
    if len(roots) != 1:
        return [f"{len(roots)} roots named node"]
    wrong = _compare("node", world.specs, roots[0])
    strays = [root["name"] or root["class"] for root in snapshot(world.kernel) if root["name"] != "node"]
    return wrong + [f"{stray} lives outside the tree" for stray in strays]


def _compare(path: str, specs: Iterable[ChildSpec], node: Mapping[str, Any]) -> list[str]:
    live = {child["name"] or child["id"]: child for child in node["children"]}
    wrong: list[str] = []
    for spec in specs:
        found = live.pop(spec.name or spec.id, None)
        if found is None:
            wrong.append(f"{path}: {spec.id} is missing")
        elif spec.type == "supervisor":
            children: tuple[ChildSpec, ...] = () if spec.actor_class is DynamicSupervisor else spec.args[0]
            wrong += _compare(f"{path}/{spec.id}", children, found)
    return wrong + [f"{path}: {name} is not specified" for name in live]


def names_hold(kernel: Kernel) -> list[str]:
    """Every registered name is held by an actor that lives."""
    held = ((name, kernel.registry.whereis(name)) for name in kernel.registry.names())
    return [f"the name {name} is held by a dead actor" for name, ref in held if ref is None or not ref.is_alive()]
