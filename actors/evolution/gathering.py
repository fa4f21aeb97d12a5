"""A generation under way: what is still to be run, what runs, and what has been seen. Pure bookkeeping."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipelines.genetics import Measurement, Observation, Plan


@dataclass(slots=True)
class Gathering:
    """Begins with all of the plan's measurements waiting; it is `complete` when every sample has come."""

    plan: Plan
    waiting: list[Measurement]
    running: dict[str, Measurement] = field(default_factory=dict[str, Measurement])
    seen: dict[tuple[str, int], Observation] = field(default_factory=dict[tuple[str, int], Observation])
    _tries: dict[str, int] = field(default_factory=dict[str, int])

    @classmethod
    def of(cls, plan: Plan) -> Gathering:
        """The beginning."""
        return cls(plan, list(plan.measurements))

    @property
    def complete(self) -> bool:
        """Whether nothing waits and nothing runs."""
        return not self.waiting and not self.running

    def next_up(self, max_parallel: int) -> Measurement | None:
        """The next measurement, counted as running; None when none waits or enough run."""
        if not self.waiting or len(self.running) >= max_parallel:
            return None
        measurement = self.waiting.pop(0)
        self.running[measurement.genome.id] = measurement
        return measurement

    def missing(self, measurement: Measurement) -> tuple[int, ...]:
        """The samples of a measurement that have not come yet."""
        genome = measurement.genome
        first = genome.fitness.n
        return tuple(i for i in range(first, first + measurement.runs) if (genome.id, i) not in self.seen)

    def take(self, genome_id: str, index: int, observation: Observation) -> bool:
        """Takes a sample, the first of its index; whether its measurement is over. Others' samples change nothing."""
        measurement = self.running.get(genome_id)
        if measurement is None:
            return False
        self.seen.setdefault((genome_id, index), observation)
        if self.missing(measurement):
            return False
        del self.running[genome_id]
        return True

    def failed_try(self, genome_id: str) -> int:
        """Counts a try at running a genome that came to nothing; how many there have been."""
        self._tries[genome_id] = self._tries.get(genome_id, 0) + 1
        return self._tries[genome_id]
