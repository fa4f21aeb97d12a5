"""`python -m runtime.daemon`: what `evopipe up --detach` starts."""

from __future__ import annotations

import argparse
import sys

from runtime.daemon.heap import postpone_collections


def main() -> int:
    """Parses the one option and runs the node."""
    parser = argparse.ArgumentParser(prog="evopipe-daemon")
    parser.add_argument("--ready-fd", type=int, default=None)
    arguments = parser.parse_args()
    postpone_collections()
    from runtime.daemon.process import run_daemon  # noqa: PLC0415 - not before that: it loads a part of the node

    return run_daemon(ready_fd=arguments.ready_fd)


if __name__ == "__main__":
    sys.exit(main())
