"""Why a step failed, as far as it decides what to try next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import JsonValue

# Somebody or a budget said stop: going round that would be wrong, not clever.
_FINAL_CODES: Final = frozenset(
    {"kill_switch", "killed", "cancelled", "run_cancelled", "shutdown", "paused", "run_paused", "budget", "over_budget"}
)
_FINAL_KINDS: Final = frozenset({"spent", "forbidden"})
_TOO_MUCH: Final = ("too_long", "too_large", "context", "truncated", "max_tokens", "timeout", "deadline", "length")
_MISSHAPEN: Final = ("misfit", "schema", "json", "structured", "malformed", "invalid_answer", "extraction")


@dataclass(frozen=True, slots=True)
class Failure:
    """A step's last error. `code` is stable (snake case); `kind` says what may be done about it (transient, ...)."""

    code: str
    message: str = ""
    provider: str | None = None
    kind: str | None = None

    @classmethod
    def from_error(cls, error: Mapping[str, JsonValue]) -> Failure:
        """Reads an error record (`code`, `message`, `provider`, `kind`); what is missing counts as unknown."""
        provider, kind = error.get("provider"), error.get("kind", error.get("class"))
        return cls(
            code=str(error.get("code") or "unknown"),
            message=str(error.get("message") or ""),
            provider=provider if isinstance(provider, str) else None,
            kind=kind if isinstance(kind, str) else None,
        )

    @property
    def is_final(self) -> bool:
        """Whether another way must not be looked for."""
        return self.code in _FINAL_CODES or self.kind in _FINAL_KINDS

    @property
    def is_too_much(self) -> bool:
        """Whether less to read or to write may help."""
        return any(part in self.code for part in _TOO_MUCH)

    @property
    def is_misshapen(self) -> bool:
        """Whether an answer came, in the wrong form."""
        return any(part in self.code for part in _MISSHAPEN)
