"""`Node`: a kernel, the supervision tree on it, and what the daemon and the gateway ask of both.

Made inside the running loop. `start` returns when the whole tree is up; when the root supervisor gives up, the node
asks for its own shutdown with the reason, so that systemd (or whoever started it) starts a new one.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
from collections.abc import Callable, Mapping

from actors.audit import AuditBook, Decision, decisions, listen
from actors.kernel import ActorRef, Kernel, RestartLog
from actors.killswitch import KillView, TriggerSwitch
from actors.providers import PROVIDERS
from actors.runs import Drain
from actors.treasury import LeaseTable
from pipelines.guardrails import Triggered
from pipelines.guardrails.breaker import BreakerState
from pipelines.guardrails.breaker_panel import BreakerPanel
from runtime.composition import Composition, gateway_children
from runtime.gateway import TcpAddress, version
from runtime.log_events import log_lifecycle
from runtime.metrics import MetricsAddress, NodeMetrics
from runtime.settings import Settings, VendorSettings, changed_keys, taken_over
from runtime.shutdown import ShutdownRequest
from supervisors import Supervisor, snapshot
from supervisors.tree import node_tree

STOP_WAIT_S = 8.0
TRIGGER_ANSWER_S = 30.0

_log = logging.getLogger("evopipe.node")


class Node:
    """One node. Use `start`, then `drain` and `stop`, each once."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.shutdown = ShutdownRequest()
        self.kernel = Kernel(rng=random.Random())
        self.kill_view = KillView()
        self.audit = AuditBook()
        self.breakers = BreakerPanel(settings.breakers.rules(), self.kernel.events.publish, self.kernel.clock.wall)
        self.leases = LeaseTable()
        self.metrics = NodeMetrics(self.kernel, self.kill_view, self.breakers, self.leases.seen, self.audit)
        self.restart_log = RestartLog(self.kernel)
        self._root: ActorRef[Supervisor] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._started_at = 0.0
        self._tcp_address: tuple[str, int] | None = None
        self._metrics_address: tuple[str, int] | None = None
        self._detach = [
            self.metrics.attach(),
            self.restart_log.attach(),
            self.leases.attach(self.kernel),
            log_lifecycle(self.kernel.events),
            listen(self.kernel, self.audit),
        ]
        self._draining = False
        self._watchdog_facts: Callable[[], Mapping[str, object]] = lambda: {"state": "none: not started by the daemon"}

    # ---- life ----------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Starts the tree. Raises `StartError` with the first child's reason; then nothing is left running."""
        self.audit.greeting = self._greeting
        made_of = Composition(self.settings, self.kernel, self.kill_view, self.breakers, self.leases, self.audit)
        self._root = await self.kernel.spawn(
            Supervisor,
            node_tree(made_of.parts(gateway_children(self.settings, self, self.metrics))),
            name="node",
            strategy="rest_for_one",
            max_restarts=3,
            max_seconds=30.0,
        )
        self._started_at = self.kernel.clock.now()
        if self.settings.metrics.enabled:
            self._metrics_address = await self.kernel.ref("metrics_server").call(MetricsAddress())
        if self.settings.tcp.enabled:
            self._tcp_address = await self.kernel.ref("tcp_server").call(TcpAddress())
        self._watching = asyncio.get_running_loop().create_task(self._watch(self._root), name="node-watch")

    async def drain(self, timeout_s: float) -> None:
        """Lets no new runs in and waits at most `timeout_s` for the live ones. What is left resumes next time."""
        self._draining = True
        await self.kernel.ref("runs").call(Drain(timeout_s), timeout_s=timeout_s + 1.0)

    async def stop(self) -> None:
        """Stops the tree in reverse order. Unfinished runs stay in the journal and are resumed by the next node."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        self.audit.farewell = decisions.node_stopped(self.kernel.clock.wall(), self.shutdown.failure)
        await self.kernel.shutdown(STOP_WAIT_S)
        for detach in self._detach:
            detach()

    async def reload(self, settings: Settings) -> None:
        """Takes over what can change in a running node: `workspace`, `limits.request_bytes`, `limits.drain_s`, logging.

        All else needs a restart; what differs there is said in the log.
        """
        before = self.settings
        self.settings, held = taken_over(before, settings)
        if held:
            _log.warning("these settings changed and need a restart to take effect: %s", ", ".join(held))
        changed = changed_keys(before.model_dump(), settings.model_dump())
        waiting = changed_keys(self.settings.model_dump(), settings.model_dump())
        self.audit.record(
            decisions.settings_reloaded(self.kernel.clock.wall(), "signal", changed, waiting), urgent=True
        )

    def watched_by(self, witness: Callable[[Triggered], None], facts: Callable[[], Mapping[str, object]]) -> None:
        """From the daemon, before the start: who is told of each change of the kill switches, and how the watchdog
        is."""
        self.kill_view.witnessed_by(witness)
        self._watchdog_facts = facts

    async def trigger_node_switch(self, reason: str, who: str) -> None:
        """Stops all work at once, until a person arms the node again."""
        # In force long before the answer, which waits for the disk and behind all that is cut off.
        await self.kernel.ref("kill_board").call(TriggerSwitch("node", "", reason, who), timeout_s=TRIGGER_ANSWER_S)

    def _greeting(self, former_end: str) -> Decision:
        return decisions.node_started(self.kernel.clock.wall(), version(), os.getpid(), former_end)

    async def _watch(self, root: ActorRef[Supervisor]) -> None:
        reason = await root.wait_exit()
        self.shutdown.fail(f"the supervision tree ended: {reason}")

    # ---- views ---------------------------------------------------------------------------------------------

    async def tree(self) -> Mapping[str, object]:
        """The live supervision tree."""
        roots = snapshot(self.kernel)
        named = [root for root in roots if root["name"] == "node"]
        return named[0] if named else {"name": "node", "status": "starting", "children": roots}

    def status(self) -> Mapping[str, object]:
        """Facts for `evopipe status`. No secrets: a provider's key shows as there or not there."""
        return {
            "uptime_s": round(self.kernel.clock.now() - self._started_at, 3),
            "actors": self.kernel.live,
            "draining": self._draining,
            "metrics": self._metrics_url(),
            "tcp": self._tcp_url(),
            "audit": self.audit.facts(),
            "routes": {family: self.settings.route(family) for family in ("claude", "gemini")},
            "kill_switches": [str(switch) for switch in self.kill_view.triggered],
            "watchdog": self._watchdog_facts(),
            "breakers": [
                f"{each.name} is {each.breaker.state}: {each.why}"
                for each in self.breakers.entries
                if each.breaker.state is not BreakerState.CLOSED
            ]
            + ([self.breakers.damage] if self.breakers.damage else []),
            "providers": {name: self._provider_facts(name) for name in PROVIDERS},
        }

    def _tcp_url(self) -> str | None:
        if self._tcp_address is None:
            return None
        scheme = "https" if self.settings.tcp.cert_file is not None else "http"
        return f"{scheme}://{self._tcp_address[0]}:{self._tcp_address[1]}"

    def _metrics_url(self) -> str | None:
        if self._metrics_address is None:
            return None
        host, port = self._metrics_address
        return f"http://{host}:{port}/metrics"

    def _provider_facts(self, name: str) -> str:
        if name == "offline":
            return "ready (not a language model)"
        vendor: VendorSettings = getattr(self.settings.providers, name)
        if vendor.api_key() is not None:
            return "key found"
        return f"no key: set {vendor.api_key_env}" if vendor.api_key_env else "no key"
