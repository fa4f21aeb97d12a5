"""`claude_session`: one turn of a conversation, kept by the session desk."""

from __future__ import annotations

from pydantic import JsonValue

from actors.kernel import ActorDeadError, CallTimeout, MailboxFull
from actors.sessions import Converse, Spoken
from actors.steps.asking import make_request
from actors.steps.context import StepContext, check_switches
from actors.steps.errors import SessionUnavailableError
from actors.steps.preset_options import options_with_preset, preset_facts
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
    preset, options = options_with_preset(context, "analysis")
    scope = await context.scope_with_files(step)
    request = make_request(step, scope, options, step.timeout_s)
    provider = context.provider("claude")
    check_switches(context.kill_view, context.ancestry, provider)
    name = render_text(config.session_name or step.name, scope)
    turn_id = f"{context.run_id}:{context.key}"
    session = name if config.is_durable else f"{context.run_id}:{name}"
    asked = Converse(
        session=session,
        turn_id=turn_id,
        run_id=context.run_id,
        provider=provider,
        request=context.keyed(request),
        max_turns=config.max_turns,
        max_characters=config.max_history_characters,
        durable=config.is_durable,
        only_this_run=not config.continue_on_restart,
        wait_s=LONGEST_WAIT_S,
    )
    try:
        spoken: Spoken = await context.kernel.ref("sessions").call(
            asked, timeout_s=LONGEST_WAIT_S + request.timeout_s + _GRACE_S
        )
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
    return {**spoken.result, "claude_session_metadata": facts, **preset_facts(context, preset)}
