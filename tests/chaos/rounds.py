"""One round: load, chaos, calm, and the reckoning."""

from __future__ import annotations

import asyncio
import contextlib
import random
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from actors.journal import JournalError, LoadRun, RunRecord
from actors.kernel import ActorDeadError, CallTimeout, KernelError
from actors.runs import RunError, SubmitRun
from tests.chaos import invariants
from tests.chaos.load import Order, orders
from tests.chaos.monkey import Monkey
from tests.chaos.virtual_time import VirtualTimeLoop, without_threads
from tests.chaos.world import World

RUNS = 12
BLOWS = 40
LIVES_OF_CHAOS = 3
CALM_S = 20.0
LOOK_S = 0.01
THREADS_S = 2.0
ON_DISK_EVERY = 5


@dataclass
class Verdict:
    """What one round showed. `wrong` is empty when all held."""

    seed: int
    wrong: list[str] = field(default_factory=list[str])
    statuses: Counter[str] = field(default_factory=Counter[str])
    did: Counter[str] = field(default_factory=Counter[str])
    lives: int = 0
    trace: str = ""


def play(seed: int, *, real_time: bool = False) -> Verdict:
    """Plays the round of `seed` in virtual time, where the same seed gives the same round to the last event. Every
    fifth has its journal in a file.

    In `real_time` blocking actors have their threads and every journal is a file: what happens is up to the machine.
    """
    with contextlib.ExitStack() as stack:
        if not real_time:
            stack.enter_context(without_threads())
        runner = stack.enter_context(asyncio.Runner(loop_factory=None if real_time else VirtualTimeLoop))
        return runner.run(_round(seed, on_disk=real_time or seed % ON_DISK_EVERY == 0))


async def _round(seed: int, *, on_disk: bool) -> Verdict:
    verdict = Verdict(seed)
    before = invariants.footprint()
    with tempfile.TemporaryDirectory(prefix="chaos") as name:
        world = World(seed, Path(name), on_disk=on_disk)
        await world.start()
        try:
            await _play(world, random.Random(seed), verdict)
        finally:
            await world.end()
        await _settle()
        invariants.wait_for_threads(before, THREADS_S)
        verdict.lives = world.lives
        verdict.trace = world.trace.hexdigest()
        verdict.wrong += invariants.audit_is_sound(world)
        verdict.wrong += [f"{world.kernel.live} actors outlived the node"] if world.kernel.live else []
    verdict.wrong += invariants.left_behind(before, invariants.footprint())
    return verdict


async def _play(world: World, rng: random.Random, verdict: Verdict) -> None:
    wanted = orders(rng, RUNS, str(world.directory))
    monkey = Monkey(world, rng, [order.request.run_id for order in wanted])
    accepted: list[Order] = []
    submitting = asyncio.create_task(_submit(world, wanted, accepted))
    try:
        for _ in range(LIVES_OF_CHAOS):
            await monkey.rage(BLOWS // LIVES_OF_CHAOS)
            if world.down or rng.random() < 0.3:
                await _new_life(world)
        await submitting
    finally:
        submitting.cancel()
    calm = await _calm(world, monkey, accepted)
    verdict.did = monkey.did
    verdict.statuses.update("missing" if record is None else record.status for record in calm.values())
    verdict.wrong += invariants.runs_ended(accepted, calm, monkey.cancelled)
    verdict.wrong += invariants.nothing_repeated(world)
    verdict.wrong += invariants.calls_are_booked(world, calm)
    await _until(lambda: _is_tidy(world), 3.0)
    verdict.wrong += invariants.tree_as_specified(world)
    verdict.wrong += invariants.names_hold(world.kernel)


async def _submit(world: World, wanted: Sequence[Order], accepted: list[Order]) -> None:
    """Hands all orders in; one whose answer never came is handed in again, as a client would."""
    for order in wanted:
        for _ in range(50):
            try:
                await world.kernel.ref("runs").call(SubmitRun(order.request), timeout_s=2.0)
            except (ActorDeadError, CallTimeout, KernelError, RunError, JournalError):
                await world.kernel.clock.sleep(LOOK_S)
            else:
                accepted.append(order)
                break


async def _new_life(world: World) -> None:
    """As after kill -9: nobody is asked to stop."""
    world.root.kill()
    await world.end()
    await world.start()


async def _calm(world: World, monkey: Monkey, accepted: Sequence[Order]) -> dict[str, RunRecord | None]:
    """Everything is switched on; returns the runs' records when all have ended, or after `CALM_S`."""
    records: dict[str, RunRecord | None] = {}

    async def all_ended() -> bool:
        if world.down:
            await world.end()
            await world.start()
        await monkey.calm()
        for order in accepted:
            run_id = order.request.run_id
            known = records.get(run_id)
            if known is None or not known.finished:
                records[run_id] = await _record(world, run_id)
        return all(record is not None and record.finished for record in records.values())

    await _until(all_ended, CALM_S)
    return records


async def _record(world: World, run_id: str) -> RunRecord | None:
    try:
        return await world.kernel.ref("journal").call(LoadRun(run_id), timeout_s=2.0)
    except (ActorDeadError, CallTimeout, JournalError):
        return None


async def _is_tidy(world: World) -> bool:
    if world.down:  # the last blows' echo
        await world.end()
        await world.start()
    return not invariants.tree_as_specified(world)


async def _until(holds: Callable[[], Awaitable[bool]], timeout_s: float) -> None:
    """Looks again and again; what does not hold after `timeout_s` is found by the invariants."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s
    while not await holds() and loop.time() < deadline:
        await asyncio.sleep(LOOK_S)


async def _settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def explain(verdict: Verdict) -> dict[str, Any]:
    """A verdict for printing."""
    return {
        "seed": verdict.seed,
        "wrong": verdict.wrong,
        "runs": dict(verdict.statuses),
        "did": dict(verdict.did),
        "lives": verdict.lives,
        "trace": verdict.trace,
    }
