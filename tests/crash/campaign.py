"""One campaign: lives of a node under load, each ended by SIGKILL but the last, and the verdict."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

from tests.crash.load import STEPS, Order, orders
from tests.crash.node import Life, Nursery, OnDisk, on_disk
from tests.crash.provider import CountingServer, Made, provider
from tests.node_for_tests import node_home

LONGEST_LIFE_S = 4.0
LAST_OUTCOME_S = 60


@dataclass
class Verdict:
    """What a campaign came to; `wrong` is empty when everything held."""

    seed: int
    kills: int = 0
    runs: int = 0
    calls: int = 0
    repeated: int = 0
    moments: dict[str, int] = field(default_factory=dict[str, int])
    wrong: list[str] = field(default_factory=list[str])


class Campaign:
    """`kills` lives and a last one. At least `per_life` new orders come in each, at most twice as many."""

    def __init__(self, seed: int, kills: int, per_life: int = 4) -> None:
        self._rng = random.Random(seed)
        self._per_life = per_life
        self._numbers = self._endless()
        self._verdict = Verdict(seed)
        self._kills = kills
        self._accepted: dict[Order, str] = {}
        self._refused: list[Order] = []
        self._recorded: list[frozenset[str]] = [frozenset()]

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
        return self._verdict

    # ---- lives ---------------------------------------------------------------------------------------------

    def _one_life(self, nursery: Nursery, server: CountingServer) -> None:
        life = Life(nursery)
        killer = threading.Thread(target=self._aim(life, server), name="killer")
        killer.start()
        try:
            if life.is_ready():
                self._order(life, self._rng.randint(self._per_life, 2 * self._per_life))
        finally:
            killer.join(LONGEST_LIFE_S * 10)
            code = life.ended()
        assert code == -signal.SIGKILL, f"the node ended by itself with {code}"
        self._verdict.kills += 1
        self.survived(on_disk(nursery.state).marks)
        server.life += 1

    def _last_life(self, nursery: Nursery, server: CountingServer) -> None:
        life = Life(nursery)
        try:
            assert life.is_ready()
            while self._refused:
                self._order(life, 0)
            outcomes = {order: life.outcome(run_id, LAST_OUTCOME_S) for order, run_id in self._accepted.items()}
            for order, run_id in self._accepted.items():
                again = life.submit(order)
                self._expect(again == run_id, f"{order}: its key gave {again} where it had given {run_id}")
        finally:
            code = life.stop()
        self._expect(code == 0, f"the last node ended with {code}")
        self.judge(outcomes, on_disk(nursery.state), list(server.made))

    def _order(self, life: Life, new: int) -> None:
        """What was not accepted before, and new orders; stops when the node is gone."""
        waiting, self._refused = [*self._refused, *(next(self._numbers) for _ in range(new))], []
        for number, order in enumerate(waiting):
            run_id = life.submit(order)
            if run_id is None:
                self._refused = waiting[number:]
                return
            self.accept(order, run_id)

    def _aim(self, life: Life, server: CountingServer) -> Callable[[], None]:
        """A function for the killer's thread; what it needs of chance is drawn here, in a fixed order."""
        rng = self._rng
        kind = rng.choices(["start", "calls", "time"], weights=[2, 6, 2])[0]
        self._verdict.moments[kind] = self._verdict.moments.get(kind, 0) + 1
        after, more, jitter_s = rng.random() * 0.5, rng.randint(1, 8), rng.random() * 0.08
        calls = len(server.made)

        def strike() -> None:
            match kind:
                case "start":
                    time.sleep(after)  # noqa: TID251 - the moment of a kill is a time, whatever the node does by then
                case "calls":
                    server.wait_for_calls(calls + more, LONGEST_LIFE_S)
                    time.sleep(jitter_s)  # noqa: TID251
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

    # ---- verdict -------------------------------------------------------------------------------------------

    def _expect(self, held: bool, sentence: str) -> None:
        if not held:
            self._verdict.wrong.append(sentence)

    def accept(self, order: Order, run_id: str) -> None:
        """The node has answered an order with this run."""
        former = self._accepted.setdefault(order, run_id)
        self._expect(former == run_id, f"{order} is two runs: {former} and {run_id}")

    def survived(self, marks: Set[str]) -> None:
        """A life has ended, and left the answers to these calls in its files."""
        self._recorded.append(self._recorded[-1] | marks)

    def judge(self, outcomes: Mapping[Order, Mapping[str, Any]], disk: OnDisk, made: Sequence[Made]) -> Verdict:
        """The verdict on what came of the accepted orders, what is on the disk at the end, and which calls were
        made."""
        verdict = self._verdict
        verdict.runs, verdict.calls = len(outcomes), len(made)
        keys = Counter(key for key, _ in disk.runs.values())
        self._expect(len(disk.runs) == len(outcomes), f"{len(disk.runs)} runs for {len(outcomes)} orders")
        self._expect(max(keys.values(), default=1) == 1, f"keys with several runs: {keys.most_common(3)}")
        for order, outcome in outcomes.items():
            run_id = self._accepted[order]
            ended = (outcome["status"], outcome["results"].get("end"))
            self._expect(ended == ("succeeded", order.end), f"{order} ({run_id}) ended {ended}, not {order.end!r}")
            kept = Counter({step: count for (run, step), count in disk.steps.items() if run == run_id})
            whole = frozenset(step for step in kept if "/@" not in step)
            self._expect(whole == STEPS[order.shape], f"{order} recorded {sorted(whole)}")
            self._expect(max(kept.values(), default=1) == 1, f"{order} has a step recorded twice: {kept}")
        self._judge_calls({mark for order in outcomes for mark in order.calls}, made)
        return verdict

    def _judge_calls(self, wanted: set[str], made: Sequence[Made]) -> None:
        odd = wanted ^ {call.mark for call in made}
        self._expect(not odd, f"calls that are missing, or that nobody asked for: {sorted(odd)}")
        keys: dict[str, str] = {}
        lives: dict[str, list[int]] = {}
        for call in made:
            self._expect(keys.setdefault(call.mark, call.key) == call.key, f"{call.mark} was made under two keys")
            lives.setdefault(call.mark, []).append(call.life)
            recorded = call.mark in self._recorded[call.life]
            self._expect(not recorded, f"{call.mark} was made again in life {call.life}, though it had been recorded")
        self._expect(all(keys.values()), "a call had no idempotency key")
        self._expect(len(set(keys.values())) == len(keys), "two calls had one idempotency key")
        for mark, its in lives.items():
            self._verdict.repeated += len(its) - 1
            self._expect(len(set(its)) == len(its), f"{mark} was made twice in one life: {its}")


def play(seed: int, kills: int, per_life: int = 4) -> Verdict:
    """One campaign, in this process (the node has its own)."""
    os.environ.setdefault("NO_COLOR", "1")
    return Campaign(seed, kills, per_life).play()
