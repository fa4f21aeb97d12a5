"""Files of cases."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

_MOST_DIGITS = 4000


class CaseFileError(Exception):
    """A file that holds no cases."""


@dataclass(frozen=True, slots=True)
class Case:
    """One case. `wording` False: texts in the answer are another provider's, so only their presence counts.
    `malformed` says why it cannot be asked: it fails, and the others of its file are asked."""

    id: str
    area: str
    input: dict[str, Any]
    expected: Any
    wording: bool = True
    malformed: str | None = None

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
        raw = json.loads(path.read_text(encoding="utf-8-sig"), parse_int=_whole)
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise CaseFileError(f"{path}: {reason}") from error
    if not isinstance(raw, list):
        raise CaseFileError(f"{path}: a list of cases is expected")
    seen: Counter[str] = Counter()
    return [_read(each, f"{path}[{index}]", seen) for index, each in enumerate(cast("list[Any]", raw))]


def _whole(digits: str) -> int | float:
    """A number too long for Python's own reader would else cost all cases of the file."""
    return int(digits) if len(digits) <= _MOST_DIGITS else float(digits)


def _read(raw: Any, place: str, seen: Counter[str]) -> Case:
    if not isinstance(raw, dict):
        return Case(place, "", {}, None, malformed=f"a case is a map, this is {json.dumps(raw)[:80]}")
    case = cast("dict[str, Any]", raw)
    name = f"{case.get('area', '?')}/{case.get('name', place)}"
    seen[name] += 1
    name += "" if seen[name] == 1 else f" #{seen[name]}"
    lacking = [key for key in ("area", "name", "input", "expected") if key not in case]
    given = case.get("input")
    malformed: str | None = None
    if lacking:
        malformed = f"the case lacks {' and '.join(lacking)}"
    elif not isinstance(given, dict):
        malformed = "the case's input is no map"
    wording = "compare keys" not in str(case.get("note", ""))
    inputs = cast("dict[str, Any]", given) if isinstance(given, dict) else {}
    return Case(name, str(case.get("area", "")), inputs, case.get("expected"), wording, malformed)
