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
    parser.add_argument("--rounds", type=int, help="how many seeds in a row (1 with --seed, else until --seconds)")
    parser.add_argument("--seconds", type=float, default=30.0, help="begin no new round after so many seconds")
    asked = parser.parse_args()
    first = asked.seed if asked.seed is not None else random.SystemRandom().randrange(1_000_000)
    rounds = asked.rounds or (1 if asked.seed is not None else None)
    print(f"first seed {first}", flush=True)
    begun = time.monotonic()
    wrong: list[int] = []
    did: Counter[str] = Counter()
    ended: Counter[str] = Counter()
    number = 0
    while number < rounds if rounds is not None else time.monotonic() - begun < asked.seconds:
        verdict = play(first + number)
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
