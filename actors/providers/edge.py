"""The border to a vendor's SDK: one deadline, one kind of error, no secret in it.

The SDKs' exceptions hold the request and with it the key, so ours are raised outside the `except` block: neither
`__cause__` nor `__context__` leads back to the SDK.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from json import JSONDecodeError
from typing import TypeVar

from pydantic import ValidationError

from actors.providers.errors import ProviderError, RefusedError, TransientError

T = TypeVar("T")

Translate = Callable[[Exception], ProviderError | None]

_LONGEST_MESSAGE = 400


async def guarded(work: Awaitable[T], provider: str, timeout_s: float, translate: Translate) -> T:
    """Awaits `work` for at most `timeout_s`; raises `ProviderError` only (cancellation passes)."""
    failure: ProviderError
    try:
        async with asyncio.timeout(timeout_s):
            return await work
    except Exception as error:  # noqa: BLE001 - the provider edge: whatever an SDK raises becomes one of our errors
        failure = _failure(error, provider, timeout_s, translate)
    raise failure


async def guarded_stream(
    pieces: AsyncIterator[T], provider: str, timeout_s: float, translate: Translate
) -> AsyncGenerator[T, None]:
    """Passes `pieces` on; the deadline covers the whole stream, also the time the consumer takes."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    failure: ProviderError | None = None
    while failure is None:
        try:
            async with asyncio.timeout_at(deadline):
                piece = await anext(pieces)
        except StopAsyncIteration:
            return
        except Exception as error:  # noqa: BLE001 - as above
            failure = _failure(error, provider, timeout_s, translate)
        else:
            yield piece
    raise failure


def _failure(error: Exception, provider: str, timeout_s: float, translate: Translate) -> ProviderError:
    if isinstance(error, ProviderError):
        error.__context__ = None
        error.__cause__ = None
        return error
    known = translate(error) or transport_failure(error, provider, timeout_s)
    if known is not None:
        return known
    # Not retried: an error of this kind is a fault in the SDK's or our code and comes again with the same input.
    # Its text is left out because nobody has vouched for it.
    kind = type(error)
    return RefusedError("unexpected", provider, f"the SDK failed with {kind.__module__}.{kind.__qualname__}")


def transport_failure(error: Exception, provider: str, timeout_s: float) -> ProviderError | None:
    """Faults beneath HTTP, and bodies that are not what the protocol promises; None for anything else."""
    # The SDKs have loaded these already; this module must stay cheap to import.
    import httpx  # noqa: PLC0415
    import httpx2  # noqa: PLC0415

    match error:
        case TimeoutError() | httpx.TimeoutException() | httpx2.TimeoutException():
            return TransientError("timeout", provider, f"no answer within {timeout_s:g} s")
        case httpx.ConnectError() | httpx2.ConnectError():
            return TransientError("unreachable", provider, "no connection to the vendor could be made")
        case httpx.DecodingError() | httpx2.DecodingError():
            return _malformed(provider)
        case ValidationError() | JSONDecodeError() | UnicodeDecodeError():
            return _malformed(provider)
        case httpx.TransportError() | httpx2.TransportError() | OSError():
            return TransientError("connection_lost", provider, "the connection broke before the answer was complete")
        case _:
            return None


def _malformed(provider: str) -> TransientError:
    return TransientError("malformed_answer", provider, "the vendor's answer could not be read")


def plain(text: object, secret: str) -> str:
    """A vendor's message for people: one line, bounded, and without the key should the vendor echo it."""
    line = " ".join(str(text).split())
    if secret:
        line = line.replace(secret, "[key]")
    return line if len(line) <= _LONGEST_MESSAGE else line[: _LONGEST_MESSAGE - 1] + "…"
