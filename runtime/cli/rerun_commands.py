"""`history`, `replay`, `resume RUN`, `vacuum` of a running node."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

from runtime.cli import exits
from runtime.cli.run_commands import follow_until_end
from runtime.cli.session import node_client, print_json, read_definition, say
from runtime.cli.watching import clock_of


def show_history(run_id: str, *, as_json: bool) -> int:
    """Every recorded step in order."""
    with node_client() as client:
        found: dict[str, Any] = client.get(_path(run_id, "history"))
    if as_json:
        print_json(found)
    else:
        print("\n".join(history_lines(found)))
    return exits.OK


def replay_run(
    run_id: str, from_step: str | None, definition: Path | None, *, dry_run: bool, follow: bool, as_json: bool
) -> int:
    """A new run with what still holds of this one."""
    body: dict[str, Any] = {"dry_run": dry_run, **_definition(definition)}
    if from_step is not None:
        body["from_step"] = from_step
    with node_client() as client:
        accepted: dict[str, Any] = client.enter(_path(run_id, "replay"), body)
        taken, within, anew = accepted["taken_over"], accepted["taken_within"], accepted["anew"]
        if dry_run:
            if as_json:
                print_json(accepted)
            else:
                print(f"taken over: {', '.join(taken + within) or 'nothing'}")
                print("\n".join(f"anew: {name}: {why}" for name, why in anew.items()))
            return exits.OK
        inside = f" and {len(within)} inside of others" if within else ""
        steps = "1 step" if len(taken) == 1 else f"{len(taken)} steps"
        say(f"{accepted['run_id']} takes over {steps}{inside} of {run_id}; anew: {', '.join(anew)}.")
        if follow:
            return follow_until_end(client, accepted["run_id"], as_json=as_json)
    print_json(accepted) if as_json else print(accepted["run_id"])
    return exits.OK


def resume_run(run_id: str, definition: Path | None, *, accept_definition: bool, follow: bool, as_json: bool) -> int:
    """Lets a failed run go on."""
    body: dict[str, Any] = {"accept_definition": accept_definition, **_definition(definition)}
    with node_client() as client:
        accepted: dict[str, Any] = client.enter(_path(run_id, "resume"), body)
        gone = len(accepted["anew"])
        say(f"{run_id} goes on; {gone} result{' does' if gone == 1 else 's do'} not stand any more.")
        if follow:
            return follow_until_end(client, run_id, as_json=as_json)
    print_json(accepted) if as_json else print(run_id)
    return exits.OK


def history_lines(found: dict[str, Any]) -> list[str]:
    """A history as lines: the run, what it was made of, then its steps as a table."""
    lines = [f"{found['run_id']}  {found['pipeline']}  {found['status']}  {_when(found['opened_at'])}"]
    made_of = found.get("made_of")
    if made_of:
        lines.append(f"made of {made_of['run_id']}; anew: {', '.join(made_of['anew'])}")
    lines += [f"resumed {_when(each['at'])} ({each['definition']} definition)" for each in found["resumed"]]
    if found.get("blanked_at"):
        lines.append(f"content taken out {_when(found['blanked_at'])} by the retention policy")
    rows = [("step", "status", "attempt", "after", "cost", "bytes", "")]
    rows += [_row(step) for step in found["steps"]]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines += ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    if found.get("cost_usd") is not None:
        lines.append(f"cost: {found['cost_usd']} USD")
    return lines


def _row(step: dict[str, Any]) -> tuple[str, ...]:
    notes = [str(step["error"])] if step["error"] else []
    if step["taken_over"]:
        notes.append("taken over")
    if step["former"] is not None:
        notes.append(f"stood until resume {step['former']}")
    after = "" if step["taken_over"] else f"{step['after_s']:.3f} s"
    cost = "" if step["cost_usd"] is None else str(step["cost_usd"])
    name = "  " * step["level"] + str(step["step"])
    return name, str(step["status"]), str(step["attempt"]), after, cost, str(step["bytes"]), ", ".join(notes)


def _when(at: Any) -> str:
    return clock_of(at, "%Y-%m-%d %H:%M:%S")


def _definition(file: Path | None) -> dict[str, str]:
    return {} if file is None else {"definition": read_definition(file), "source": str(file.absolute())}


def _path(run_id: str, what: str) -> str:
    return f"/v1/runs/{quote(run_id, safe='')}/{what}"
