"""A PostgreSQL server of the tests' own: in a temporary directory, on a Unix socket only, gone afterwards.

PostgreSQL does not run as root; there the server runs as the user `nobody`.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

_numbers = count(1)
HOW = "install PostgreSQL (Debian: `apt-get install postgresql`, then put its bin directory into PATH)"


def why_not() -> str | None:
    """Why there can be no server here, with how to have one."""
    missing = [name for name in ("initdb", "pg_ctl", "createdb") if shutil.which(name) is None]
    if missing:
        return f"{', '.join(missing)} not found: {HOW}"
    if any(importlib.util.find_spec(name) is None for name in ("sqlalchemy", "psycopg")):
        return "SQLAlchemy or psycopg is missing: pip install 'evopipe[postgres]'"
    return None


class Server:
    """A server with as many databases as a test wants."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.data = directory / "data"
        self._as_user: list[str] = []
        if os.getuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(directory, nobody.pw_uid, nobody.pw_gid)
            self._as_user = ["runuser", "-u", "nobody", "--"]

    def command(self, *words: str) -> None:
        done = subprocess.run(
            [*self._as_user, *words], capture_output=True, text=True, timeout=60, check=False, cwd=self.directory,
            env={**os.environ, "LC_ALL": "C", "HOME": str(self.directory)},
        )  # fmt: skip
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"

    def initialise(self) -> None:
        self.command("initdb", "-D", str(self.data), "-U", "evopipe", "--auth=trust", "-N", "-E", "UTF8")

    def start(self) -> None:
        options = f"-k {self.directory} -c listen_addresses='' -c fsync=off -c max_connections=40"
        log = str(self.directory / "log")
        self.command("pg_ctl", "-D", str(self.data), "-w", "-t", "30", "-l", log, "-o", options, "start")

    def stop(self, mode: str = "immediate") -> None:
        self.command("pg_ctl", "-D", str(self.data), "-w", "-t", "30", "-m", mode, "stop")

    def new_url(self) -> str:
        """The URL of a new, empty database."""
        name = f"test{next(_numbers)}"
        self.command("createdb", "-h", str(self.directory), "-U", "evopipe", name)
        return f"postgresql+psycopg://evopipe@/{name}?host={self.directory}"


@contextmanager
def postgres() -> Generator[Server]:
    """A running server."""
    with tempfile.TemporaryDirectory(prefix="evopg", ignore_cleanup_errors=True) as name:
        server = Server(Path(name))
        server.initialise()
        server.start()
        try:
            yield server
        finally:
            server.stop()
