"""What people see on a terminal, which is not what a pipe gets."""

from __future__ import annotations

from runtime.cli import exits
from runtime.cli.actor_commands import CLEAR
from tests.node_for_tests import node_home, on_a_terminal, read_until

ESCAPE = "\x1b"
TITLE = f"{ESCAPE}]0;owned\x07"
HOSTILE = r"""
name: hostile
steps:
  - {name: talk, type: test_echo, value: "before \e]0;owned\a\e[2J after \u009b5n"}
  - name: fail
    type: test_echo
    fail: true
    error_message: "no \e]0;owned\a way"
    on_error: continue
    retry: {max_attempts: 1}
outputs: [talk]
"""


def test_the_tree_is_redrawn_in_place_fits_the_screen_and_ends_with_ctrl_c() -> None:
    with node_home() as evopipe:
        assert evopipe("up").returncode == exits.OK
        with on_a_terminal(evopipe, "tree", "--watch", lines=12) as (watching, screen):
            drawn = read_until(screen, "more lines")
            assert drawn.startswith(CLEAR)
            assert max(page.count("\r\n") for page in drawn.split(CLEAR)) <= 12
            assert evopipe("kill-actor", "journal").returncode == exits.OK
            assert CLEAR in read_until(screen, "more lines")
            screen.write(b"\x03")
            assert watching.wait(timeout=10) == exits.INTERRUPTED


def test_control_characters_of_answers_and_errors_are_shown_and_not_obeyed() -> None:
    with node_home() as evopipe:
        (evopipe.home / "hostile.yaml").write_text(HOSTILE, encoding="utf-8")
        assert evopipe("up").returncode == exits.OK
        with on_a_terminal(evopipe, "run", "hostile.yaml") as (running, screen):
            seen = read_until(screen, "5n")
            assert running.wait(timeout=20) == exits.OK
        assert "no \\x1b]0;owned\\x07 way" in seen
        assert "before \\x1b]0;owned\\x07\\x1b[2J after" in seen
        assert TITLE not in seen
        assert f"{ESCAPE}[2J" not in seen
        piped = evopipe("run", "hostile.yaml")
        assert TITLE in piped.stdout  # a program that reads the answer gets it as it is
