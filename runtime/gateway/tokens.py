"""The tokens of the TCP listener: which there are, what role each gives, and who has tried too many wrong ones."""

from __future__ import annotations

import hashlib
import hmac
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from runtime.gateway.problems import ApiError
from runtime.gateway.rates import Rates
from runtime.gateway.roles import Role

SHORTEST_TOKEN = 32
PERSON = "person="
LONGEST_PERSON = 100
MOST_TOKENS = 1_000
LARGEST_FILE = 1_000_000
WRONG_BURST = 5
WRONG_PER_S = 0.1


class TokenFileError(Exception):
    """The token file cannot be used; says why and what to do. Never quotes a token."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Whom a token shows: the `account` ("tcp:NAME"), its role, and the person it belongs to ("": nobody says, so that
    each such account is a person)."""

    account: str
    role: Role
    person: str = ""


class Tokens:
    """The tokens of one file. A line is `ROLE TOKEN`, then a NAME and `person=PERSON`, each if at all; `#` begins a
    comment."""

    def __init__(self, file: Path, now: Callable[[], float]) -> None:
        """Raises `TokenFileError`."""
        self._known = _read(file)
        self._wrong = Rates(WRONG_PER_S, WRONG_BURST, now)

    def identify(self, authorization: str, address: str) -> Holder:
        """Who holds the token of the Authorization header. Raises `ApiError` 401, or 429 after too many wrong ones.

        A valid one passes whatever else came from its address: nobody beside its holder may keep a kill switch out,
        and what has SHORTEST_TOKEN characters is not guessed at any rate.
        """
        scheme, _, token = authorization.partition(" ")
        digest = hashlib.sha256(token.strip().encode("utf-8", "surrogateescape")).digest()
        found: Holder | None = None
        for known, who in self._known:
            # All of them, each in constant time: how long it takes tells nothing.
            if hmac.compare_digest(known, digest):
                found = who
        if scheme.lower() != "bearer" or found is None:
            wait_s = self._wrong.wait_s(address)
            if wait_s > 0:
                raise ApiError(
                    429, "too_many_wrong_tokens", "too many wrong tokens came from there.", retry_after_s=wait_s
                )
            self._wrong.take(address)
            raise ApiError(401, "unauthorized", "a valid token is needed: Authorization: Bearer TOKEN.")
        return found


def _read(file: Path) -> list[tuple[bytes, Holder]]:
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        with os.fdopen(descriptor, encoding="utf-8") as stream:
            found = os.fstat(descriptor)
            if stat.S_IMODE(found.st_mode) & 0o077 or found.st_uid not in (os.getuid(), 0):
                raise TokenFileError(
                    f"the token file {file} may be read by others. Fix: chmod 600 {file} (owner: the node's user)"
                )
            text = stream.read(LARGEST_FILE)
    except (OSError, UnicodeDecodeError) as error:
        raise TokenFileError(f"the token file {file} cannot be read: {error}. Fix: tcp.token_file") from error
    known = [_line(file, number, line) for number, line in enumerate(text.splitlines(), 1) if _says(line)]
    if not 0 < len(known) <= MOST_TOKENS:
        raise TokenFileError(f"the token file {file} must hold 1 to {MOST_TOKENS} lines such as: operator TOKEN")
    return known


def _says(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _line(file: Path, number: int, line: str) -> tuple[bytes, Holder]:
    role, token, rest = [*line.split(maxsplit=2), "", "", ""][:3]
    if role.upper() not in Role.__members__:
        raise TokenFileError(
            f"{file}:{number}: a line is ROLE TOKEN [NAME] [{PERSON}PERSON]; ROLE: viewer, operator or owner"
        )
    if len(token) < SHORTEST_TOKEN:
        fix = "make one with: openssl rand -hex 32"
        raise TokenFileError(f"{file}:{number}: the token is shorter than {SHORTEST_TOKEN} characters. Fix: {fix}")
    name, person = _belongs(file, number, rest)
    who = name or f"{role.lower()} token {number}"
    return hashlib.sha256(token.encode()).digest(), Holder(f"tcp:{who}", Role[role.upper()], person)


def _belongs(file: Path, number: int, rest: str) -> tuple[str, str]:
    """The name, and the person that the last word says."""
    *words, last = rest.split() or [""]
    if not last.startswith(PERSON):
        return rest.strip(), ""
    person = last.removeprefix(PERSON)
    if not 0 < len(person) <= LONGEST_PERSON:
        fix = f"{PERSON}ann, one word of at most {LONGEST_PERSON} characters: the same for all tokens of one person"
        raise TokenFileError(f"{file}:{number}: {PERSON} names nobody. Fix: {fix}")
    return " ".join(words) or person, person


def peer_name(holder: Holder, address: str) -> str:
    """As the audit log names a client of the TCP listener."""
    return f"{holder.account} from {address}"
