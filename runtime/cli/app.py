"""The `evopipe` command: its name, its general options and how it ends. The commands are in `runtime.cli.commands`."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from runtime.cli import exits
from runtime.cli.commands import GROUPS
from runtime.cli.streams import make_streams_usable

# What a command loads stays to its end, and every collection looks at all of it again: a tenth of its time.
COLLECT_EVERY = 200_000

app = typer.Typer(
    name="evopipe",
    help="A supervised node for LLM pipelines.",
    epilog=exits.HELP,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _tell_version(wanted: bool) -> None:
    if wanted:
        print(_version())
        raise typer.Exit(exits.OK)


@app.callback()
def options(
    config: Annotated[Path | None, typer.Option("--config", help="Settings file (or EVOPIPE_CONFIG).")] = None,
    _version_wanted: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_tell_version, help="Print the version.")
    ] = False,
) -> None:
    """A supervised node for LLM pipelines."""
    if config is not None:
        os.environ["EVOPIPE_CONFIG"] = str(config.absolute())


for _group in GROUPS:
    app.add_typer(_group)


@app.command()
def version() -> None:
    """Print the version."""
    print(_version())


def _version() -> str:
    from importlib import metadata

    try:
        return metadata.version("evopipe")
    except metadata.PackageNotFoundError:
        return "0+unknown (not installed)"


def main() -> None:
    """The entry point of the `evopipe` command. Ends the process with one of the codes in `runtime.cli.exits`."""
    gc.set_threshold(COLLECT_EVERY)
    make_streams_usable()
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(exits.INTERRUPTED)
    except BrokenPipeError:
        # `evopipe logs | head`: the reader has enough. Python would complain once more when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(exits.OK)
    except Exception as error:  # noqa: BLE001 - the border: foreseen errors become sentences, others are raised again
        from runtime.cli.session import told

        sys.exit(told(error))
    finally:
        # The interpreter ends with three collections of all that was loaded: a fifth of a command's time.
        gc.freeze()
