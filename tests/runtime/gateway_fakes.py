"""A gateway over a real socket with fake actors behind it."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from actors.audit import AuditBook, Note
from actors.kernel import Actor, ActorRef, Kernel, RestartLog
from actors.killswitch import ArmSwitch, BoardState, SwitchState, TriggerSwitch
from actors.runs import (
    AwaitRun,
    CancelRun,
    GetRun,
    ListRuns,
    NoSuchRunError,
    RunError,
    RunEvent,
    RunEventKind,
    RunEvents,
    RunInfo,
    RunOutcome,
    RunStatus,
    SubmitRun,
)
from pipelines.guardrails.kill_switch import Switch
from runtime.gateway import SocketServer
from runtime.gateway.peer import PeerUid, peer_uid
from runtime.settings import Settings, load_settings
from runtime.shutdown import ShutdownRequest

PIPELINE = "name: small\nsteps:\n  - name: first\n    type: set_variable\n    variables: {x: 1}\n"


@dataclass
class Seen:
    """What the fakes were told."""

    submitted: list[Any] = field(default_factory=list[Any])
    cancelled: list[str] = field(default_factory=list[str])
    switches: list[Any] = field(default_factory=list[Any])
    status: dict[str, RunStatus] = field(default_factory=dict[str, RunStatus])
    kept: list[RunEvent] = field(default_factory=list[RunEvent])
    triggered: tuple[Switch, ...] = ()
    crash_on_list: bool = False


class FakeRuns(Actor):
    """Answers for runs as told by `Seen`."""

    expected_errors = (RunError,)

    def __init__(self, seen: Seen) -> None:
        super().__init__()
        self._seen = seen

    async def on_receive(self, message: object) -> Any:
        match message:
            case SubmitRun(request):
                self._seen.submitted.append(request)
                self._seen.status[request.run_id] = "running"
                return request.run_id
            case GetRun(run_id):
                if run_id not in self._seen.status:
                    raise NoSuchRunError(run_id)
                return self._info(run_id)
            case RunEvents(run_id):
                return tuple(event for event in self._seen.kept if event.run_id == run_id)
            case ListRuns():
                if self._seen.crash_on_list:
                    raise ValueError("a secret detail")
                return tuple(self._info(run_id) for run_id in self._seen.status)
            case CancelRun(run_id):
                self._seen.cancelled.append(run_id)
                return True
            case AwaitRun(run_id):
                return RunOutcome(run_id, "succeeded", {"first": {"x": 1}}, {}, None, {}, None, 0.1)
            case _:
                raise AssertionError(message)

    def _info(self, run_id: str) -> RunInfo:
        return RunInfo(run_id, "small", "hash", self._seen.status[run_id], 1.0)


class FakeBoard(Actor):
    """Keeps what it is told."""

    def __init__(self, seen: Seen) -> None:
        super().__init__()
        self._seen = seen

    async def on_receive(self, message: object) -> Any:
        match message:
            case SwitchState():
                return BoardState(self._seen.triggered, True)
            case TriggerSwitch() | ArmSwitch():
                self._seen.switches.append(message)
                return None
            case _:
                raise AssertionError(message)


class FakeAudit(Actor):
    """Keeps what it is told to note in the node's book."""

    def __init__(self, book: AuditBook) -> None:
        super().__init__()
        self._book = book

    async def on_receive(self, message: object) -> None:
        if isinstance(message, Note):
            self._book.record(message.decision)


class FakeNode:
    """A node view without a tree."""

    def __init__(self, kernel: Kernel, settings: Settings) -> None:
        self.kernel = kernel
        self.settings = settings
        self.audit = AuditBook()
        self.shutdown = ShutdownRequest()
        self.restart_log = RestartLog(kernel)
        self.restart_log.attach()

    async def tree(self) -> Mapping[str, object]:
        """A tree of two."""
        leaf: dict[str, object] = {
            "name": "runs",
            "id": "runs",
            "class": "FakeRuns",
            "status": "running",
            "children": [],
        }
        return {"name": "node", "id": "node", "class": "Supervisor", "status": "running", "children": [leaf]}

    def status(self) -> Mapping[str, object]:
        """One fact."""
        return {"uptime_s": 1.0}


@dataclass
class Gateway:
    """What a test has at hand."""

    client: httpx.AsyncClient
    kernel: Kernel
    node: FakeNode
    seen: Seen
    path: Path
    server: ActorRef[Any]
    published: int = 0

    def publish(self, run_id: str, *kinds: RunEventKind) -> None:
        """Publishes further events of a run, one of each kind."""
        for kind in kinds:
            self.published += 1
            self.kernel.events.publish(RunEvent(run_id, self.published, 1000.0 + self.published, kind, None, {}))


@asynccontextmanager
async def gateway(
    *,
    uid_of: PeerUid = peer_uid,
    change: Callable[[dict[str, str]], None] = lambda env: None,
) -> AsyncGenerator[Gateway]:
    """Starts the socket server with fakes behind it; `change` may set environment variables of the settings."""
    with tempfile.TemporaryDirectory(prefix="evo") as name:
        env = {"HOME": name, "EVOPIPE_STATE_DIR": f"{name}/state", "EVOPIPE_SOCKET_PATH": f"{name}/e.sock"}
        change(env)
        settings = load_settings(None, env)
        kernel = Kernel()
        seen = Seen()
        node = FakeNode(kernel, settings)
        await kernel.spawn(FakeRuns, seen, name="runs")
        await kernel.spawn(FakeAudit, node.audit, name="audit")
        await kernel.spawn(FakeBoard, seen, name="kill_board")
        server = await kernel.spawn(SocketServer, node, settings.socket_path, uid_of, name="socket_server")
        transport = httpx.AsyncHTTPTransport(uds=str(settings.socket_path))
        async with httpx.AsyncClient(transport=transport, base_url="http://evopipe", timeout=8) as client:
            try:
                yield Gateway(client, kernel, node, seen, settings.socket_path, server)
            finally:
                await kernel.shutdown()
