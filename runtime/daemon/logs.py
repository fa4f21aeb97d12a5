"""The node's log: structlog as JSON lines, into a rotated file when detached, to stderr in the foreground.

Records of the standard library's logging (uvicorn, the SDKs) go through the same chain.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from runtime.daemon.json_lines import JsonLines
from runtime.daemon.log_sinks import Foreground, LineHandler, RotatedFile, Sink
from runtime.daemon.node_logger import HOW_MADE, NodeLogger, to_handlers
from runtime.daemon.redacting import Redacting
from runtime.settings import LoggingSettings


def configure_logging(
    settings: LoggingSettings, target: Path, *, stderr: Literal["no", "json", "text"], secrets: Iterable[str] = ()
) -> None:
    """Sends all logging of this process to the file `target` (rotated), and to stderr too when asked.

    `secrets` are words that no line may hold. Raises `OSError` when the file cannot be opened; all is as it was then.
    May be called again to change the level and the secrets, whatever loggers and threads are about.
    """
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    redacting = Redacting(secrets)
    json_lines = JsonLines(redacting)
    handlers = [_handler(RotatedFile(target, settings), json_lines)]
    if stderr == "json":
        handlers.append(_handler(Foreground(sys.stderr), json_lines))
    elif stderr == "text":
        handlers.append(_handler(Foreground(sys.stderr), _text_lines(redacting)))
    root = logging.getLogger()
    # In one step: a line of another thread in between would go nowhere.
    former, root.handlers = root.handlers, list[logging.Handler](handlers)
    for handler in former:
        handler.close()
    root.setLevel(settings.level.upper())
    # These say on "info" what our own events say better, once a request.
    for chatty in ("httpx", "httpcore", "uvicorn.access", "google_genai", "anthropic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # It warns of each request that is no HTTP: whoever sends many would push all else out of the rotated files.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    structlog.configure(
        processors=[*HOW_MADE, to_handlers],
        wrapper_class=NodeLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def _handler(sink: Sink, render: Processor) -> LineHandler:
    handler = LineHandler(sink, render)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=HOW_MADE,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
    )
    return handler


def _text_lines(redacting: Redacting) -> Processor:
    coloured = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )

    def render(logger: WrappedLogger, name: str, record: EventDict) -> str:
        return coloured(logger, name, redacting(logger, name, record))

    return render


def tail(path: Path, lines: int) -> list[str]:
    """The last `lines` lines of a file (fewer when there are fewer; none when it is missing)."""
    if lines <= 0:
        return []
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            position = file.tell()
            block = b""
            while position > 0 and block.count(b"\n") <= lines:
                step = min(65_536, position)
                position -= step
                file.seek(position)
                block = file.read(step) + block
    except FileNotFoundError:
        return []
    return block.decode("utf-8", errors="replace").splitlines()[-lines:]
