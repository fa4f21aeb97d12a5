"""Names of steps: each once in its list, none that means something else."""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.language.diagnostics import Path, key_path_text
from pipelines.language.scope import ROOTS
from pipelines.language.steps import BaseStep, SwitchStep

from .judging import Finding


def check_names(steps: Sequence[BaseStep], at: Path, seen: dict[str, Path], findings: list[Finding]) -> None:
    """Adds names that are taken, by a step before (`seen`: name -> where) or by the language itself."""
    for index, step in enumerate(steps):
        key = (*at, index)
        if step.name in seen:
            fix = f"rename one; '{step.name}_2' is free"
            message = f"duplicate step name '{step.name}' (first: {key_path_text(seen[step.name])})"
            findings.append(Finding("duplicate_step", (*key, "name"), message, "each name once", fix))
        elif step.name in ROOTS:
            findings.append(
                Finding(
                    "reserved_name", (*key, "name"), f"'{step.name}' has a meaning of its own", fix="rename the step"
                )
            )
        else:
            seen[step.name] = key
        inside = dict(seen)
        for body, inner in step.bodies():
            branch = dict(seen)
            check_names(inner, (*key, *body), branch, findings)
            inside |= branch
        if isinstance(step, SwitchStep):
            seen |= inside
