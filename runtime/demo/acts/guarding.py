"""A circuit breaker and a budget, set by hand while the node works."""

from __future__ import annotations

from runtime.cli import exits
from runtime.demo.stage import Stage, scene

BREAKER = "provider:offline"
BUDGET = "pipeline/asking"


def open_a_breaker(stage: Stage) -> None:
    """While it is open no call is made; reset, they are made again."""
    opened = stage.terminal.run("breaker", "open", BREAKER, "--reason", "the vendor says so")
    stage.checks.check(opened.code == 0, "the breaker of the provider is opened", opened.text)
    halted = stage.terminal.run("run", scene("asking"))
    stage.checks.check(halted.code == exits.FAILED, "a run that asks it fails", halted.text)
    stage.checks.check("opened by hand (the vendor says so)" in halted.text, "and says why", halted.text)
    shown = stage.terminal.run("breakers")
    stage.checks.say(shown.out)
    stage.checks.check(f"{BREAKER} " in shown.out.partition("forced-open")[0], "it is shown as open", shown.text)
    reset = stage.terminal.run("breaker", "reset", BREAKER, "--reason", "it works again")
    done = stage.terminal.run("run", scene("asking"))
    stage.checks.check((reset.code, done.code) == (0, 0), "reset, the run succeeds", reset.text + done.text)


def set_a_budget(stage: Stage) -> None:
    """Limits of the node's budgets are changed at once and kept; the offline provider costs nothing."""
    changed = stage.terminal.run("budget", "set", BUDGET, "--usd", "2", "--tokens", "50000", "--reason", "thrift")
    stage.checks.check(changed.code == 0, "a budget is set while the node works", changed.text)
    shown = stage.terminal.run("budget")
    stage.checks.say(shown.out)
    stage.checks.check(BUDGET in shown.out and "50.00" in shown.out, "it stands beside the day's", shown.text)
