"""Shows a run's events on stderr: coloured lines with a spinner on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Protocol, cast

from runtime.cli.streams import unguarded, without_controls

COLOURS = {
    "succeeded": "green",
    "failed": "red",
    "cancelled": "red",
    "retrying": "yellow",
    "restarted": "yellow",
    "fallback": "magenta",
    "paused": "yellow",
    "waiting": "yellow",
    "skipped": "dim",
    "gap": "yellow",
}
FACTS = (
    "reason", "error", "message", "attempt", "delay_s", "provider", "missed", "pipeline", "until", "answer_with",
    "large",
)  # fmt: skip
SENTENCES = frozenset({"reason", "error", "message"})


class Watcher(Protocol):
    """Takes the events of one run in their order."""

    def show(self, kind: str, event: Mapping[str, Any]) -> None:
        """One event."""
        ...


@contextmanager
def make_watcher(run_id: str) -> Generator[Watcher]:
    """The watcher that fits stderr."""
    if not sys.stderr.isatty():
        yield PlainWatcher()
        return
    from rich.console import Console

    console = Console(file=unguarded("stderr"), highlight=False)
    with console.status(f"{run_id}: waiting for the first step") as spinner:
        yield RichWatcher(run_id, console, spinner)


class PlainWatcher:
    """One line an event."""

    def show(self, kind: str, event: Mapping[str, Any]) -> None:
        """Writes the line at once."""
        sys.stderr.write(line_of(kind, event) + "\n")
        sys.stderr.flush()


class RichWatcher:
    """Coloured lines, and beneath them what is at work now."""

    def __init__(self, run_id: str, console: Any, spinner: Any) -> None:
        self._run_id = run_id
        self._console = console
        self._spinner = spinner
        self._active: dict[str, None] = {}
        self._done = 0

    def show(self, kind: str, event: Mapping[str, Any]) -> None:
        """Prints the line and turns the spinner's text."""
        from rich.text import Text

        colour = next((name for word, name in COLOURS.items() if word in kind), "default")
        self._console.print(Text(without_controls(line_of(kind, event)), style=colour if colour != "default" else ""))
        step = str(event.get("step") or "")
        if kind == "step_started":
            self._active[step] = None
        elif kind in ("step_succeeded", "step_failed", "step_skipped"):
            self._active.pop(step, None)
            self._done += 1
        at_work = without_controls(", ".join(self._active)) or "nothing"
        self._spinner.update(f"{self._run_id}: {self._done} done; at work: {at_work}")


def line_of(kind: str, event: Mapping[str, Any]) -> str:
    """One event as a line: time, what, which step, and what is worth saying about it."""
    clock = clock_of(event.get("at"), "%H:%M:%S")
    step = event.get("step")
    said = facts_of(event.get("data"))
    return " ".join(part for part in (clock, kind.replace("_", " "), str(step) if step else "", said) if part)


def clock_of(at: object, form: str) -> str:
    """A Unix time in local time; dashes when there is none."""
    return f"{datetime.fromtimestamp(at, UTC).astimezone():{form}}" if isinstance(at, (int, float)) else "--:--:--"


def facts_of(data: object) -> str:
    """The facts of an event that a person wants to see, in brackets."""
    if not isinstance(data, dict):
        return ""
    known = cast("dict[str, Any]", data)
    parts: list[str] = []
    for name in FACTS:
        value: Any = known.get(name)
        if isinstance(value, dict):
            facts = cast("dict[str, Any]", value)
            size, sha256 = facts.get("bytes"), str(facts.get("sha256"))
            value = f"{size} bytes, sha256 {sha256[:12]}" if size else facts.get("message") or facts
        if value in (None, "", []):
            continue
        text = " ".join(str(value).split())
        named = f"{name.replace('_with', ' with')}: {text[:200]}"
        parts.append(text[:300] if name in SENTENCES else named)
    return f"({'; '.join(parts)})" if parts else ""
