"""Steps that wait, as the tools tell of them: how long, in which words, and how they may be written."""

from __future__ import annotations

from typing import Any

from pipelines.language import ApprovalStep, BaseStep, WaitStep, is_template, moment_of

from .outline import condition_text

Schema = dict[str, Any]
_DURATION: Schema = {
    "anyOf": [{"type": "number", "minimum": 0}, {"type": "string"}],
    "description": "Seconds, or such as `90s`, `5m`, `2h`, `1d`.",
}


def waiting_time(step: BaseStep) -> tuple[float, float, str]:
    """Least and most seconds that can be known before the run, and what cannot be."""
    if isinstance(step, WaitStep):
        if isinstance(step.for_s, float | int):
            return step.for_s, step.for_s, ""
        until = "" if step.until is None or is_template(step.until) else f" (until {moment_of(step.until).isoformat()})"
        return 0.0, 0.0, f"how long it waits is not counted{until or ': only the run knows'}"
    if isinstance(step, ApprovalStep):
        most = step.expires_in_s
        limit = "" if most is None else f", at most {most:g} s"
        return 0.0, most or 0.0, f"waits for a person: nobody knows how long{limit}"
    return 0.0, 0.0, ""


def waiting_words(step: BaseStep) -> str | None:
    """What a step that waits does, in words; None for other steps."""
    if isinstance(step, WaitStep):
        if step.for_s is None:
            return f"waits until {condition_text(step.until)}"
        return f"waits {step.for_s if isinstance(step.for_s, str) else f'{step.for_s:g}'} s"
    if not isinstance(step, ApprovalStep):
        return None
    several = step.approvals_needed > 1
    who = f"{step.approvals_needed} persons approve" if several else "a person answers"
    asked = f"waits until {who} '{condition_text(step.message)}' with {' or '.join(step.choices)}"
    if several:
        asked += " (one no is enough)"
    if step.not_by_submitter:
        asked += ", but not whoever submitted the run"
    if step.fields is not None:
        asked += " and fills in what it asks for"
    if step.expires_in_s is not None:
        asked += f"; after {step.expires_in_s:g} s without an answer: {step.on_expiry}"
    return asked


def waiting_failure(step: BaseStep) -> str | None:
    """What follows when it does not end well; None for steps that do not wait."""
    if not isinstance(step, ApprovalStep | WaitStep):
        return None
    end = "the run goes on without it" if step.on_error in {"continue", "skip"} else "the run fails"
    limit = f" It may wait {step.timeout_s:g} s." if step.timeout_s is not None else ""
    if isinstance(step, WaitStep):
        return f"If its time cannot be read, {end}.{limit}"
    no = "the run goes on, and conditions see `approved: false`" if step.on_reject == "continue" else end
    return f"If the answer is no, {no}. Nothing is tried in a person's place.{limit}"


def add_waiting(models: dict[str, Schema]) -> None:
    """Widens the JSON Schema by the short forms: `for: 5m`, `expires_in: 2h`, and a `wait` that is an approval."""
    approval, wait = models["ApprovalStep"], models["WaitStep"]
    approval["properties"]["expires_in_s"] = {**_DURATION}
    approval["properties"]["expires_in"] = {**_DURATION}
    approval["properties"]["prompt"] = {"type": "string", "description": "Another name of `message`."}
    approval["required"] = [key for key in approval["required"] if key != "message"]
    approval["anyOf"] = [{"required": ["message"]}, {"required": ["prompt"]}]
    own: Schema = wait["properties"]
    for name in ("for_s", "for", "seconds", "duration"):
        own[name] = {**_DURATION}
    own["for"]["description"] += " `approval`: until a person answers."
    for name, each in approval["properties"].items():
        own.setdefault(name, each)
    wait["anyOf"] = [{"required": [name]} for name in ("for_s", "for", "seconds", "duration", "until", "message")]
