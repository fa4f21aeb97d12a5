"""The node that all of this folder's live tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.bad_input.live import SECRET, LiveNode
from tests.node_for_tests import node_home


@pytest.fixture(scope="session")
def shared_node() -> Iterator[LiveNode]:
    """A real node with short deadlines and few connections, so that limits are met soon."""
    with node_home() as evopipe:
        evopipe.env |= {
            "EVOPIPE_STATE_DIR": str(evopipe.home / "state"),
            "EVOPIPE_LIMITS__REQUEST_TIMEOUT_S": "1",
            "EVOPIPE_LIMITS__CONNECTIONS": "16",
            "EVOPIPE_LIMITS__DRAIN_S": "0",
            "EVOPIPE_ROUTES__CLAUDE": "offline",
            "EVOPIPE_ROUTES__GEMINI": "offline",
            "ANTHROPIC_API_KEY": SECRET,
            "GEMINI_API_KEY": SECRET,
        }
        up = evopipe("up")
        assert up.returncode == 0, up.stderr
        node = LiveNode(evopipe)
        yield node
        node.close()
        evopipe("down", "--now")
        # Every case was foreseen: none ended as "an error of the node itself".
        assert "request_failed" not in node.log()
        assert "Traceback" not in node.log()


@pytest.fixture
def node(shared_node: LiveNode) -> Iterator[LiveNode]:
    """The shared node; after the test it must still be the same process, answer and run."""
    yield shared_node
    shared_node.assert_well()
