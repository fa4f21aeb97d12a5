"""`claude_batch` in a run."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from actors.journal import MemoryStore
from actors.providers import RefusedError, TransientError
from actors.runs import step_name
from pipelines.language import InvalidPipelineError, load_pipeline, to_yaml
from tests.actors_for_tests import add, until
from tests.runs_for_tests import SmallNode, small_node
from tests.scripted_provider import NAME, ROUTES, ScriptedProvider
from tests.support import run

TASKS = """
name: p
steps:
  - name: many
    type: claude_batch
    on_error: fail
    retry: {max_attempts: 2, base_delay_s: 0}
    batch_config: {max_parallel: 2}
    tasks:
      - {task_id: one, prompt: a}
      - {task_id: two, prompt: [{type: static, content: b}]}
      - {prompt: c}
      - {task_id: four, prompt: d}
  - {name: after, type: test_echo, value: "{{steps.many.successful_tasks}}"}
"""


async def _node(provider: ScriptedProvider, store: MemoryStore | None = None) -> SmallNode:
    node = await small_node(routes=ROUTES, store=store)
    for spec in provider.children():
        await add(node.top, spec)
    return node


async def _run(text: str, provider: ScriptedProvider, **more: Any) -> Any:
    node = await _node(provider)
    outcome = await node.run(text, **more)
    await node.kernel.shutdown()
    return outcome


def _refused() -> RefusedError:
    return RefusedError("refused", NAME, "no")


def test_every_task_has_its_result_in_the_order_of_the_text() -> None:
    provider = ScriptedProvider()
    outcome = run(_run(TASKS, provider))
    many = outcome.results["many"]
    assert [each["task_id"] for each in many["batch_results"]] == ["one", "two", "task_2", "four"]
    assert [each["status"] for each in many["batch_results"]] == ["success"] * 4
    assert many["results"] == [f"answer to: {each}" for each in "abcd"]
    assert (many["total_tasks"], many["failed_tasks"], outcome.results["after"]) == (4, 0, 4)
    assert provider.most_active == 2
    assert (outcome.usage["input_tokens"], outcome.cost_usd) == (40, "0.40")


def test_a_retry_asks_only_what_failed_and_failures_that_stay_are_in_the_result() -> None:
    provider = ScriptedProvider()
    provider.failures = {"a": [TransientError("overloaded", NAME, "busy")], "c": [_refused(), _refused()]}
    many = run(_run(TASKS, provider)).results["many"]
    assert provider.asked == {"a": 2, "b": 1, "c": 2, "d": 1}
    assert (many["success"], many["failed_tasks"]) == (True, 1)
    assert many["batch_results"][2]["status"] == "error"
    assert many["batch_results"][2]["error"]["message"] == "no"


@pytest.mark.parametrize(
    ("policy", "holds"), [("any", True), ("all", False), ("0.75", True), ("ratio, success_ratio: 0.8", False)]
)
def test_the_policy_says_how_many_must_succeed(policy: str, holds: bool) -> None:
    provider = ScriptedProvider()
    provider.failures = {"c": [_refused()]}
    text = TASKS.replace("{max_parallel: 2}", f"{{max_parallel: 2, success_policy: {policy}}}")
    outcome = run(_run(text, provider))
    assert (outcome.status == "succeeded") == holds
    if not holds:
        assert outcome.error["code"] == "batch_failed"
        assert "3 of 4 tasks succeeded, 4 were wanted; the first failure: task_2: no" in outcome.error["message"]


def test_a_batch_in_which_every_task_failed_has_failed() -> None:
    provider = ScriptedProvider()
    provider.failures = {each: [_refused()] for each in "abcd"}
    outcome = run(_run(TASKS, provider))
    assert (outcome.status, outcome.error["code"]) == ("failed", "refused")


def test_a_killed_batch_repeats_no_finished_task() -> None:
    async def main() -> None:
        provider = ScriptedProvider(gates={"c": asyncio.Event()})
        first = await _node(provider)
        await first.submit(TASKS)
        await until(lambda: len(provider.asked) == 4 and provider.active == 1)
        while sum("@task." in key for key in (await first.record()).steps) < 3:
            await asyncio.sleep(0)  # the loop ends with the test's deadline at the latest
        ref = first.kernel.registry.whereis(step_name("r1", "many"))
        assert ref is not None
        ref.kill()
        await until(lambda: provider.asked["c"] == 2)
        await first.kernel.shutdown()
        provider.gates["c"].set()
        second = await _node(provider, first.store)
        outcome = await second.outcome()
        assert outcome.results["after"] == 4
        assert provider.asked == {"a": 1, "b": 1, "c": 3, "d": 1}
        assert (outcome.usage["input_tokens"], outcome.cost_usd) == (40, "0.40")
        await second.kernel.shutdown()

    run(main())


def test_a_batch_of_tasks_begins_when_the_last_one_is_done() -> None:
    async def main() -> None:
        provider = ScriptedProvider(gates={"b": asyncio.Event()})
        node = await _node(provider)
        await node.submit(TASKS.replace("max_parallel: 2", "max_parallel: 4, batch_size: 2"))
        await until(lambda: provider.asked["a"] == 1 and provider.asked["b"] == 1 and provider.active == 1)
        assert set(provider.asked) == {"a", "b"}
        provider.gates["b"].set()
        assert (await node.outcome()).results["after"] == 4
        await node.kernel.shutdown()

    run(main())


FILES = """
name: p
steps:
  - name: many
    type: claude_batch
    files: "notes/*.txt"
    prompt: PROMPT
