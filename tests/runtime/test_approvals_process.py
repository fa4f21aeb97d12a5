"""Questions to people at a whole node: the command line, the socket, kill -9, expiry while the node is down."""

from __future__ import annotations

import contextlib
import getpass
import json
import stat
import time
from collections.abc import Callable, Generator, Iterator
from typing import Any

import httpx
import pytest

from runtime.cli import exits
from tests.node_for_tests import Command, node_home

pytestmark = pytest.mark.daemon
ASKS = """\
name: release
inputs: {secret: {type: string, default: canary-91c4}}
steps:
  - {name: build, type: test_echo, value: {files: 3, key: "{{ inputs.secret }}"}}
  - name: ask
    type: approval
    message: "Release {{ steps.build.files }} files?"
    preview: {files: "{{ steps.build.files }}"}
    fields: {count: integer}
    %s
  - {name: done, type: test_echo, value: "{{ steps.ask.data.count }}"}
"""


@pytest.fixture
def evopipe() -> Iterator[Command]:
    with node_home() as command:
        (command.home / "asks.yaml").write_text(ASKS % "on_reject: fail", encoding="utf-8")
        (command.home / "short.yaml").write_text(ASKS % "expires_in: 2s", encoding="utf-8")
        assert command("up").returncode == exits.OK
        yield command


def pending(evopipe: Command, count: int = 1) -> list[dict[str, Any]]:
    """What waits, as soon as there are so many."""
    return until(lambda: found if len(found := json.loads(evopipe("approvals", "--json").stdout)) == count else None)


def until(look: Callable[[], Any], seconds: float = 20.0) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found is not None:
            return found
    raise AssertionError("it did not come true")


def audited(evopipe: Command, action: str) -> list[dict[str, Any]]:
    """The audit log's entries of one kind, as soon as there are any."""

    def look() -> Any:
        entries = [json.loads(line) for line in evopipe("audit", "export").stdout.splitlines()]
        return [each for each in entries if each["action"] == action] or None

    return until(look)


def submit(evopipe: Command, file: str = "asks.yaml") -> str:
    return evopipe("run", file, "--detach").stdout.strip()


def test_a_question_survives_kill_9_is_answered_from_the_command_line_and_the_run_ends(evopipe: Command) -> None:
    run_id = submit(evopipe)
    (before,) = pending(evopipe)
    assert (before["id"], before["message"]) == (f"{run_id}/ask", "Release 3 files?")
    evopipe.end()
    assert evopipe("up").returncode == exits.OK
    (after,) = pending(evopipe)
    assert after == before
    assert "then: done; about 0.00 US$" in evopipe("approvals").stdout
    shown = evopipe("approvals", run_id).stdout
    assert all(
        word in shown for word in ("Release 3 files?", '"files": 3', f"evopipe approve {run_id}/ask --data count")
    )
    unfit = evopipe("approve", run_id, "--data", "count=three")
    assert (unfit.returncode, "data.count: Expected integer" in unfit.stderr) == (exits.INVALID, True)
    done = evopipe("approve", run_id, "--data", "count=3", "--comment", "go", "--json")
    assert done.returncode == exits.OK, done.stderr
    answer = json.loads(done.stdout)["answer"]
    assert (answer["by"], answer["data"], answer["comment"]) == (getpass.getuser(), {"count": 3}, "go")
    ended = evopipe("follow", run_id, "--json")
    assert (ended.returncode, json.loads(ended.stdout)["results"]["done"]) == (exits.OK, 3)
    late = evopipe("reject", f"{run_id}/ask", "--comment", "no")
    assert late.returncode == exits.INVALID
    assert f"was answered with 'approve' by {getpass.getuser()} at " in late.stderr
    evopipe.end()  # and the next node knows it, too
    assert evopipe("up").returncode == exits.OK
    assert "was answered with 'approve'" in evopipe("reject", f"{run_id}/ask").stderr
    assert f"{run_id}/ask approved by" in evopipe("approvals", f"{run_id}/ask").stdout


def test_a_rejection_ends_the_run_and_following_it_shows_what_it_waited_for(evopipe: Command) -> None:
    run_id = submit(evopipe)
    pending(evopipe)
    assert evopipe("reject", run_id, "--comment", "not on a Friday").returncode == exits.OK
    ended = evopipe("follow", run_id)
    assert ended.returncode == exits.FAILED
    assert f"step waiting ask (Release 3 files?; answer with: evopipe approve {run_id}/ask)" in ended.stderr
    assert "not on a Friday" in ended.stderr


