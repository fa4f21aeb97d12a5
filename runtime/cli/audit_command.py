"""`audit`, `audit verify`, `audit export`."""

from __future__ import annotations

import csv
import dataclasses
import datetime
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from actors.audit import (
    AuditPlace,
    Checked,
    Head,
    NoAuditLogError,
    check_file,
    check_place,
    entries_of,
    last_entries,
    place_of,
    segments,
)
from pipelines.guardrails.audit_chain import AuditEntry
from runtime.cli import exits
from runtime.cli.session import UsageProblem, node_client, print_json, say
from runtime.client import NodeUnreachableError
from runtime.settings import load_settings

COLUMNS = ("number", "at", "who", "action", "subject", "detail")
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def show_entries(count: int, *, as_json: bool) -> int:
    """The last entries; from the files when no node answers."""
    try:
        with node_client() as client:
            facts: dict[str, Any] = client.get("/v1/audit", tail=count)
    except NodeUnreachableError:
        place = _configured()
        entries = last_entries(place.directory, count)
        if not segments(place.directory):
            say(f"{NoAuditLogError(place.directory, place.heads)}.")
        facts = {"entries": [dataclasses.asdict(entry) for entry in entries]}
    if as_json:
        print_json(facts)
        return exits.OK
    for entry in facts["entries"]:
        detail = " ".join(f"{key}={_word(value)}" for key, value in entry["detail"].items() if value is not None)
        words = (f"{entry['number']:>6}", _local(entry["at"]), entry["who"], entry["action"], entry["subject"], detail)
        print("  ".join(word for word in words if word))
    for problem in (*(facts.get("damage") or ()), facts.get("problem")):
        if problem:
            say(str(problem))
    return exits.OK


def verify_log(path: Path | None, head: str, *, as_json: bool) -> int:
    """Exit code 0 when all holds, 1 with the first flaws when it does not, 2 where there is no log."""
    place = _place(path)
    noted = _head(head)
    try:
        checked = check_place(place, noted) if isinstance(place, AuditPlace) else check_file(place, noted)
    except NoAuditLogError as error:
        raise UsageProblem(f"{error}.") from error
    except OSError as error:
        raise UsageProblem(f"{error.filename or path} cannot be read: {error.strerror or error}.") from error
    if as_json:
        print_json(_facts(checked))
    else:
        _tell(checked)
    return exits.OK if checked.is_sound else exits.FAILED


def export_entries(since: str, until: str, form: str, path: Path | None) -> int:
    """Entries of a time, as they stand in the log; unreadable lines are left out (`verify` names them)."""
    if form not in ("jsonl", "csv"):
        raise UsageProblem(f"{form!r} is no format; give jsonl or csv.")
    first, last = _time("--since", since), _time("--until", until)
    place = _place(path)
    files = segments(place.directory) if isinstance(place, AuditPlace) else [place]
    if isinstance(place, AuditPlace) and not files:
        raise UsageProblem(f"{NoAuditLogError(place.directory, place.heads)}.")
    chosen = (e for e in entries_of(files) if (first is None or e.at >= first) and (last is None or e.at < last))
    if form == "jsonl":
        for entry in chosen:
            sys.stdout.write(entry.line() + "\n")
    else:
        writer = csv.writer(sys.stdout)
        writer.writerow(COLUMNS)
        writer.writerows(_cells(chosen))
    return exits.OK


def _cells(entries: Iterator[AuditEntry]) -> Iterator[list[str]]:
    for entry in entries:
        at = datetime.datetime.fromtimestamp(entry.at, datetime.UTC).isoformat()
        texts = (entry.who, entry.action, entry.subject, json.dumps(dict(entry.detail)))
        # A spreadsheet would run what begins like a formula, and these texts come from whoever asked.
        yield [str(entry.number), at, *(f"'{text}" if text.startswith(FORMULA) else text for text in texts)]


def _configured() -> AuditPlace:
    settings = load_settings()
    place = AuditPlace.of(settings.state_dir)
    return AuditPlace(place.directory, settings.audit.heads_file or place.heads)


def _place(path: Path | None) -> AuditPlace | Path:
    if path is None:
        return _configured()
    if not path.exists():
        raise UsageProblem(f"there is no {path}; give a state directory, a log directory, or a segment or export.")
    return place_of(path)


def _head(text: str) -> Head | None:
    if not text:
        return None
    if not re.fullmatch(r"\d{1,18}:[0-9a-f]{64}", text):
        raise UsageProblem("--head is NUMBER:HASH, as `evopipe audit verify` prints it.")
    number, _, digest = text.partition(":")
    return Head(int(number), digest)


def _tell(checked: Checked) -> None:
    number = "one entry" if checked.entries == 1 else f"{checked.entries} entries"
    if checked.start.number:
        number += f" from number {checked.start.number + 1} on (what came before is not here)"
    if checked.is_sound:
        print(f"sound: {number}, head {checked.head.number}:{checked.head.hash}")
        return
    for flaw in checked.flaws:
        print(flaw)
    say(f"the audit log was damaged: {number} read, sound up to {checked.head.number}:{checked.head.hash}")


def _facts(checked: Checked) -> dict[str, Any]:
    return {
        "sound": checked.is_sound,
        "entries": checked.entries,
        "first": checked.start.number + 1,
        "head": f"{checked.head.number}:{checked.head.hash}",
        "flaws": [{"file": str(flaw.file), "line": flaw.line, "what": flaw.what} for flaw in checked.flaws],
    }


def _time(option: str, text: str) -> float | None:
    if not text:
        return None
    try:
        return datetime.datetime.fromisoformat(text).astimezone().timestamp()
    except ValueError:
        raise UsageProblem(f"{option} {text!r} is no ISO time, such as 2026-03-01 or 2026-03-01T12:00Z.") from None


def _local(at: float) -> str:
    return datetime.datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _word(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
