"""A few generations of one pipeline."""

from __future__ import annotations

from runtime.demo.stage import Stage, shipped

BUDGET_REQUESTS = 60


def evolve_a_pipeline(stage: Stage) -> None:
    """Breeds within a budget of requests; the best genome is a valid pipeline."""
    best = stage.home.root / "best.yaml"
    done = stage.terminal.live(
        "evolve",
        shipped("examples", "two_provider_review.yaml"),
        "--generations",
        "2",
        "--budget-requests",
        str(BUDGET_REQUESTS),
        "--seed",
        "7",
        "--output",
        best,
        timeout_s=120.0,
    )
    stage.checks.check(done.code == 0, "the breeding chamber runs its generations", done.text)
    if stage.checks.check(best.exists(), "the best genome is written as YAML", done.text):
        valid = stage.terminal.run("validate", best)
        stage.checks.check(valid.code == 0, "and is a valid pipeline", valid.text)
