"""What the fuzz tests share: how much they try, from which seed, and what must hold of everything that is tried.

    EVOPIPE_FUZZ_SEED=7        the same choices again (the seed of every run is printed when one fails)
    EVOPIPE_FUZZ_EXAMPLES=5000 how much each test tries (default 150: seconds, as part of the suite)

Whatever is tried runs in a thread of its own, as definitions do in a node, and is given up after `HANG_S`. Time is
the thread's own processor time: on a busy machine the clock on the wall says little.
"""

from __future__ import annotations

import os
import random
import re
import threading
import time
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, seed, settings

from pipelines.language import Diagnostic, InvalidPipelineError, LanguageError, Pipeline, load_pipeline

# Seconds of CPU. The longest takes 0.4 s on a quiet machine; a busy one counts up to four times that for the same work.
LONGEST_S = 4.0
HANG_S = 20.0
EXAMPLES = int(os.environ.get("EVOPIPE_FUZZ_EXAMPLES", "150"))
SEED = int(os.environ.get("EVOPIPE_FUZZ_SEED", random.SystemRandom().randrange(1_000_000)))
# Findings about the file as a whole.
WITHOUT_PLACE = {"more"}


def fuzzed(test: Callable[..., None]) -> Callable[..., None]:
    """Runs a `@given` test with this run's seed and number of examples."""
    profile = settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    return seed(SEED)(profile(test))


def bounded(work: Callable[[], Any], about: object = "") -> Any:
    """What `work` returns or raises; an `AssertionError` when it takes more than `LONGEST_S` or does not come back."""
    outcome: list[Any] = []
    spent: list[float] = []

    def run() -> None:
        started = time.thread_time()
        try:
            outcome.append(work())
        except BaseException as error:
            outcome.append(error)
        spent.append(time.thread_time() - started)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(HANG_S)
    again = f"EVOPIPE_FUZZ_SEED={SEED}, with {str(about)[:2000]!r}"
    assert not thread.is_alive(), f"still at work after {HANG_S} s; {again}"
    assert spent[0] < LONGEST_S, f"took {spent[0]:.2f} s; {again}"
    if isinstance(outcome[0], BaseException):
        if not isinstance(outcome[0], LanguageError):
            outcome[0].add_note(again)
        raise outcome[0]
    return outcome[0]


def loaded(text: str | bytes) -> Pipeline | tuple[Diagnostic, ...]:
    """The pipeline, or its findings, each of which must stand inside of the text; raises what is no finding."""
    try:
        return bounded(lambda: load_pipeline(text, source="p.yaml"), text)
    except InvalidPipelineError as error:
        assert error.diagnostics
        readable = text if isinstance(text, str) else text.decode("utf-8-sig", "replace")
        for each in error.diagnostics:
            assert_in_place(each, readable)
        return error.diagnostics


def assert_in_place(finding: Diagnostic, text: str) -> None:
    """The finding says what is wrong, in few words, with a line and a column that the text has."""
    assert finding.file == "p.yaml"
    assert finding.message and len(str(finding)) < 10_000
    if finding.code in WITHOUT_PLACE:
        return
    lines = yaml_lines(text)
    assert 1 <= finding.line <= len(lines), (SEED, finding, text[:2000])
    assert 1 <= finding.column <= len(lines[finding.line - 1]) + 1, (SEED, finding, text[:2000])


def yaml_lines(text: str) -> list[str]:
    """The lines as YAML 1.1 counts them: each of \\r\\n, \\n, \\r, NEL, LS and PS ends one."""
    return re.split("\r\n|[\n\r\x85\u2028\u2029]", text.removeprefix("\ufeff"))
