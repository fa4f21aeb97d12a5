"""`breakers`, `breaker`."""

from __future__ import annotations

from typing import Any

from runtime.cli import exits
from runtime.cli.session import UsageProblem, node_client, print_json, say
from runtime.cli.watching import clock_of

ORDERS = ("open", "close", "reset")


def show(*, as_json: bool) -> int:
    """All breakers of the node, those that are not closed first."""
    with node_client() as client:
        state: dict[str, Any] = client.get("/v1/breakers")
    if as_json:
        print_json(state)
        return exits.OK
    found: list[dict[str, Any]] = state["breakers"]
    width = max((len(str(each["name"])) for each in found), default=0)
    for each in sorted(found, key=lambda each: (each["state"] == "closed", each["name"])):
        print(f"{each['name']:<{width}}  {each['state'].replace('_', '-'):<13} {_more(each)}".rstrip())
    if not found:
        print("no circuit breaker was asked yet.")
    if not state["saved"] and not state.get("problems"):
        say("what has changed is being written.")
    problems: list[Any] = state.get("problems") or []
    for problem in problems:
        say(str(problem))
    return exits.OK


def set_by_hand(order: str, name: str, reason: str) -> int:
    """Opens, closes or resets one."""
    if order not in ORDERS:
        raise UsageProblem(f"{order!r} is no order; give one of {', '.join(ORDERS)}.")
    with node_client() as client:
        each: dict[str, Any] = client.post(f"/v1/breakers/{order}", {"name": name, "reason": reason})
    until = "" if order == "reset" else f"; it stays so until `evopipe breaker reset {name} --reason ...`"
    print(f"{each['name']} is {each['state'].replace('_', '-')} ({reason}){until}")
    if each.get("unsaved"):
        say(
            f"it is in force, but a restart forgets it: {each['unsaved']}. The node tries again every few seconds; "
            "`evopipe breakers` says when that has gone well."
        )
    kind, _, subject = name.partition(":")
    if order != "reset" and kind in ("provider", "performance"):
        with node_client() as client:
            known: list[str] = list(client.get("/v1/status")["providers"])
        if subject.partition("/")[0] not in known:
            say(f"this node has no provider {subject!r}; it has {', '.join(known)}.")
    return exits.OK


def _more(each: dict[str, Any]) -> str:
    counted = f"{each['calls']} calls, {each['failed']} failed, {each['slow']} slow"
    if each["state"] == "closed":
        return counted
    by = f" by {each['who']}" if each.get("who") else ""
    again = each.get("retry_after_s")
    left = "" if again is None else f"; tries again in {again:.0f} s"
    return f"since {clock_of(each['since'], '%Y-%m-%d %H:%M:%S')}{by}: {each['why']}{left}"
