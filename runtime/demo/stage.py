"""What every act gets: the checks, the command line, the node's interface, the shipped pipelines."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from runtime.client import NodeClient
from runtime.demo.checks import Checks
from runtime.demo.home import Home
from runtime.demo.terminal import Terminal

UP_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Stage:
    """One demonstration."""

    checks: Checks
    home: Home
    terminal: Terminal

    def client(self) -> NodeClient:
        """A client of the node's socket, to be used in a `with` block."""
        return NodeClient(self.home.socket)

    def status(self) -> dict[str, Any]:
        """`evopipe status --json`; empty when the node does not answer."""
        return self.terminal.run("status", "--json", show=False).facts

    def submit(self, pipeline: Path, *args: str) -> str:
        """Hands a run to the node without waiting for it and returns its id ("" when it was refused)."""
        done = self.terminal.run("run", pipeline, *args, "--detach", "--json")
        run_id = str(done.facts.get("run_id", ""))
        self.checks.check(done.code == 0 and run_id, f"{pipeline.stem} is accepted", done.text)
        return run_id


def scene(name: str) -> Path:
    """A pipeline that exists for the demo only."""
    return _on_disk("runtime.demo", "scenes", f"{name}.yaml")


def shipped(*parts: str) -> Path:
    """A file of the pipelines that ship with evopipe."""
    return _on_disk("pipelines", *parts)


def _on_disk(package: str, *parts: str) -> Path:
    found = Path(str(files(package).joinpath(*parts)))
    if not found.exists():
        raise FileNotFoundError(f"{found} is missing from the installation")
    return found
