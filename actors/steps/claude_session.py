"""`claude_session`: one turn of a conversation, kept by the session desk."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue

from actors.kernel import ActorDeadError, CallTimeout, MailboxFull
from actors.sessions import Converse, Spoken
from actors.steps.asking import make_request
from actors.steps.context import StepContext, check_switches
from actors.steps.errors import SessionUnavailableError
from actors.steps.fitting import Fitted, fit
from actors.steps.paying import counted, paid
from actors.steps.preset_options import options_with_preset, preset_facts
from pipelines.execution import Spending, amount_of
from pipelines.language import ClaudeSessionStep, render_text

LONGEST_WAIT_S = 600.0
_GRACE_S = 10.0


async def take_turn(context: StepContext) -> JsonValue:
    """The answer as `claude` gives it, and `claude_session_metadata`. A turn that was answered before a crash is not
    asked again.

    Turns of one session wait for each other, within a run and across runs. Raises `SessionError`, `ProviderError`,
    `TemplateError`, the jail's errors, `SwitchedOffError`, and `SessionUnavailableError` while the desk restarts.
    """
    step: ClaudeSessionStep = context.step
    config = step.session_config
    preset, options = options_with_preset(context)
    scope = await context.scope_with_files(step)
    request = make_request(step, scope, options, step.timeout_s)
    provider = context.provider("claude")
    check_switches(context.kill_view, context.ancestry, provider, context.subject)
    fitted = await fit(context, provider, request)
    name = render_text(config.session_name or step.name, scope)
    turn_id = f"{context.run_id}:{context.key}"
    session = name if config.is_durable else f"{context.run_id}:{name}"
    asked = Converse(
        session=session,
        turn_id=turn_id,
        run_id=context.run_id,
        provider=provider,
        request=context.keyed(fitted.request),
        max_turns=config.max_turns,
        max_characters=config.max_history_characters,
        durable=config.is_durable,
        only_this_run=not config.continue_on_restart,
        wait_s=LONGEST_WAIT_S,
        max_history_tokens=fitted.room,
    )
    most_history = config.max_history_characters // 2
    try:
        more = min(most_history, fitted.room or most_history)
        async with (
            context.watching(provider) as call,
            paid(context.purse, provider, fitted.request, more) as bill,
            counted(context.till, provider, fitted.request, ("turn", context.attempt), more) as entry,
        ):
            spoken: Spoken = await context.kernel.ref("sessions").call(
                asked, timeout_s=LONGEST_WAIT_S + request.timeout_s + _GRACE_S
            )
            used = amount_of(dict(spoken.result))
            said = spoken.result.get("model")
            model = said if isinstance(said, str) else None
            call.answered(used.cost_usd)
            bill.answered(model, used.tokens, 0, used.cost_usd)
            # By its number: an answer that the desk had kept before a crash is paid for already.
            entry.answered(model, used.tokens, 0, used.cost_usd)
            entry.answer_id = f"turn {spoken.number}"
    except (ActorDeadError, CallTimeout, MailboxFull) as error:
        raise SessionUnavailableError(f"the session desk does not answer ({error})") from error
    facts: dict[str, JsonValue] = {
        "session_id": session,
        "session_name": name,
        "session_persisted": config.is_durable,
        "continue_on_restart": config.continue_on_restart,
        "checkpoint_frequency": 1,
        "turn": spoken.number,
        "history_turns": spoken.sent_turns,
        "history_left_out": spoken.left_out,
    }
    return {**_with_context(spoken.result, fitted), "claude_session_metadata": facts, **preset_facts(context, preset)}


def _with_context(result: Mapping[str, JsonValue], fitted: Fitted) -> dict[str, JsonValue]:
    """What the desk kept, with what was counted and what summaries cost beside it."""
    spent = Spending()
    spent.add(dict(result))
    spent.input_tokens += fitted.usage.input_tokens
    spent.output_tokens += fitted.usage.output_tokens
    if fitted.cost_usd is not None:
        spent.cost = (spent.cost or 0) + fitted.cost_usd
    metadata = result.get("metadata")
    kept = dict(metadata) if isinstance(metadata, Mapping) else {}
    usage: dict[str, JsonValue] = {**spent.usage}
    return {**result, "metadata": {**kept, "context": fitted.facts}, "usage": usage, "cost_usd": spent.cost_usd}
