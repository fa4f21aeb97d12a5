"""A provider as it stands in the node's tree: its connections and its pool under one supervisor."""

from __future__ import annotations

import asyncio

import pytest

from actors.kernel import Kernel
from actors.providers import ProviderOptions, Request, connection_name, pool_name, provider_children
from actors.providers import complete as ask
from supervisors import Supervisor
from tests.support import run


def test_calls_go_on_while_connections_and_the_pool_are_killed_and_restarted() -> None:
    async def main() -> list[str]:
        kernel = Kernel()
        await kernel.spawn(Supervisor, provider_children("offline", ProviderOptions(), 3), max_restarts=100)
        texts: list[str] = []
        victims = [*(connection_name("offline", number) for number in (1, 2, 3)), pool_name("offline")]
        for victim in victims:
            ref = kernel.registry.whereis(victim)
            assert ref is not None
            ref.kill()
            async with asyncio.timeout(5):
                while kernel.registry.whereis(victim) in (None, ref):
                    await asyncio.sleep(0)
            texts.append((await ask(kernel, "offline", Request(f"After {victim}."))).text)
        await kernel.shutdown()
        return texts

    assert len(run(main())) == 4


def test_a_provider_that_is_not_in_the_table_or_has_no_connection_is_refused() -> None:
    with pytest.raises(KeyError):
        provider_children("nobody", ProviderOptions(), 1)
    with pytest.raises(ValueError, match="at least one connection"):
        provider_children("offline", ProviderOptions(), 0)
