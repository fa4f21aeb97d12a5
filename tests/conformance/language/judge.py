"""Cases judged one by one in a process of their own: what hangs or dies costs its own case and no other."""

from __future__ import annotations

import multiprocessing
import resource
import sys
import threading
from contextlib import suppress
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self

from tests.conformance.language.cases import Case
from tests.conformance.language.checking import Failure, check

DEADLINE_S = 40.0
"""More than a run of `execute` gives itself."""
_MEMORY_BYTES = 8 * 1024**3
_STOP_S = 5.0


class Judge:
    """Answers `check` for one case after the other. A case that takes longer than `deadline_s` seconds, or ends the
    process, has failed; the next one gets a new process. Leaves no process behind."""

    def __init__(self, deadline_s: float = DEADLINE_S) -> None:
        self._deadline_s = deadline_s
        self._process: Any = None
        self._pipe: Connection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        self._stop()

    def check(self, case: Case) -> Failure | None:
        """None when the product answers as the case expects. Never raises."""
        pipe = self._pipe or self._start()
        try:
            pipe.send(case)
            if not pipe.poll(self._deadline_s):
                self._stop()
                return Failure(case, f"nothing within {self._deadline_s:g} s")
            got = pipe.recv()
        except Exception as error:
            self._stop()
            return Failure(case, f"the process that judged it died ({type(error).__name__})")
        return None if got is None else Failure(case, str(got))

    def _start(self) -> Connection:
        # Copying this process is quick; with other threads in it, a lock could be copied closed.
        alone = threading.active_count() == 1
        context = multiprocessing.get_context("fork") if alone else multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()
        return self._pipe

    def _stop(self) -> None:
        if self._pipe is not None:
            self._pipe.close()
        if self._process is not None:
            self._process.kill()
            self._process.join(_STOP_S)
        self._process = self._pipe = None


def _work(pipe: Connection) -> None:
    # The command's own lines are the only ones on standard output.
    sys.stdout = sys.stderr
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, resource.getrlimit(resource.RLIMIT_AS)[1]))
    while True:
        try:
            case: Case = pipe.recv()
        except EOFError:
            return
        try:
            failure = check(case)
            got = None if failure is None else failure.got
        except Exception as error:
            got = f"crash while judging: {type(error).__name__}: {error}"
        pipe.send(got)