"""


def _workspace(root: Path) -> str:
    (root / "notes" / "deep").mkdir(parents=True)
    for name in ("b.txt", "a.txt", "c.md", "deep/d.txt"):
        (root / "notes" / name).write_text(f"text of {name}")
    return str(root)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("notes/*.txt", ["notes/a.txt", "notes/b.txt"]),
        ("notes/**/*.txt", ["notes/a.txt", "notes/b.txt", "notes/deep/d.txt"]),
        ("[notes/c.md, 'notes/a*']", ["notes/c.md", "notes/a.txt"]),
    ],
)
def test_files_make_a_task_each(tmp_path: Path, pattern: str, expected: list[str]) -> None:
    text = FILES.replace('"notes/*.txt"', pattern).replace("PROMPT", "Sum up.")
    many = run(_run(text, ScriptedProvider(), workspace=_workspace(tmp_path))).results["many"]
    assert [each["file"] for each in many["batch_results"]] == expected
    names = [path.removeprefix("notes/") for path in expected]
    assert many["results"] == [f"answer to: Sum up.\n\ntext of {name}" for name in names]


def test_the_prompt_may_say_where_the_file_goes(tmp_path: Path) -> None:
    text = FILES.replace("PROMPT", '"{{loop.name}} ({{loop.index}}): {{loop.content}}!"')
    many = run(_run(text, ScriptedProvider(), workspace=_workspace(tmp_path))).results["many"]
    assert many["results"] == ["answer to: a.txt (0): text of a.txt!", "answer to: b.txt (1): text of b.txt!"]


def test_files_outside_of_the_workspace_fail_their_task_only(tmp_path: Path) -> None:
    text = FILES.replace('"notes/*.txt"', "[../x, notes/a.txt]").replace("PROMPT", "p")
    many = run(_run(text, ScriptedProvider(), workspace=_workspace(tmp_path))).results["many"]
    assert [each["status"] for each in many["batch_results"]] == ["error", "success"]


def test_the_missions_spelling_is_read_and_written_back_as_the_same() -> None:
    text = "name: p\nsteps:\n  - {name: x, type: claude_batch, prompts: [one, two], batch_size: 10, max_parallel: 50}\n"
    pipeline = load_pipeline(text)
    assert load_pipeline(to_yaml(pipeline)).content_hash == pipeline.content_hash
    many = run(_run(text, ScriptedProvider())).results["x"]
    assert many["results"] == ["answer to: one", "answer to: two"]


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("", "must have either 'prompt' or 'tasks' field, or `files`"),
        (", tasks: [{id: a, prompt: x}, {id: a, prompt: y}]", "two tasks have the id 'a'"),
        (", tasks: [{id: a}]", "needs a `prompt` or a `file`"),
        (", prompt: x, max_parallel: 0", "at least 1"),
        (", prompt: x, success_policy: most", "'most' is not allowed for 'success_policy'"),
        (", tasks: [{id: a, prompt: '{{steps.nope}}'}]", "there is no step 'nope'"),
    ],
)
def test_what_is_wrong_with_a_batch_is_said_when_the_file_is_read(keys: str, said: str) -> None:
    with pytest.raises(InvalidPipelineError) as refused:
        load_pipeline(f"name: p\nsteps:\n  - {{name: x, type: claude_batch{keys}}}\n")
    assert said in str(refused.value)
