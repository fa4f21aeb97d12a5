"""The decisions that the audit log knows: one function a kind, so that each kind always has the same facts.

To add a kind: a function here, a call where the decision is made, a line in docs/operations.md. A decision names what
was decided, never what a prompt, an input, an answer or an error's text says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from actors.kernel.redaction import scrubbed
from pipelines.guardrails import Switch
from pipelines.guardrails.audit_chain import Decision
from pipelines.guardrails.trust import TrustGiven

NODE = "node"
_LONGEST_REASON = 1_000
_LONGEST_NAME = 300
_MOST_KEYS = 200


def run_submitted(at: float, who: str, run_id: str, *, pipeline: str, content_hash: str, workspace: str) -> Decision:
    """A person had a run made, or asked again for the one that is there."""
    detail: dict[str, JsonValue] = {"pipeline": pipeline, "content_hash": content_hash, "workspace": workspace}
    return _decision(at, who, "run.submitted", run_id, detail)


def run_accepted(at: float, origin: str, run_id: str, pipeline: str) -> Decision:
    """A part of the node had a run made: the fallback, an evolution."""
    return _decision(at, origin, "run.accepted", run_id, {"pipeline": pipeline})


def run_resumed(at: float, run_id: str, pipeline: str) -> Decision:
    """A run goes on after the node or its actors were away."""
    return _decision(at, NODE, "run.resumed", run_id, {"pipeline": pipeline})


def run_resume_asked(at: float, who: str, run_id: str, pipeline: str, content_hash: str) -> Decision:
    """A person had a failed run go on."""
    return _decision(at, who, "run.resume_asked", run_id, {"pipeline": pipeline, "content_hash": content_hash})


def run_cancel_asked(at: float, who: str, run_id: str, cancelled: bool) -> Decision:
    """A person cancelled a run; `cancelled` false: it had ended before."""
    return _decision(at, who, "run.cancel_asked", run_id, {"cancelled": cancelled})


def run_ended(at: float, run_id: str, status: str, pipeline: str, error_code: str | None) -> Decision:
    """A run ended."""
    detail: dict[str, JsonValue] = {"status": status, "pipeline": pipeline, "error_code": error_code}
    return _decision(at, NODE, "run.ended", run_id, detail)


def switch_triggered(switch: Switch) -> Decision:
    """A kill switch is in force."""
    return _decision(switch.at, switch.who, "kill_switch.triggered", _what(switch), _why(switch.reason))


def switch_triggered_again(at: float, who: str, what: str, reason: str) -> Decision:
    """A person triggered a switch that was in force already."""
    return _decision(at, who, "kill_switch.triggered_again", what, _why(reason))


def switch_arming(at: float, who: str, switch: Switch, reason: str) -> Decision:
    """A person asked to lift a switch. Noted before it is lifted; `kill_switch.armed` follows when it was."""
    return _decision(at, who, "kill_switch.arming", _what(switch), _why(reason))


def switch_armed(at: float, who: str, switch: Switch, reason: str) -> Decision:
    """A switch was lifted."""
    return _decision(at, who, "kill_switch.armed", _what(switch), _why(reason))


def node_started(at: float, version: str, pid: int, before: str) -> Decision:
    """A node began to serve; `before` says how the last one ended: "none", "orderly" or "abrupt"."""
    return _decision(at, NODE, "node.started", version, {"pid": pid, "before": before})


def node_stop_asked(at: float, who: str, now: bool) -> Decision:
    """A person told the node to end."""
    return _decision(at, who, "node.stop_asked", "", {"now": now})


def node_stopped(at: float, failure: str | None) -> Decision:
    """The node ended in order; always its last entry."""
    return _decision(at, NODE, "node.stopped", "", {"failure": failure and scrubbed(failure)})


def settings_reloaded(at: float, who: str, keys: Sequence[str], waiting: Sequence[str]) -> Decision:
    """The settings were read again. Names of keys only; those in `waiting` take effect at the next start."""
    detail: dict[str, JsonValue] = {"changed": list(keys[:_MOST_KEYS]), "need_restart": list(waiting[:_MOST_KEYS])}
    return _decision(at, who, "settings.reloaded", "", detail)


def evolution_started(at: float, who: str, evolution_id: str, pipeline: str, limits: Mapping[str, int]) -> Decision:
    """A person had a pipeline evolved."""
    return _decision(at, who, "evolution.started", evolution_id, {"pipeline": pipeline, **limits})


def session_forgotten(at: float, who: str, name: str) -> Decision:
    """A person ended a conversation."""
    return _decision(at, who, "session.forgotten", name, {})


def actor_handled(at: float, who: str, deed: str, actor: str) -> Decision:
    """A person laid hands on one actor; `deed`: "killed", "suspended", "resumed", "traced"."""
    return _decision(at, who, f"actor.{deed}", actor, {})


def access_refused(at: float, who: str, route: str, needed: str) -> Decision:
    """Somebody was refused what their role does not allow."""
    return _decision(at, who, "access.refused", route, {"needed": needed})


def approval_answering(at: float, who: str, item: str, facts: Mapping[str, JsonValue]) -> Decision:
    """Somebody answers an approval. Noted before the answer counts; `approval.answered` follows when it does."""
    return _decision(at, who, "approval.answering", item, facts)


def approval_answered(at: float, who: str, item: str, facts: Mapping[str, JsonValue]) -> Decision:
    """A person answered an approval: `facts` are choice, approval and how many have said yes of how many, no text."""
    return _decision(at, who, "approval.answered", item, facts)


def approval_auto_approving(at: float, item: str, pipeline: str, given: TrustGiven) -> Decision:
    """Trust is about to answer in a person's place. Noted before it counts; `approval.auto_approved` follows."""
    rule = given.rule
    detail: dict[str, JsonValue] = {
        "pipeline": pipeline,
        "score": round(given.score, 4),
        "answers": given.answers,
        "threshold": rule.threshold,
        "target": rule.target,
        "set_by": rule.who,
    }
    return _decision(at, "trust", "approval.auto_approving", item, detail)


