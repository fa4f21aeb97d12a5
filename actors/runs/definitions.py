"""Definitions that were read and checked before, by their text: reading a page of YAML costs more than running it.

A node sees the same text again and again: clients submit one pipeline with many inputs, and after a restart the journal
gives back thousands of runs of a few definitions. What was read is a value, so runs share it.
"""

from __future__ import annotations

from collections import OrderedDict

from pipelines.language import Pipeline

LONGEST = 65_536


class KnownDefinitions:
    """The last `kept` texts of at most `longest` characters, with what they read as. For one thread."""

    def __init__(self, kept: int = 256, longest: int = LONGEST) -> None:
        self._known: OrderedDict[str, Pipeline] = OrderedDict()
        self._kept = kept
        self._longest = longest

    def get(self, text: str) -> Pipeline | None:
        """What this very text was read as, if that is still known."""
        found = self._known.get(text)
        if found is not None:
            self._known.move_to_end(text)
        return found

    def keep(self, text: str, pipeline: Pipeline) -> None:
        """Remembers what a text was read as; one that is too long is not kept."""
        if len(text) > self._longest:
            return
        self._known[text] = pipeline
        self._known.move_to_end(text)
        if len(self._known) > self._kept:
            self._known.popitem(last=False)
