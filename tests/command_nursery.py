"""Where commands are born: a process that has loaded the command line once and forks one for every call of it.

A command by itself spends most of its time on imports, and the tests make more than a thousand. What is forked here is
the same command in a process of its own, with arguments, environment, directory, streams and exit code of its own;
only the loading is shared. Tests of the start itself (`test_cli`, `test_start_up`, `test_on_a_terminal`) do without.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LONGEST_BYTES = 200_000
#: What the interpreter reads when it starts: a command for which it is different needs an interpreter of its own.
AT_THE_START = ("PYTHON", "LC_", "LANG", "LD_")
# What commands import when they are called.
LOADED = (
    "runtime.daemon", "runtime.known_models", "runtime.settings.loading", "runtime.upkeep", "pipelines.language",
    "pipelines.tooling", "typer._adapters",
)  # fmt: skip


def run_command(
    words: tuple[str, ...], *, cwd: Path, env: Mapping[str, str], timeout_s: float
) -> subprocess.CompletedProcess[str]:
    """What `subprocess.run` gives for `python -m runtime.cli WORDS`, and raises: `subprocess.TimeoutExpired`."""
    command = [sys.executable, "-m", "runtime.cli", *words]
    connection, nursery, environ = _nursery()
    if _of_the_start(env) != environ:
        return subprocess.run(
            command, capture_output=True, text=True, timeout=timeout_s, check=False, cwd=cwd, env=dict(env)
        )
    order = json.dumps({"words": words, "cwd": str(cwd), "env": dict(env)}).encode()
    assert len(order) < LONGEST_BYTES
    with ExitStack() as files:
        ours: list[int] = []
        theirs: list[int] = [os.open(os.devnull, os.O_RDONLY)]
        for _ in ("stdout", "stderr", "report"):
            reading, writing = os.pipe()
            files.callback(os.close, reading)
            ours.append(reading)
            theirs.append(writing)
        try:
            try:
                socket.send_fds(connection, [order], theirs)
            except OSError as error:
                raise AssertionError(f"the nursery has ended: {nursery.communicate()[1].decode()}") from error
        finally:
            for descriptor in theirs:
                os.close(descriptor)
        return _gathered(command, ours, timeout_s)


def _gathered(command: list[str], ours: list[int], timeout_s: float) -> subprocess.CompletedProcess[str]:
    heard = dict.fromkeys(ours, b"")
    out, err, report = ours
    deadline = time.monotonic() + timeout_s
    with selectors.DefaultSelector() as selector:
        for descriptor in ours:
            selector.register(descriptor, selectors.EVENT_READ)
        while selector.get_map():
            if not (ready := selector.select(deadline - time.monotonic())):
                os.kill(int(heard[report].split()[0]), signal.SIGKILL)
                raise subprocess.TimeoutExpired(command, timeout_s, heard[out], heard[err])
            for key, _ in ready:
                came = os.read(key.fd, 65_536)
                heard[key.fd] += came
                if not came:
                    selector.unregister(key.fd)
    code = int(heard[report].split()[1])
    return subprocess.CompletedProcess(command, code, _text(heard[out]), _text(heard[err]))


def _text(raw: bytes) -> str:
    return raw.decode().replace("\r\n", "\n").replace("\r", "\n")


def _of_the_start(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if name.startswith(AT_THE_START)}


@cache
def _nursery() -> tuple[socket.socket, subprocess.Popen[bytes], dict[str, str]]:
    """The connection to this process's nursery, the nursery and its `AT_THE_START`; it ends with the connection."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    with theirs:
        # Pipes, as the commands will have: Python looks only once at what its streams can do.
        nursery = subprocess.Popen(
            [sys.executable, "-m", "tests.command_nursery", str(theirs.fileno())],
            cwd=ROOT, env=environ, pass_fds=(theirs.fileno(),),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def end() -> None:
        ours.close()
        nursery.communicate()

    atexit.register(end)
    return ours, nursery, _of_the_start(environ)


def main() -> None:
    """The nursery: forks until the other end is closed."""
    orders = socket.socket(fileno=int(sys.argv[1]))
    _load()
    attending: set[int] = set()
    while True:
        order, descriptors, _, _ = socket.recv_fds(orders, LONGEST_BYTES, 4)
        if not order:
            return
        if (born := os.fork()) == 0:
            orders.close()
            _attend(json.loads(order), descriptors)
            return
        attending = {each for each in attending if os.waitpid(each, os.WNOHANG) == (0, 0)} | {born}
        for descriptor in descriptors:
            os.close(descriptor)


def _load() -> None:
    commands = import_module("runtime.cli")
    for found in pkgutil.iter_modules(commands.__path__, "runtime.cli."):
        if not found.name.endswith("__main__"):
            import_module(found.name)
    for module in LOADED:
        import_module(module)
    import_module("runtime.settings.model").Settings.model_rebuild()
    gc.freeze()


def _attend(order: dict[str, Any], descriptors: list[int]) -> None:
    """Forks the command, tells its pid and, when it has ended, its exit code. Returns, or raises, in the command."""
    *streams, report = descriptors
    born = os.fork()
    if born:
        for descriptor in streams:
            os.close(descriptor)
        os.write(report, f"{born} ".encode())
        _, status = os.waitpid(born, 0)
        os.write(report, f"{os.waitstatus_to_exitcode(status)}\n".encode())
        os._exit(0)
    os.close(report)
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(order["env"])
    time.tzset()
    os.chdir(order["cwd"])
    sys.argv[1:] = order["words"]
    try:
        runpy.run_module("runtime.cli", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        assert isinstance(end.code, int)
        sys.stdout.flush()
        sys.stderr.flush()
        # Without taking down what the nursery has loaded: that would copy all of it.
        os._exit(end.code)


if __name__ == "__main__":
    main()
