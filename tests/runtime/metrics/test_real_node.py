"""What a real node shows of real runs: every label that can be known has its true value, every name keeps the rules."""

from __future__ import annotations

import re
from collections.abc import Generator

import httpx
import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families as parse

from runtime.metrics.labels import UNKNOWN
from tests.node_for_tests import node_home

PIPELINE = """
name: everything
inputs:
  beds: {type: array, default: ["a", "b"]}
steps:
  - {name: plan, type: gemini, prompt: "Plan a garden with three beds."}
  - {name: judge, type: claude, prompt: "Judge {{steps.plan}}"}
  - name: each
    type: for_loop
    data_source: inputs.beds
    iterator: bed
    steps: [{name: say, type: test_echo, value: "{{bed}}"}]
  - {name: never, type: test_echo, condition: "1 == 2", value: x}
  - name: again
    type: test_echo
    value: x
    fail: true
    on_error: continue
    retry: {max_attempts: 2, base_delay_s: 0.001}
"""
KNOWN_UNITS = ("_seconds", "_usd", "_bytes")
#: Not ours: what prometheus-client itself says of the process.
FOREIGN = ("process_", "python_")


@pytest.fixture(scope="module")
def families() -> Generator[list[Metric]]:
    """One scrape of a node that has run PIPELINE, read with prometheus-client's own parser."""
    with node_home() as evopipe:
        started = evopipe("up", "--detach")
        assert started.returncode == 0, started.stderr
        file = evopipe.home / "everything.yaml"
        file.write_text(PIPELINE, encoding="utf-8")
        ran = evopipe("run", str(file))
        assert ran.returncode == 0, ran.stderr
        text = httpx.get(evopipe.status()["metrics"], trust_env=False, timeout=10).text
        evopipe("down")
        yield list(parse(text))


def total(families: list[Metric], name: str, **labels: str) -> float:
    wanted = labels.items()
    found = [s.value for f in families for s in f.samples if s.name == name and wanted <= s.labels.items()]
    assert found, f"no {name} with {labels}"
    return sum(found)


@pytest.mark.timeout(90)
def test_no_label_is_unknown_where_its_value_is_known(families: list[Metric]) -> None:
    unknown = [
        f"{sample.name}{sample.labels}"
        for family in families
        for sample in family.samples
        # A tree that was never installed has no version.
        if UNKNOWN in sample.labels.values() and family.name != "evopipe_build_info"
    ]
    assert unknown == []


@pytest.mark.timeout(90)
def test_runs_carry_their_pipeline_and_steps_their_type_and_time(families: list[Metric]) -> None:
    assert total(families, "evopipe_runs_total", pipeline="everything", origin="user", status="succeeded") == 1
    assert total(families, "evopipe_run_duration_seconds_count", status="succeeded") == 1
    for step_type, status, count in (
        ("gemini", "succeeded", 1),
        ("claude", "succeeded", 1),
        ("for_loop", "succeeded", 1),
        ("test_echo", "succeeded", 2),
        ("test_echo", "skipped", 1),
        ("test_echo", "failed", 1),
    ):
        assert total(families, "evopipe_steps_total", type=step_type, status=status) == count
    for step_type in ("gemini", "claude", "for_loop", "test_echo"):
        # A skipped step takes no time that would tell anything.
        timed = 3 if step_type == "test_echo" else 1
        assert total(families, "evopipe_step_duration_seconds_count", type=step_type) == timed
        assert total(families, "evopipe_step_duration_seconds_sum", type=step_type) > 0
    assert total(families, "evopipe_step_retries_total", type="test_echo") == 1


@pytest.mark.timeout(90)
def test_provider_calls_carry_provider_model_tokens_and_cost(families: list[Metric]) -> None:
    name = "evopipe_provider_request_duration_seconds_count"
    (model,) = {s.labels["model"] for f in families for s in f.samples if s.name == name}
    who = {"provider": "offline", "model": model}
    assert model
    assert total(families, name, **who, outcome="ok") == 2
    assert total(families, "evopipe_provider_tokens_total", **who, direction="input") > 0
    assert total(families, "evopipe_provider_tokens_total", **who, direction="output") > 0
    assert total(families, "evopipe_provider_cost_usd_total", **who) == 0


@pytest.mark.timeout(90)
def test_names_and_units_follow_the_prometheus_conventions(families: list[Metric]) -> None:
    for family in families:
        if family.name.startswith(FOREIGN):
            continue
        assert re.fullmatch(r"evopipe(_[a-z]+)+", family.name), family.name
        assert family.documentation.endswith("."), family.name
        if family.type == "histogram":
            assert family.name.endswith(KNOWN_UNITS), family.name
        if family.type == "counter":
            assert all(s.name.endswith(("_total", "_created")) for s in family.samples), family.name
        else:
            assert not family.name.endswith("_total"), family.name
        for sample in family.samples:
            assert all(re.fullmatch(r"[a-z]+", label) for label in sample.labels), sample
