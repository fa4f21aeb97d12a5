"""Who is who: users and groups of the settings as numbers, and the role that a peer has by them."""

from __future__ import annotations

import grp
import pwd
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache

from pipelines.execution import person_of
from runtime.gateway.roles import Role
from runtime.settings import AccessSettings

GROUP = "group:"


class AccessError(Exception):
    """A user or group of the settings does not exist on this machine; says which."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Whoever sent a request. `role` None: to be shown by a token. `name` goes into the audit log;
    `account` is the name without the address; `belongs_to` says whose token it is."""

    name: str
    role: Role | None
    sees_content: bool = False
    account: str = ""
    belongs_to: str = ""

    @property
    def tenant(self) -> str:
        """Whose budgets pay: the same from wherever they come."""
        return self.account or self.name

    @property
    def person(self) -> str:
        """Who counts as one of two persons, with whichever token or as a user."""
        return self.belongs_to or person_of(self.tenant)


@dataclass(frozen=True, slots=True)
class _Named:
    uids: frozenset[int]
    gids: frozenset[int]

    def has(self, uid: int, gids: Collection[int]) -> bool:
        return uid in self.uids or not self.gids.isdisjoint(gids)


class Access:
    """The roles of one node's settings. Names are looked up once, when it is made."""

    def __init__(self, settings: AccessSettings, own_uid: int) -> None:
        """Raises `AccessError`."""
        self._own_uid = own_uid
        self._operators = _looked_up("access.operators", settings.operators)
        self._viewers = _looked_up("access.viewers", settings.viewers)
        self._viewers_see_content = settings.viewers_see_content
        self.socket_gid = _gid("access.socket_group", settings.socket_group) if settings.socket_group else None

    def role_of(self, uid: int | None, gids: Collection[int] = ()) -> Role | None:
        """The highest role of a user; None for a stranger.

        A system that names no peer leaves it to the socket's mode, which then lets in the owner alone, or else is no
        proof of anything.
        """
        if uid is None:
            return Role.OWNER if self.socket_gid is None else None
        if uid in (self._own_uid, 0):
            return Role.OWNER
        if self._operators.has(uid, gids):
            return Role.OPERATOR
        return Role.VIEWER if self._viewers.has(uid, gids) else None

    def peer(self, name: str, role: Role | None) -> Peer:
        """A peer with what its role lets it see."""
        sees = role is not None and (role > Role.VIEWER or self._viewers_see_content)
        return Peer(name, role, sees)


@lru_cache(maxsize=1_000)  # a directory of users elsewhere (LDAP) would hold up the loop at every connection
def user_name(uid: int | None) -> str:
    """The user's name, or its number where it has none (as in containers)."""
    if uid is None:
        return "socket"
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid:{uid}"


def _looked_up(key: str, names: Iterable[str]) -> _Named:
    uids: set[int] = set()
    gids: set[int] = set()
    for name in names:
        if name.startswith(GROUP):
            gids.add(_gid(key, name.removeprefix(GROUP)))
        else:
            uids.add(_uid(key, name))
    return _Named(frozenset(uids), frozenset(gids))


def _uid(key: str, name: str) -> int:
    if name.isdecimal():
        return int(name)
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        fix = f"correct it; a group is written {GROUP}{name}"
        raise AccessError(f"{key}: there is no user {name!r} on this machine. Fix: {fix}") from None


def _gid(key: str, name: str) -> int:
    if name.isdecimal():
        return int(name)
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise AccessError(f"{key}: there is no group {name!r} on this machine. Fix: correct it") from None
