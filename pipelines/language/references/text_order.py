"""What keeps the order of the text although nothing refers to it.

A step waits for the steps above that wrote the variables it uses, or read those it writes; for those that used the
same files, where one of the two changes them; for the earlier turns of its conversation; and for everything above a
barrier (a checkpoint, a step that may end the pass of its loop), as a barrier waits for everything above.

Everything is found by name, never by comparing a step with each one before, so that a long list costs no square.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from pipelines.language.steps import BaseStep, BreakStep, CheckpointStep, ClaudeSessionStep, ContinueStep, SwitchStep

from .file_uses import FilesInUse, file_uses
from .names import written_variables


class TextOrder:
    """The steps of one list so far. `place` each in turn."""

    def __init__(self) -> None:
        self._above: list[str] = []
        self._barriers: list[str] = []
        self._writers: defaultdict[str, list[str]] = defaultdict(list)
        self._readers: defaultdict[str, list[str]] = defaultdict(list)
        self._turns: defaultdict[str, list[str]] = defaultdict(list)
        self._files = FilesInUse()

    def place(self, step: BaseStep, reads: frozenset[str]) -> set[str]:
        """Adds `step`, which reads the variables `reads`, and returns the names of the steps above it waits for."""
        waits = set(self._above if is_barrier(step) else self._barriers)
        written, uses = written_variables(step), file_uses(step)
        waits.update(_all(self._writers, written | reads), _all(self._readers, written), self._files.clashing(uses))
        if isinstance(step, ClaudeSessionStep):
            turns = self._turns[step.session_config.session_name or step.name]
            waits.update(turns)
            turns.append(step.name)
        for variable in written:
            self._writers[variable].append(step.name)
        for variable in reads:
            self._readers[variable].append(step.name)
        self._files.add(step.name, uses)
        self._above.append(step.name)
        if is_barrier(step):
            self._barriers.append(step.name)
        return waits


def is_barrier(step: BaseStep) -> bool:
    """Whether the order of the text holds around the step: a checkpoint, or one that may end the pass of a loop."""
    return isinstance(step, CheckpointStep) or _leaves(step)


def _leaves(step: BaseStep) -> bool:
    """Whether the step may end the pass of the loop around it: `break`, `continue`, or a switch that holds one."""
    if isinstance(step, SwitchStep):
        return any(_leaves(each) for _, steps in step.bodies() for each in steps)
    return isinstance(step, BreakStep | ContinueStep)


def _all(steps: defaultdict[str, list[str]], variables: Iterable[str]) -> Iterator[str]:
    return (name for variable in variables if variable in steps for name in steps[variable])
