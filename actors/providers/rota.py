"""Whose turn it is: connections in a circle, each with a number of calls in flight. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence


class Rota:
    """Round robin over `names` with at most `limit` calls in flight on each."""

    def __init__(self, names: Sequence[str], limit: int) -> None:
        if not names or limit < 1:
            raise ValueError("a rota needs at least one name and a limit of at least 1")
        self._names = tuple(names)
        self._limit = limit
        self._in_flight = dict.fromkeys(self._names, 0)
        self._next = 0

    def take(self, alive: Callable[[str], bool]) -> str | None:
        """The next living name with room, counted as in flight; None when there is none."""
        for step in range(len(self._names)):
            at = (self._next + step) % len(self._names)
            name = self._names[at]
            if self._in_flight[name] < self._limit and alive(name):
                self._next = (at + 1) % len(self._names)
                self._in_flight[name] += 1
                return name
        return None

    def has_room(self, alive: Callable[[str], bool]) -> bool:
        """Whether `take` would find one."""
        return any(count < self._limit and alive(name) for name, count in self._in_flight.items())

    def give_back(self, name: str) -> None:
        """Ends one call on `name`."""
        if self._in_flight[name] == 0:
            raise ValueError(f"nothing is in flight on {name}")
        self._in_flight[name] -= 1

    @property
    def in_flight(self) -> dict[str, int]:
        """Calls in flight by name."""
        return dict(self._in_flight)
