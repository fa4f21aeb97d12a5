"""`approvals`, `approve`, `reject`."""

from __future__ import annotations

import json
import time
from typing import Any, cast
from urllib.parse import quote

from runtime.cli import exits
from runtime.cli.session import UsageProblem, node_client, parse_inputs, print_json
from runtime.cli.watching import clock_of
from runtime.client import NodeClient

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
    else:
        print(_told(found))
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
    who = f"by {answer['by']}" if answer["by"] else "because nobody answered in time"
    why = f": {answer['comment']}" if answer["comment"] and answer["by"] else ""
    choice = "" if answer["choice"] in ("approve", "reject") else f" ({answer['choice']})"
    return f"{found['id']} {word}{choice} {who} at {clock_of(answer['at'], TIME)}{why}"


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
