"""Conversations that go on across steps, runs, crashes and nodes."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from actors.journal import MemoryStore
from actors.kernel import Kernel
from actors.providers import Answer, Request
from actors.runs import AwaitRun, RunOutcome, RunRequest, SubmitRun
from actors.sessions import (
    ForgetSession,
    ListSessions,
    ReadSession,
    SessionBusyError,
    Transcript,
    UnknownSessionError,
)
from actors.sessions.history import PastTurn, as_turns, within_bounds
from actors.sessions.store import FILE_NAME, NewTurn, SessionStore
from pipelines.context import estimate_tokens
from pipelines.language import dependencies, load_pipeline
from tests.support import run
from tests.tree_for_tests import Play, answer_of, in_tree

KEYS = {"anthropic": True, "gemini": True, "offline": True}
TUTOR = "{name: %s, type: claude_session, prompt: '%s', on_error: retry, session_config: {session_name: tutor%s}}"


def one(prompt: str = "hello", more: str = "", name: str = "ask") -> str:
    return "name: lesson\nsteps:\n  - " + TUTOR % (name, prompt, more) + "\n"


class Heard:
    """A play that keeps what it was asked, and may hold its answers back."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.gate: asyncio.Event | None = None
        self.at_once = 0
        self.most_at_once = 0
        self._more = asyncio.Event()

    async def __call__(self, provider: str, request: Request) -> Answer:
        self.requests.append(request)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self._more.set()
        try:
            if self.gate is not None:
                await self.gate.wait()
        finally:
            self.at_once -= 1
        return answer_of(provider, request)

    async def reached(self, at_once: int) -> None:
        """Returns when so many questions are being answered; the test's own deadline bounds it."""
        while self.at_once < at_once:
            self._more.clear()
            await self._more.wait()

    @property
    def histories(self) -> list[list[str]]:
        return [[turn.text for turn in request.history] for request in self.requests]


def node(
    directory: Path, play: Play, main: Callable[[Kernel], Awaitable[Any]], journal: MemoryStore | None = None
) -> Any:
    return run(in_tree(directory, KEYS, main, journal=journal, play=play), 30)


async def submit(kernel: Kernel, run_id: str, text: str) -> None:
    await kernel.ref("runs").call(SubmitRun(RunRequest(run_id, load_pipeline(text), {}, "/nonexistent", text)))


async def outcome(kernel: Kernel, run_id: str) -> RunOutcome:
    ended: RunOutcome = await kernel.ref("runs").call(AwaitRun(run_id, 10.0), timeout_s=12.0)
    assert ended.status == "succeeded", ended.error
    return ended


async def spoken(kernel: Kernel, run_id: str, text: str, step: str = "ask") -> dict[str, Any]:
    await submit(kernel, run_id, text)
    found: Any = (await outcome(kernel, run_id)).results[step]
    return found


def test_a_later_step_goes_on_with_the_conversation_of_an_earlier_one(tmp_path: Path) -> None:
    heard = Heard()
    second = TUTOR % ("again", "and then after {{ steps.ask.text }}", "")

    async def main(kernel: Kernel) -> dict[str, Any]:
        return await spoken(kernel, "r1", one() + "  - " + second + "\n", "again")

    facts = node(tmp_path, heard, main)["claude_session_metadata"]
    assert heard.histories == [[], ["hello", "hello"]]
    assert (facts["turn"], facts["history_turns"], facts["session_name"]) == (2, 1, "tutor")


def test_the_turns_of_one_session_follow_the_order_of_the_text() -> None:
    text = one(name="a") + "".join(f"  - {TUTOR % (name, 'q', '')}\n" for name in ("c", "b"))
    assert dependencies(load_pipeline(text)) == {"a": frozenset(), "c": {"a"}, "b": {"a", "c"}}


def test_another_run_on_another_node_goes_on_with_it(tmp_path: Path) -> None:
    heard = Heard()

    async def lessons(kernel: Kernel) -> tuple[Any, ...]:
        await spoken(kernel, f"r{len(heard.requests)}", one(f"question {len(heard.requests)}"))
        return await kernel.ref("sessions").call(ListSessions())

    node(tmp_path, heard, lessons)
    (summary,) = node(tmp_path, heard, lessons)
    assert heard.histories[1] == ["question 0", "question 0"]
    assert (summary.name, summary.turns) == ("tutor", 2)
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600


def test_two_runs_on_one_session_take_turns_and_each_sees_the_others(tmp_path: Path) -> None:
    heard = Heard()

    async def main(kernel: Kernel) -> list[int]:
        heard.gate = asyncio.Event()
        for each in ("r1", "r2", "r3"):
            await submit(kernel, each, one(each))
        await heard.reached(1)
        heard.gate.set()
        made: list[Any] = [(await outcome(kernel, each)).results["ask"] for each in ("r1", "r2", "r3")]
        return sorted(each["claude_session_metadata"]["turn"] for each in made)

    assert node(tmp_path, heard, main) == [1, 2, 3]
    assert heard.most_at_once == 1
    assert sorted(map(len, heard.histories)) == [0, 2, 4]


