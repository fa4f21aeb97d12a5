"""The life of the node's process: check the places, take the lock, start, serve, drain, stop."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Protocol

import structlog

from actors.kernel import Kernel, StartError
from pipelines.guardrails import Triggered
from runtime.daemon.detach import report_failure, report_ready
from runtime.daemon.exits import EXIT_BAD_CONFIG, EXIT_FAILED, EXIT_OK, EXIT_STATE_UNUSABLE, DaemonError
from runtime.daemon.heap import settle_heap
from runtime.daemon.keeper import GuardKeeper
from runtime.daemon.lock import InstanceLock
from runtime.daemon.logs import configure_logging
from runtime.daemon.loop import node_loop, wanted_loop
from runtime.daemon.notify import Notifier
from runtime.daemon.places import prepare_places
from runtime.daemon.signals import arm_last_resort, handled_signals
from runtime.process_limits import forbid_core_files, raise_open_files
from runtime.settings import Settings, SettingsError, load_settings
from runtime.shutdown import ShutdownRequest

START_DEADLINE_S = 25.0
STOP_DEADLINE_S = 10.0
URGENT_STOP_DEADLINE_S = 1.0
LEFTOVER_THREADS_S = 5.0


class NodeLike(Protocol):
    """What the process asks of a node (`runtime.node.Node`)."""

    kernel: Kernel
    shutdown: ShutdownRequest

    async def start(self) -> None:
        """Returns when the whole tree is up and the socket answers."""
        ...

    async def drain(self, timeout_s: float) -> None:
        """Accepts no new runs and waits for the running ones, at most `timeout_s`. Safe to cancel."""
        ...

    async def stop(self) -> None:
        """Stops the tree in reverse order; what has not finished stays resumable. Safe after a failed start."""
        ...

    async def reload(self, settings: Settings) -> None:
        """Takes over what can change while running."""
        ...

    def watched_by(self, witness: Callable[[Triggered], None], facts: Callable[[], Mapping[str, object]]) -> None:
        """Before the start: `witness` is told of each change of the kill switches, at once and on the loop's thread;
        `facts` say how the watchdog is."""
        ...

    async def trigger_node_switch(self, reason: str, who: str) -> None:
        """Triggers the node kill switch."""
        ...


def run_daemon(*, ready_fd: int | None = None, factory: Callable[[Settings], NodeLike] | None = None) -> int:
    """Runs a node in this process until it is told to end; returns the exit code.

    With `ready_fd` (detached) readiness or the failure is reported there and the log goes to its file only;
    without it, the log goes to stderr too. `factory` makes the node inside the running loop (default:
    `runtime.node.Node`).
    """
    try:
        settings = _settings()
        wanted_loop()  # before anything is made or locked
        mended = prepare_places(settings)
        raise_open_files()
        forbid_core_files()
        with InstanceLock.for_socket(settings.socket_path), _state_lock(settings):
            _configure_log(settings, detached=ready_fd is not None)
            if mended is not None:
                _logger().warning("restore_mended", what=mended)
            with (
                GuardKeeper(settings.state_dir, settings.log_file) as keeper,
                asyncio.Runner(loop_factory=node_loop) as runner,
            ):
                try:
                    return runner.run(_serve(settings, factory or _node, ready_fd, keeper))
                finally:
                    # Before the runner waits for its threads: one that hangs must not keep a stopped node from ending.
                    arm_last_resort(LEFTOVER_THREADS_S)
    except DaemonError as error:
        if ready_fd is not None:
            report_failure(ready_fd, error.message, error.exit_code)
        sys.stderr.write(f"evopipe: {error.message}\n")
        return error.exit_code


def _logger() -> structlog.stdlib.BoundLogger:
    return structlog.stdlib.get_logger("evopipe.daemon")


def _settings() -> Settings:
    try:
        return load_settings()
    except SettingsError as error:
        raise DaemonError(f"the settings cannot be used:\n{error}", EXIT_BAD_CONFIG) from error


def _state_lock(settings: Settings) -> InstanceLock:
    # Two sockets must not lead to one journal.
    return InstanceLock(settings.state_dir / "node.lock", settings.state_dir)


def _configure_log(settings: Settings, *, detached: bool) -> None:
    style = "no" if detached else ("text" if sys.stderr.isatty() else "json")
    try:
        keys = settings.providers.keys()
        configure_logging(settings.logging, settings.log_file, stderr=style, secrets=keys)
    except OSError as error:
        raise DaemonError(
            f"the log {settings.log_file} cannot be opened: {error.strerror}.", EXIT_STATE_UNUSABLE
        ) from error


def _node(settings: Settings) -> NodeLike:
    from runtime.node import Node  # noqa: PLC0415 - a bad setting or a second node is told without loading the SDKs

    return Node(settings)


async def _serve(
    settings: Settings, factory: Callable[[Settings], NodeLike], ready_fd: int | None, keeper: GuardKeeper
) -> int:
    log = _logger()
    notifier = Notifier()
    node = factory(settings)
    node.watched_by(keeper.witness, keeper.facts)
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task[None]] = set()

    def in_background(action: Callable[[], Coroutine[Any, Any, None]], name: str) -> None:
        task = asyncio.ensure_future(_guarded(action(), name))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    async def reload() -> None:
        await _reload(node, notifier, ready_fd is not None)

    async def trigger() -> None:
        await node.trigger_node_switch("SIGUSR1", "signal")

    with handled_signals(
        loop,
        node.shutdown,
        on_reload=lambda: in_background(reload, "reload"),
        on_kill_switch=lambda: in_background(trigger, "kill_switch"),
    ):
        in_background(keeper.beat, "watchdog_keeper")
        await _start(node, log)
        if ready_fd is not None:
            report_ready(ready_fd)
        notifier.ready()
        settle_heap()
        log.info("node_ready", socket=str(settings.socket_path), state_dir=str(settings.state_dir))
        if notifier.watchdog_interval_s is not None:
            interval = notifier.watchdog_interval_s
            in_background(lambda: _pet_watchdog(notifier, interval), "watchdog")
        await node.shutdown.draining.wait()
        notifier.stopping()
        await _drain_and_stop(node, notifier, settings, log)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if node.shutdown.failure is not None:
        sys.stderr.write(f"evopipe: {node.shutdown.failure}\n")
        return EXIT_FAILED
    return EXIT_OK


async def _guarded(action: Coroutine[Any, Any, None], name: str) -> None:
    try:
        await action
    except Exception as error:  # noqa: BLE001 - a signal has no caller to tell; the node must stay up
        _logger().error(f"{name}_failed", error=str(error), error_type=type(error).__name__)


async def _start(node: NodeLike, log: structlog.stdlib.BoundLogger) -> None:
    try:
        async with asyncio.timeout(START_DEADLINE_S):
            await node.start()
    except Exception as error:
        # A failed actor has its crash report in the log already, with the traceback and without keys.
        log.error("node_start_failed", reason=_cause(error), exc_info=not isinstance(error, StartError))
        with contextlib.suppress(Exception):
            async with asyncio.timeout(STOP_DEADLINE_S):
                await node.stop()
        what = f"not ready within {START_DEADLINE_S:g} s" if isinstance(error, TimeoutError) else _cause(error)
        raise DaemonError(f"the node did not start: {what}.", EXIT_FAILED) from error


def _cause(error: BaseException) -> str:
    """The sentence of what failed first: supervisors wrap it once a level, and their names do not help the reader.

    What is beneath that is left alone: its author chose the sentence ("metrics cannot listen on ..., Fix: ...").
    """
    while isinstance(error, StartError):
        inner = error.__cause__ or getattr(error.reason, "exception", None)
        if not isinstance(inner, BaseException):
            break
        error = inner
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename is not None else ""
        return f"{where}{error.strerror}".rstrip(".")
    return str(error).rstrip(".") or type(error).__name__


async def _drain_and_stop(
    node: NodeLike, notifier: Notifier, settings: Settings, log: structlog.stdlib.BoundLogger
) -> None:
    drain_s = settings.limits.drain_s
    if not node.shutdown.now.is_set():
        log.info("node_draining", drain_s=drain_s)
        notifier.status(f"draining for at most {drain_s:g} s")
        notifier.extend(drain_s + STOP_DEADLINE_S)
        await _unless_urgent(node.drain(drain_s), node.shutdown, drain_s + 1.0, log)
    urgent = node.shutdown.now.is_set()
    await _bounded(node.stop(), URGENT_STOP_DEADLINE_S if urgent else STOP_DEADLINE_S, log)
    log.info("node_stopped", urgent=urgent, failure=node.shutdown.failure)


async def _unless_urgent(
    work: Coroutine[Any, Any, None],
    shutdown: ShutdownRequest,
    deadline_s: float,
    log: structlog.stdlib.BoundLogger,
) -> None:
    task = asyncio.ensure_future(work)
    urgent = asyncio.ensure_future(shutdown.now.wait())
    await asyncio.wait({task, urgent}, timeout=deadline_s, return_when=asyncio.FIRST_COMPLETED)
    task.cancel()
    urgent.cancel()
    drained, _ = await asyncio.gather(task, urgent, return_exceptions=True)
    if isinstance(drained, Exception):
        log.error("drain_failed", error=str(drained))


async def _bounded(work: Coroutine[Any, Any, None], deadline_s: float, log: structlog.stdlib.BoundLogger) -> None:
    try:
        async with asyncio.timeout(deadline_s):
            await work
    except Exception as error:  # noqa: BLE001 - the process ends either way; what is recorded is on disk
        log.error("stop_failed", error=str(error) or type(error).__name__)


async def _pet_watchdog(notifier: Notifier, interval_s: float) -> None:
    while True:
        notifier.watchdog()
        await asyncio.sleep(interval_s)


async def _reload(node: NodeLike, notifier: Notifier, detached: bool) -> None:
    log = _logger()
    notifier.reloading()
    try:
        settings = await asyncio.to_thread(load_settings)
        _configure_log(settings, detached=detached)
        await node.reload(settings)
    except (SettingsError, DaemonError) as error:
        log.error("reload_refused", problems=str(error).splitlines(), kept="the former settings")
        notifier.status("settings refused, the former ones are kept")
    else:
        log.info("reloaded", file=str(settings.config_file))
        notifier.status("serving")
    finally:
        notifier.ready()