def approval_auto_approved(at: float, item: str, pipeline: str) -> Decision:
    """Trust answered in a person's place, by a threshold that a person had set."""
    return _decision(at, "trust", "approval.auto_approved", item, {"pipeline": pipeline})


def approval_expired(at: float, item: str, pipeline: str, counts_as: str) -> Decision:
    """Nobody answered in time; `counts_as` is the choice that the pipeline says, or "fail"."""
    return _decision(at, NODE, "approval.expired", item, {"pipeline": pipeline, "counts_as": counts_as})


def trust_setting(at: float, who: str, target: str, threshold: float, reason: str) -> Decision:
    """A person sets from which score on a pattern is approved without asking. Noted before it is in force; `trust.set`
    follows when it is."""
    return _decision(at, who, "trust.setting", target, {"threshold": threshold, **_why(reason)})


def trust_set(at: float, who: str, target: str, threshold: float, reason: str) -> Decision:
    """A threshold is in force."""
    return _decision(at, who, "trust.set", target, {"threshold": threshold, **_why(reason)})


def trust_cleared(at: float, who: str, target: str, history: bool, reason: str) -> Decision:
    """A person took a threshold away, and with `history` what was learned."""
    return _decision(at, who, "trust.cleared", target, {"history": history, **_why(reason)})


def pipeline_registered(at: float, who: str, reference: str, content_hash: str) -> Decision:
    """A version of a pipeline came into the library."""
    return _decision(at, who, "pipeline.registered", reference, {"content_hash": content_hash})


def pipeline_unregistered(at: float, who: str, reference: str) -> Decision:
    """A version of a pipeline was taken out of the library."""
    return _decision(at, who, "pipeline.unregistered", reference, {})


