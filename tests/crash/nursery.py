"""Where nodes are born: a process that has loaded the node's code once and forks a whole node for every line it reads.

A node by the command spends a second on imports before it does anything that could be cut off. What is forked here is
the same daemon in a process of its own; only the loading is shared. `python -m tests.crash.nursery` answers in JSON
lines: `{"born": pid}`, then what the daemon reports (`ready`, `error`), then `{"ended": code}`, negative for a signal.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from pathlib import Path

#: What a node would load by itself, once for all lives.
LOADED = ("anthropic", "uvicorn", "runtime.node")


def main() -> None:
    """Serves until its stdin is closed."""
    for module in LOADED:
        import_module(module)
    from runtime.daemon.process import run_daemon

    while sys.stdin.readline():
        child = os.fork()
        if child == 0:
            code = 70
            try:
                with Path(os.devnull).open("rb") as nothing:
                    os.dup2(nothing.fileno(), 0)
                code = run_daemon(ready_fd=os.dup(1))
            finally:
                os._exit(code)
        _say({"born": child})
        _, status = os.waitpid(child, 0)
        _say({"ended": os.waitstatus_to_exitcode(status)})


def _say(value: dict[str, object]) -> None:
    os.write(1, (json.dumps(value) + "\n").encode())


if __name__ == "__main__":
    main()