def test_different_sessions_do_not_wait_for_each_other(tmp_path: Path) -> None:
    heard = Heard()

    async def main(kernel: Kernel) -> None:
        heard.gate = asyncio.Event()
        await submit(kernel, "r1", one())
        await submit(kernel, "r2", one().replace("tutor", "other"))
        await heard.reached(2)
        heard.gate.set()
        await outcome(kernel, "r1")
        await outcome(kernel, "r2")

    node(tmp_path, heard, main)


def test_a_session_without_a_name_of_its_own_ends_with_its_run(tmp_path: Path) -> None:
    heard = Heard()
    text = "name: p\nsteps:\n  - {name: ask, type: claude_session, prompt: hello, on_error: retry}\n"

    async def main(kernel: Kernel) -> Any:
        await spoken(kernel, "r1", text)
        await spoken(kernel, "r2", text)
        return await kernel.ref("sessions").call(ListSessions())

    assert node(tmp_path, heard, main) == ()
    assert heard.histories == [[], []]


def test_a_session_may_begin_each_run_anew_and_still_keep_its_turns(tmp_path: Path) -> None:
    heard = Heard()

    async def main(kernel: Kernel) -> Any:
        await spoken(kernel, "r1", one())
        return await spoken(kernel, "r2", one(more=", continue_on_restart: false"))

    assert node(tmp_path, heard, main)["claude_session_metadata"]["turn"] == 2
    assert heard.histories == [[], []]


def test_the_history_is_bounded_and_says_what_was_left_out(tmp_path: Path) -> None:
    heard = Heard()

    async def main(kernel: Kernel) -> Any:
        for number in range(3):
            await spoken(kernel, f"r{number}", one(f"q{number}"))
        return await spoken(kernel, "r9", one(more=", max_turns: 2"))

    facts = node(tmp_path, heard, main)["claude_session_metadata"]
    assert heard.histories[-1] == ["q1", "q1", "q2", "q2"]
    assert (facts["history_turns"], facts["history_left_out"]) == (2, 1)


def test_a_turn_that_was_answered_is_not_asked_again_when_its_step_is_begun_again(tmp_path: Path) -> None:
    """The journal is lost after the answer was kept: the step runs a second time, under the same run and path."""
    heard = Heard()

    async def main(kernel: Kernel) -> Any:
        return await spoken(kernel, "r1", one())

    first = node(tmp_path, heard, main, MemoryStore())
    again = node(tmp_path, heard, main, MemoryStore())
    assert len(heard.requests) == 1
    assert again["text"] == first["text"]
    assert again["claude_session_metadata"]["turn"] == 1


def test_a_killed_desk_comes_back_and_its_turn_is_taken_all_the_same(tmp_path: Path) -> None:
    heard = Heard()

    async def main(kernel: Kernel) -> Any:
        heard.gate = asyncio.Event()
        await submit(kernel, "r1", one())
        await heard.reached(1)
        kernel.ref("sessions").kill()
        heard.gate.set()
        return (await outcome(kernel, "r1")).results["ask"]

    assert node(tmp_path, heard, main)["claude_session_metadata"]["turn"] == 1


def test_a_failed_turn_leaves_no_trace_in_the_session(tmp_path: Path) -> None:
    heard = Heard()

    async def failing(provider: str, request: Request) -> Answer:
        if not heard.requests:
            heard.requests.append(request)
            raise RuntimeError("the connection crashes")
        return await heard(provider, request)

    async def main(kernel: Kernel) -> Any:
        return await spoken(kernel, "r1", one())

    assert node(tmp_path, failing, main)["claude_session_metadata"]["turn"] == 1
    assert heard.histories[-1] == []


def test_a_file_that_is_no_database_fails_the_turn_with_its_name(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"this is not a database, whatever its name says" * 100)
    text = one().replace("on_error: retry", "on_error: fail")

    async def main(kernel: Kernel) -> Any:
        await submit(kernel, "r1", text)
        return await kernel.ref("runs").call(AwaitRun("r1", 10.0), timeout_s=12.0)

    ended = node(tmp_path, Heard(), main)
    assert ended.error["code"] == "session_unkept"
    assert FILE_NAME in ended.error["message"]