def budget_changing(
    at: float, who: str, account: str, *, before: str | None, after: str | None, reason: str
) -> Decision:
    """A person sets a limit. Noted before it is in force; `budget.changed` follows when it is."""
    return _decision(at, who, "budget.changing", account, {"before": before, "after": after, **_why(reason)})


def budget_changed(
    at: float, who: str, account: str, *, before: str | None, after: str | None, reason: str
) -> Decision:
    """A limit was set; limits as text, None: that of the settings."""
    return _decision(at, who, "budget.changed", account, {"before": before, "after": after, **_why(reason)})


def budget_stopped(at: float, why: str) -> Decision:
    """The emergency stop: no further call is begun until the next day."""
    return _decision(at, NODE, "budget.stopped", "", _why(why))


def breaker_ordered(at: float, who: str, order: str, breaker: str, reason: str) -> Decision:
    """A person orders a breaker "open", "close" or "reset". Noted before it is in force; `breaker.changed` follows."""
    return _decision(at, who, "breaker.ordered", breaker, {"order": order, **_why(reason)})


def breaker_changed(at: float, who: str, breaker: str, *, before: str, after: str, why: str) -> Decision:
    """A breaker has another state, by a person's order or, with `who` empty, by what the node saw."""
    return _decision(at, who or NODE, "breaker.changed", breaker, {"before": before, "after": after, **_why(why)})


def journal_restored(at: float, who: str, backup: str, *, backup_at: float, files: int, forced: bool) -> Decision:
    """A person put a backup in the place of the state; `forced`: there was one, which was moved aside."""
    detail: dict[str, JsonValue] = {"backup_at": backup_at, "files": files, "forced": forced}
    return _decision(at, who, "journal.restored", backup, detail)


def journal_copied(at: float, who: str, to: str, *, runs: int, steps: int) -> Decision:
    """A person copied the journal into a database; `to` without what may be a secret."""
    return _decision(at, who, "journal.copied", to, {"runs": runs, "steps": steps})


def journal_vacuumed(at: float, who: str, *, before: int, after: int) -> Decision:
    """A person gave the journal's free room back to the disk; sizes in bytes."""
    return _decision(at, who, "journal.vacuumed", "", {"bytes_before": before, "bytes_after": after})


def retention_applied(at: float, *, runs: int, content: int, sessions: int, charges: int) -> Decision:
    """The node deleted runs, took the content out of others, ended conversations, deleted what old calls have cost, as
    the settings say."""
    detail: dict[str, JsonValue] = {"runs": runs, "content": content, "sessions": sessions, "charges": charges}
    return _decision(at, NODE, "retention.applied", "", detail)


def promotion_decided(
    at: float, who: str, pipeline: str, content_hash: str, *, promoted: bool, reason: str
) -> Decision:
    """A pipeline was promoted, or was not."""
    detail: dict[str, JsonValue] = {"content_hash": content_hash, "promoted": promoted, **_why(reason)}
    return _decision(at, who, "promotion.decided", pipeline, detail)


def log_found(at: float, action: str, findings: Sequence[str]) -> Decision:
    """How the log itself was found; `action`: "audit.repaired" or "audit.damaged"."""
    return _decision(at, "audit", action, "", {"found": [scrubbed(text) for text in findings[:20]]})


def entries_dropped(at: float, count: int) -> Decision:
    """So many decisions went by while there was no room for them."""
    return _decision(at, "audit", "audit.dropped", "", {"count": count})


def _decision(at: float, who: str, action: str, subject: str, detail: Mapping[str, JsonValue]) -> Decision:
    name = scrubbed(who, _LONGEST_NAME) or "unknown"
    return Decision(at, name, action, scrubbed(subject, _LONGEST_NAME), detail)


def _why(reason: str) -> dict[str, JsonValue]:
    return {"reason": scrubbed(reason, _LONGEST_REASON)}


def _what(switch: Switch) -> str:
    return f"{switch.level} {switch.name}".rstrip()
