"""The composition root: what the node's tree is made of, from its settings and from what outlives its actors."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from actors.audit import (
    AuditBook,
    AuditPlace,
    auto_approvals_noted_by,
    breaker_orders_noted_by,
    budget_changes_noted_by,
)
from actors.kernel import ChildSpec, Kernel, LoopWatchdog
from actors.killswitch import KillView
from actors.providers import PROVIDERS, ProviderOptions, Usage, provider_children
from actors.retention import Policy
from actors.steps import PriceOf
from actors.treasury import LeaseTable
from pipelines.guardrails.breaker_panel import BreakerPanel
from pipelines.guardrails.breaker_rules import BreakerKind, BreakerName
from runtime.gateway import NodeView, SocketServer, TcpServer
from runtime.journal_place import journal_place
from runtime.known_models import shipped_prices
from runtime.metrics import MetricsServer, NodeMetrics
from runtime.settings import ProviderRates, Settings, VendorSettings
from supervisors.host_tree import host_children
from supervisors.tree import AuditPart, NodeParts


@dataclass(frozen=True, slots=True)
class Composition:
    """The settings as they are when the tree starts, and what the node keeps for its actors beyond their crashes."""

    settings: Settings
    kernel: Kernel
    kill_view: KillView
    breakers: BreakerPanel
    leases: LeaseTable
    audit: AuditBook

    def parts(self, gateway: tuple[ChildSpec, ...]) -> NodeParts:
        """What is put into the tree, with the child specs of the `gateway`."""
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
            gateway=gateway,
            host=host_children(share_core=settings.host.share_core == "auto"),
            audit=self._audit_part(),
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

    def _audit_part(self) -> AuditPart:
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


def gateway_children(settings: Settings, node: NodeView, metrics: NodeMetrics) -> tuple[ChildSpec, ...]:
    """The child specs of what listens: the endpoint of the metrics, the socket, and TCP where it is on."""
    children: list[ChildSpec] = []
    if settings.metrics.enabled:
        children.append(
            ChildSpec(
                id="metrics_server",
                actor_class=MetricsServer,
                args=(metrics,),
                kwargs={"host": settings.metrics.host, "port": settings.metrics.port},
                name="metrics_server",
            )
        )
    children.append(
        ChildSpec(
            id="socket_server",
            actor_class=SocketServer,
            args=(node, Path(settings.socket_path)),
            name="socket_server",
        )
    )
    tcp = settings.tcp
    if tcp.enabled:
        children.append(ChildSpec(id="tcp_server", actor_class=TcpServer, args=(node, tcp), name="tcp_server"))
    return tuple(children)
