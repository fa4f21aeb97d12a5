"""stdin, stdout and stderr as a command line program needs them.

What is printed often comes from others: a model's answer, a pipeline's name, a log line. On a terminal its control
characters would be obeyed (move the cursor, change the title, answer as if typed), so there they are written as text.
"""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Any, BinaryIO, cast

_SHOWN = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t\r"}


def without_controls(text: str) -> str:
    """`text` with its control characters as `\\x1b` and the like; line ends and tabs stay."""
    return text.translate(_SHOWN)


class TerminalText(TextIOWrapper):
    """Text for a terminal. Control characters other than line ends and tabs come out as `\\x1b`."""

    def write(self, text: str, /) -> int:
        """Writes it, and says how much of `text` that was."""
        super().write(without_controls(text))
        return len(text)


def make_streams_usable() -> None:
    """A stream that the caller closed becomes /dev/null; what a terminal's encoding lacks is written as an escape."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - open for good
    for name in ("stdout", "stderr"):
        stream: Any = getattr(sys, name)
        if type(stream) is not TextIOWrapper:
            continue  # a test's, or guarded already
        stream.reconfigure(errors="backslashreplace")
        if stream.isatty():
            raw = cast("BinaryIO", stream.buffer)
            guarded = TerminalText(raw, encoding=stream.encoding, errors="backslashreplace", line_buffering=True)
            setattr(sys, name, guarded)


def unguarded(stream: str) -> Any:
    """The stream of that name (stdout, stderr), for what draws on the terminal itself.

    Nothing that comes from others may go there as it is.
    """
    return getattr(sys, f"__{stream}__") or getattr(sys, stream)
