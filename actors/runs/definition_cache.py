"""Definitions that were loaded lately: the same text is read and checked once.

A node is given the same pipelines again and again: by an editor's check and the run that follows, by every run of a
schedule, by a run that goes on after a crash. Pipelines are frozen, so all of them may share one.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Collection

from pipelines.language import Pipeline, load_pipeline

_Key = tuple[bytes, frozenset[str] | None]


class DefinitionCache:
    """The definitions used last, by the SHA-256 of their text. Every method may be called from any thread.

    Holds at most `max_entries` definitions, whose texts have at most `max_chars` characters together; what is longer
    than that alone is loaded each time. A definition that does not hold is never kept: its findings name the file.
    """

    def __init__(self, max_entries: int = 256, max_chars: int = 1_000_000) -> None:
        self._max_entries = max_entries
        self._max_chars = max_chars
        self._chars = 0
        self._kept: OrderedDict[_Key, tuple[int, Pipeline]] = OrderedDict()
        self._lock = threading.Lock()

    def load(self, text: str, *, source: str = "<text>", known_providers: Collection[str] | None = None) -> Pipeline:
        """`load_pipeline`, or what it gave for the same text and providers before.

        Threads that ask for the same new text at the same time each load it; one result is kept. The lock is never
        held while a text is read.
        """
        key = _key(text, known_providers)
        pipeline = self._found(key)
        if pipeline is None:
            pipeline = load_pipeline(text, source=source, known_providers=key[1])
            self._keep(key, len(text), pipeline)
        return pipeline

    def find(self, text: str, known_providers: Collection[str] | None = None) -> Pipeline | None:
        """What `load` would give at once; None when it would have to read the text."""
        return self._found(_key(text, known_providers))

    def __len__(self) -> int:
        return len(self._kept)

    def _found(self, key: _Key) -> Pipeline | None:
        with self._lock:
            found = self._kept.get(key)
            if found is None:
                return None
            self._kept.move_to_end(key)
            return found[1]

    def _keep(self, key: _Key, chars: int, pipeline: Pipeline) -> None:
        with self._lock:
            if key in self._kept or chars > self._max_chars:
                return
            self._kept[key] = chars, pipeline
            self._chars += chars
            while len(self._kept) > self._max_entries or self._chars > self._max_chars:
                _, (dropped, _) = self._kept.popitem(last=False)
                self._chars -= dropped


def _key(text: str, known_providers: Collection[str] | None) -> _Key:
    providers = None if known_providers is None else frozenset(known_providers)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest(), providers


_recent = DefinitionCache()


def load_known(text: str, *, source: str = "<text>", known_providers: Collection[str] | None = None) -> Pipeline:
    """`load_pipeline` through the process's cache: for texts that are likely to come again.

    Raises `InvalidPipelineError` as it does.
    """
    return _recent.load(text, source=source, known_providers=known_providers)


def find_known(text: str, known_providers: Collection[str] | None = None) -> Pipeline | None:
    """What `load_known` would give without reading the text, which takes a millisecond a dozen steps; else None."""
    return _recent.find(text, known_providers)
