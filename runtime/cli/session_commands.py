"""`sessions`: conversations that outlive their runs."""

from __future__ import annotations

import datetime
from typing import Any
from urllib.parse import quote

from runtime.cli import exits
from runtime.cli.session import UsageProblem, node_client, print_json


def list_sessions(limit: int, *, as_json: bool) -> int:
    """The last used first."""
    with node_client() as client:
        found: list[dict[str, Any]] = client.get("/v1/sessions", limit=limit)["sessions"]
    if as_json:
        print_json(found)
        return exits.OK
    if not found:
        print("no sessions.")
        return exits.OK
    width = max(len("SESSION"), *(len(each["name"]) for each in found))
    print(f"{'SESSION':<{width}}  {'TURNS':>5}  LAST USED")
    for each in found:
        print(f"{each['name']:<{width}}  {each['turns']:>5}  {_local(each['spoken_at'])}")
    return exits.OK


def show_session(name: str, turns: int, *, as_json: bool) -> int:
    """What was said last, oldest first."""
    with node_client() as client:
        found: dict[str, Any] = client.get(_path(name), turns=turns)
    if as_json:
        print_json(found)
        return exits.OK
    print(f"{found['name']}: {found['turns']} turns since {_local(found['began_at'])}")
    for turn in found["latest"]:
        print(f"\n[{turn['number']}, {turn['run_id']}]\n> {turn['question']}\n{turn['answer']}")
    return exits.OK


def forget_session(name: str) -> int:
    """Ends it, with all its turns."""
    with node_client() as client:
        client.delete(_path(name))
    print(f"forgotten: {name}")
    return exits.OK


def _path(name: str) -> str:
    if not name.strip():
        raise UsageProblem("which session? `evopipe sessions` lists them.")
    return f"/v1/sessions/{quote(name, safe='')}"


def _local(at: float) -> str:
    return datetime.datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")
