"""What the node shows of itself."""

from __future__ import annotations

from runtime.demo.metrics import scrape
from runtime.demo.stage import Stage

BRANCHES = ("foundation", "providers", "memory", "pipelines", "recovery", "evolution", "gateway")

#: What the acts before this one must have left in the counters.
EXPECTED: tuple[tuple[str, str, int, dict[str, str]], ...] = (
    ("finished runs are counted", "evopipe_runs_total", 6, {"status": "succeeded"}),
    ("so are answers of the provider", "evopipe_provider_request_duration_seconds_count", 5, {"provider": "offline"}),
    ("the refused call to anthropic", "evopipe_provider_errors_total", 1, {"provider": "anthropic"}),
    ("the killed step", "evopipe_step_restarts_total", 1, {}),
    ("the killed connections", "evopipe_actor_restarts_total", 2, {}),
    ("the healed step", "evopipe_fallbacks_total", 1, {"status": "succeeded"}),
    ("live actors", "evopipe_actors", 10, {}),
)


def show_the_tree(stage: Stage) -> None:
    """The tree with all its branches."""
    tree = stage.terminal.run("tree")
    stage.checks.say(tree.out)
    missing = [branch for branch in BRANCHES if branch not in tree.out.lower()]
    stage.checks.check(tree.code == 0 and not missing, "the supervision tree has all its branches", missing)


def read_metrics(stage: Stage) -> None:
    """A scrape over TCP that Prometheus' parser understands and whose figures fit what was done."""
    url = str(stage.status().get("metrics") or "")
    if not stage.checks.check(url, "`evopipe status` names the metrics address", stage.status()):
        return
    stage.checks.say(f"GET {url}")
    found = scrape(url)
    for name in sorted(found.names):
        if name.startswith("evopipe_") and name.endswith("_total"):
            stage.checks.say(f"  {name} {found.total(name):g}")
    for claim, name, least, labels in EXPECTED:
        counted = found.total(name, **labels)
        stage.checks.check(counted >= least, f"{claim}: at least {least}", f"{name} {labels} is {counted:g}")
