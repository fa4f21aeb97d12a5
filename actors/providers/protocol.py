"""The seam between the node and whoever answers prompts.

A new provider is one file with a class that has these five members, one line in `table.py`, and a row in the contract
suite (`tests/contracts/test_providers.py`). It does not retry, keeps no queue and knows no actor: retrying belongs to
the step, queueing to the pool, life and death to the connection's supervisor.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

from actors.providers.conversation import FunctionCall, FunctionDeclaration, Turn
from pipelines.context import ContextPart
from pipelines.guardrails.rate_limits import VendorLimits

if TYPE_CHECKING:
    from actors.killswitch import Work


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the vendor counts them for billing: cached input counts as input, thinking as output."""

    input_tokens: int = 0
    output_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(self.input_tokens + other.input_tokens, self.output_tokens + other.output_tokens)


@dataclass(frozen=True, slots=True)
class Billed:
    """What the vendor charges for an answer. `cost_usd` is None where no price is known, `answer_id` the vendor's own
    name for the answer, empty without one."""

    model: str
    usage: Usage
    cost_usd: Decimal | None
    answer_id: str


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a call is made for: the turns in a provider's queue go round by it. Empty where nobody is known. Kill
    switches cut the call off with `work`, which it is part of."""

    tenant: str = ""
    run_id: str = ""
    work: Work | None = field(default=None, compare=False, repr=False)


NO_CALLER = Caller()


def _nothing() -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True, slots=True)
class Request:
    """One prompt. `json_schema` asks for an answer whose `data` conforms to it; `timeout_s` bounds the whole call.

    `idempotency_key` goes out as a header, the same at every attempt of one step; the vendors do not promise to
    honour it. `metadata` stays inside the node (the offline provider reads `task` from it).

    `top_p` and `top_k` bound what is sampled from, where the model takes a temperature.

    `parts` tell what the prompt is made of, for whoever must make it smaller; a provider reads the prompt alone.

    `caller` stays inside the node, too.

    `history` is what was said before the prompt, `follow_up` what was said since: the calls that the model made of
    `functions`, and what they gave. Functions and a schema are not asked for together: no vendor promises both.
    """

    prompt: str
    system: str | None = None
    model: str | None = None
    max_tokens: int = 1024
    temperature: float | None = None
    json_schema: Mapping[str, Any] | None = None
    timeout_s: float = 120.0
    idempotency_key: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=_nothing)
    history: tuple[Turn, ...] = ()
    functions: tuple[FunctionDeclaration, ...] = ()
    follow_up: tuple[Turn, ...] = ()
    parts: tuple[ContextPart, ...] = ()
    top_p: float | None = None
    top_k: int | None = None
    caller: Caller = NO_CALLER

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The whole conversation in order, the prompt as a turn of its own."""
        return (*self.history, Turn("user", self.prompt), *self.follow_up)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `data` is None unless the request had a schema; `cost_usd` is None where no price is known.

    With `calls` the model waits for what its functions give (`text` may then be empty); `stop_reason` is
    "function_call". `limits` is what the vendor said about what is left, where it did.
    """

    text: str
    data: Any
    provider: str
    model: str
    usage: Usage
    cost_usd: Decimal | None
    stop_reason: str
    metadata: Mapping[str, Any] = field(default_factory=_nothing)
    calls: tuple[FunctionCall, ...] = ()
    limits: VendorLimits | None = None


class Provider(Protocol):
    """Answers prompts. One instance belongs to one connection actor; calls may overlap.

    `complete`, `stream` and `count_tokens` raise `ProviderError` only, and end within the request's `timeout_s`;
    cancelling them closes the network connection. `aclose` may be called twice; calls after it raise `TransientError`
    "closed".
    """

    @property
    def name(self) -> str:
        """The provider's name, as in the table."""
        ...

    async def complete(self, request: Request) -> Answer:
        """The whole answer."""
        ...

    def stream(self, request: Request) -> AsyncGenerator[str, None]:
        """The answer's text piece by piece; closing the generator ends the call."""
        ...

    async def count_tokens(self, request: Request) -> int:
        """The input tokens of the request by the provider's own counter: a request of its own, without an answer."""
        ...

    async def aclose(self) -> None:
        """Gives back what the provider holds."""
        ...
