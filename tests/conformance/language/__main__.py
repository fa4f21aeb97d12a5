"""`python -m tests.conformance.language FILE...`"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from tests.conformance.language.cases import CaseFileError, load_cases
from tests.conformance.language.judge import DEADLINE_S, Judge


def main(files: Sequence[str], deadline_s: float = DEADLINE_S) -> int:
    """The exit code: 0 all passed, 1 some failed, 2 nothing could be run. A case has `deadline_s` seconds."""
    if not files:
        print("usage: python -m tests.conformance.language FILE...", file=sys.stderr)
        return 2
    try:
        cases = [case for file in files for case in load_cases(Path(file))]
    except CaseFileError as error:
        print(error, file=sys.stderr)
        return 2
    failed = 0
    with Judge(deadline_s) as judge:
        for case in cases:
            failure = judge.check(case)
            if failure is not None:
                failed += 1
                print(str(failure).encode(errors="backslashreplace").decode(), flush=True)
    print(f"{len(cases) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
