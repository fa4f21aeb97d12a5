"""Says in one sentence why this Python cannot host evopipe; runs on any Python from 3.0 on.

Called by the Makefile before the environment is made, because `python -m venv` fails halfway and with a
message about something else on the systems that ship without ensurepip.
"""

import sys

REQUIRED = (3, 11)


def dotted(version):
    """Returns a version tuple as text."""
    return ".".join(map(str, version))


def missing():
    """Returns what is wrong with the running interpreter, or None."""
    if sys.version_info[:2] < REQUIRED:
        return (
            "evopipe needs Python "
            + dotted(REQUIRED)
            + " or newer; "
            + sys.executable
            + " is "
            + dotted(sys.version_info[:3])
            + ". Name another one: make PYTHON=python3.12 ..."
        )
    try:
        __import__("venv")
        __import__("ensurepip")
    except ImportError:
        package = "python" + dotted(sys.version_info[:2]) + "-venv"
        return (
            sys.executable + " cannot make environments (venv with ensurepip is missing). On Debian and Ubuntu: "
            "apt install " + package + ". Or name another Python: make PYTHON=/path/to/python3 ..."
        )
    return None


problem = missing()
if problem:
    sys.exit("error: " + problem)
