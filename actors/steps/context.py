"""What a step executor gets: the step, what it may see, and the few things it may do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any, ParamSpec, TypeVar

from msgspec import Struct
from msgspec.structs import replace as struct_replace
from pydantic import JsonValue

from actors.kernel import Kernel
from actors.killswitch import KillView, Work
from actors.providers import Answer, Caller, Request, complete
from actors.steps.breaking import Watched, judge, watched
from actors.steps.errors import SwitchedOffError, WorkspaceFileError
from actors.steps.fitting import Fitted, fit
from actors.steps.jail import Jail
from actors.steps.paying import Purse, Till, counted, paid
from pipelines.execution import Ancestry, ApprovalRules, Composite, FailureKind
from pipelines.guardrails import NOBODY, Subject
from pipelines.guardrails.breaker_panel import BreakerPanel
from pipelines.language import BaseStep, Scope, prompt_files

P = ParamSpec("P")
T = TypeVar("T")

FALLBACK_PROVIDER = "offline"
NO_RULES = ApprovalRules()


def said_to_nobody(_kind: str, /, **_data: JsonValue) -> None:
    """Tells nobody: for steps outside of a run."""


async def nothing_kept() -> Mapping[str, JsonValue]:
    """Recalls nothing: for steps outside of a run."""
    return {}


class StepContext(Struct, eq=False):
    """One attempt of one step.

    `step` is as defined; render what is needed against `scope`. `attempt` counts from 1, `last_attempt` says that no
    retry follows. `kept` lives as long as the StepActor: what an attempt puts there the next one finds. `record` keeps
    a value of this step under a path of its own in the journal and gives back the one that stands; `recall` gives all
    of them by that path, those of a former life of the run, too. `say` tells a `RunEvent` of the step: its kind, and
    its data by name. `purse` is there when limits hold for its calls, `till` where a Treasury is; `subject` is what
    kill switches know it by, `work` what they cut its calls off with. `submitters` had the run made; `approval_rules`
    are what the node demands of approvals.
    `counted` names the summaries that this attempt has paid for in a result already.
    """

    kernel: Kernel
    run_id: str
    key: str
    step: Any
    scope: Scope
    ancestry: Ancestry
    workspace: str
    routes: Mapping[str, str]
    kill_view: KillView
    threads: asyncio.Semaphore
    record: Callable[[str, JsonValue], Awaitable[JsonValue]]
    recall: Callable[[], Awaitable[Mapping[str, JsonValue]]] = nothing_kept
    say: Callable[..., None] = said_to_nobody
    attempt: int = 1
    last_attempt: bool = True
    kept: dict[str, Any] = {}
    purse: Purse | None = None
    till: Till | None = None
    subject: Subject = NOBODY
    breakers: BreakerPanel | None = None
    counted: frozenset[str] = frozenset()
    submitters: tuple[str, ...] = ()
    approval_rules: ApprovalRules = NO_RULES
    work: Work | None = None

    @property
    def jail(self) -> Jail:
        """The run's workspace; its methods block, so use them through `in_thread`."""
        return Jail(self.workspace)

    async def in_thread(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs blocking code beside the loop; only so many steps of the node do so at a time."""
        async with self.threads:
            return await asyncio.to_thread(function, *args, **kwargs)

    async def scope_with_files(self, step: BaseStep) -> Scope:
        """The scope with the texts of the workspace files that the step's templates quote."""
        paths = prompt_files(step)
        if not paths:
            return self.scope
        from pipelines.language import render_text  # noqa: PLC0415 - only steps with file parts need it

        texts: dict[str, str] = {}
        for path in paths:
            place = render_text(path, self.scope)
            if not place.strip():
                raise WorkspaceFileError(f"the path of a file in the prompt, {path!r}, is empty; give what it names")
            texts[path] = await self.in_thread(self.jail.read_text, place)
        return struct_replace(self.scope, files=texts)

    def provider(self, family: str) -> str:
        """The provider this step asks: its own `provider`, or the route of its type or family."""
        return provider_of(self.step, family, self.routes)

    async def ask(self, provider: str, request: Request, part: str = "") -> Answer:
        """Asks a provider what fits its model's window (see `fit`); `metadata["context"]` says how large it was.

        Raises `SwitchedOffError` when a kill switch forbids the call, `LimitReachedError` when a limit of the run does,
        `ContextOverflowError`, or `ProviderError`.

        `part` names the call among several of one step. The idempotency key is the same for the same call in every
        attempt and after every crash.
        """
        check_switches(self.kill_view, self.ancestry, provider, self.subject)
        fitted = await fit(self, provider, request)
        return with_context(await self._asked(provider, fitted.request, part), fitted)

    async def ask_plainly(self, provider: str, request: Request, part: str) -> Answer:
        """As `ask`, for a request that is known to be small."""
        check_switches(self.kill_view, self.ancestry, provider, self.subject)
        return await self._asked(provider, request, part)

    async def _asked(self, provider: str, request: Request, part: str) -> Answer:
        async with self.watching(provider) as call:
            answer = await self._paid(provider, request, part)
            call.answered(answer.cost_usd, fits=None if answer.data is None else True)
        return answer

    async def _paid(self, provider: str, request: Request, part: str) -> Answer:
        async with (
            paid(self.purse, provider, request) as bill,
            counted(self.till, provider, request, (part, self.attempt)) as entry,
        ):
            answer = await complete(self.kernel, provider, self.keyed(request, part))
            used = (answer.model, answer.usage.input_tokens, answer.usage.output_tokens, answer.cost_usd)
            bill.answered(*used)
            entry.answered(*used)
            entry.answer_id = str(answer.metadata.get("message_id") or "")
        return answer

    def keyed(self, request: Request, part: str = "") -> Request:
        """The request with its idempotency key, for calls that another actor makes."""
        key = f"{self.run_id}:{self.key}:{part}" if part else f"{self.run_id}:{self.key}"
        return replace(request, idempotency_key=key, caller=self.caller)

    @property
    def caller(self) -> Caller:
        """Whose turn its calls wait for."""
        return Caller(self.subject.tenant, self.run_id, self.work)

    def watching(self, provider: str) -> AbstractAsyncContextManager[Watched]:
        """A call under the eyes of its pipeline's circuit breakers. Raises `TransientError` "breaker_open"."""
        return watched(self.breakers, self.kernel, self.ancestry.names[-1], provider)

    def judge(self, *, fits: bool) -> None:
        """Says of an answer that it is, or is not, what was asked for: for the pipeline's quality breaker."""
        judge(self.breakers, self.kernel, self.ancestry.names[-1], fits=fits)


def with_context(answer: Answer, fitted: Fitted) -> Answer:
    """The answer with what was counted, and with what its summaries cost."""
    cost = answer.cost_usd if fitted.cost_usd is None else (answer.cost_usd or 0) + fitted.cost_usd
    metadata = {**answer.metadata, "context": fitted.facts}
    return replace(answer, metadata=metadata, usage=answer.usage + fitted.usage, cost_usd=cost)


def provider_of(step: BaseStep, family: str, routes: Mapping[str, str]) -> str:
    """The provider a step of this family asks."""
    return step.provider or routes.get(getattr(step, "type", family)) or routes.get(family) or FALLBACK_PROVIDER


def check_switches(view: KillView, ancestry: Ancestry, provider: str | None, subject: Subject = NOBODY) -> None:
    """Raises `SwitchedOffError` when a kill switch forbids a pipeline of the chain, the provider or the subject."""
    if not view.state:
        return
    for name in ancestry.names:
        switch = view.blocked(name, provider, subject)
        if switch is not None:
            raise SwitchedOffError(switch)


Executor = Callable[[StepContext], Awaitable[JsonValue | Composite]]
"""Makes one attempt at a step: its result as JSON, or a `Composite` of further steps. Raises what went wrong."""

LastResort = Callable[[StepContext, dict[str, JsonValue], FailureKind], Awaitable[JsonValue | None]]
"""What stands for the result of a step whose attempts are used up; None when nothing can. Raises `SwitchedOffError`
only."""
