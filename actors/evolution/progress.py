"""What an evolution knows, as one value, and the two ways to it: a finished generation, and the ledger read again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from actors.evolution.errors import LedgerError
from actors.evolution.ledger import Line
from actors.evolution.messages import EvolutionState, EvolutionStatus, Evolve
from pipelines.genetics import (
    Genome,
    Habits,
    Observation,
    Plan,
    Reference,
    Sample,
    Weights,
    elites,
    founder,
    measure,
    refer_to,
    survivors,
)
from pipelines.language import load_pipeline, to_yaml

Seen = Mapping[tuple[str, int], Observation]


@dataclass(frozen=True, slots=True)
class Progress:
    """Everything that decides how an evolution goes on. `known` holds the ids of all genomes ever measured."""

    generation: int = -1
    alive: tuple[Genome, ...] = ()
    known: frozenset[str] = frozenset()
    reference: Reference | None = None
    requests_used: int = 0
    founder_fitness: float | None = None
    status: EvolutionStatus = "running"
    reason: str | None = None
    lines: tuple[Line, ...] = field(default=(), compare=False)


def habits_of(order: Evolve) -> Habits:
    """The population's habits for an order; an elite of a tenth, as the mission has 5 of 50."""
    return Habits(population=order.population, elite=max(1, order.population // 10), weights=order.weights)


def opening(evolution_id: str, order: Evolve) -> Line:
    """The ledger's first line: the whole order."""
    return {
        "kind": "opened",
        "version": 1,
        "evolution_id": evolution_id,
        "definition": to_yaml(order.pipeline),
        "inputs": dict(order.inputs),
        "generations": order.generations,
        "budget_requests": order.budget_requests,
        "population": order.population,
        "seed": order.seed,
        "weights": asdict(order.weights),
        "provider_routes": dict(order.provider_routes),
        "tenant": order.tenant,
    }


def advanced(progress: Progress, plan: Plan, seen: Seen, order: Evolve) -> Progress:
    """The progress after a generation; `lines` are what the ledger gets for it. Samples count in the plan's order."""
    lines: list[Line] = []
    reference = progress.reference
    if reference is None:
        first = plan.measurements[0].genome
        reference = refer_to(first.pipeline, seen[first.id, first.fitness.n])
        lines.append({"kind": "reference", **_written_reference(reference)})
    lines += [_born(genome) for genome in plan.children]
    genomes = {genome.id: genome for genome in (*progress.alive, *plan.children)}
    for each in plan.measurements:
        genome = genomes[each.genome.id]
        for index in range(each.genome.fitness.n, each.genome.fitness.n + each.runs):
            observation = seen[genome.id, index]
            sample = measure(genome.pipeline, observation, reference)
            genome = genome.measured(genome.fitness.add(sample))
            lines.append(
                {
                    "kind": "sampled",
                    "genome": genome.id,
                    "index": index,
                    "status": observation.status,
                    "sample": sample.as_dict(),
                }
            )
        genomes[genome.id] = genome
    alive = survivors(tuple(genomes.values()), habits_of(order))
    used = progress.requests_used + plan.requests
    baseline = progress.founder_fitness
    if baseline is None:
        baseline = alive[0].fitness.estimate(order.weights).mean
    lines.append(
        {
            "kind": "generation",
            "generation": plan.generation,
            "alive": [genome.id for genome in alive],
            "best": alive[0].id,
            "best_fitness": alive[0].fitness.estimate(order.weights).mean,
            "requests_used": used,
        }
    )
    return replace(
        progress,
        generation=plan.generation,
        alive=alive,
        known=progress.known | genomes.keys(),
        reference=reference,
        requests_used=used,
        founder_fitness=baseline,
        lines=tuple(lines),
    )


def ended(progress: Progress, status: EvolutionStatus, reason: str | None) -> Progress:
    """The progress at its end."""
    line: Line = {"kind": "ended", "status": status, "reason": reason}
    return replace(progress, status=status, reason=reason, lines=(line,))


def replayed(lines: Sequence[Mapping[str, Any]]) -> tuple[str, Evolve, Progress]:
    """Evolution id, order and progress from a ledger's committed lines. Raises `LedgerError`."""
    try:
        first = lines[0]
        order = _order(first)
        return str(first["evolution_id"]), order, _fold(lines[1:], order)
    except (LookupError, TypeError, ValueError) as error:
        raise LedgerError(f"the ledger does not hold an evolution: {type(error).__name__}: {error}") from error


def state_of(evolution_id: str, order: Evolve, progress: Progress, directory: str) -> EvolutionState:
    """The progress as the world sees it."""
    best = elites(progress.alive, 1, order.weights)
    estimate = best[0].fitness.estimate(order.weights) if best else None
    return EvolutionState(
        evolution_id=evolution_id,
        pipeline_name=order.pipeline.name,
        status=progress.status,
        generations=order.generations,
        budget_requests=order.budget_requests,
        generation=progress.generation,
        requests_used=progress.requests_used,
        alive=len(progress.alive),
        best_id=best[0].id if best else None,
        best_fitness=estimate.mean if estimate else None,
        best_error=estimate.error if estimate else None,
        best_objectives=dict(best[0].fitness.means) if best else {},
        founder_fitness=progress.founder_fitness,
        best_yaml=best_text(best[0], order) if best else None,
        directory=directory,
        tenant=order.tenant,
        reason=progress.reason,
    )


def best_text(genome: Genome, order: Evolve) -> str:
    """The genome as YAML that `load_pipeline` takes, with its descent as comments."""
    estimate = genome.fitness.estimate(order.weights)
    lines = [
        f"# bred from {order.pipeline.name}: genome {genome.id[:16]}, generation {genome.generation}",
        f"# fitness {estimate.mean:.4f} (standard error {estimate.error:.4f}, {estimate.n} runs, seed {order.seed})",
        *(f"# {' '.join(mutation.split())}" for mutation in genome.mutations),
    ]
    return "\n".join(lines) + "\n" + to_yaml(genome.pipeline)


def _order(first: Mapping[str, Any]) -> Evolve:
    return Evolve(
        pipeline=load_pipeline(first["definition"], source="ledger"),
        inputs=first["inputs"],
        generations=first["generations"],
        budget_requests=first["budget_requests"],
        population=first["population"],
        seed=first["seed"],
        weights=Weights(**first["weights"]),
        provider_routes=first["provider_routes"],
        evolution_id=first["evolution_id"],
        tenant=first.get("tenant", ""),
    )


def _fold(lines: Iterable[Mapping[str, Any]], order: Evolve) -> Progress:
    progress = Progress()
    start = founder(order.pipeline)
    genomes: dict[str, Genome] = {start.id: start}
    for line in lines:
        match line["kind"]:
            case "reference":
                progress = replace(progress, reference=_read_reference(line))
            case "born":
                genomes[line["genome"]] = _read_born(line)
            case "sampled":
                genome = genomes[line["genome"]]
                genomes[genome.id] = genome.measured(genome.fitness.add(Sample(**line["sample"])))
            case "generation":
                baseline = progress.founder_fitness
                progress = replace(
                    progress,
                    generation=line["generation"],
                    alive=tuple(genomes[each] for each in line["alive"]),
                    known=frozenset(genomes),
                    requests_used=line["requests_used"],
                    founder_fitness=line["best_fitness"] if baseline is None else baseline,
                )
            case "ended":
                progress = replace(progress, status=line["status"], reason=line["reason"])
            case kind:
                raise LedgerError(f"the ledger has a line of unknown kind {kind!r}")
    return progress


def _born(genome: Genome) -> Line:
    return {
        "kind": "born",
        "genome": genome.id,
        "generation": genome.generation,
        "parents": list(genome.parents),
        "mutations": list(genome.mutations),
        "definition": to_yaml(genome.pipeline),
    }


def _read_born(line: Mapping[str, Any]) -> Genome:
    pipeline = load_pipeline(line["definition"], source="ledger")
    return Genome(pipeline, line["generation"], tuple(line["parents"]), tuple(line["mutations"]))


def _written_reference(reference: Reference) -> dict[str, Any]:
    return {
        "seconds": reference.seconds,
        "tokens": reference.tokens,
        "outputs": list(reference.outputs),
        "words": sorted(reference.words),
    }


def _read_reference(line: Mapping[str, Any]) -> Reference:
    return Reference(line["seconds"], line["tokens"], tuple(line["outputs"]), frozenset(line["words"]))
