"""What the vendors' providers share: the key, the deadline, the client made on a worker thread, the price of an answer.

The SDKs take seconds to import, so each is loaded on a worker thread at the first call.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator
from decimal import Decimal
from typing import ClassVar, Generic, TypeVar

from actors.providers.edge import guarded, guarded_stream
from actors.providers.errors import ProviderError, TransientError
from actors.providers.options import ProviderOptions, usable_key
from actors.providers.protocol import Answer, Billed, Request, Usage
from actors.providers.structured import check_schema

Client = TypeVar("Client")
Received = TypeVar("Received")


class VendorProvider(ABC, Generic[Client, Received]):
    """A `Provider` over an SDK. Thread: the event loop of its first call. Raises `ProviderError` only.

    A subclass says how to make and end the SDK's client, how to ask with it, how to read what came, and which of our
    errors an exception of the SDK is.
    """

    vendor: ClassVar[str]
    default_model: ClassVar[str]
    default_key_hint: ClassVar[str]

    def __init__(self, options: ProviderOptions) -> None:
        self._options = options
        self._client: Client | None = None
        self._loading = asyncio.Lock()
        self._closed = False

    @property
    def name(self) -> str:
        return self.vendor

    def __repr__(self) -> str:
        return f"{type(self).__name__}(model={self._model(None)!r}, base_url={self._options.base_url!r})"

    async def complete(self, request: Request) -> Answer:
        """One call."""
        key, timeout_s = await self._ready_for(request)
        received = await guarded(
            self._ask(request, key, timeout_s), self.vendor, timeout_s, lambda error: self._translate(error, key)
        )
        try:
            return self._answer(request, received)
        except ProviderError as error:
            error.billed = self._billed(request, received)
            raise

    async def count_tokens(self, request: Request) -> int:
        """One call of the vendor's counter."""
        key, timeout_s = await self._ready_for(request)
        return await guarded(
            self._count(request, key, timeout_s), self.vendor, timeout_s, lambda error: self._translate(error, key)
        )

    async def stream(self, request: Request) -> AsyncGenerator[str, None]:
        """The text pieces of one streamed call."""
        key, timeout_s = await self._ready_for(request)
        pieces = self._pieces(request, key, timeout_s)
        guarded_pieces = guarded_stream(pieces, self.vendor, timeout_s, lambda error: self._translate(error, key))
        try:
            async for piece in guarded_pieces:
                yield piece
        finally:
            await guarded_pieces.aclose()
            await pieces.aclose()

    async def aclose(self) -> None:
        """Closes the SDK's connections."""
        self._closed = True
        client, self._client = self._client, None
        if client is not None:
            await self._disconnect(client)

    async def _ready_for(self, request: Request) -> tuple[str, float]:
        key = usable_key(self._options, self.vendor, self.default_key_hint)
        await check_schema(self.vendor, request.json_schema)
        return key, min(request.timeout_s, self._options.timeout_s)

    async def _connected(self, key: str) -> Client:
        async with self._loading:
            if self._closed:
                raise TransientError("closed", self.vendor, "this connection has been closed")
            if self._client is None:
                self._client = await asyncio.to_thread(self._connect, key)
            return self._client

    def _model(self, request: Request | None) -> str:
        return (request.model if request else None) or self._options.model or self.default_model

    def _cost(self, answered: str, asked: str, usage: Usage) -> Decimal | None:
        # The vendor may answer with a dated name of the model that was asked for.
        prices, now = self._options.prices, self._options.wall()
        cost = prices.cost_usd(answered, usage, now)
        return prices.cost_usd(asked, usage, now) if cost is None else cost

    @property
    def _key_hint(self) -> str:
        return self._options.key_hint or self.default_key_hint

    @abstractmethod
    def _connect(self, key: str) -> Client:
        """Makes the SDK's client, with its own retries off. Runs on a worker thread."""

    @abstractmethod
    async def _disconnect(self, client: Client) -> None: ...

    @abstractmethod
    async def _ask(self, request: Request, key: str, timeout_s: float) -> Received: ...

    @abstractmethod
    async def _count(self, request: Request, key: str, timeout_s: float) -> int: ...

    @abstractmethod
    def _pieces(self, request: Request, key: str, timeout_s: float) -> AsyncGenerator[str, None]: ...

    @abstractmethod
    def _answer(self, request: Request, received: Received) -> Answer: ...

    @abstractmethod
    def _billed(self, request: Request, received: Received) -> Billed | None:
        """What the vendor says that it charges; None when it does not say."""

    @abstractmethod
    def _translate(self, error: Exception, key: str) -> ProviderError | None: ...
