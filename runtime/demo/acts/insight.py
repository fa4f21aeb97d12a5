"""What the node shows of itself."""

from __future__ import annotations

from runtime.demo.metrics import scrape
from runtime.demo.stage import Stage

BRANCHES = ("foundation", "providers", "memory", "pipelines", "recovery", "evolution", "gateway")


def show_the_tree(stage: Stage) -> None:
    """The tree with all its branches."""
    tree = stage.terminal.run("tree")
    stage.checks.say(tree.out)
    missing = [branch for branch in BRANCHES if branch not in tree.out.lower()]
    stage.checks.check(tree.code == 0 and not missing, "the supervision tree has all its branches", missing)


def read_metrics(stage: Stage) -> None:
    """A scrape over TCP that Prometheus' parser understands and whose figures fit what was done."""
    url = str(stage.status().get("metrics_url") or "")
    if not stage.checks.check(url, "`evopipe status` names the metrics address", stage.status()):
        return
    stage.checks.say(f"GET {url}")
    found = scrape(url)
    for name in sorted(found.names):
        if name.startswith("evopipe_") and name.endswith("_total"):
            stage.checks.say(f"  {name} {found.total(name):g}")
    stage.checks.check(found.total("evopipe_runs_total") >= 1, "runs are counted", sorted(found.names))
    stage.checks.check(found.total("evopipe_actors") >= 10, "so are live actors", found.total("evopipe_actors"))
