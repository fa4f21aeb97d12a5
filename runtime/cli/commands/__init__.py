"""The commands with their options, a module for each kind of thing they are about.

Each imports what it does only when it is called: `--help` stays below 150 ms.
"""

from runtime.cli.commands import (
    actors,
    approvals,
    audit,
    breakers,
    budgets,
    evolution,
    files,
    library,
    node,
    runs,
    switches,
    trust,
    upkeep,
)

GROUPS = (
    node.app,
    runs.app,
    approvals.app,
    trust.app,
    files.app,
    library.app,
    switches.app,
    breakers.app,
    budgets.app,
    evolution.app,
    actors.app,
    upkeep.app,
    audit.app,
)

__all__ = ["GROUPS"]
