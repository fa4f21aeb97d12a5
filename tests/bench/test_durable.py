"""The comparison with the durable peers: what is said where they are missing, and which mode is compared with which."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.durable import PROMISE
from bench.durable.peer_figures import MISSING, PEERS, peer_figures, ratios
from bench.figures import Scale
from bench.targets import lines


def figures(step_us: float, steps_per_s: float, seconds: float) -> dict[str, Any]:
    return {"step_us": step_us, "steps_per_s": steps_per_s, "at_once_1000": {"seconds": seconds}}


OURS = {"normal": figures(200.0, 6_000.0, 0.8), "full": figures(600.0, 5_000.0, 1.0)}


def test_peers_that_are_not_installed_are_told_with_the_way_to_get_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("EVOPIPE_BENCH_PEERS", str(tmp_path))
    found = peer_figures(Scale(0.001))
    assert found == {name: MISSING for name, _, _ in PEERS}
    assert "scripts/install_bench_peers.py" in MISSING
    assert ratios(OURS, found) == {}
    told = list(lines({"durable": {"peers": found, "ratios": {}}}))
    assert len(told) == len(PEERS)
    assert all(MISSING in line for line in told)


def test_both_modes_are_told_with_what_is_synced_when() -> None:
    told = list(lines({"durable": {"promise": PROMISE, "evopipe": OURS, "peers": {}, "ratios": {}}}))
    for mode, seconds in (("normal", "0.800"), ("full", "1.000")):
        assert any(line.startswith(f"mode   evopipe {mode}: ") and PROMISE[f"evopipe.{mode}"] in line for line in told)
        assert any(f"durable.evopipe.{mode}.at_once_1000.seconds" in line and seconds in line for line in told)


def test_each_peer_is_compared_with_the_mode_that_promises_the_same() -> None:
    peers = {"langgraph": figures(2_400.0, 250.0, 13.0), "langgraph_normal": figures(800.0, 1_000.0, 8.0), "dbos": "no"}
    assert ratios(OURS, peers) == {
        "langgraph": {"step": 4.0, "steps_per_s": 20.0, "at_once_1000": 13.0},
        "langgraph_normal": {"step": 4.0, "steps_per_s": 6.0, "at_once_1000": 10.0},
    }
