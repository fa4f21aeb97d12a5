"""The commands with their options, a module for each kind of thing they are about.

Each imports what it does only when it is called: `--help` stays below 150 ms.
"""

from runtime.cli.commands import actors, approvals, evolution, files, library, node, runs, switches

GROUPS = (node.app, runs.app, approvals.app, files.app, library.app, switches.app, evolution.app, actors.app)

__all__ = ["GROUPS"]
