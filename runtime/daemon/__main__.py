"""`python -m runtime.daemon`: what `evopipe up --detach` starts."""

from __future__ import annotations

import argparse
import sys

from runtime.daemon.process import run_daemon


def main() -> int:
    """Parses the one option and runs the node."""
    parser = argparse.ArgumentParser(prog="evopipe-daemon")
    parser.add_argument("--ready-fd", type=int, default=None)
    arguments = parser.parse_args()
    return run_daemon(ready_fd=arguments.ready_fd)


if __name__ == "__main__":
    sys.exit(main())
