"""The command; exit code 1 when anything did not hold."""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import Counter

from tests.chaos.rounds import explain, play


def main() -> int:
    """Plays rounds and prints what they showed, as JSON lines and a summary."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, help="the first seed (random, and printed, without it)")
    parser.add_argument("--rounds", type=int, help="how many seeds in a row")
    parser.add_argument("--seconds", type=float, help="begin no new round after so many seconds (30 without --rounds)")
    parser.add_argument("--real-time", action="store_true", help="threads and files in real time: not repeatable")
    asked = parser.parse_args()
    seconds = asked.seconds if asked.seconds is not None or asked.rounds is not None else 30.0
    first = asked.seed if asked.seed is not None else random.SystemRandom().randrange(1_000_000)
    print(f"first seed {first}", flush=True)
    begun = time.monotonic()
    wrong: list[int] = []
    did: Counter[str] = Counter()
    ended: Counter[str] = Counter()
    number = 0
    while (asked.rounds is None or number < asked.rounds) and (seconds is None or time.monotonic() - begun < seconds):
        # With a seed of its own each round can be had again; without one, some meet real threads.
        verdict = play(first + number, real_time=asked.real_time or (asked.seed is None and number % 5 == 4))
        number += 1
        did += verdict.did
        ended += verdict.statuses
        if verdict.wrong:
            wrong.append(verdict.seed)
            print(json.dumps(explain(verdict)), flush=True)
    took_s = round(time.monotonic() - begun, 1)
    summary = {"rounds": number, "failed_seeds": wrong, "seconds": took_s, "runs": dict(ended), "did": dict(did)}
    print(json.dumps(summary))
    return 1 if wrong else 0


sys.exit(main())
