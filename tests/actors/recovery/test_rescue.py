"""The fallback tries other ways as runs of their own, splices the first that fits, and remembers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from actors.kernel import Kernel, ManualClock
from actors.killswitch import KillView
from actors.memory import PatternDatabase, Recall
from actors.recovery import EmergentFallbackActor, ExperienceUnavailable, FindAnotherWay, GaveUp, Recovered
from actors.runs.values import RunRequest
from pipelines.guardrails.kill_switch import Level, Switch
from pipelines.language import BaseStep, Scope, build_pipeline
from pipelines.recovery import Experience
from tests.actors.runs_for_tests import Script, ScriptedRuns, failed, succeeded
from tests.support import run

ERROR = {"code": "overloaded", "message": "busy", "provider": "anthropic", "kind": "transient"}
ALL = ("anthropic", "gemini", "offline")


def step(**keys: Any) -> BaseStep:
    given = {"name": "work", "type": "claude", "prompt": "Say {{inputs.what}}.", **keys}
    data = {key: value for key, value in given.items() if key != "prompt" or value is not None}
    return build_pipeline({"name": "x", "steps": [data]}).steps[0]


def wanted(of: BaseStep | None = None, **keys: Any) -> FindAnotherWay:
    given: dict[str, Any] = {"scope": Scope(inputs={"what": "it"}), "error": ERROR, "workspace": "/nowhere", **keys}
    return FindAnotherWay("run-1", "report", of or step(), **given)


def answers(text: str) -> Script:
    return lambda request: succeeded(request, {"answer": {"text": text, "result": text, "success": True}})


def only_from(provider: str) -> Script:
    return lambda request: (answers("hello") if request.pipeline.steps[0].provider == provider else failed)(request)


async def in_world(
    main: Callable[[Kernel], Awaitable[Any]],
    script: Script,
    log: list[Any],
    directory: Path | None = None,
    clock: ManualClock | None = None,
    **options: Any,
) -> Any:
    kernel = Kernel(clock=clock)
    try:
        await kernel.spawn(ScriptedRuns, script, log, name="runs")
        if directory is not None:
            await kernel.spawn(PatternDatabase, directory, name="memory")
        await kernel.spawn(EmergentFallbackActor, options.pop("providers", ALL), name="fallback", **options)
        return await main(kernel)
    finally:
        await kernel.shutdown()


async def ask(kernel: Kernel, message: FindAnotherWay) -> Recovered | GaveUp:
    return await kernel.ref("fallback").call(message, timeout_s=8)


def test_the_first_result_that_fits_is_spliced_in_and_signed(tmp_path: Path) -> None:
    log: list[Any] = []
    reply = run(in_world(lambda kernel: ask(kernel, wanted()), answers("hello"), log, tmp_path))
    assert isinstance(reply, Recovered)
    assert (reply.strategy, reply.result["text"]) == ("other_provider", "hello")
    request: RunRequest = log[0]
    assert (request.origin, request.parent, request.inputs) == ("fallback", "run-1", {"prompt": "Say it."})
    assert request.provider_routes == {"claude": "gemini", "gemini": "gemini"}
    assert reply.result["recovery"] == {
        "strategy": "other_provider",
        "detail": "gemini",
        "run_id": request.run_id,
        "error": ERROR,
    }


def test_ways_that_fail_or_do_not_fit_are_passed_over(tmp_path: Path) -> None:
    def script(request: RunRequest) -> Any:
        return failed(request) if len(log) == 1 else answers("" if len(log) == 2 else "found")(request)

    log: list[Any] = []
    reply = run(in_world(lambda kernel: ask(kernel, wanted()), script, log, tmp_path))
    assert isinstance(reply, Recovered)
    assert reply.strategy == "degraded_answer" and reply.result["degraded"] is True
    assert [each.reason for each in reply.tried] == ["the run failed: no", "the answer holds no text", None]


def test_what_helped_is_remembered_and_tried_first_the_next_time(tmp_path: Path) -> None:
    async def main(kernel: Kernel) -> Any:
        for _ in range(6):
            await ask(kernel, wanted())
        return await ask(kernel, wanted()), await kernel.ref("memory").call(Recall("claude", "overloaded"))

    def script(request: RunRequest) -> Any:
        return answers("short")(request) if "simplified" in request.pipeline.name else failed(request)

    reply, learned = run(in_world(main, script, [], tmp_path))
    assert [each.strategy for each in reply.tried] == ["simplified_prompt"]
    assert learned["simplified_prompt"] == Experience(7, 7)


def test_without_a_memory_it_works_and_says_so() -> None:
    events: list[Any] = []

    async def main(kernel: Kernel) -> Any:
        kernel.events.subscribe(events.append)
        return await ask(kernel, wanted())

    assert isinstance(run(in_world(main, answers("hello"), [])), Recovered)
    assert any(isinstance(event, ExperienceUnavailable) for event in events)


def test_attempts_are_bounded_and_the_last_word_says_why() -> None:
    log: list[Any] = []
    reply = run(in_world(lambda kernel: ask(kernel, wanted()), failed, log, max_attempts=2))
    assert isinstance(reply, GaveUp)
    assert reply.reason == "none of 2 other ways gave a result that fits"
    assert len(reply.tried) == len(log) == 2


def test_a_way_that_does_not_end_is_cancelled_when_its_share_of_the_time_is_over() -> None:
    log: list[Any] = []
    clock = ManualClock()

    async def main(kernel: Kernel) -> Any:
        asked = asyncio.ensure_future(ask_long(kernel))
        while not asked.done():
            await asyncio.sleep(0)
            clock.advance(1)
        return await asked

    async def ask_long(kernel: Kernel) -> Any:
        return await kernel.ref("fallback").call(wanted(deadline_s=40), timeout_s=None)

    reply = run(in_world(main, lambda _: None, log, clock=clock))
    assert isinstance(reply, GaveUp)
    assert all("RunStillRunningError" in str(each.reason) for each in reply.tried)
    submitted = [each.run_id for each in log if isinstance(each, RunRequest)]
    assert [each for each in log if not isinstance(each, RunRequest)] == [("cancelled", each) for each in submitted]


def test_a_caller_that_gives_up_takes_the_alternative_with_it() -> None:
    log: list[Any] = []

    async def main(kernel: Kernel) -> None:
        asked = asyncio.ensure_future(ask(kernel, wanted()))
        while not log:
            await asyncio.sleep(0)
        asked.cancel()
        while len(log) < 2:
            await asyncio.sleep(0)

    run(in_world(main, lambda _: None, log))
    assert log[1] == ("cancelled", log[0].run_id)


def test_a_kill_switch_on_the_pipeline_or_a_provider_is_kept() -> None:
    log: list[Any] = []
    view = KillView()
    replace, _ = view.writer()
    on_provider = Switch(Level.PROVIDER, "gemini", "cost", "ops", 0.0)
    replace({on_provider.key: on_provider})
    run(in_world(lambda kernel: ask(kernel, wanted()), answers("x"), log, kill_view=view))
    assert all(request.pipeline.steps[0].provider != "gemini" for request in log)
    on_pipeline = Switch(Level.PIPELINE, "report", "wrong", "ops", 0.0)
    replace({on_pipeline.key: on_pipeline})
    reply = run(in_world(lambda kernel: ask(kernel, wanted()), answers("x"), [], kill_view=view))
    assert isinstance(reply, GaveUp) and "report" in reply.reason


def test_what_cannot_be_rendered_or_replaced_is_given_up_at_once() -> None:
    log: list[Any] = []

    async def main(kernel: Kernel) -> list[GaveUp | Recovered]:
        return [
            await ask(kernel, wanted(scope=Scope())),
            await ask(kernel, wanted(step(type="test_echo", prompt=None))),
            await ask(kernel, wanted(error={"code": "kill_switch"})),
        ]

    replies = run(in_world(main, answers("x"), log))
    assert all(isinstance(reply, GaveUp) for reply in replies)
    assert "cannot be rendered" in replies[0].reason and "no other way" in replies[1].reason
    assert log == []


def test_files_that_the_prompt_quotes_are_read_from_the_workspace(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("from a file")
    quoting = step(prompt=[{"type": "static", "content": "Read:"}, {"type": "file", "path": "note.txt"}])
    log: list[Any] = []
    run(in_world(lambda kernel: ask(kernel, wanted(quoting, workspace=str(tmp_path))), answers("x"), log))
    assert log[0].inputs["prompt"] == "Read:\nfrom a file"


def test_more_searches_than_the_limit_are_given_up_at_once() -> None:
    log: list[Any] = []

    async def main(kernel: Kernel) -> Any:
        first = asyncio.ensure_future(ask(kernel, wanted()))
        while not log:
            await asyncio.sleep(0)
        reply = await ask(kernel, wanted())
        first.cancel()
        return reply

    reply = run(in_world(main, lambda _: None, log, max_searches=1))
    assert isinstance(reply, GaveUp) and "being recovered already" in reply.reason


def test_only_the_configured_providers_are_asked() -> None:
    log: list[Any] = []
    options: dict[str, Any] = {"providers": lambda: ("offline",)}
    reply = run(in_world(lambda kernel: ask(kernel, wanted()), only_from("offline"), log, **options))
    assert isinstance(reply, Recovered) and "degraded" not in reply.result


MANY = step(type="parallel_claude", prompt=None, parallel_tasks=[{"id": f"t{n}", "prompt": "?"} for n in range(20)])


def test_a_way_that_could_overrun_the_budget_is_passed_over_and_says_so() -> None:
    log: list[Any] = []
    reply = run(in_world(lambda kernel: ask(kernel, wanted(MANY)), failed, log, budget_calls=39))
    assert isinstance(reply, GaveUp)
    over = [each for each in reply.tried if not each.run_id]
    assert over and all("40 vendor calls, and 39 are left" in str(each.reason) for each in over)
    assert {request.pipeline.steps[0].provider for request in log} == {"offline"}


def test_all_searches_of_a_run_share_its_budget() -> None:
    async def main(kernel: Kernel) -> list[Any]:
        return [await ask(kernel, wanted()) for _ in range(3)]

    log: list[Any] = []
    options: dict[str, Any] = {"run_budget_calls": 4, "providers": ("anthropic", "gemini")}
    run(in_world(main, failed, log, **options))
    assert len([request for request in log if request.pipeline.steps[0].provider]) == 2
