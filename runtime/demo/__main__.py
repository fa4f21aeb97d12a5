"""`python -m runtime.demo`: shows everything; exit code 0 when every claim held, 1 when one did not."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable

from runtime.demo.acts import ACTS
from runtime.demo.checks import Checks
from runtime.demo.home import temporary_home
from runtime.demo.stage import Stage
from runtime.demo.terminal import Terminal


def main() -> int:
    """Plays all acts in a temporary home; the node is stopped whatever happens."""
    checks = Checks()
    checks.say("evopipe, in a temporary home, without any key: answers come from the offline provider,")
    checks.say("which is deterministic and not a language model.")
    with temporary_home() as home:
        stage = Stage(checks, home, Terminal(home, checks.say))
        try:
            for title, act in ACTS:
                play(stage, title, act)
        finally:
            stage.terminal.run("down", "--now", show=False)
    total = checks.passed + len(checks.failures)
    checks.title(f"{checks.passed} of {total} claims held")
    for claim in checks.failures:
        checks.say(f"failed: {claim}")
    return 0 if checks.all_held else 1


def play(stage: Stage, title: str, act: Callable[[Stage], None]) -> None:
    """Plays one act; an exception in it is a failed claim, so that the acts after it are still shown."""
    stage.checks.title(title)
    try:
        act(stage)
    except Exception as error:  # noqa: BLE001 - the border of the demo: reported, counted, never hidden
        stage.checks.check(held=False, claim=f"{title}: no error", found=traceback.format_exc())
        stage.checks.say(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    sys.exit(main())
