"""The judge of a campaign: hears what was accepted, looks at the disk after each kill, and at everything at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

from tests.crash.ledger import misbooked, not_paid_for, over_the_limit
from tests.crash.load import STEPS, Order
from tests.crash.node import OnDisk
from tests.crash.provider import Made


@dataclass
class Verdict:
    """What a campaign came to; `wrong` is empty when everything held."""

    seed: int
    kills: int = 0
    runs: int = 0
    calls: int = 0
    repeated: int = 0
    charges: int = 0
    refused: int = 0
    answered: int = 0
    submitted_again: int = 0
    moments: dict[str, int] = field(default_factory=dict[str, int])
    wrong: list[str] = field(default_factory=list[str])


class Judge:
    """`limit` is the most that the bounded pipeline was ever allowed; raise it before the node is asked to."""

    def __init__(self, seed: int) -> None:
        self.verdict = Verdict(seed)
        self.limit = 0
        self.accepted: dict[Order, str] = {}
        self.answered: set[str] = set()
        self._recorded: list[frozenset[str]] = [frozenset()]

    def expect(self, held: bool, sentence: str) -> None:
        """Notes the sentence when it did not hold."""
        if not held:
            self.verdict.wrong.append(sentence)

    def accept(self, order: Order, run_id: str) -> None:
        """The node has answered an order with this run."""
        former = self.accepted.setdefault(order, run_id)
        self.expect(former == run_id, f"{order} is two runs: {former} and {run_id}")

    def asked(self, question: str) -> None:
        """The node asks a person this."""
        self.expect(question not in self.answered, f"{question} is asked again, though it was answered")

    def survived(self, disk: OnDisk, made: Sequence[Made] = ()) -> None:
        """A life has ended, and left this in its files."""
        self._recorded.append(self._recorded[-1] | disk.marks)
        self._expect_none(not_paid_for(disk.booked, disk.results, made))
        self._expect_none(over_the_limit(disk.booked, self.limit))
        self._expect_none(disk.audit)

    def judge(self, outcomes: Mapping[Order, Mapping[str, Any]], disk: OnDisk, made: Sequence[Made]) -> Verdict:
        """The verdict on what came of the accepted orders, what is on the disk at the end, and which calls were
        made."""
        verdict = self.verdict
        verdict.runs, verdict.calls, verdict.charges = len(outcomes), len(made), len(disk.booked)
        keys = Counter(key for key, _ in disk.runs.values())
        self.expect(len(disk.runs) == len(outcomes), f"{len(disk.runs)} runs for {len(outcomes)} orders")
        self.expect(max(keys.values(), default=1) == 1, f"keys with several runs: {keys.most_common(3)}")
        refused: set[str] = set()
        for order, outcome in outcomes.items():
            if order.shape == "bound" and outcome["status"] == "failed":
                error: Mapping[str, Any] = outcome["error"]
                self.expect(error["code"] == "budget_reached", f"{order} failed with {error['code']}")
                refused |= order.calls
                continue
            self._judge_run(order, outcome, disk)
        verdict.refused = len(refused)
        self._judge_calls({mark for order in outcomes for mark in order.calls}, refused, made)
        self._expect_none(misbooked(disk.booked, made, refused))
        self._expect_none(over_the_limit(disk.booked, self.limit))
        self._expect_none(disk.audit)
        return verdict

    def _judge_run(self, order: Order, outcome: Mapping[str, Any], disk: OnDisk) -> None:
        run_id = self.accepted[order]
        ended = (outcome["status"], outcome["results"].get("end"))
        self.expect(ended == ("succeeded", order.end), f"{order} ({run_id}) ended {ended}, not {order.end!r}")
        kept = Counter({step: count for (run, step), count in disk.steps.items() if run == run_id})
        whole = frozenset(step for step in kept if "/@" not in step)
        self.expect(whole == STEPS[order.shape], f"{order} recorded {sorted(whole)}")
        self.expect(max(kept.values(), default=1) == 1, f"{order} has a step recorded twice: {kept}")

    def _judge_calls(self, wanted: set[str], may_be_missing: Set[str], made: Sequence[Made]) -> None:
        marks = {call.mark for call in made}
        odd = (wanted - marks - may_be_missing) | (marks - wanted)
        self.expect(not odd, f"calls that are missing, or that nobody asked for: {sorted(odd)}")
        keys: dict[str, str] = {}
        lives: dict[str, list[int]] = {}
        for call in made:
            self.expect(keys.setdefault(call.mark, call.key) == call.key, f"{call.mark} was made under two keys")
            lives.setdefault(call.mark, []).append(call.life)
            recorded = call.mark in self._recorded[call.life]
            self.expect(not recorded, f"{call.mark} was made again in life {call.life}, though it had been recorded")
        self.expect(all(keys.values()), "a call had no idempotency key")
        self.expect(len(set(keys.values())) == len(keys), "two calls had one idempotency key")
        for mark, its in lives.items():
            self.verdict.repeated += len(its) - 1
            self.expect(len(set(its)) == len(its), f"{mark} was made twice in one life: {its}")

    def _expect_none(self, sentences: Iterable[str]) -> None:
        self.verdict.wrong.extend(sentences)
