"""One campaign: lives of a node under load, each ended by SIGKILL but the last, and the verdict."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from actors.audit import AuditPlace, entries_of, segments
from tests.crash.load import BOUND, Order, orders
from tests.crash.node import Life, Nursery, on_disk
from tests.crash.provider import CountingServer, provider
from tests.crash.verdict import Judge, Verdict
from tests.node_for_tests import Command, node_home

LONGEST_LIFE_S = 4.0
LAST_OUTCOMES_S = 90.0
LOOK_S = 0.03
#: Tokens that the bounded pipeline gets at first, and more in each life: enough for one call, and for some of all.
FIRST_TOKENS = 90
MORE_TOKENS = 4


class Campaign:
    """`kills` lives and a last one. At least `per_life` new orders come in each, at most twice as many."""

    def __init__(self, seed: int, kills: int, per_life: int = 4) -> None:
        self._rng = random.Random(seed)
        self._per_life = per_life
        self._numbers = self._endless()
        self._kills = kills
        self._refused: list[Order] = []
        self._limits_kept = 0
        self._judge = Judge(seed)

    def play(self) -> Verdict:
        """Plays it. Raises `AssertionError` where the node itself did not do what a node does."""
        server_rng = random.Random(self._rng.random())
        with node_home() as evopipe, provider(server_rng) as server:
            evopipe.env |= {
                "EVOPIPE_STATE_DIR": str(evopipe.home / "state"),
                "EVOPIPE_WORKSPACE": str(evopipe.home / "files"),
                "EVOPIPE_METRICS__ENABLED": "false",
                "EVOPIPE_LIMITS__DRAIN_S": "0",
                "EVOPIPE_PROVIDERS__ANTHROPIC__BASE_URL": server.url,
                "EVOPIPE_JOURNAL__SYNCHRONOUS": self._rng.choice(["normal", "full"]),
                "EVOPIPE_ROUTES__CLAUDE": "anthropic",
                "ANTHROPIC_API_KEY": server.key,
                "PYTHONHASHSEED": "0",
            }
            nursery = Nursery(evopipe)
            try:
                for _ in range(self._kills):
                    self._one_life(nursery, server)
                self._last_life(nursery, server)
            finally:
                nursery.close()
            self._look_at_the_state(evopipe, nursery)
        return self._judge.verdict

    # ---- lives ---------------------------------------------------------------------------------------------

    def _one_life(self, nursery: Nursery, server: CountingServer) -> None:
        life = Life(nursery)
        killer = threading.Thread(target=self._aim(life, server, nursery.state), name="killer")
        killer.start()
        try:
            if life.is_ready() and self._allow_more(life):
                self._order_again(life)
                self._order(life, self._rng.randint(self._per_life, 2 * self._per_life))
                while killer.is_alive() and self._answer(life):
                    killer.join(LOOK_S)
        finally:
            killer.join(LONGEST_LIFE_S * 10)
            code = life.ended()
        assert code == -signal.SIGKILL, f"the node ended by itself with {code}"
        self._judge.verdict.kills += 1
        self._judge.survived(on_disk(nursery.state), list(server.made))
        server.life += 1

    def _last_life(self, nursery: Nursery, server: CountingServer) -> None:
        judge = self._judge
        life = Life(nursery)
        try:
            assert life.is_ready()
            while self._refused:
                self._order(life, 0)
            outcomes = self._outcomes(life)
            for order, run_id in judge.accepted.items():
                again = life.submit(order)
                judge.expect(again == run_id, f"{order}: its key gave {again} where it had given {run_id}")
            budgets = life.budgets()
        finally:
            code = life.stop()
        judge.expect(code == 0, f"the last node ended with {code}")
        disk = on_disk(nursery.state)
        judge.judge(outcomes, disk, list(server.made))
        self._judge_budgets(budgets)

    def _order(self, life: Life, new: int) -> None:
        """What was not accepted before, and new orders; stops when the node is gone."""
        waiting, self._refused = [*self._refused, *(next(self._numbers) for _ in range(new))], []
        for number, order in enumerate(waiting):
            run_id = life.submit(order)
            if run_id is None:
                self._refused = waiting[number:]
                return
            self._judge.accept(order, run_id)

    def _order_again(self, life: Life) -> None:
        """A client that is not sure whether its order came through asks once more."""
        known = list(self._judge.accepted)
        for order in self._rng.sample(known, min(2, len(known))):
            run_id = life.submit(order)
            if run_id is not None:
                self._judge.verdict.submitted_again += 1
                self._judge.accept(order, run_id)

    def _allow_more(self, life: Life) -> bool:
        """Raises the bounded pipeline's budget; whether the node has said that it holds now."""
        self._judge.limit = self._judge.limit + MORE_TOKENS if self._judge.limit else FIRST_TOKENS
        kept = life.allow(BOUND, self._judge.limit)
        if kept:
            self._limits_kept = self._judge.limit
        return kept

    def _answer(self, life: Life) -> bool:
        """Answers what waits for a person; whether the node is still there."""
        questions = life.questions()
        for question in questions or ():
            self._judge.asked(question)
            if life.answer(question):
                self._judge.answered.add(question)
        return questions is not None

    def _outcomes(self, life: Life) -> dict[Order, dict[str, Any]]:
        """How all accepted runs have ended; the questions of some are answered on the way."""
        outcomes: dict[Order, dict[str, Any]] = {}
        deadline = time.monotonic() + LAST_OUTCOMES_S
        while len(outcomes) < len(self._judge.accepted):
            assert self._answer(life)
            for order, run_id in self._judge.accepted.items():
                if order not in outcomes and (outcome := life.outcome(run_id, order.shape != "asked")) is not None:
                    outcomes[order] = outcome
            left = [f"{order}: {run}" for order, run in self._judge.accepted.items() if order not in outcomes]
            assert time.monotonic() < deadline, f"these have not ended: {left}"
        return outcomes

    def _aim(self, life: Life, server: CountingServer, state: Path) -> Callable[[], None]:
        """A function for the killer's thread; what it needs of chance is drawn here, in a fixed order."""
        rng = self._rng
        kind = rng.choices(["start", "calls", "time", "booking"], weights=[2, 5, 2, 3])[0]
        moments = self._judge.verdict.moments
        moments[kind] = moments.get(kind, 0) + 1
        after, more, jitter_s = rng.random() * 0.5, rng.randint(1, 8), rng.random() * 0.08
        calls = len(server.made)

        def strike() -> None:
            match kind:
                case "start":
                    time.sleep(after)  # noqa: TID251 - the moment of a kill is a time, whatever the node does by then
                case "calls":
                    server.wait_for_calls(calls + more, LONGEST_LIFE_S)
                    time.sleep(jitter_s)  # noqa: TID251
                case "booking":  # between the ledger and the journal: an answer is paid for, and its step not on record
                    server.wait_for_calls(calls + 1, LONGEST_LIFE_S)
                    _wait_for_writes(state / "treasury.sqlite3-wal", more, LONGEST_LIFE_S)
                case _:
                    server.wait_for_calls(calls + 1, LONGEST_LIFE_S)
                    time.sleep(after)  # noqa: TID251
            life.kill()

        return strike

    def _endless(self) -> Iterator[Order]:
        number = 0
        while True:
            for order in orders(self._rng):
                yield Order(number, order.shape)
                number += 1

    # ---- the state at the end ------------------------------------------------------------------------------

    def _judge_budgets(self, budgets: dict[str, Any]) -> None:
        """With all runs ended nothing is set aside, and the limit is one that was asked for after the last it kept."""
        expect = self._judge.expect
        expect(budgets["leases"] == 0, f"{budgets['leases']} leases are out though all runs have ended")
        accounts = {account["path"]: account for account in budgets["accounts"]}
        for account in accounts.values():
            reserved = account["tokens_reserved"]
            expect(reserved == 0, f"{reserved} tokens of {account['path']} are set aside though all runs have ended")
        limit = accounts[BOUND]["tokens_limit"] if BOUND in accounts else None
        held = self._limits_kept == 0 if limit is None else self._limits_kept <= limit <= self._judge.limit
        expect(held, f"{BOUND} has the limit {limit}; {self._limits_kept} was kept, {self._judge.limit} asked for")

    def _look_at_the_state(self, evopipe: Command, nursery: Nursery) -> None:
        """The tools that a person has, on what the last node left: nothing is wrong, and every answer is on record."""
        expect = self._judge.expect
        for words in (("fsck", "--json"), ("audit", "verify", "--json")):
            done = evopipe(*words)
            expect(done.returncode == 0, f"evopipe {' '.join(words)}: {done.stdout[-800:]} {done.stderr[-400:]}")
        place = AuditPlace.of(nursery.state)
        noted = {
            entry.subject for entry in entries_of(segments(place.directory)) if entry.action.startswith("approval")
        }
        unseen = self._judge.answered - noted
        expect(not unseen, f"answers that the audit log does not know: {sorted(unseen)}")
        self._judge.verdict.answered = len(self._judge.answered)


def _wait_for_writes(file: Path, times: int, timeout_s: float) -> None:
    """Returns at the moment at which a file was written so often, or when the time is up."""
    deadline = time.monotonic() + timeout_s
    known = _state_of(file)
    while times and time.monotonic() < deadline:
        time.sleep(0.0002)  # noqa: TID251 - nothing tells of a write from outside; what counts is to be there at once
        now = _state_of(file)
        times -= now != known
        known = now


def _state_of(file: Path) -> tuple[int, int]:
    try:
        facts = file.stat()
    except FileNotFoundError:
        return (0, 0)
    return (facts.st_size, facts.st_mtime_ns)


def play(seed: int, kills: int, per_life: int = 4) -> Verdict:
    """One campaign, in this process (the node has its own)."""
    os.environ.setdefault("NO_COLOR", "1")
    return Campaign(seed, kills, per_life).play()
