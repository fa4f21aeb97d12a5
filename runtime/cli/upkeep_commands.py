"""`backup`, `restore`, `fsck`, `vacuum`: each works on the files themselves, vacuum through the node where one runs."""

from __future__ import annotations

import os
import pwd
import sqlite3
import time
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

from runtime.cli import exits
from runtime.cli.session import UsageProblem, node_client, print_json, say
from runtime.client import NodeUnreachableError
from runtime.settings import Settings, load_settings


def make_backup(target: Path, *, force: bool, as_json: bool) -> int:
    """Writes a backup of the state, beside a running node or without one."""
    from runtime.upkeep import DamagedBackupError, back_up

    settings = load_settings()
    target = target.absolute()
    if not settings.state_dir.is_dir():
        raise UsageProblem(f"there is no state in {settings.state_dir}; set EVOPIPE_STATE_DIR to the node's.")
    if target.is_dir() or target.is_relative_to(settings.state_dir):
        raise UsageProblem(f"{target} must be a file outside of {settings.state_dir}.")
    if not target.parent.is_dir():
        raise UsageProblem(f"{target.parent} is no directory; make it first, or name a file elsewhere.")
    if target.exists() and not force:
        raise UsageProblem(f"{target} exists already; name another file, or --force replaces it.")
    left_out = () if settings.journal.url is None else (f"the journal in {settings.journal.shown_url}",)
    try:
        made = back_up(settings.state_dir, target, evopipe=_version(), left_out=left_out)
    except DamagedBackupError as damaged:
        say(f"no backup was made: {'; '.join(damaged.problems)}.")
        return exits.FAILED
    except (OSError, sqlite3.Error) as error:
        say(f"no backup was made: {error}.")
        return exits.FAILED
    for each in made.left_out:
        say(f"{each} is not in it: back it up with pg_dump.")
    if as_json:
        print_json({**asdict(made), "file": str(made.file)})
    else:
        print(f"{made.file}: {made.files} files, {made.size} bytes.")
    return exits.OK


def restore_backup(file: Path, *, force: bool, as_json: bool) -> int:
    """Puts a backup into the place of the state; refuses while a node runs."""
    from runtime.daemon import DaemonError, prepare_socket_place
    from runtime.upkeep import DamagedBackupError, StateInTheWayError, finish_restore, restore

    settings = load_settings()
    if not file.is_file():
        raise UsageProblem(f"{file} is no file; name a backup that `evopipe backup` has made.")
    try:
        heads = settings.audit.heads_file
        prepare_socket_place(settings)
        cut_off = finish_restore(settings.state_dir)
        if cut_off is not None:
            say(f"{cut_off.told}.")
        if cut_off is not None and cut_off.restored is not None and cut_off.is_of(file):
            done = cut_off.restored
        else:
            done = restore(file, settings.state_dir, settings.socket_path, force=force, who=_who(), heads_file=heads)
    except DaemonError as refused:  # a node is at work there, most of all
        say(refused.message)
        return refused.exit_code
    except StateInTheWayError as refused:
        say(f"{refused}.")
        return exits.INVALID
    except DamagedBackupError as damaged:
        say(f"{damaged}.")
        return exits.FAILED
    except OSError as error:
        say(f"nothing was restored: {error}.")
        return exits.FAILED
    moved = None if done.moved_to is None else str(done.moved_to)
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(done.at))
    if as_json:
        print_json({"state_dir": str(settings.state_dir), "files": done.files, "moved_to": moved})
    else:
        print(f"{settings.state_dir}: {done.files} files as of {when}.")
    if moved is not None:
        say(f"the former state is in {moved}; delete it when you do not need it.")
    for each in done.left_out:
        say(f"{each} was not in this backup: restore it with pg_restore.")
    if done.unaudited is not None:
        say(f"the restore is not in the audit log: {done.unaudited}.")
    return exits.OK


