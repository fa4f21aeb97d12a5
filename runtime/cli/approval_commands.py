"""`approvals`, `approve`, `reject`."""

from __future__ import annotations

import json
import time
from decimal import Decimal
from typing import Any, cast
from urllib.parse import quote

from runtime.cli import exits
from runtime.cli.session import UsageProblem, node_client, parse_inputs, print_json
from runtime.cli.watching import clock_of
from runtime.client import NodeClient

_MOST_SHOWN = 8
TIME = "%Y-%m-%d %H:%M:%S"


def list_approvals(run_id: str | None, *, as_json: bool) -> int:
    """Those that wait, the oldest first."""
    with node_client() as client:
        found = _pending(client, run_id)
    if as_json:
        print_json(found)
    elif not found:
        print("nothing waits for an answer.")
    for each in [] if as_json else found:
        expires = f", expires in {_duration(each['expires_at'] - time.time())}" if each["expires_at"] else ""
        print(f"{each['id']}\n    {each['pipeline']}: {_first_line(each['message'])}")
        print(f"    {', '.join(each['choices'])}; for {_duration(time.time() - each['asked_at'])}{expires}")
        for line in (_so_far(each), _then(each)):
            if line:
                print(f"    {line}")
    return exits.OK


def show_approval(approval: str, *, as_json: bool) -> int:
    """One question with all that a person needs to answer it."""
    with node_client() as client:
        found: dict[str, Any] = client.get(_path(_id_of(client, approval)))
    if as_json:
        print_json(found)
        return exits.OK
    print(f"{found['id']} ({found['status']}), asked {clock_of(found['asked_at'], TIME)} by {found['pipeline']}")
    print(f"\n{found['message'].rstrip()}\n")
    if found["preview"] is not None:
        preview = found["preview"]
        print(preview if isinstance(preview, str) else json.dumps(preview, indent=2, ensure_ascii=False))
        print()
    if found["expires_at"]:
        print(f"expires: {clock_of(found['expires_at'], TIME)}, which counts as {found['on_expiry']}")
    if found["answer"]:
        print(_told(found))
    elif found["status"] == "pending":
        for line in (_so_far(found), _then(found)):
            if line:
                print(line)
        print(f"choices: {', '.join(found['choices'])}")
        fields = _properties(found)
        given = "".join(f" --data {name}=..." for name in fields)
        print(f"to answer: evopipe approve {found['id']}{given}\n           evopipe reject {found['id']} --comment ...")
    elif found["reason"]:
        print(f"it does not wait now: {found['reason']}")
    return exits.OK


def answer_approval(
    approval: str, approve: bool, choice: str | None, comment: str, given: list[str], *, as_json: bool
) -> int:
    """Answers; the node has it on disk when this returns 0."""
    with node_client() as client:
        approval_id = _id_of(client, approval)
        body: dict[str, object] = {"approve": approve, "comment": comment}
        if choice is not None:
            body["choice"] = choice
            del body["approve"]
        if given:
            body["data"] = _data(given, _properties(client.get(_path(approval_id))))
        found: dict[str, Any] = client.post(_path(approval_id), body)
    if as_json:
        print_json(found)
    elif found["answer"]:
        print(_told(found))
    else:
        print(f"{found['id']} has {_so_far(found)}")
    return exits.OK


def _pending(client: NodeClient, run_id: str | None) -> list[dict[str, Any]]:
    query = {} if run_id is None else {"run": run_id}
    return cast("list[dict[str, Any]]", client.get("/v1/approvals", limit=10_000, **query)["approvals"])


def _id_of(client: NodeClient, given: str) -> str:
    """The id that is meant: itself, or the only question of the run of that id."""
    if "/" in given:
        return given
    if not given.strip():
        raise UsageProblem("which one? `evopipe approvals` lists them.")
    ids = [str(each["id"]) for each in _pending(client, given)]
    if len(ids) == 1:
        return ids[0]
    if not ids:
        raise UsageProblem(f"{given!r} is no approval's id, and no run of that id waits; see `evopipe approvals`.")
    raise UsageProblem(f"the run {given} waits for {len(ids)} answers; name one: {', '.join(ids[:10])}.")


def _data(given: list[str], properties: dict[str, Any]) -> dict[str, Any]:
    """`key=value` as the question's fields want it: `count=3` is a number where a number is asked for."""
    try:
        data = parse_inputs(given, None)
    except UsageProblem as problem:
        raise UsageProblem(str(problem).replace("--input", "--data")) from problem
    for name, value in data.items():
        kind = properties.get(name, {}).get("type", "string")
        if isinstance(value, str) and kind != "string":
            try:
                data[name] = json.loads(value)
            except ValueError:
                continue  # the node says what is wrong with it
    return data


def _properties(found: dict[str, Any]) -> dict[str, Any]:
    fields = found.get("fields")
    named = cast("dict[str, Any]", fields).get("properties") if isinstance(fields, dict) else None
    return cast("dict[str, Any]", named) if isinstance(named, dict) else {}


def _told(found: dict[str, Any]) -> str:
    answer: dict[str, Any] = found["answer"]
    word = "approved" if answer["approved"] else "rejected"
    by = " and ".join([*(str(each["by"]) for each in answer["others"] if answer["approved"]), str(answer["by"])])
    who = f"by {by}" if answer["by"] else "because nobody answered in time"
    why = f": {answer['comment']}" if answer["comment"] and answer["by"] else ""
    choice = "" if answer["choice"] in ("approve", "reject") else f" ({answer['choice']})"
    return f"{found['id']} {word}{choice} {who} at {clock_of(answer['at'], TIME)}{why}"


def _so_far(found: dict[str, Any]) -> str:
    """`1 of 2, by ann`; nothing where one person is enough."""
    given: list[dict[str, Any]] = found["approvals"]
    if found["approvals_needed"] < 2:
        return ""
    by = f", by {', '.join(str(each['by']) for each in given)}" if given else ""
    return f"{len(given)} of {found['approvals_needed']}{by}"


def _then(found: dict[str, Any]) -> str:
    """What a yes lets go on, and what that is likely to cost."""
    after: dict[str, Any] | None = found["follows"]
    if after is None:
        return ""
    steps: list[str] = after["steps"]
    if not steps:
        return "then: nothing waits for it"
    more = "" if len(steps) <= _MOST_SHOWN else f" and {len(steps) - _MOST_SHOWN} more"
    low, high = (_dollars(after["cost_usd"][end]) for end in ("low", "high"))
    cost = low if low == high else f"{low} to {high}"
    unknown = f" and what is not known ({', '.join(after['unpriced'][:_MOST_SHOWN])})" if after["unpriced"] else ""
    passes = "; further passes not counted" if after["further_passes_of"] else ""
    return f"then: {', '.join(steps[:_MOST_SHOWN])}{more}; about {cost} US${unknown}{passes}"


def _dollars(exact: str) -> str:
    """At least two decimals, and two figures of what is smaller than a cent."""
    value = Decimal(exact)
    return "0.00" if value == 0 else f"{value:.{max(2, 1 - value.adjusted())}f}"


def _first_line(text: str) -> str:
    line = text.strip().partition("\n")[0]
    return line if len(line) <= 160 else f"{line[:157]}..."


def _duration(seconds: float) -> str:
    seconds = max(0, int(seconds))
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _path(approval_id: str) -> str:
    return f"/v1/approvals/{quote(approval_id, safe='')}"
