"""The same text is read and checked once; what is kept is bounded."""

from __future__ import annotations

import threading

import pytest

from actors.runs import DefinitionCache
from pipelines.language import InvalidPipelineError, Pipeline


def text(name: str, more: str = "") -> str:
    return f"name: {name}\nsteps: [{{name: a, type: claude, prompt: 'hi {more}', provider: gemini}}]\n"


def test_the_same_text_gives_the_same_pipeline() -> None:
    cache = DefinitionCache()
    assert cache.load(text("x")) is cache.load(text("x"), source="elsewhere.yaml")
    assert cache.load(text("x")) is not cache.load(text("x") + "# and a remark\n")
    assert len(cache) == 2


def test_what_holds_depends_on_the_known_providers() -> None:
    cache = DefinitionCache()
    cache.load(text("x"), known_providers=["gemini"])
    with pytest.raises(InvalidPipelineError, match="no provider 'gemini'"):
        cache.load(text("x"), known_providers=["anthropic"])


def test_a_definition_that_does_not_hold_is_told_each_time_with_its_own_file() -> None:
    cache = DefinitionCache()
    for source in ("a.yaml", "b.yaml"):
        with pytest.raises(InvalidPipelineError, match=source):
            cache.load("name: x\n", source=source)
    assert len(cache) == 0


def test_what_was_not_used_for_longest_goes_first() -> None:
    cache = DefinitionCache(max_entries=2)
    kept = cache.load(text("a"))
    gone = cache.load(text("b"))
    assert cache.load(text("a")) is kept
    cache.load(text("c"))
    assert len(cache) == 2
    assert cache.load(text("a")) is kept
    assert cache.load(text("b")) is not gone


def test_all_texts_together_are_bounded_and_a_larger_one_is_not_kept() -> None:
    cache = DefinitionCache(max_chars=1_000)
    for number in range(20):
        cache.load(text(f"x{number}"))
    assert 0 < len(cache) <= 1_000 // len(text("x0"))
    before = len(cache)
    cache.load(text("large", "x" * 2_000))
    assert len(cache) == before


def test_threads_may_ask_at_the_same_time() -> None:
    cache = DefinitionCache(max_entries=4)
    start = threading.Barrier(8)
    found: list[Pipeline] = []

    def ask(number: int) -> None:
        start.wait(10)
        found.extend(cache.load(text(f"x{(number + turn) % 6}")) for turn in range(20))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(found) == 160 and {each.name for each in found} == {f"x{number}" for number in range(6)}
    assert len(cache) == 4
