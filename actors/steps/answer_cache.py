"""The last answer to a prompt, kept in the run's workspace, so that later runs there can fall back on it.

A file per question, because the workspace is what runs of one pipeline share, and a person can look at it there.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from datetime import UTC, datetime
from typing import Final

from pydantic import JsonValue

from actors.providers import Request
from actors.steps.context import StepContext
from actors.steps.errors import StepError

DIRECTORY: Final = ".evopipe/answers"


async def keep_answer(context: StepContext, request: Request, answer: dict[str, JsonValue]) -> None:
    """Keeps the answer in place of an earlier one. A disk that refuses costs the answer nothing."""
    at = datetime.fromtimestamp(context.kernel.clock.wall(), UTC).isoformat()
    text = json.dumps({"cached_at": at, "answer": answer}, ensure_ascii=False)
    with contextlib.suppress(StepError):
        await context.in_thread(context.jail.write_text, _path(context, request), text)


async def cached_answer(context: StepContext, request: Request) -> dict[str, JsonValue] | None:
    """The answer kept for the same question of the same step, with `cached_at`, and without what it once cost; None
    when there is none that can be read."""
    try:
        kept = json.loads(await context.in_thread(context.jail.read_text, _path(context, request)))
        answer = dict(kept["answer"])
    except (StepError, ValueError, TypeError, KeyError):
        return None
    answer.pop("usage", None)
    answer.pop("cost_usd", None)
    return {**answer, "cached_at": kept["cached_at"]}


def _path(context: StepContext, request: Request) -> str:
    asked = [context.step.name, request.prompt, request.system, request.model, request.json_schema]
    digest = hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()
    return f"{DIRECTORY}/{digest[:32]}.json"