def test_an_expiry_while_the_node_was_down_takes_effect_at_the_next_start(evopipe: Command) -> None:
    run_id = submit(evopipe, "short.yaml")
    pending(evopipe)
    evopipe.end()
    over = time.time() + 2.0
    until(lambda: True if time.time() > over else None)
    assert evopipe("up").returncode == exits.OK
    ended = evopipe("follow", run_id)
    assert (ended.returncode, "nobody answered in time" in ended.stderr) == (exits.FAILED, True)
    assert "nothing waits for an answer" in evopipe("approvals").stdout
    (entry,) = audited(evopipe, "approval.expired")
    assert (entry["who"], entry["subject"], entry["detail"]["counts_as"]) == ("node", f"{run_id}/ask", "reject")


def test_a_kill_switch_takes_the_question_away_until_it_is_armed(evopipe: Command) -> None:
    run_id = submit(evopipe)
    (before,) = pending(evopipe)
    assert evopipe("kill", "pipeline", "release", "--reason", "a test").returncode == exits.OK
    pending(evopipe, 0)
    assert "paused by a kill switch" in evopipe("approve", f"{run_id}/ask", "--data", "count=1").stderr
    assert evopipe("arm", "pipeline", "release", "--reason", "checked").returncode == exits.OK
    assert pending(evopipe) == [before]


def test_the_socket_takes_strict_answers_and_keeps_the_user_of_the_connection(evopipe: Command) -> None:
    run_id = submit(evopipe)
    pending(evopipe)
    transport = httpx.HTTPTransport(uds=str(evopipe.socket))
    with httpx.Client(transport=transport, base_url="http://evopipe", timeout=20) as client:
        path = f"/v1/approvals/{run_id}%2Fask"
        seen = client.get(path).json()
        assert (seen["status"], seen["preview"], seen["answer"]) == ("pending", {"files": 3}, None)
        assert client.get("/v1/approvals", params={"run": "other"}).json() == {"approvals": []}
        for body, status, code in (
            ({"aprove": True}, 422, "invalid_request"),
            ({}, 422, "unfit_answer"),
            ({"choice": "maybe"}, 422, "unfit_answer"),
            ({"approve": True, "data": {"count": 1, "pad": "x" * 70_000}}, 413, "data_too_large"),
        ):
            refused = client.post(path, json=body)
            assert (refused.status_code, refused.json()["error"]["code"]) == (status, code), refused.text
        assert client.get("/v1/approvals/nothing").status_code == 404
        said = client.post(path, json={"approve": True, "data": {"count": 1}, "who": "the pope"}).json()
        assert said["answer"]["by"] == f"the pope (through {getpass.getuser()})"
        again = client.post(path, json={"approve": True, "data": {"count": 1}})
        assert (again.status_code, again.json()["error"]["details"][0]["by"]) == (409, said["answer"]["by"])
        assert "canary-91c4" not in json.dumps([seen, said, again.json(), client.get("/v1/approvals").json()])
    assert "canary-91c4" not in evopipe("logs").stdout


def test_a_node_whose_runs_only_wait_goes_down_without_waiting_for_them(evopipe: Command) -> None:
    submit(evopipe)
    pending(evopipe)
    began = time.monotonic()
    assert evopipe("down").returncode == exits.OK
    assert time.monotonic() - began < 15
    assert evopipe("up").returncode == exits.OK
    pending(evopipe)


# ---- two persons -------------------------------------------------------------------------------------------

TWO = """\
name: release
steps:
  - name: ask
    type: approval
    message: "Publish canary-40b7?"
    preview: {text: canary-40b7}
    approvals_needed: 2
    not_by_submitter: true
  - {name: done, type: test_echo, value: "{{ steps.ask.also_by }}"}
"""
TOKENS = {"ann": "a" * 40, "bob": "b" * 40, "vic": "v" * 40, "phone person=ann": "p" * 40}


@contextlib.contextmanager
def person(evopipe: Command, name: str) -> Generator[httpx.Client]:
    """Somebody who comes with a token of their own."""
    url = evopipe.status()["tcp"]
    headers = {"authorization": f"Bearer {TOKENS[name]}"}
    with httpx.Client(base_url=url, headers=headers, timeout=20, trust_env=False) as client:
        yield client


