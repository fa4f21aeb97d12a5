"""The workspace files that a failed step's prompt quotes, read again as the step itself would have."""

from __future__ import annotations

import asyncio

from msgspec.structs import replace as struct_replace

from actors.recovery.messages import FindAnotherWay
from actors.steps.jail import Jail
from pipelines.language import Scope, prompt_files, render_text


async def with_files(wanted: FindAnotherWay) -> Scope:
    """The scope with the texts that are not in it yet. Raises `TemplateError`, the jail's errors and `OSError`."""
    scope = wanted.scope
    missing = [path for path in prompt_files(wanted.step) if path not in scope.files]
    if not missing:
        return scope
    jail = Jail(wanted.workspace)
    read = {path: await asyncio.to_thread(jail.read_text, render_text(path, scope)) for path in missing}
    return struct_replace(scope, files={**scope.files, **read})
