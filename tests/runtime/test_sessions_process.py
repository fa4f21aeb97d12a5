"""Conversations of a real node, from the command line."""

from __future__ import annotations

import json

from runtime.cli import exits
from tests.node_for_tests import node_home

LESSON = """
name: lesson
steps:
  - {name: ask, type: claude_session, prompt: "What is a tide?", session_config: {session_name: "tutor/geo 1"}}
"""


def test_a_conversation_is_listed_shown_and_forgotten_also_after_a_kill_of_its_node() -> None:
    with node_home() as evopipe:
        (evopipe.home / "lesson.yaml").write_text(LESSON, encoding="utf-8")
        assert evopipe("up").returncode == exits.OK
        assert "no sessions" in evopipe("sessions").stdout
        for _ in range(2):
            assert evopipe("run", "lesson.yaml").returncode == exits.OK
        evopipe.end()
        assert evopipe("up").returncode == exits.OK
        (known,) = json.loads(evopipe("sessions", "--json").stdout)
        assert (known["name"], known["turns"]) == ("tutor/geo 1", 2)
        assert "tutor/geo 1      2" in evopipe("sessions").stdout
        shown = evopipe("sessions", "tutor/geo 1", "--turns", "1").stdout
        assert "2 turns since" in shown
        assert shown.count("> What is a tide?") == 1
        assert evopipe("sessions", "tutor/geo 1", "--forget").stdout.strip() == "forgotten: tutor/geo 1"
        gone = evopipe("sessions", "tutor/geo 1")
        assert (gone.returncode, "no session 'tutor/geo 1'" in gone.stderr) == (exits.INVALID, True)
        assert evopipe("sessions", "--forget").returncode == exits.INVALID
