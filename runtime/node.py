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
from decimal import Decimal
from pathlib import Path

from actors.audit import (
    AuditBook,
    AuditPlace,
    Decision,
    auto_approvals_noted_by,
    breaker_orders_noted_by,
    budget_changes_noted_by,
    decisions,
    listen,
)
from actors.kernel import ActorRef, ChildSpec, Kernel, LoopWatchdog, RestartLog
from actors.killswitch import KillView, TriggerSwitch
from actors.providers import PROVIDERS, ProviderOptions, Usage, provider_children
from actors.retention import Policy
from actors.runs import Drain
from actors.steps import PriceOf
from actors.treasury import LeaseTable
from pipelines.guardrails import Triggered
from pipelines.guardrails.breaker import BreakerState
from pipelines.guardrails.breaker_panel import BreakerKind, BreakerName, BreakerPanel
from runtime.gateway import SocketServer, TcpAddress, TcpServer, version
from runtime.journal_place import journal_place
from runtime.known_models import shipped_prices
from runtime.log_events import log_lifecycle
from runtime.metrics import MetricsAddress, MetricsServer, NodeMetrics
from runtime.settings import ProviderRates, Settings, VendorSettings, changed_keys
from runtime.shutdown import ShutdownRequest
from supervisors import Supervisor, snapshot
from supervisors.tree import AuditPart, NodeParts, node_tree

STOP_WAIT_S = 8.0
# Handed to their actors when these start.
FIXED = (
    "state_dir",
    "socket_path",
    "metrics",
    "providers",
    "routes",
    "journal",
    "retention",
    "rate_limits",
    "breakers",
    "budgets",
    "guardrails",
    "approvals",
    "audit",
    "access",
    "tcp",
)
LIMITS_HELD = (
    "concurrent_runs",
    "concurrent_runs_per_tenant",
    "connections",
    "requests_per_s",
    "request_timeout_s",
)
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
        self._root = await self.kernel.spawn(
            Supervisor,
            node_tree(self._parts()),
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
        fixed = [name for name in FIXED if getattr(settings, name) != getattr(self.settings, name)]
        held = [name for name in LIMITS_HELD if getattr(settings.limits, name) != getattr(self.settings.limits, name)]
        if fixed or held:
            named = [*fixed, *(f"limits.{name}" for name in held)]
            _log.warning("these settings changed and need a restart to take effect: %s", ", ".join(named))
        keep: dict[str, object] = {name: getattr(self.settings, name) for name in fixed}
        keep["limits"] = settings.limits.model_copy(
            update={name: getattr(self.settings.limits, name) for name in LIMITS_HELD}
        )
        self.settings = settings.model_copy(update=keep)
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

    # ---- parts ---------------------------------------------------------------------------------------------

    def _parts(self) -> NodeParts:
        settings = self.settings
        return NodeParts(
            state_dir=settings.state_dir,
            journal=journal_place(settings),
            kill_view=self.kill_view,
            by_name=self.kernel.ref,
            providers={name: self._provider(name) for name in PROVIDERS},
            usable_providers=self._usable_providers,
            routes={"claude": settings.route("claude"), "gemini": settings.route("gemini")},
            max_live_runs=settings.limits.concurrent_runs,
            max_live_runs_per_tenant=settings.limits.concurrent_runs_per_tenant,
            breakers=self.breakers,
            watchdog=ChildSpec(id="loop_watchdog", actor_class=LoopWatchdog, name="loop_watchdog"),
            gateway=self._gateway(),
            audit=self._audit(),
            price_of=self._prices(),
            budgets=settings.budgets.plan(),
            budget_audit=budget_changes_noted_by(self.kernel.ref),
            breaker_audit=breaker_orders_noted_by(self.kernel.ref, self.audit, self.kernel.clock.wall),
            approval_audit=auto_approvals_noted_by(self.kernel.ref, self.kernel.clock.wall),
            approval_rules=settings.approvals.rules(),
            leases=self.leases,
            levels=settings.guardrails.by_name(),
            retention=Policy(**settings.retention.model_dump()),
        )

    def _audit(self) -> AuditPart:
        place = AuditPlace.of(self.settings.state_dir)
        heads = self.settings.audit.heads_file
        if heads is not None:
            place = AuditPlace(place.directory, heads)
        return AuditPart(place, self.audit, self.settings.audit.segment_bytes, self.kernel.clock.wall)

    def _usable_providers(self) -> tuple[str, ...]:
        return tuple(
            name
            for name, entry in PROVIDERS.items()
            if (not entry.needs_key or getattr(self.settings.providers, name).api_key() is not None)
            and self.breakers.lets_through(BreakerName(BreakerKind.PROVIDER, name), self.kernel.clock.now())
        )

    def _prices(self) -> PriceOf:
        """What calls cost by the shipped price list, a provider's own model where none is named."""

        def price_of(provider: str, model: str | None, input_tokens: int, output_tokens: int) -> Decimal | None:
            entry = PROVIDERS.get(provider)
            if entry is None:
                return None
            if not entry.language_model:
                return Decimal(0)
            asked = model or getattr(self.settings.providers, provider).model or entry.default_model
            return shipped_prices().cost_usd(asked, Usage(input_tokens, output_tokens), self.kernel.clock.wall())

        return price_of

    def _provider(self, name: str) -> tuple[ChildSpec, ...]:
        prices = shipped_prices()
        if name == "offline":
            offline = self.settings.providers.offline
            return provider_children(
                name,
                ProviderOptions(latency_s=offline.latency_s, prices=prices),
                offline.connections,
                limits=self.settings.rate_limits.offline.limits(),
                panel=self.breakers,
            )
        vendor: VendorSettings = getattr(self.settings.providers, name)
        options = ProviderOptions(
            api_key=vendor.api_key(),
            base_url=vendor.base_url,
            model=vendor.model,
            timeout_s=vendor.timeout_s,
            key_hint=f"Set {vendor.api_key_env} or providers.{name}.api_key_file and restart the node.",
            prices=prices,
        )
        rates: ProviderRates = getattr(self.settings.rate_limits, name)
        return provider_children(name, options, vendor.connections, limits=rates.limits(), panel=self.breakers)

    def _gateway(self) -> tuple[ChildSpec, ...]:
        metrics = self.settings.metrics
        children: list[ChildSpec] = []
        if metrics.enabled:
            children.append(
                ChildSpec(
                    id="metrics_server",
                    actor_class=MetricsServer,
                    args=(self.metrics,),
                    kwargs={"host": metrics.host, "port": metrics.port},
                    name="metrics_server",
                )
            )
        children.append(
            ChildSpec(
                id="socket_server",
                actor_class=SocketServer,
                args=(self, Path(self.settings.socket_path)),
                name="socket_server",
            )
        )
        tcp = self.settings.tcp
        if tcp.enabled:
            children.append(ChildSpec(id="tcp_server", actor_class=TcpServer, args=(self, tcp), name="tcp_server"))
        return tuple(children)
