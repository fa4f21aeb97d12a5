"""What a schema check needs is loaded on a thread, whoever makes the first one: the loop has other work meanwhile."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

import pipelines.extraction.misfits as checks
from actors.journal import MemoryStore
from actors.kernel import Actor, Kernel
from actors.providers import Answer, Request, Usage
from actors.recovery.attempt import attempt
from actors.recovery.messages import FindAnotherWay
from actors.runs import AwaitRun, RunOutcome, definition_cache
from actors.steps.conforming import ask_conforming
from pipelines.extraction import checks_prepared, find_misfits
from pipelines.language import Scope, load_pipeline
from pipelines.recovery import Alternative
from tests.actors.runs.test_approvals import asking, ended, pending, say
from tests.actors.steps.test_functions import ask, calls, step
from tests.support import run
from tests.wire import Answered

FIELDS = """
name: p
steps:
  - {name: ask, type: approval, message: How many?, fields: {count: integer}, on_error: fail}
"""
ASK = {"name": "ask", "type": "approval", "message": "How many?", "fields": {"count": "integer"}}
INNER = json.dumps({"name": "inner", "steps": [ASK]})
TRIALS = "name: p\ninputs: {tried: {default: none}}\nsteps: [{name: trial, type: pipeline_executor, pipeline: %s}]\n"
SHAPED = "name: s\nsteps: [{name: a, type: claude, prompt: Count, schema: {n: integer}}]\n"


class Watch:
    """A finder that finds nothing: it notes which thread looks for the library."""

    def __init__(self) -> None:
        self.threads: list[threading.Thread] = []

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: Any = None) -> None:
        if name == "jsonschema":
            self.threads.append(threading.current_thread())


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    made = Watch()
    monkeypatch.setattr(sys, "meta_path", [made, *sys.meta_path])
    return made


@contextmanager
def forgotten(monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    """As in a process that has made no check yet."""
    with monkeypatch.context() as patch:
        patch.setattr(checks, "_prepared", False)
        for name in list(sys.modules):
            if name.split(".")[0] == "jsonschema":
                patch.delitem(sys.modules, name)
        yield


def loaded_beside(watch: Watch) -> bool:
    """Whether it was loaded, and never on the thread of the loop."""
    return bool(watch.threads) and threading.main_thread() not in watch.threads


def test_a_check_on_the_loop_s_thread_would_be_seen(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    with forgotten(monkeypatch):
        assert not checks_prepared()
        assert find_misfits({"type": "object"}, [])
        assert watch.threads == [threading.main_thread()]


def test_a_model_s_call_of_a_function(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    with forgotten(monkeypatch):
        outcome, _ = ask(step(), calls(("level", {"article": "lamp"})), Answered("Four lamps."))
        assert outcome.status == "succeeded"
        assert loaded_beside(watch)


def test_a_person_s_answer_with_data_and_a_definition_that_is_read_again(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = MemoryStore()

    async def begun() -> None:
        async with asking(store=store) as node:
            await node.submit(FIELDS, run_id="r1")
            await pending(node)

    async def answered() -> None:
        async with asking(store=store) as node:
            await pending(node)
            assert loaded_beside(watch)
            monkeypatch.setattr(checks, "_prepared", False)
            await say(node, data={"count": 3})
            assert checks_prepared()
            assert (await ended(node)).status == "succeeded"

    run(begun(), 20)
    with forgotten(monkeypatch):
        watch.threads.clear()
        monkeypatch.setattr(definition_cache, "_recent", definition_cache.DefinitionCache())
        run(answered(), 20)


@pytest.mark.parametrize(
    ("given", "inputs"),
    [(INNER, {}), (json.dumps(INNER), {}), ("'{{ inputs.tried }}'", {"tried": INNER})],
    ids=["written into the step", "as text", "from an input"],
)
def test_a_definition_that_is_data_when_it_is_tried_and_when_its_run_goes_on(
    watch: Watch, monkeypatch: pytest.MonkeyPatch, given: str, inputs: dict[str, Any]
) -> None:
    store = MemoryStore()

    async def life(first: bool) -> None:
        async with asking(store=store) as node:
            if first:
                await node.submit(TRIALS % given, inputs=inputs)
            (question,) = await pending(node)
            assert question.step == "trial[0]/ask"
            assert loaded_beside(watch)

    for first in (True, False):
        with forgotten(monkeypatch):
            watch.threads.clear()
            monkeypatch.setattr(definition_cache, "_recent", definition_cache.DefinitionCache())
            run(life(first), 20)


class KeptAnswer:
    """The context of a step whose model has answered before the node was killed: no provider looks at the schema."""

    async def ask(self, _provider: str, _request: Request, _part: str) -> Answer:
        return Answer('{"n": 3}', None, "gemini", "m", Usage(1, 1), None, "end_turn")

    def judge(self, *, fits: bool) -> None:
        assert fits


def test_an_answer_that_was_kept(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}

    async def main() -> None:
        context: Any = KeptAnswer()
        _, result = await ask_conforming(context, "gemini", Request("Count", json_schema=schema))
        assert result["result"] == {"n": 3}

    with forgotten(monkeypatch):
        run(main())
        assert loaded_beside(watch)


class EndedRuns(Actor):
    """Every run has ended, with the same answer."""

    def on_receive(self, message: object) -> Any:
        answer: Any = {"answer": {"text": "{}", "result": {"n": "three"}}}
        return RunOutcome("x", "succeeded", answer, {}, None, {}, None, 0.1) if isinstance(message, AwaitRun) else "x"


def test_the_answer_of_another_way(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = load_pipeline(SHAPED)
    wanted = FindAnotherWay("r", "s", pipeline.steps[0], Scope(), {}, "/nonexistent")

    async def main() -> None:
        kernel = Kernel()
        await kernel.spawn(EndedRuns, name="runs")
        way = Alternative("simplified_prompt", "", pipeline)
        with forgotten(monkeypatch):
            found, tried = await attempt(kernel, wanted, pipeline.steps[0], way, 5.0)
            assert (found, "Expected integer" in str(tried)) == (None, True), tried
            assert loaded_beside(watch)
        await kernel.shutdown()

    run(main())
