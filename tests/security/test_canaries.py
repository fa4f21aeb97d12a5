"""Secrets planted wherever there may be any, and every output of a real node searched for them.

Keys may be nowhere. What prompts, inputs and answers say belongs in the journal and the sessions' file, in what the
person who asked gets back, and in the workspace; not in logs, metrics, the audit log, crash reports, the tree or what
viewers get.
"""

from __future__ import annotations

import asyncio
import json
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from runtime.client import NodeClient, RequestFailedError
from runtime.gateway.content import without_content
from tests.node_for_tests import Command, node_home
from tests.support import run
from tests.wire import Answered, Failed, WireServer

pytestmark = pytest.mark.daemon

ENV_KEY = "sk-ant-canary-of-the-environment-0001"
FILE_KEY = "canary-of-the-key-file-without-any-form-0002"  # looks like no key: only its being known keeps it out
PROMPT, INPUT, ANSWER = "canary-prompt-0003", "canary-input-0004", "canary-answer-0005"
SPOKEN, DEFINED = "canary-spoken-0006", "canary-variable-0007"
VENDOR_SAYS = "canary-of-the-vendor-0008"
KEYS = (ENV_KEY, FILE_KEY)
CONTENT = (PROMPT, INPUT, ANSWER, SPOKEN, DEFINED, VENDOR_SAYS)

ASK = f"""\
name: ask
inputs: {{topic: {{type: string}}}}
steps:
  - {{name: remember, type: set_variable, variables: {{x: {DEFINED}}}}}
  - name: answer
    type: claude
    prompt: "{PROMPT} about {{{{ inputs.topic }}}}"
    on_error: fail
    retry: {{max_attempts: 1}}
  - name: other
    type: gemini
    depends_on: [answer]
    prompt: "{PROMPT} again"
    on_error: fail
    retry: {{max_attempts: 1}}
"""
TALK = f"""\
name: talk
steps:
  - {{name: say, type: claude_session, session_config: {{session_name: planted}}, prompt: {SPOKEN}}}
"""


class Planted:
    """A node with canaries in it, and everything that it ever gave out."""

    def __init__(self, evopipe: Command) -> None:
        self.evopipe = evopipe
        self.state = evopipe.home / "state"
        self.given: dict[str, str] = {}
        self.calls = 0

    async def command(self, *words: str, owner_asked: bool = False) -> str:
        """What a command writes; with `owner_asked` it is the answer to whoever made the request."""
        done = await asyncio.to_thread(self.evopipe, *words)
        self.calls += 1
        text = done.stdout + done.stderr
        self.given[f"{'content ' if owner_asked else ''}{self.calls} evopipe {' '.join(words)}"] = text
        return done.stdout

    def files(self, *patterns: str) -> Iterator[tuple[str, str]]:
        for pattern in patterns:
            for path in sorted(self.state.glob(pattern)):
                if path.is_file():
                    yield str(path.relative_to(self.state)), path.read_bytes().decode("utf-8", "replace")

    def others(self) -> dict[str, str]:
        """What may hold no content."""
        return {name: text for name, text in self.given.items() if not name.startswith("content")}


async def outputs(planted: Planted) -> None:
    """Runs what there is to run, breaks what there is to break, and keeps whatever comes out."""
    evopipe = planted.evopipe
    (evopipe.home / "ask.yaml").write_text(ASK, encoding="utf-8")
    (evopipe.home / "talk.yaml").write_text(TALK, encoding="utf-8")
    await planted.command("up")
    await planted.command("run", "ask.yaml", "-i", f"topic={INPUT}", "--json", owner_asked=True)
    for _ in range(4):  # the vendors fail, and quote what they were sent
        await planted.command("run", "ask.yaml", "-i", f"topic={INPUT}", "--json", owner_asked=True)
    await planted.command("run", "talk.yaml", owner_asked=True)
    await planted.command("sessions", "planted", owner_asked=True)
    await planted.command("inspect", "provider.anthropic", "--trace", "20")
    await planted.command("inspect", "journal", "--trace", "20")
    await planted.command("run", "ask.yaml", "-i", f"topic={INPUT}", owner_asked=True)
    await planted.command("kill-actor", "connection.anthropic.1")
    await planted.command("kill", "pipeline", "ask", "--reason", "a test")
    await planted.command("arm", "pipeline", "ask", "--reason", "a test")
    for words in (("status", "--json"), ("tree", "--json"), ("sessions",)):
        await planted.command(*words)
    await planted.command("audit", "--tail", "1000", "--json")
    await planted.command("audit", "export", "--format", "csv")
    await planted.command("logs", "--tail", "10000")
    await planted.command("backup", str(evopipe.home / "kept.backup"))
    planted.given["command lines"] = command_lines(str(evopipe.home))
    await asyncio.to_thread(ask_the_node, planted)


def command_lines(home: str) -> str:
    """What `ps` shows to everybody of the node and its watchdog."""
    if not Path("/proc/self/cmdline").exists():
        return ""
    found = [read(file) for file in Path("/proc").glob("[0-9]*/cmdline")]
    return "\n".join(line for line in found if home in line or "runtime.daemon" in line)


def read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace").replace("\0", " ")
    except OSError:  # it has ended
        return ""


