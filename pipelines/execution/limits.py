"""What it means that a limit was reached: which of several holds, the error, and whom it ends. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from pydantic import JsonValue

from pipelines.language import Limits

LIMIT_REACHED: Final = "limit_reached"
UNKNOWN_PRICE: Final = "unknown_price"


class LimitReachedError(Exception):
    """A limit forbids what was about to happen. Not tried again and not healed.

    `limit` names it, `value` is what it says, `spent` what was used before, `pipelines` the chain down to what it
    bounds, and `account` the path of that; None for a pipeline that was not entered. `code` is "limit_reached", or
    "unknown_price" for a call that cannot be priced under a `max_cost_usd`.
    """

    def __init__(
        self,
        message: str,
        *,
        limit: str,
        value: object,
        spent: object,
        pipelines: tuple[str, ...],
        account: str | None = None,
        code: str = LIMIT_REACHED,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.account = account
        self.facts: dict[str, JsonValue] = {
            "limit": limit,
            "value": plain(value),
            "spent": plain(spent),
            "pipelines": list[JsonValue](pipelines),
            "account": account,
        }

    def error(self, step: str, step_type: str) -> dict[str, JsonValue]:
        """It as a step's error."""
        told: dict[str, JsonValue] = {"code": self.code, "message": str(self), "kind": "limit", "attempts": 1}
        return {**told, "step": step, "type": step_type, **self.facts}


def tightest(*each: Limits) -> Limits:
    """The least of each limit."""
    said = {name: [value for one in each if (value := getattr(one, name)) is not None] for name in Limits.model_fields}
    return Limits(**{name: min(values) for name, values in said.items() if values})


def out_of_time(value: float, spent_s: float, pipelines: tuple[str, ...], account: str) -> LimitReachedError:
    """The end of a `max_seconds`."""
    message = f"max_seconds of {value:g} reached ({' → '.join(pipelines)}): it began {spent_s:.1f} s ago"
    return LimitReachedError(
        message, limit="max_seconds", value=value, spent=round(spent_s, 3), pipelines=pipelines, account=account
    )


def is_limit(error: Mapping[str, JsonValue]) -> bool:
    """Whether a step's error says that a limit was reached."""
    return error.get("kind") == "limit"


def ends(error: Mapping[str, JsonValue], path: str) -> bool:
    """Whether the limit that was reached bounds more than what is inside the step at `path`: then no policy of that
    step helps, since the pipeline around it has ended."""
    account = error.get("account")
    if not is_limit(error) or not isinstance(account, str):
        return False
    return account != path and not is_below(account, path)


def is_below(path: str, above: str) -> bool:
    """Whether a path lies inside what stands at `above`; in "" lies everything."""
    return not above or (path.startswith(above) and path[len(above) : len(above) + 1] in {"/", "["})


def plain(value: object) -> JsonValue:
    """A number as an error says it: money as decimal text."""
    return str(value) if isinstance(value, Decimal) else value  # pyright: ignore[reportReturnType] - int, float or text