_KEEPS_AND_DIES = """
import os, signal, sys
from pathlib import Path
from actors.sessions.store import NewTurn, SessionStore
store = SessionStore(Path(sys.argv[1]))
store.keep(NewTurn("s", "t1", "r1", "q", "a", {"text": "a"}, 0, 0, True), 1.0)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_turn_survives_kill_9_right_after_it_was_kept(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[3]
    command = [sys.executable, "-c", _KEEPS_AND_DIES, str(tmp_path / FILE_NAME)]
    died = subprocess.run(command, cwd=root, timeout=30, check=False)
    assert died.returncode == -9
    store = SessionStore(tmp_path / FILE_NAME)
    kept = store.find("t1")
    assert kept is not None
    assert kept.result == {"text": "a"}
    store.close()


def test_of_two_answers_to_one_turn_the_first_stands(tmp_path: Path) -> None:
    store = SessionStore(tmp_path / FILE_NAME)
    for text in ("first", "second"):
        stands = store.keep(NewTurn("s", "t1", "r1", "q", text, {"text": text}, 0, 0, True), 1.0)
        assert stands.result == {"text": "first"}
    assert store.count("s") == 1
    store.close()


def test_old_turns_and_old_sessions_of_runs_make_room(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("actors.sessions.store.KEPT_TURNS", 2)
    monkeypatch.setattr("actors.sessions.store.KEPT_RUN_SESSIONS", 1)
    store = SessionStore(tmp_path / FILE_NAME)
    for number in range(3):
        store.keep(NewTurn("s", f"t{number}", "r", f"q{number}", "a", {}, 0, 0, True), float(number))
        store.keep(NewTurn(f"run{number}", f"u{number}", "r", "q", "a", {}, 0, 0, False), float(number))
    assert [turn.question for turn in store.past("s", 10)] == ["q1", "q2"]
    assert [store.count(f"run{number}") for number in range(3)] == [0, 0, 1]
    store.close()


def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    store = SessionStore(tmp_path / FILE_NAME)
    store.close()
    with sqlite3.connect(tmp_path / FILE_NAME) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    try:
        SessionStore(tmp_path / FILE_NAME)
    except Exception as error:
        assert "newer version" in str(error)
    else:
        raise AssertionError("it was opened")


def test_a_turn_goes_whole_or_not_at_all() -> None:
    past = [PastTurn("aaaa", "b"), PastTurn("c" * 10, "d"), PastTurn("e", "f")]
    assert within_bounds(past, 10, 8) == (past[2],)
    assert within_bounds(past, 10, 100) == tuple(past)
    assert within_bounds(past, 2, 100) == tuple(past[1:])


def test_a_turn_without_an_answer_is_not_sent() -> None:
    assert [turn.text for turn in as_turns([PastTurn("q", ""), PastTurn("q2", "a2")])] == ["q2", "a2"]


# ---- looking at them --------------------------------------------------------------------------------------------


def test_a_session_is_read_and_forgotten_and_then_begins_anew(tmp_path: Path) -> None:
    heard = Heard()

    async def main(kernel: Kernel) -> None:
        desk = kernel.ref("sessions")
        for number, question in enumerate(("first", "second", "third")):
            await submit(kernel, f"run-{number}", one(question))
            await outcome(kernel, f"run-{number}")
        read: Transcript = await desk.call(ReadSession("tutor", 2))
        assert (read.session.name, read.session.turns) == ("tutor", 3)
        assert [(turn.number, turn.run_id, turn.question) for turn in read.turns] == [
            (2, "run-1", "second"),
            (3, "run-2", "third"),
        ]
        assert await desk.call(ForgetSession("tutor")) is True
        for message in (ReadSession("tutor"), ForgetSession("tutor")):
            with pytest.raises(UnknownSessionError, match="no session 'tutor'"):
                await desk.call(message)
        await submit(kernel, "run-3", one("fourth"))
        await outcome(kernel, "run-3")
        assert (await desk.call(ReadSession("tutor"))).session.turns == 1

    node(tmp_path, heard, main)
    assert heard.histories[-1] == []


def test_a_session_is_not_forgotten_while_a_turn_is_under_way(tmp_path: Path) -> None:
    heard = Heard()
    heard.gate = asyncio.Event()

    async def main(kernel: Kernel) -> None:
        await submit(kernel, "run-0", one("slow"))
        await heard.reached(1)
        with pytest.raises(SessionBusyError, match="another turn is under way"):
            await kernel.ref("sessions").call(ForgetSession("tutor", wait_s=0.05))
        assert heard.gate is not None
        heard.gate.set()
        await outcome(kernel, "run-0")
        assert await kernel.ref("sessions").call(ForgetSession("tutor")) is True

    node(tmp_path, heard, main)


def test_a_run_s_own_session_is_not_shown_to_others(tmp_path: Path) -> None:
    async def main(kernel: Kernel) -> None:
        await submit(kernel, "run-0", "name: p\nsteps: [{name: own, type: claude_session, prompt: hi}]\n")
        await outcome(kernel, "run-0")
        assert await kernel.ref("sessions").call(ListSessions()) == ()

    node(tmp_path, Heard(), main)


def test_of_a_conversation_only_as_many_turns_go_along_as_there_is_room_for(tmp_path: Path) -> None:
    heard = Heard()
    said = "tell me something long about the sea " * 20

    async def main(kernel: Kernel) -> dict[str, Any]:
        for number in range(4):
            await spoken(kernel, f"r{number}", one(f"{number} {said}"))
        return await spoken(kernel, "r9", one("and now").replace("tutor}", "tutor}, context: {max_input_tokens: 500}"))

    result = node(tmp_path, heard, main)
    facts = result["claude_session_metadata"]
    assert 0 < facts["history_turns"] < 4
    assert facts["history_turns"] + facts["history_left_out"] == 4
    assert heard.histories[-1][0].startswith(str(4 - facts["history_turns"]))
    assert sum(estimate_tokens(text) for text in heard.histories[-1]) <= 500
    assert result["metadata"]["context"]["limit"] == 500
