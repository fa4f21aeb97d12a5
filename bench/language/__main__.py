"""`python -m bench.language [WHAT COUNT]`: one measurement in this process, or all of them, as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import partial

from bench.language import STEPS, commands, evaluating, loading, measure, transforming

WHAT: dict[str, Callable[[int], dict[str, float]]] = {
    **{f"load_{steps}": partial(loading.load, steps) for steps in STEPS},
    "conditions": evaluating.conditions,
    "templates": evaluating.templates,
    "transform": transforming.transform,
    "memory": transforming.memory,
    "validate": commands.validate,
}

if __name__ == "__main__":
    if len(sys.argv) > 2:
        print(json.dumps(WHAT[sys.argv[1]](int(sys.argv[2]))), flush=True)
    else:
        from bench.figures import Scale

        print(json.dumps(measure(Scale()), indent=2))
