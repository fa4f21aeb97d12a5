"""The endpoint as Prometheus sees it: real HTTP, read with prometheus-client's own parser."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse

from actors.approvals import ApprovalSettled, ApprovalsPending
from actors.audit import AuditBook, Head, decisions
from actors.kernel import (
    Actor,
    ActorRef,
    CallTimedOut,
    ChildRestarted,
    Kernel,
    Killed,
    LoopBlocked,
    MailboxOverflowed,
    StartError,
    SupervisorEscalated,
)
from actors.killswitch import KillView
from actors.providers.events import ProviderCalled
from actors.runs.events import RunEvent
from pipelines.guardrails import Level, Switch
from runtime.metrics import MetricsAddress, MetricsServer, NodeMetrics
from tests.support import run

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


class Quiet(Actor):
    """Does nothing."""

    def on_receive(self, message: Any) -> None:
        return None


class Node:
    """A kernel with metrics and their endpoint on a free port."""

    def __init__(self) -> None:
        self.kernel = Kernel()
        self.view = KillView()
        self.audit = AuditBook(max_waiting=2)
        self.metrics = NodeMetrics(self.kernel, self.view, audit=self.audit)
        self.metrics.attach()
        self.server: ActorRef[Any]

    async def url(self, path: str = "/metrics") -> str:
        host, port = await self.server.call(MetricsAddress())
        return f"http://{host}:{port}{path}"

    async def scrape(self) -> Samples:
        async with httpx.AsyncClient(trust_env=False) as client:
            response = await client.get(await self.url())
        assert response.status_code == 200
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for metric in parse(response.text)
            for sample in metric.samples
        }


@asynccontextmanager
async def node() -> AsyncGenerator[Node]:
    made = Node()
    made.server = await made.kernel.spawn(MetricsServer, made.metrics, name="metrics")
    yield made
    await made.kernel.shutdown()


def value(samples: Samples, name: str, /, **labels: str) -> float | None:
    labels = {key.rstrip("_"): text for key, text in labels.items()}
    return samples.get((name, frozenset(labels.items())))


def event(kind: str, run_id: str = "r1", step: str | None = None, **data: Any) -> RunEvent:
    return RunEvent(run_id, 1, 1.0, kind, step, data)  # pyright: ignore[reportArgumentType]


def called(provider: str = "anthropic", error_class: str | None = None, cost: str | None = "0.25") -> ProviderCalled:
    return ProviderCalled(
        provider, "m", "error" if error_class else "ok", error_class, 0.3, 10, 4, Decimal(cost) if cost else None
    )


def test_runs_are_counted_from_their_acceptance_to_their_end() -> None:
    async def main() -> None:
        async with node() as n:
            publish = n.kernel.events.publish
            for run_id in ("r1", "r2", "r3"):
                publish(event("run_accepted", run_id, pipeline="digest"))
                publish(event("run_started", run_id))
            publish(event("run_resumed", "r3"))
            publish(event("run_paused", "r2"))
            publish(event("run_succeeded", "r1", duration_s=0.7))
            samples = await n.scrape()
            assert value(samples, "evopipe_runs_in_flight") == 2
            assert value(samples, "evopipe_runs_paused") == 1
            assert value(samples, "evopipe_runs_total", pipeline="digest", origin="user", status="succeeded") == 1
            assert value(samples, "evopipe_run_duration_seconds_sum", status="succeeded") == 0.7
            publish(event("run_cancelled", "r2"))
            publish(event("run_failed", "r3", pipeline="digest"))
            samples = await n.scrape()
            assert value(samples, "evopipe_runs_in_flight") == 0
            assert value(samples, "evopipe_runs_paused") == 0
            assert value(samples, "evopipe_runs_total", pipeline="digest", origin="user", status="failed") == 1

    run(main())


def test_steps_are_counted_by_type_and_end() -> None:
    async def main() -> None:
        async with node() as n:
            publish = n.kernel.events.publish
            publish(event("step_started", step="a", type="claude"))
            publish(event("step_retrying", step="a", type="claude"))
            publish(event("step_restarted", step="a", type="claude"))
            publish(event("step_succeeded", step="a", type="claude", duration_s=2.0))
            publish(event("step_skipped", step="b", type="gemini"))
            publish(event("step_failed", step="c", type="file_ops", duration_s=0.01))
            publish(event("fallback_succeeded", step="c"))
            samples = await n.scrape()
            assert value(samples, "evopipe_steps_total", type="claude", status="succeeded") == 1
            assert value(samples, "evopipe_steps_total", type="gemini", status="skipped") == 1
            assert value(samples, "evopipe_steps_total", type="file_ops", status="failed") == 1
            assert value(samples, "evopipe_step_duration_seconds_bucket", type="claude", le="2.5") == 1
            assert value(samples, "evopipe_step_duration_seconds_count", type="gemini") is None
            assert value(samples, "evopipe_step_retries_total", type="claude") == 1
            assert value(samples, "evopipe_step_restarts_total", type="claude") == 1
            assert value(samples, "evopipe_fallbacks_total", status="succeeded") == 1

    run(main())


def test_questions_to_people_are_counted_by_their_outcome_and_show_how_long_they_waited() -> None:
    async def main() -> None:
        async with node() as n:
            publish = n.kernel.events.publish
            publish(ApprovalsPending(3))
            publish(ApprovalSettled("approved", 90.0))
            publish(ApprovalSettled("expired", 3600.0))
            publish(ApprovalsPending(1))
            samples = await n.scrape()
            assert value(samples, "evopipe_approvals_pending") == 1
            assert value(samples, "evopipe_approvals_total", outcome="approved") == 1
            assert value(samples, "evopipe_approvals_total", outcome="expired") == 1
            assert value(samples, "evopipe_approval_waiting_seconds_sum") == 3690.0

    run(main())


def test_provider_calls_show_time_tokens_cost_and_error_class() -> None:
    async def main() -> None:
        async with node() as n:
            publish = n.kernel.events.publish
            publish(called())
            publish(called(cost=None))
            publish(called(error_class="transient", cost=None))
            publish(called(error_class="invented", cost=None))
            samples = await n.scrape()
            name = "evopipe_provider_request_duration_seconds_count"
            assert value(samples, name, provider="anthropic", model="m", outcome="ok") == 2
            assert value(samples, name, provider="anthropic", model="m", outcome="error") == 2
            assert (
                value(samples, "evopipe_provider_tokens_total", provider="anthropic", model="m", direction="input")
                == 40
            )
            assert (
                value(samples, "evopipe_provider_tokens_total", provider="anthropic", model="m", direction="output")
                == 16
            )
            assert value(samples, "evopipe_provider_cost_usd_total", provider="anthropic", model="m") == 0.25
            assert (
                value(samples, "evopipe_provider_errors_total", provider="anthropic", model="m", class_="transient")
                == 1
            )
            assert value(samples, "evopipe_provider_errors_total", provider="anthropic", model="m", class_="other") == 1

    run(main())


def test_the_kernels_events_are_counted() -> None:
    async def main() -> None:
        async with node() as n:
            quiet = await n.kernel.spawn(Quiet)
            for restarted in ("providers", "Supervisor#12", "Supervisor#13"):
                n.kernel.events.publish(ChildRestarted(restarted, "c", Killed()))
            n.kernel.events.publish(SupervisorEscalated("providers", "c", Killed()))
            n.kernel.events.publish(MailboxOverflowed(quiet, "reject"))
            n.kernel.events.publish(CallTimedOut(quiet, 5.0))
            n.kernel.events.publish(LoopBlocked(0.7, "here"))
            samples = await n.scrape()
            assert value(samples, "evopipe_actor_restarts_total", supervisor="providers") == 1
            assert value(samples, "evopipe_actor_restarts_total", supervisor="Supervisor") == 2
            assert value(samples, "evopipe_supervisor_escalations_total", supervisor="providers") == 1
            assert value(samples, "evopipe_mailbox_overflows_total", class_="Quiet") == 1
            assert value(samples, "evopipe_call_timeouts_total", class_="Quiet") == 1
            assert value(samples, "evopipe_event_loop_blocked_total") == 1

    run(main())


class Asleep(Actor):
    """Handles its first message until it is killed."""

    async def on_receive(self, message: Any) -> None:
        await asyncio.get_running_loop().create_future()


def test_live_actors_and_the_fullest_mailbox_are_read_at_the_scrape() -> None:
    async def main() -> None:
        async with node() as n:
            for _ in range(3):
                await n.kernel.spawn(Quiet)
            asleep = await n.kernel.spawn(Asleep)
            await n.kernel.spawn(Asleep)
            for _ in range(5):
                asleep.tell("wake up")
            samples = await n.scrape()
            assert value(samples, "evopipe_actors", class_="Quiet") == 3
            assert value(samples, "evopipe_actors", class_="MetricsServer") == 1
            assert value(samples, "evopipe_mailbox_depth", class_="Asleep") == 4
            assert value(samples, "evopipe_mailbox_depth", class_="Quiet") == 0
            asleep.kill()
            assert value(await n.scrape(), "evopipe_mailbox_depth", class_="Asleep") == 0

    run(main())


def test_the_cores_of_the_event_loop_are_read_at_the_scrape() -> None:
    async def main() -> None:
        async with node() as n:
            for cores in ({0, 1, 2}, {1}):
                n.kernel.cores = frozenset(cores)
                assert value(await n.scrape(), "evopipe_event_loop_cores") == len(cores)

    run(main())


def test_the_audit_log_shows_what_it_has_kept_and_what_is_wrong() -> None:
    async def main() -> None:
        async with node() as n:
            names = ("entries_total", "dropped_total", "waiting", "failing", "damaged")

            async def shown() -> list[float | None]:
                samples = await n.scrape()
                return [value(samples, f"evopipe_audit_{name}") for name in names]

            assert await shown() == [0, 0, 0, 0, 0]
            for number in range(3):
                n.audit.record(decisions.session_forgotten(1.0, "ann", f"s{number}"))
            n.audit.problem = "no room"
            n.audit.note_damage(("audit-000001.jsonl:3: changed",))
            assert await shown() == [0, 1, 2, 1, 1]
            n.audit.take(1)
            n.audit.kept(Head(1, "0" * 64))
            assert await shown() == [1, 1, 1, 1, 1]

    run(main())


def test_kill_switches_show_their_state_within_bounds() -> None:
    async def main() -> None:
        async with node() as n:
            assert value(await n.scrape(), "evopipe_kill_switch_triggered", level="node", name="") == 0
            switches = [Switch(Level.PIPELINE, f"p{number}", "r", "w", 1.0) for number in range(300)]
            switches.append(Switch(Level.PIPELINE, "other", "r", "w", 1.0))
            switches.append(Switch(Level.NODE, "", "r", "w", 1.0))
            replace, _ = n.view.writer()
            replace({switch.key: switch for switch in switches})
            samples = await n.scrape()
            assert value(samples, "evopipe_kill_switch_triggered", level="node", name="") == 1
            assert value(samples, "evopipe_kill_switch_triggered", level="pipeline", name="p7") == 1
            assert value(samples, "evopipe_kill_switch_triggered", level="pipeline", name="other") == 201

    run(main())


def test_names_from_outside_cannot_make_series_without_end() -> None:
    async def main() -> None:
        async with node() as n:
            for number in range(2_000):
                publish = n.kernel.events.publish
                publish(event("run_succeeded", f"r{number}", pipeline=f'p"\n{number}'))
                publish(event("step_succeeded", step="s", type=f"type{number}"))
                publish(called(provider=f"provider{number}"))
            samples = await n.scrape()
            assert len(samples) < 2_500
            assert value(samples, "evopipe_runs_total", pipeline="other", origin="user", status="succeeded") == 1_900

    run(main())


def test_the_loops_lag_is_measured() -> None:
    async def main() -> None:
        kernel = Kernel()
        metrics = NodeMetrics(kernel, KillView())
        measured = asyncio.Event()
        observe = metrics.observe_loop_lag

        def observe_and_say(lag_s: float) -> None:
            observe(lag_s)
            measured.set()

        metrics.observe_loop_lag = observe_and_say  # type: ignore[method-assign]
        await kernel.spawn(MetricsServer, metrics, lag_interval_s=0.01)
        async with asyncio.timeout(5):
            await measured.wait()
        assert (metrics.registry.get_sample_value("evopipe_event_loop_lag_seconds_count") or 0) >= 1
        await kernel.shutdown()

    run(main())


def test_build_and_process_are_described() -> None:
    async def main() -> None:
        async with node() as n:
            samples = await n.scrape()
            names = {name for name, _ in samples}
            assert {"evopipe_build_info", "process_resident_memory_bytes", "python_info"} <= names

    run(main())


def test_a_scraper_that_asks_for_openmetrics_gets_it() -> None:
    async def main() -> None:
        async with node() as n, httpx.AsyncClient(trust_env=False) as client:
            n.kernel.events.publish(called())
            response = await client.get(
                await n.url(), headers={"accept": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"}
            )
            assert response.headers["content-type"].startswith("application/openmetrics-text")
            read: Callable[[str], Iterator[Metric]] = vars(openmetrics)["text_string_to_metric_families"]
            assert "evopipe_provider_tokens" in {family.name for family in read(response.text)}

    run(main())


def test_healthz_answers_and_other_paths_and_methods_do_not() -> None:
    async def main() -> None:
        async with node() as n, httpx.AsyncClient(trust_env=False) as client:
            assert (await client.get(await n.url("/healthz"))).json() == {"status": "ok"}
            assert (await client.get(await n.url("/"))).status_code == 404
            assert (await client.post(await n.url("/metrics"))).status_code == 405

    run(main())


def test_a_malformed_request_is_refused_and_the_endpoint_lives() -> None:
    async def main() -> None:
        async with node() as n:
            host, port = await n.server.call(MetricsAddress())
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(b"\x00\x01 not http\r\n\r\n")
            await writer.drain()
            assert b"400" in await reader.read(200)
            writer.close()
            await writer.wait_closed()
            assert value(await n.scrape(), "evopipe_runs_in_flight") == 0

    run(main())


def test_a_port_that_is_taken_is_an_error_that_says_what_to_do() -> None:
    async def main() -> None:
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = other.getsockname()[1]
            kernel = Kernel()
            with pytest.raises(StartError, match=rf"127\.0\.0\.1:{port}.*metrics\.port"):
                await kernel.spawn(MetricsServer, NodeMetrics(kernel, KillView()), port=port)
            assert kernel.live == 0
            await kernel.shutdown()

    run(main())


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_an_ended_server_frees_its_port_for_the_next_and_the_counters_go_on(how: str) -> None:
    async def main() -> None:
        async with node() as n:
            n.kernel.events.publish(called())
            _, port = await n.server.call(MetricsAddress())
            assert value(await n.scrape(), "evopipe_provider_cost_usd_total", provider="anthropic", model="m") == 0.25
            getattr(n.server, how)()
            await n.server.wait_exit()
            again = asyncio.Event()
            n.kernel.loop.call_soon(again.set)
            await again.wait()
            n.server = await n.kernel.spawn(MetricsServer, n.metrics, port=port)
            n.kernel.events.publish(called())
            assert value(await n.scrape(), "evopipe_provider_cost_usd_total", provider="anthropic", model="m") == 0.5

    run(main())


def test_the_alert_rules_name_only_metrics_that_exist() -> None:
    async def main() -> set[str]:
        kernel = Kernel()
        metrics = NodeMetrics(kernel, KillView())
        made = {name for metric in metrics.registry.collect() for name in names_of(metric)}
        await kernel.shutdown()
        return made

    made = run(main())
    rules = yaml.safe_load((Path(__file__).parents[3] / "config/prometheus/alerts.yml").read_text())
    alerts = [rule for group in rules["groups"] for rule in group["rules"]]
    used = {name for rule in alerts for name in re.findall(r"evopipe_\w+", rule["expr"])}
    assert used
    assert used <= made
    assert all(rule["annotations"]["summary"] and rule["labels"]["severity"] for rule in alerts)


def names_of(metric: Any) -> list[str]:
    """The sample names a metric family can have, whether or not a series exists yet."""
    suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"], "info": ["_info"]}
    return [metric.name + suffix for suffix in suffixes.get(metric.type, [""])]
