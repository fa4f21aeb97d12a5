"""`trust`, `trust set`, `trust clear`."""

from __future__ import annotations

import math
from typing import Any

from runtime.cli import exits
from runtime.cli.session import node_client, print_json, say
from runtime.cli.watching import clock_of

_HASH_SHOWN = 12
_RULED_OUT = (
    "the settings rule it out (approvals: automatic is false, persons is above 1, or not_by_submitter is true): "
    "people are always asked."
)


def show(*, as_json: bool) -> int:
    """All patterns, those answered last first, and the thresholds that fit none of them yet."""
    with node_client() as client:
        state: dict[str, Any] = client.get("/v1/trust")
    if as_json:
        print_json(state)
        return exits.OK
    for each in state["patterns"]:
        _print_pattern(each)
    if not state["patterns"]:
        print("nobody has answered an approval yet.")
    for rule in state["rules"]:
        when = clock_of(rule["at"], "%Y-%m-%d %H:%M:%S")
        print(f"threshold {rule['threshold']:g} for {rule['target']}, set by {rule['who']} at {when}: {rule['reason']}")
    if not state["rules"]:
        print("no threshold is set: people are always asked.")
    elif not state["automatic"]:
        say(_RULED_OUT)
    if state["problem"]:
        say(f"people are asked, whatever the thresholds: {state['problem']}")
    return exits.OK


def set_by_hand(target: str, threshold: float, reason: str) -> int:
    """Sets a threshold."""
    body = {"target": target, "threshold": threshold, "reason": reason}
    with node_client() as client:
        rule: dict[str, Any] = client.post("/v1/trust", body)
    print(
        f"{target} is approved without asking from score {threshold:g} on, which takes {rule['answers_needed']} "
        f"approvals since the last rejection; `evopipe trust clear {target} --reason ...` ends that"
    )
    if not rule["automatic"]:
        say(_RULED_OUT)
    return exits.OK


def clear(target: str, reason: str, *, history: bool) -> int:
    """Takes a threshold away."""
    body = {"target": target, "threshold": None, "history": history, "reason": reason}
    with node_client() as client:
        told: dict[str, Any] = client.post("/v1/trust", body)
    forgot = f"; {told['forgotten']} pattern(s) forgotten" if history else ""
    print(f"people are asked about {target}{forgot}" if told["cleared"] else f"{target} had no threshold{forgot}")
    return exits.OK


def _print_pattern(each: dict[str, Any]) -> None:
    content = str(each["pattern"]).rpartition("@")[2][:_HASH_SHOWN]
    # Rounded down, as the threshold is compared: 0.949 is no 0.95.
    score = math.floor(each["score"] * 1000) / 1000
    threshold = "always asked" if each["threshold"] is None else f"threshold {each['threshold']:g}"
    then = ", approved without asking" if each["trusted"] else ""
    print(f"{each['target']} @{content}")
    print(
        f"    {each['approvals']} approved, {each['rejections']} rejected, {each['streak']} in a row; "
        f"score {score:.3f}, {threshold}{then}"
    )