def check_files(*, as_json: bool) -> int:
    """Verifies the whole state; FAILED when an error was found, warnings alone are no failure."""
    from runtime.upkeep import check_state

    settings = load_settings()
    findings = list(
        check_state(
            settings.state_dir,
            journal_elsewhere=settings.journal.url is not None,
            heads_file=settings.audit.heads_file,
            workspace=settings.workspace,
        )
    )
    findings += _elsewhere(settings)
    errors = sum(1 for finding in findings if finding.level == "error")
    if as_json:
        print_json(
            {"state_dir": str(settings.state_dir), "sound": not errors, "findings": [asdict(f) for f in findings]}
        )
    else:
        for finding in findings:
            print(f"{finding.level}: {finding.place}: {finding.problem}. Fix: {finding.fix}.")
        warnings = len(findings) - errors
        print(f"{settings.state_dir}: {'sound' if not errors else f'{errors} errors'}, {warnings} warnings.")
    return exits.FAILED if errors else exits.OK


def vacuum_journal(*, as_json: bool) -> int:
    """Gives room back; asks the node where one runs."""
    settings = load_settings()
    try:
        with node_client(timeout_s=630.0) as client:
            done: dict[str, Any] = client.post("/v1/journal/vacuum", {})
    except NodeUnreachableError:
        found = _vacuum_here(settings)
        if isinstance(found, int):
            return found
        done = found
    if as_json:
        print_json(done)
    else:
        print(f"{done['before']} bytes before, {done['after']} now.")
    return exits.OK


def copy_to_database(*, as_json: bool) -> int:
    """Copies the journal of the state directory into the database of the settings; the node must be down."""
    from actors.journal import JournalError
    from runtime.daemon import DaemonError, prepare_socket_place
    from runtime.upkeep import move_journal

    settings = load_settings()
    url, journal = settings.journal.url, settings.state_dir / "journal.sqlite3"
    if url is None:
        raise UsageProblem("journal.url is not set; set it to the database that the journal is to be copied to.")
    if not journal.is_file():
        raise UsageProblem(f"there is no {journal}; set EVOPIPE_STATE_DIR to the node's.")
    shown, heads = settings.journal.shown_url, settings.audit.heads_file
    try:
        prepare_socket_place(settings)
        done, unaudited = move_journal(
            journal, url.get_secret_value(), shown, settings.socket_path, who=_who(), heads_file=heads
        )
    except DaemonError as refused:
        say(refused.message)
        return refused.exit_code
    except JournalError as error:
        say(str(error))
        return exits.FAILED
    if as_json:
        print_json(asdict(done))
    else:
        print(f"{shown}: {done.runs} runs, {done.steps} steps, {done.values} large values.")
    say(f"{journal} stays as it is; a node with this journal.url does not look at it.")
    if unaudited is not None:
        say(f"the copy is not in the audit log: {unaudited}.")
    return exits.OK


def _vacuum_here(settings: Settings) -> dict[str, int] | int:
    from actors.journal import JournalError
    from runtime.daemon import DaemonError, prepare_socket_place
    from runtime.journal_place import journal_place
    from runtime.upkeep import vacuum_file

    try:
        prepare_socket_place(settings)
        done, unaudited = vacuum_file(
            journal_place(settings),
            settings.state_dir,
            settings.socket_path,
            who=_who(),
            heads_file=settings.audit.heads_file,
        )
    except DaemonError as refused:
        say(refused.message)
        return refused.exit_code
    except JournalError as error:
        say(str(error))
        return exits.FAILED
    if unaudited is not None:
        say(f"the vacuum is not in the audit log: {unaudited}.")
    return asdict(done)


def _who() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # as in containers
        return f"uid:{os.getuid()}"


def _elsewhere(settings: Settings) -> list[Any]:
    if settings.journal.url is None:
        return []
    from runtime.journal_place import check_elsewhere

    return list(check_elsewhere(settings))


def _version() -> str:
    try:
        return metadata.version("evopipe")
    except metadata.PackageNotFoundError:
        return "0+unknown"
