"""The audit log's entries: each carries the hash of the one before it, so that none can be changed or removed unseen.

An entry is one line of JSON. `hash` is the SHA-256 of the line's other fields in canonical JSON (sorted keys, no
spaces, ASCII), among them `previous`, the hash of the entry before. Who checks needs nothing but the lines; who also
keeps a head (number and hash of a last entry) from elsewhere sees as well when entries are missing at the end.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from pydantic import JsonValue

FIRST = "0" * 64
"""What the first entry names as the hash before it."""

_FIELDS: Final[Mapping[str, tuple[type, ...]]] = {
    "number": (int,),
    "at": (int, float),
    "who": (str,),
    "action": (str,),
    "subject": (str,),
    "detail": (dict,),
    "previous": (str,),
    "hash": (str,),
}
_LONGEST_LINE = 1_000_000
# Made once: `json.dumps` makes a new one at each call that has options.
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided. `at` is Unix time in seconds, `who` a person or a part of the node; `detail` is JSON."""

    at: float
    who: str
    action: str
    subject: str
    detail: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One decision in its place. `number` counts from 1."""

    number: int
    at: float
    who: str
    action: str
    subject: str
    detail: Mapping[str, JsonValue]
    previous: str
    hash: str

    def line(self) -> str:
        """The entry as its line in the file, without the line's end."""
        return _canonical({**_hashed(self), "hash": self.hash})


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a chain: how many entries it has and the last one's hash."""

    number: int = 0
    hash: str = FIRST


BEGINNING: Final = Head()


@dataclass(frozen=True, slots=True)
class Flaw:
    """Where a chain is broken: the line in the file (from 1) and what is wrong there, in words."""

    line: int
    what: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What a check of a chain came to: the head of its sound beginning, and every flaw up to a limit."""

    head: Head
    entries: int
    flaws: tuple[Flaw, ...]

    @property
    def is_sound(self) -> bool:
        """Whether nothing was changed, taken out or put in."""
        return not self.flaws


def next_entry(head: Head, made: Decision) -> AuditEntry:
    """The entry that follows `head`. Raises `ValueError` when the detail is not JSON or the line would be too long."""
    return next_sealed(head, made)[0]


def next_sealed(head: Head, made: Decision) -> tuple[AuditEntry, str]:
    """As `next_entry`, with the entry's line, which then need not be made a second time."""
    facts = (made.at, made.who, made.action, made.subject, dict(made.detail))
    fields = _hashed(AuditEntry(head.number + 1, *facts, head.hash, ""))
    canonical = _canonical(fields)
    if len(canonical) > _LONGEST_LINE:
        raise ValueError(f"an audit entry may have {_LONGEST_LINE} characters; keep a hash of what is larger")
    digest = hashlib.sha256(canonical.encode("ascii")).hexdigest()
    entry = AuditEntry(head.number + 1, *facts, head.hash, digest)
    # `hash` stands between `detail` and `number`: sorted keys, and the texts before it are known.
    before = _canonical({name: fields[name] for name in ("action", "at", "detail")})
    return entry, f'{before[:-1]},"hash":"{digest}"{canonical[len(before) - 1 :]}'


def head_of(entry: AuditEntry) -> Head:
    """The head of the chain that ends with `entry`."""
    return Head(entry.number, entry.hash)


def read_entry(line: str) -> AuditEntry:
    """The entry of a line. Raises `ValueError` saying what is wrong with the line itself (not with the chain)."""
    try:
        fields: Any = json.loads(line)
    except (ValueError, RecursionError):
        raise ValueError("is not JSON") from None
    known = cast("dict[str, Any]", fields) if isinstance(fields, dict) else {}
    if known.keys() != _FIELDS.keys():
        raise ValueError(f"must have exactly the fields {', '.join(sorted(_FIELDS))}")
    if not all(type(known[name]) in types for name, types in _FIELDS.items()):
        raise ValueError("has a field of the wrong type")
    return AuditEntry(**known)


def verify(
    lines: Iterable[str],
    expected: Head | Collection[Head] | None = None,
    most_flaws: int = 20,
    *,
    start: Head = BEGINNING,
) -> Verification:
    """Checks a chain from its first line on, and that it holds `expected`: heads that were noted earlier.

    After a flaw the chain is taken up again at the line's own hash, so that a second flaw is found as well and what
    lies between is not blamed. `start` is the head before the first line, for a piece of a chain. One pass; memory
    grows with the noted heads only.
    """
    noted = {head.number: head.hash for head in _heads(expected)}
    last_noted = max(noted, default=0)
    before = sound = start
    flaws: list[Flaw] = []
    entries = 0
    highest = start.number
    for place, line in enumerate(lines, start=1):
        try:
            entry = read_entry(line)
        except ValueError as error:
            flaws.append(Flaw(place, f"the line {error}"))
            before = Head(before.number + 1, "")
        else:
            entries += 1
            highest = max(highest, entry.number)
            wrong = _wrong(entry, before, line)
            if wrong is not None:
                flaws.append(Flaw(place, wrong))
            before = head_of(entry)
            known = noted.get(entry.number)
            if known is not None and known != entry.hash:
                flaws.append(Flaw(place, f"entry {entry.number} is not the one that was noted ({known[:12]})"))
        if not flaws:
            sound = before
        if len(flaws) >= most_flaws:
            return Verification(sound, entries, tuple(flaws))
    if highest < last_noted:
        flaws.append(Flaw(entries + 1, f"entries are missing at the end: {last_noted} were noted, {highest} are there"))
    return Verification(sound, entries, tuple(flaws))


def _heads(expected: Head | Collection[Head] | None) -> Collection[Head]:
    if expected is None:
        return ()
    return (expected,) if isinstance(expected, Head) else expected


def _wrong(entry: AuditEntry, before: Head, line: str) -> str | None:
    # The line itself, too: of a key that is there twice a reader may see the other one.
    if entry.hash != _digest(_hashed(entry)) or line != entry.line():
        return f"entry {entry.number} was changed after it was written"
    if entry.number > before.number + 1:
        first, last = before.number + 1, entry.number - 1
        gone = f"entry {first} is" if first == last else f"entries {first} to {last} are"
        return f"{gone} missing before entry {entry.number}"
    if entry.number != before.number + 1:
        return f"entry {entry.number} stands where entry {before.number + 1} belongs"
    if before.hash and entry.previous != before.hash:
        return f"entry {entry.number} does not follow the entry before it: that one was exchanged"
    return None


def _hashed(entry: AuditEntry) -> dict[str, Any]:
    return {
        "number": entry.number,
        "at": entry.at,
        "who": entry.who,
        "action": entry.action,
        "subject": entry.subject,
        "detail": dict(entry.detail),
        "previous": entry.previous,
    }


def _digest(fields: Mapping[str, Any]) -> str:
    return hashlib.sha256(_canonical(fields).encode("ascii")).hexdigest()


def _canonical(fields: Mapping[str, Any]) -> str:
    try:
        return _CANONICAL.encode(fields)
    except (TypeError, RecursionError) as error:
        raise ValueError(f"the detail is not JSON: {error}") from None
