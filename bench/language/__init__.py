"""The pipeline language beside what a person would write without it, in the same run.

    loading        a definition's text to a checked pipeline; beside PyYAML and a JSON Schema, which find far less
    evaluating     conditions and templates once compiled; beside Python functions and plain Jinja2
    transforming   `data_transform` over a million rows, its time and memory; beside loops written by hand
    commands       `evopipe validate` as a whole process; beside the interpreter with the same libraries

Every figure comes from a process of its own (`python -m bench.language WHAT COUNT`) and is the median of three. A ratio
is ours against theirs: 2 means twice their time. Warm means that the process has compiled these texts' templates and
conditions before, as a node has after the first run.
"""

from __future__ import annotations

from typing import Any

from bench.figures import Scale, in_fresh_process, median

ROUNDS = 3
STEPS = (20, 1_000)
ROWS = 1_000_000


def measure(scale: Scale) -> dict[str, Any]:
    """Returns the figures, each group with its baseline and the ratio to it."""

    def repeated(what: str, full: int) -> dict[str, Any]:
        runs = [in_fresh_process("bench.language", what, str(scale.count(full))) for _ in range(scale.rounds(ROUNDS))]
        return {key: median([run[key] for run in runs]) for key in runs[0]}

    small, large = repeated("memory", ROWS // 10), repeated("memory", ROWS)
    return {
        **{f"load_{steps}": repeated(f"load_{steps}", 20_000 // steps) for steps in STEPS},
        "conditions": repeated("conditions", 100_000),
        "templates": repeated("templates", 100_000),
        "transform": repeated("transform", ROWS),
        "memory": {**large, "growth": large["peak_kb"] / small["peak_kb"], "rows_ratio": large["rows"] / small["rows"]},
        "validate": repeated("validate", 10),
    }
