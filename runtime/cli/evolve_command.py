"""`evolve`: starts an evolution, shows its generations, writes the best pipeline."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import Any
from urllib.parse import quote

from runtime.cli import exits
from runtime.cli.session import UsageProblem, node_client, parse_inputs, print_json, read_definition, say

POLL_S = 0.25


def evolve_pipeline(
    file: Path,
    given: list[str],
    *,
    generations: int,
    population: int,
    budget_requests: int,
    seed: int,
    output: Path | None,
    as_json: bool,
) -> int:
    """Evolves to the end; the best pipeline goes to `output` or to stdout."""
    if output is not None:
        _check_writable(output)
    body: dict[str, object] = {
        "definition": read_definition(file),
        "source": str(file.absolute()),
        "inputs": parse_inputs(given, None),
        "generations": generations,
        "population": population,
        "budget_requests": budget_requests,
        "seed": seed,
    }
    with node_client() as client:
        evolution_id = str(client.post("/v1/evolutions", body)["evolution_id"])
        say(f"evolution {evolution_id} has begun.")
        shown = -1
        while True:
            state: dict[str, Any] = client.get(f"/v1/evolutions/{quote(evolution_id, safe='')}")
            generation = state.get("generation")
            if isinstance(generation, int) and generation > shown:
                shown = generation
                say(_progress(state))
            if state.get("status") != "running":
                break
            threading.Event().wait(POLL_S)
    return _finish(state, output, as_json=as_json)


def _check_writable(output: Path) -> None:
    """Told before the budget is spent, not after."""
    place = output if output.exists() else output.absolute().parent
    if output.is_dir() or not os.access(place, os.W_OK):
        raise UsageProblem(f"--output {output} cannot be written: {place} is no place for it.")


def _progress(state: dict[str, Any]) -> str:
    return (
        f"generation {state['generation']} of {state['generations']}: best fitness {_figure(state['best_fitness'])} "
        f"(founder {_figure(state['founder_fitness'])}), "
        f"requests {state['requests_used']} of {state['budget_requests']}"
    )


def _figure(fitness: float | None) -> str:
    return "-" if fitness is None else f"{fitness:.4f}"


def _finish(state: dict[str, Any], output: Path | None, *, as_json: bool) -> int:
    best = state.get("best_yaml")
    if output is not None and isinstance(best, str):
        output.write_text(best, encoding="utf-8")
        say(f"the best pipeline is in {output}.")
    if as_json:
        print_json(state)
    elif output is None and isinstance(best, str):
        sys.stdout.write(best)
    if state.get("reason"):
        say(f"the evolution {state.get('status')}: {state['reason']}")
    # "stopped": a kill switch or limit forbids to go on.
    codes = {"succeeded": exits.OK, "stopped": exits.REFUSED}
    return codes.get(str(state.get("status")), exits.FAILED)
