"""Definitions that were read before."""

from __future__ import annotations

from actors.journal import RunRecord
from actors.runs.definitions import KnownDefinitions
from actors.runs.restoring import request_of
from actors.runs.values import RunRequest
from pipelines.language import load_pipeline

TEXT = "name: p\nsteps: [{name: a, type: test_echo, value: 1}]\n"
PIPELINE = load_pipeline(TEXT)


def record(text: str, content_hash: str = PIPELINE.content_hash) -> RunRecord:
    return RunRecord("r", "p", text, content_hash, {}, {}, "running", {})


def test_the_same_text_is_read_once() -> None:
    known = KnownDefinitions()
    first, second = request_of(record(TEXT), known), request_of(record(TEXT), known)
    assert isinstance(first, RunRequest)
    assert isinstance(second, RunRequest)
    assert first.pipeline is second.pipeline


def test_a_definition_that_reads_as_another_one_is_refused_also_when_it_is_known() -> None:
    known = KnownDefinitions()
    request_of(record(TEXT), known)
    refused = request_of(record(TEXT, "0" * 64), known)
    assert isinstance(refused, dict)
    assert refused["code"] == "definition_changed"


def test_only_the_latest_texts_are_kept_and_long_ones_never() -> None:
    known = KnownDefinitions(kept=2, longest=10)
    for text in ("a", "b", "c"):
        known.keep(text, PIPELINE)
        if text == "b":
            known.get("a")
    known.keep("x" * 11, PIPELINE)
    assert [known.get(text) is not None for text in ("a", "b", "c", "x" * 11)] == [True, False, True, False]
