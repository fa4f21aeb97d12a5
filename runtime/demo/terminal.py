"""The `evopipe` command as a user runs it: a subprocess with an exit code and two streams."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from runtime.demo.home import Home

COMMAND_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Finished:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """Both streams, for a person."""
        return (self.out + self.err).strip()

    @property
    def facts(self) -> dict[str, Any]:
        """The JSON object on the standard output; `{}` when there is none, so that checks fail instead of the demo."""
        try:
            found = json.loads(self.out)
        except ValueError:
            return {}
        return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


class Terminal:
    """Runs `evopipe` commands in a home; `program` is the one beside the running Python unless another is named."""

    def __init__(self, home: Home, say: Callable[[str], None], program: Path | None = None) -> None:
        self.home = home
        self._say = say
        self._program = program or Path(sys.executable).with_name("evopipe")
        if not self._program.exists():
            raise FileNotFoundError(f"{self._program} is missing; run `make install` first")

    def run(
        self,
        *args: str | Path,
        cwd: Path | None = None,
        timeout_s: float = COMMAND_TIMEOUT_S,
        show: bool = True,
    ) -> Finished:
        """Runs one command to its end; a command that overstays ends as exit code 124, as with timeout(1)."""
        words = [str(arg) for arg in args]
        if show:
            self._announce(words)
        try:
            done = subprocess.run(
                [str(self._program), *words],
                check=False,
                capture_output=True,
                stdin=subprocess.DEVNULL,
                timeout=timeout_s,
                cwd=cwd or self.home.root,
                env=dict(self.home.environ),
                encoding="utf-8",
                errors="replace",
            )
        except subprocess.TimeoutExpired as late:
            return Finished(124, _text(late.stdout), f"no end within {timeout_s:g} s\n{_text(late.stderr)}")
        return Finished(done.returncode, done.stdout, done.stderr)

    def live(self, *args: str | Path, cwd: Path | None = None, timeout_s: float = COMMAND_TIMEOUT_S) -> Finished:
        """Runs one command and shows its output line by line while it works; it is killed after `timeout_s`."""
        words = [str(arg) for arg in args]
        self._announce(words)
        lines: list[str] = []
        with subprocess.Popen(
            [str(self._program), *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=cwd or self.home.root,
            env=dict(self.home.environ),
            encoding="utf-8",
            errors="replace",
        ) as process:
            assert process.stdout is not None
            overdue = threading.Timer(timeout_s, process.kill)
            overdue.start()
            try:
                for line in process.stdout:
                    lines.append(line)
                    self._say("  " + line.rstrip())
            finally:
                overdue.cancel()
        return Finished(process.returncode, "".join(lines), "")

    def _announce(self, words: list[str]) -> None:
        self._say("$ evopipe " + " ".join(Path(word).name if word.startswith("/") else word for word in words))


def _text(stream: str | bytes | None) -> str:
    return stream.decode(errors="replace") if isinstance(stream, bytes) else stream or ""