def test_the_yes_of_two_persons_is_needed_and_the_first_outlives_kill_9() -> None:
    with node_home() as evopipe:
        tokens = evopipe.home / "tokens"
        lines = [f"{'viewer' if name == 'vic' else 'operator'} {token} {name}" for name, token in TOKENS.items()]
        tokens.write_text("\n".join(lines), encoding="utf-8")
        tokens.chmod(0o600)
        evopipe.env |= {
            "EVOPIPE_TCP__ENABLED": "true",
            "EVOPIPE_TCP__PORT": "0",
            "EVOPIPE_TCP__TOKEN_FILE": str(tokens),
        }
        (evopipe.home / "two.yaml").write_text(TWO, encoding="utf-8")
        assert evopipe("up").returncode == exits.OK
        run_id = submit(evopipe, "two.yaml")
        pending(evopipe)
        path = f"/v1/approvals/{run_id}%2Fask"
        with person(evopipe, "vic") as vic:
            seen = vic.get(path)
            assert (seen.status_code, seen.json()["approvals_needed"]) == (200, 2)
            assert "canary-40b7" not in seen.text + vic.get("/v1/approvals").text
            assert vic.post(path, json={"approve": True}).json()["error"]["code"] == "role_needed"
        own = evopipe("approve", run_id)
        assert (own.returncode, "submitted this run: somebody else must approve it" in own.stderr) == (
            exits.INVALID,
            True,
        )
        with person(evopipe, "ann") as ann:
            said = ann.post(path, json={"approve": True, "comment": "read it"}).json()
            assert (said["status"], said["answer"], said["approvals"][0]["person"]) == ("pending", None, "ann")
        evopipe.end()
        assert evopipe("up").returncode == exits.OK
        (waits,) = pending(evopipe)
        assert (waits["approvals_needed"], [each["person"] for each in waits["approvals"]]) == (2, ["ann"])
        assert "1 of 2, by tcp:ann" in evopipe("approvals").stdout
        with person(evopipe, "ann") as ann:
            again = ann.post(path, json={"approve": True, "who": "somebody else"})
            assert (again.status_code, again.json()["error"]["code"]) == (409, "said_before")
            assert "ann has said yes to it already" in again.json()["error"]["message"]
        with person(evopipe, "phone person=ann") as phone:
            other = phone.post(path, json={"approve": True})
            assert (other.status_code, other.json()["error"]["code"]) == (409, "said_before")
        with person(evopipe, "bob") as bob:
            final = bob.post(path, json={"approve": True}).json()
            assert (final["status"], final["answer"]["others"][0]["person"]) == ("answered", "ann")
        ended = json.loads(evopipe("follow", run_id, "--json").stdout)
        assert (ended["status"], "tcp:ann" in str(ended["results"]["done"])) == ("succeeded", True)
        me = getpass.getuser()
        asked = [each["who"].partition(" ")[0] for each in audited(evopipe, "approval.answering")]
        assert asked == [me, "tcp:ann", "tcp:ann", "tcp:phone", "tcp:bob"]  # each before it counted, or was refused
        assert audited(evopipe, "approval.answered")[-1]["detail"] == {
            "approved": True,
            "choice": None,
            "decided": True,
            "said_yes": 2,
            "needed": 2,
        }
        evopipe("down")


# ---- trust -------------------------------------------------------------------------------------------------


def test_trust_that_the_owner_set_answers_after_kill_9_and_says_so_everywhere(evopipe: Command) -> None:
    plain = "name: plain\nsteps:\n  - {name: ask, type: approval, message: Go?}\n"
    (evopipe.home / "plain.yaml").write_text(plain, encoding="utf-8")
    assert "people are always asked" in evopipe("trust").stdout
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(evopipe.socket)), base_url="http://n", timeout=20) as node:
        for _ in range(11):
            run_id = node.post("/v1/runs", json={"definition": plain}).json()["run_id"]
            path = f"/v1/approvals/{run_id}%2Fask"
            until(lambda: node.get(path).status_code == 200 or None)  # noqa: B023 - called at once
            until(lambda: node.post(path, json={"approve": True}).status_code == 200 or None)  # noqa: B023
    assert "from 0.8 to 0.999" in evopipe("trust", "set", "plain", "--threshold", "0.5", "--reason", "x").stderr
    told = evopipe("trust", "set", "plain", "--threshold", "0.8", "--reason", "always the same")
    assert (told.returncode, "which takes 11 approvals" in told.stdout) == (exits.OK, True), told.stderr
    audited(evopipe, "trust.set")  # that it was done is written after the answer, that it is wanted before
    evopipe.end()
    assert evopipe("up").returncode == exits.OK
    assert "11 approved, 0 rejected, 11 in a row; score 0.802, threshold 0.8, approved without asking" in (
        evopipe("trust").stdout
    )
    result = json.loads(evopipe("run", "plain.yaml", "--json").stdout)["results"]["ask"]
    assert (result["by"], result["automatic"]) == ("trust (score 0.80 of 11)", True)
    (entry,) = audited(evopipe, "approval.auto_approving")
    assert (entry["who"], entry["detail"]["threshold"], entry["detail"]["set_by"]) == (
        "trust",
        0.8,
        getpass.getuser(),
    )
    assert [len(audited(evopipe, each)) for each in ("approval.auto_approved", "trust.setting", "trust.set")] == [1] * 3
    assert "people are asked about plain" in evopipe("trust", "clear", "plain", "--reason", "enough").stdout
    run_id = submit(evopipe, "plain.yaml")
    pending(evopipe)
    assert evopipe("reject", run_id).returncode == exits.OK
    assert "score 0.000, always asked" in evopipe("trust").stdout
    assert stat.S_IMODE(next(evopipe.home.rglob("trust.json")).stat().st_mode) == 0o600
