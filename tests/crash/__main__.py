"""The command; exit code 1 when anything did not hold."""

from __future__ import annotations

import argparse
import dataclasses
import json
import random
import sys
import time

from tests.crash.campaign import play

#: Kills of one campaign in long mode: a journal that grows without end tells nothing new.
AT_A_TIME = 50


def main() -> int:
    """Plays campaigns until there were as many kills as asked for; prints each verdict as a JSON line."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=500, help="how many in all (default 500)")
    parser.add_argument("--seed", type=int, help="the first campaign's seed (random, and printed, without it)")
    asked = parser.parse_args()
    seed = asked.seed if asked.seed is not None else random.SystemRandom().randrange(1_000_000)
    print(f"first seed {seed}", flush=True)
    left, wrong = asked.kills, False
    while left > 0:
        begun = time.monotonic()
        verdict = play(seed, min(left, AT_A_TIME))
        left -= verdict.kills
        seed += 1
        wrong = wrong or bool(verdict.wrong)
        print(json.dumps({**dataclasses.asdict(verdict), "seconds": round(time.monotonic() - begun, 1)}), flush=True)
    return 1 if wrong else 0


sys.exit(main())
