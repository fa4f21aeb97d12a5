"""Somebody changes the log at random, in every way a file can be changed: the check finds it, where it is.

EVOPIPE_FUZZ_EXAMPLES sets how many changes are tried (for a long run), EVOPIPE_FUZZ_SEED which.
"""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

from actors.audit import AuditPlace, Head, check_place, segments
from pipelines.guardrails.audit_chain import Decision, head_of, next_sealed, read_entry
from tests.actors.audit.audit_for_tests import written

EXAMPLES = int(os.environ.get("EVOPIPE_FUZZ_EXAMPLES", "150"))
Tamper = Callable[[AuditPlace, random.Random], tuple[Path, int] | None]
"""Changes the log; gives the first file and line at which the change can be seen, None where nobody can say more than
that it was changed."""


def pick(place: AuditPlace, rng: random.Random) -> tuple[Path, list[bytes], int]:
    """A file, its lines, and one of them (from 0)."""
    file = rng.choice(segments(place.directory))
    lines = file.read_bytes().splitlines(keepends=True)
    return file, lines, rng.randrange(len(lines))


def flip_a_byte(place: AuditPlace, rng: random.Random) -> tuple[Path, int]:
    file, lines, at = pick(place, rng)
    line = bytearray(lines[at])
    # Not the line's end: then it is two lines that change.
    line[rng.randrange(len(line) - 1)] ^= rng.choice([1, 2, 4, 16, 128])
    if b"\n" in line[:-1] or b"\r" in line:
        return flip_a_byte(place, rng)
    lines[at] = bytes(line)
    file.write_bytes(b"".join(lines))
    return file, at + 1


def say_something_else(place: AuditPlace, rng: random.Random) -> tuple[Path, int]:
    """An edit by somebody who knows the format, but for the chain."""
    file, lines, at = pick(place, rng)
    entry = json.loads(lines[at])
    entry[rng.choice(["who", "subject", "action"])] = "nobody"
    lines[at] = json.dumps(entry, sort_keys=True, separators=(",", ":")).encode() + b"\n"
    file.write_bytes(b"".join(lines))
    return file, at + 1


def take_one_out(place: AuditPlace, rng: random.Random) -> tuple[Path, int] | None:
    file, lines, at = pick(place, rng)
    last_of_all = file == segments(place.directory)[-1] and at == len(lines) - 1
    in_the_middle = at < len(lines) - 1
    del lines[at]
    file.write_bytes(b"".join(lines))
    return (file, at + 1) if in_the_middle and not last_of_all else None


def put_one_in(place: AuditPlace, rng: random.Random) -> tuple[Path, int]:
    file, lines, at = pick(place, rng)
    lines.insert(at, rng.choice(lines[:at] + lines[at + 1 :]))
    file.write_bytes(b"".join(lines))
    return file, at + 1


def exchange_two(place: AuditPlace, rng: random.Random) -> tuple[Path, int]:
    file, lines, at = pick(place, rng)
    other = rng.choice([number for number in range(len(lines)) if number != at])
    lines[at], lines[other] = lines[other], lines[at]
    file.write_bytes(b"".join(lines))
    return file, min(at, other) + 1


def cut(place: AuditPlace, rng: random.Random) -> None:
    file, lines, _ = pick(place, rng)
    os.truncate(file, rng.randrange(len(b"".join(lines)) - 1))


def remove_a_file(place: AuditPlace, rng: random.Random) -> None:
    rng.choice(segments(place.directory)).unlink()


def copy_a_file(place: AuditPlace, rng: random.Random) -> None:
    source, target = rng.sample(segments(place.directory), 2)
    shutil.copyfile(source, target)


def add_a_file(place: AuditPlace, rng: random.Random) -> None:
    source = rng.choice(segments(place.directory))
    shutil.copyfile(source, place.directory / f"audit-{rng.randrange(100, 999_999):06}.jsonl")


def write_the_rest_anew(place: AuditPlace, rng: random.Random) -> tuple[Path, int]:
    """As one who knows all of it: the entries from there on are made again, hashes and all."""
    file, lines, at = pick(place, rng)
    entry = read_entry(lines[at].decode())
    head, first = Head(entry.number - 1, entry.previous), (file, at + 1)
    for each in segments(place.directory):
        if each.name < file.name:
            continue
        old = each.read_bytes().splitlines()
        new = old[:at] if each == file else []
        for line in old[len(new) :]:
            was = read_entry(line.decode())
            made, text = next_sealed(head, Decision(was.at, "innocent", was.action, was.subject, was.detail))
            head = head_of(made)
            new.append(text.encode())
        each.write_bytes(b"".join(line + b"\n" for line in new))
    return first


TAMPERS: tuple[Tamper, ...] = (
    flip_a_byte, say_something_else, take_one_out, put_one_in, exchange_two, cut, remove_a_file, copy_a_file,
    add_a_file, write_the_rest_anew,
)  # fmt: skip


def test_no_change_of_any_kind_goes_unseen_and_each_is_located(tmp_path: Path) -> None:
    seed = int(os.environ.get("EVOPIPE_FUZZ_SEED", random.SystemRandom().randrange(2**32)))
    print(f"EVOPIPE_FUZZ_SEED={seed}")
    rng = random.Random(seed)
    sound, _ = written(tmp_path / "sound", 60, segment_bytes=5_000)
    assert check_place(sound).is_sound
    for number in range(EXAMPLES):
        state = tmp_path / "changed"
        shutil.copytree(tmp_path / "sound", state)
        place = AuditPlace.of(state)
        tamper = TAMPERS[number % len(TAMPERS)]
        where = tamper(place, rng)
        checked = check_place(place)
        assert not checked.is_sound, (number, tamper)
        if where is not None:
            first = checked.flaws[0]
            assert (first.file.name, first.line) == (where[0].name, where[1]), (number, tamper, checked.flaws[:3])
        shutil.rmtree(state)
