"""`budget`, `budget set`, `budget report`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from runtime.cli import exits
from runtime.cli.session import UsageProblem, node_client, print_json, say

FORMULAS = (
    "cost = dollars of all runs / successful runs; review = review minutes / 60 * hourly rate * runs / successful runs",
    "value = saved minutes / 60 * hourly rate; net = value - cost - review (of one successful run)",
    "break-even = development hours * hourly rate / net, in successful runs; so far = net * successful runs - that",
)


@dataclass(frozen=True, slots=True)
class Figures:
    """What a person says of their work, as typed."""

    saved_minutes: str | None
    hourly_usd: str | None
    review_minutes: str
    development_hours: str


def show(*, as_json: bool) -> int:
    """How the budgets stand."""
    with node_client() as client:
        state: dict[str, Any] = client.get("/v1/budgets", runs=10)
    if as_json:
        print_json(state)
        return exits.OK
    _print_state(state)
    if state["pipelines"]:
        print("\ncost today, by pipeline:")
        rows = [("pipeline", "runs", "succeeded", "calls", "tokens", "US$", "US$/success")]
        rows += [_cost_row(each) for each in state["pipelines"]]
        _table(rows)
    if state["runs"]:
        print("\nnewest runs:")
        rows = [("run", "pipeline", "user", "status", "tokens", "US$")]
        rows += [
            (each["run"], each["pipeline"], each["tenant"], each["status"], str(each["tokens"]), _usd(each))
            for each in state["runs"]
        ]
        _table(rows)
    return exits.OK


def set_by_hand(path: str, usd: str | None, tokens: int | None, *, clear: bool, reason: str, as_json: bool) -> int:
    """Sets one budget."""
    if not reason.strip():
        raise UsageProblem("--reason is empty; say why, for whoever reads the log.")
    if clear == (usd is not None or tokens is not None):
        raise UsageProblem("give --usd, --tokens or both, or --clear for what the settings say.")
    body = {"path": path, "usd": usd, "tokens": tokens, "clear": clear, "reason": reason}
    with node_client() as client:
        state: dict[str, Any] = client.post("/v1/budgets", body)
    if as_json:
        print_json(state)
        return exits.OK
    held = [each for each in state["accounts"] if each["path"] == path and not each["of"]]
    print(f"set: {path} ({reason})")
    if held:
        _table([_HEAD, *(_row(each) for each in held)])
    else:
        print("nothing limits it by this name, and nothing was spent of it today.")
    return exits.OK


def show_report(since: str, said: Figures, *, as_json: bool) -> int:
    """What pipelines have cost, and whether they pay."""
    if (said.saved_minutes is None) != (said.hourly_usd is None):
        raise UsageProblem("break-even needs both --saved-minutes and --hourly-usd.")
    query = {"since": since} if since else {}
    if said.saved_minutes is not None and said.hourly_usd is not None:
        query |= {"saved_minutes": said.saved_minutes, "hourly_usd": said.hourly_usd}
        query |= {"review_minutes": said.review_minutes, "development_hours": said.development_hours}
    with node_client() as client:
        found: dict[str, Any] = client.get("/v1/budgets/report", **query)
    if as_json:
        print_json({**found, "formulas": list(FORMULAS)})
        return exits.OK
    pipelines: list[dict[str, Any]] = found["pipelines"]
    if found["whole_from"] is not None and found["since"] == found["whole_from"]:
        say(
            f"the figures are whole from {found['whole_from']} on and begin there: charges of earlier days are deleted "
            "(retention.charges_days)."
        )
    if not pipelines:
        print("no run has paid for a call yet.")
        return exits.OK
    head = ("pipeline", "runs", "succeeded", "failed", "calls", "tokens", "US$", "US$/success")
    rows = [(*_cost_row(each)[:3], str(each["failed"]), *_cost_row(each)[3:]) for each in pipelines]
    _table([head, *rows])
    if said.saved_minutes is not None:
        print("\nUS$ of one successful run:")
        _table([("pipeline", "value", "cost", "review", "net", "pays after", "so far"), *map(_even_row, pipelines)])
        print("\n" + "\n".join(f"  - {line}" for line in FORMULAS))
    else:
        say("with --saved-minutes and --hourly-usd it tells the break-even, too.")
    return exits.OK


_HEAD = ("budget", "US$ spent", "reserved", "left", "limit", "tokens spent", "reserved", "left", "limit", "used")


def _print_state(state: dict[str, Any]) -> None:
    if state["problem"]:
        say(f"no call is made at the moment: {state['problem']}")
        return
    print(f"UTC day {state['day']}; {state['leases']} calls under way, {state['refused']} refused since the start")
    if state["stopped"]:
        print(f"STOPPED: {state['stopped']}")
    _table([_HEAD, *(_row(each) for each in state["accounts"])])
    if state["shares"]:
        told = ", ".join(f"{name} {Decimal(share):.0%}" for name, share in sorted(state["shares"].items()))
        print(f"share of a run's limit that pipelines are trusted with: {told}")


def _row(each: dict[str, Any]) -> tuple[str, ...]:
    name = each["path"] if not each["of"] else f"{each['path']} of {each['of']}"
    notes = [f"alert at {Decimal(each['alert']):.0%}"] if each["alert"] else []
    notes += [f"{each['unpriced_calls']} without a price"] if each["unpriced_calls"] else []
    notes += [f"{each['overruns']} over their reservation"] if each["overruns"] else []
    used = f"{Decimal(each['used_share']):.0%}" if each["origin"] else ""
    return (
        name,
        *(_money(each[key]) for key in ("usd_spent", "usd_reserved", "usd_left", "usd_limit")),
        *(_count(each[key]) for key in ("tokens_spent", "tokens_reserved", "tokens_left", "tokens_limit")),
        " ".join([used, *notes]).strip(),
    )


def _cost_row(each: dict[str, Any]) -> tuple[str, ...]:
    counts = (str(each[key]) for key in ("runs", "succeeded", "calls", "tokens"))
    return (each["pipeline"], *counts, _usd(each), _money(each["usd_per_success"]))


def _even_row(each: dict[str, Any]) -> tuple[str, ...]:
    even: dict[str, Any] | None = each["break_even"]
    if even is None:
        return (each["pipeline"], "-", "-", "-", "-", "no run has succeeded", "-")
    after = "never" if even["runs"] is None else f"{even['runs']} successful runs"
    return (
        each["pipeline"],
        *(_money(even[key]) for key in ("value", "cost", "review", "net")),
        after,
        _money(even["so_far"]),
    )


def _usd(each: dict[str, Any]) -> str:
    return _money(each["usd"]) + (" + unknown" if each["unpriced_calls"] else "")


def _money(text: str | None) -> str:
    """At least two decimals, and two figures of what is smaller than a cent."""
    if text is None:
        return "-"
    value = Decimal(text)
    return f"{value:.{max(2, 1 - value.adjusted()) if value else 2}f}"


def _count(number: int | None) -> str:
    return "-" if number is None else str(number)


def _table(rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