def ask_the_node(planted: Planted) -> None:
    status = json.loads(next(text for name, text in planted.given.items() if "status --json" in name))
    with urlopen(status["metrics"], timeout=10) as answer:
        planted.given["metrics"] = answer.read().decode()
    with NodeClient(planted.evopipe.socket, timeout_s=20) as client:
        # As the commands show them with --json; a process for each would cost half a minute.
        for name in ("provider.anthropic", "provider.gemini", "journal", "sessions", "runs", "audit", "socket_server"):
            planted.given[f"actor {name}"] = json.dumps(client.get(f"/v1/actors/{name}"))
        for path in ("/v1/ps", "/v1/kill-switches", "/v1/breakers", "/v1/budgets", "/v1/pipelines", "/openapi.json"):
            planted.given[path] = json.dumps(client.get(path))
        runs: list[dict[str, Any]] = client.get("/v1/runs")["runs"]
        assert len(runs) >= 5
        for each in runs:
            path = f"/v1/runs/{each['run_id']}"
            planted.given[f"viewer {path}"] = json.dumps(without_content(client.get(path)))
            planted.given[f"viewer {path}/outcome"] = json.dumps(without_content(client.get(f"{path}/outcome")))
            planted.given[f"content {path}"] = json.dumps([client.get(path), list(client.events(each["run_id"]))])
        for body in ({"definition": f"name: {ENV_KEY}\nsteps: []\n"}, {"definition": 1, "inputs": {"a": "b"}}):
            try:
                client.post("/v1/runs", body)
            except RequestFailedError as refused:
                planted.given[f"refused {body.keys()}"] = "" if ENV_KEY in str(body) else str(refused)


def planted_node(check: Any) -> None:
    quoted = f"{VENDOR_SAYS}: your key {{key}} and your text {PROMPT} {INPUT} are refused"

    async def play() -> None:
        with node_home() as evopipe:
            key_file = evopipe.home / "gemini.key"
            key_file.write_text(FILE_KEY + "\n", encoding="utf-8")
            key_file.chmod(0o600)
            answers = [
                Answered(ANSWER),
                Failed(400, message=quoted),
                Failed(401, message=quoted),
                Failed(500, message=quoted),
            ]
            others = [Answered(ANSWER), Failed(400, message=quoted)]
            async with (
                WireServer(ENV_KEY, answers) as claude,
                WireServer(FILE_KEY, others) as gemini,
            ):
                evopipe.env |= {
                    "EVOPIPE_STATE_DIR": str(evopipe.home / "state"),
                    "EVOPIPE_LOGGING__LEVEL": "debug",
                    "ANTHROPIC_API_KEY": ENV_KEY,
                    "EVOPIPE_PROVIDERS__GEMINI__API_KEY_ENV": "null",
                    "EVOPIPE_PROVIDERS__GEMINI__API_KEY_FILE": str(key_file),
                    "EVOPIPE_PROVIDERS__ANTHROPIC__BASE_URL": claude.url,
                    "EVOPIPE_PROVIDERS__GEMINI__BASE_URL": gemini.url,
                }
                planted = Planted(evopipe)
                await outputs(planted)
                await planted.command("down")
                check(planted, claude, gemini)

    run(play(), 100)


def found_in(texts: dict[str, str], words: tuple[str, ...]) -> list[str]:
    """Where each word was found, with what stands around it."""
    return [
        f"{word} in {name}: ...{text[max(0, hit.start() - 120) : hit.end() + 40]}..."
        for name, text in texts.items()
        for word in words
        for hit in list(re.finditer(re.escape(word), text))[:1]
    ]


def test_no_key_is_in_any_output_and_content_only_where_it_belongs() -> None:
    def check(planted: Planted, claude: WireServer, gemini: WireServer) -> None:
        # The canaries are alive: they were sent, and came back to whoever asked.
        assert len(claude.calls) >= 5
        assert gemini.calls
        contents = "".join(text for name, text in planted.given.items() if name.startswith("content"))
        assert [word for word in (ANSWER, SPOKEN, VENDOR_SAYS, DEFINED) if word not in contents] == []
        kept = dict(planted.files("journal.sqlite3*", "sessions.sqlite3*"))
        assert PROMPT in "".join(kept.values())

        backup = planted.evopipe.home / "kept.backup"
        everywhere = {**planted.given, **dict(planted.files("**/*")), "the backup": backup.read_text("latin-1")}
        assert any(name.startswith("logs/") for name in everywhere)
        assert any(name.startswith("audit/") for name in everywhere)
        assert found_in(everywhere, KEYS) == []

        assert PROMPT in everywhere["the backup"]
        assert "runtime.watchdog" in everywhere["command lines"]

        # All of it is the owner's alone, whatever the umask; what runs made lies in a directory that is.
        kept_files = [path for path in planted.state.rglob("*") if "workspace" not in path.parts]
        for path in (planted.state, backup, *kept_files):
            assert stat.S_IMODE(path.lstat().st_mode) & 0o077 == 0, path

        elsewhere = {**planted.others(), **dict(planted.files("logs/*", "audit/*", "audit_heads*", "kill*"))}
        assert found_in(elsewhere, CONTENT) == []

    planted_node(check)
