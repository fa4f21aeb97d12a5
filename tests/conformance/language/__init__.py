"""Cases of the pipeline language in JSON files, each run through the product's own code.

    python -m tests.conformance.language FILE...

A file is a list of `{area, name, input, expected}`; `expected` is a value, or `{"error_contains": text}`. Each
failing case is printed with what was expected and what came; a case of an unknown area or of another form fails with
the reason, and so does one that takes longer than 40 s or ends its process. The last line is `N passed, N failed`, and
the exit code 1 when any failed, 2 when a file is not there or is no list.

cases      the files            checking   one case against the product            judge   each in a process
areas/     how the product is asked, one module an area; a new area is a module there and a line in its table
known      what fails on purpose or not yet (used by the test of the shared file, not by the command)
"""

from tests.conformance.language.cases import Case, CaseFileError, load_cases
from tests.conformance.language.checking import Failure, check

__all__ = ["Case", "CaseFileError", "Failure", "check", "load_cases"]
