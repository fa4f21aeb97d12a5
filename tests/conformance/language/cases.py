"""Files of cases."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast


class CaseFileError(Exception):
    """A file that holds no cases."""


@dataclass(frozen=True, slots=True)
class Case:
    """One case. `wording` False: texts in the answer are another provider's, so only their presence counts."""

    id: str
    area: str
    input: dict[str, Any]
    expected: Any
    wording: bool = True

    @property
    def expected_error(self) -> str | None:
        """What the error must contain; None when a value is expected."""
        match self.expected:
            case {"error_contains": text, **others} | {"raises_contains": text, **others} if not others:
                return str(text)
            case _:
                return None


def load_cases(path: Path) -> list[Case]:
    """The cases of one file; an id is `area/name`, numbered where it repeats. Raises `CaseFileError`."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CaseFileError(f"{path}: {error}") from error
    if not isinstance(raw, list):
        raise CaseFileError(f"{path}: a list of cases is expected")
    seen: Counter[str] = Counter()
    return [_read(each, f"{path}[{index}]", seen) for index, each in enumerate(cast("list[Any]", raw))]


def _read(raw: Any, place: str, seen: Counter[str]) -> Case:
    try:
        name = f"{raw['area']}/{raw['name']}"
        given, expected = raw["input"], raw["expected"]
    except (TypeError, KeyError) as error:
        raise CaseFileError(f"{place}: a case has area, name, input and expected ({error} is missing)") from error
    if not isinstance(given, dict):
        raise CaseFileError(f"{place}: input is a map")
    seen[name] += 1
    number = "" if seen[name] == 1 else f" #{seen[name]}"
    wording = "compare keys" not in str(raw.get("note", ""))
    return Case(name + number, str(raw["area"]), cast("dict[str, Any]", given), expected, wording)
