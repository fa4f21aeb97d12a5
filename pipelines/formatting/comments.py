"""Comments whose place is gone are put above the step that they belonged to: a migration loses none."""

from __future__ import annotations

from bisect import bisect
from collections import Counter
from typing import Any, cast

import yaml

from pipelines.language import read_yaml


def with_lost_comments(old: str, new: str, source: str) -> str:
    """`new` with each comment of `old` that is missing in it, above the step of the same number.

    Both are texts of one pipeline without a wrapper and with the same steps; comments before the first step go there.
    """
    kept = Counter(text for _, text in _comments(new))
    starts = _step_lines(old, source)
    lost: dict[int, list[str]] = {}
    for line, text in _comments(old):
        if kept[text]:
            kept[text] -= 1
        else:
            lost.setdefault(max(bisect(starts, line) - 1, 0), []).append(text)
    lines, places = new.split("\n"), _step_lines(new, source)
    for step, texts in sorted(lost.items(), reverse=True):
        at = places[min(step, len(places) - 1)] if places else 0
        indent = " " * (len(lines[at]) - len(lines[at].lstrip(" ")))
        lines[at:at] = [indent + text for text in texts]
    return "\n".join(lines)


def _step_lines(text: str, source: str) -> list[int]:
    """The line (from 0) that each step begins in, in the order of the text."""
    first: dict[int, int] = {}
    for path, at in read_yaml(text, source).keys.items():
        if len(path) > 2 and path[0] == "steps" and isinstance(path[1], int):
            first[path[1]] = min(first.get(path[1], at.line), at.line)
    return [first[index] - 1 for index in sorted(first)]


def _comments(text: str) -> list[tuple[int, str]]:
    """Each comment with the line (from 0) of what it is about: its own, or the next that holds something."""
    ends: dict[int, int] = {}
    for token in cast(Any, yaml).scan(text):
        start, end = token.start_mark, token.end_mark
        inside = range(start.line, end.line + (1 if end.column else 0))
        for line in inside:
            ends[line] = max(ends.get(line, 0), end.column if line == end.line else 1_000_000)
    found: list[tuple[int, str]] = []
    content = sorted(line for line, end in ends.items() if end)
    for line, whole in enumerate(text.split("\n")):
        rest = whole[ends.get(line, 0) :].strip()
        if rest.startswith("#"):
            following = bisect(content, line)
            about = line if ends.get(line) or following == len(content) else content[following]
            found.append((about, rest))
    return found
