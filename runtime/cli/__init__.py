"""`evopipe`, the command line: a thin client of the node's socket. Nothing heavy is imported before it is needed."""

from runtime.cli.app import main

__all__ = ["main"]
