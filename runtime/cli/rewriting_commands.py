"""`fmt` and `migrate`: pipeline files as better text. They need no node."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from runtime.cli import exits
from runtime.cli.session import LARGEST_DEFINITION_BYTES, UsageProblem, read_bounded, say


def format_files(files: list[Path], *, check: bool) -> int:
    """Writes each file that is not in the layout; with `check` only names them and fails when there is one.

    A file that cannot be formatted is named and left as it is; the others are still done.
    """
    from pipelines.formatting import ChangedMeaningError, format_text
    from pipelines.language import InvalidPipelineError

    code = exits.OK
    for file in files:
        try:
            raw = read_bounded(file, LARGEST_DEFINITION_BYTES)
            formatted = format_text(raw, str(file)).encode()
            if formatted == raw:
                continue
            if check:
                print(f"{file}: would be formatted")
                code = max(code, exits.FAILED)
                continue
            replace_file(file, formatted)
            print(f"{file}: formatted")
        except (InvalidPipelineError, ChangedMeaningError) as error:
            say(str(error))
            code = exits.INVALID
        except OSError as error:
            say(f"{file}: {error.strerror or error}.")
            code = exits.INVALID
    return code


def migrate_file(file: Path, *, write: bool) -> int:
    """The canonical form on stdout, or with `write` into the file; what was changed on stderr."""
    from pipelines.formatting import ChangedMeaningError, migrate
    from pipelines.language import InvalidPipelineError

    try:
        raw = read_bounded(file, LARGEST_DEFINITION_BYTES)
        done = migrate(raw, str(file))
    except InvalidPipelineError as error:
        raise UsageProblem(f"{file} is not valid (see `evopipe validate`):\n{error}") from error
    except ChangedMeaningError as error:
        say(str(error))
        return exits.FAILED
    except OSError as error:
        raise UsageProblem(f"{file} cannot be read: {error.strerror}; check the path.") from error
    for change in done.changes:
        sys.stderr.write(f"  {change}\n")
    if not done.changes:
        say(f"{file} is canonical already.")
    if not write:
        sys.stdout.write(done.text)
    elif done.changes:
        replace_file(file, done.text.encode())
    return exits.OK


def replace_file(file: Path, content: bytes) -> None:
    """Puts `content` in place of the file at once, with its mode; a full disk leaves the old one."""
    target = file.resolve()
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    new = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        new.chmod(target.stat().st_mode & 0o7777)
        new.replace(target)
    except OSError:
        new.unlink(missing_ok=True)
        raise
