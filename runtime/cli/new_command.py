"""`new`: a first pipeline for a request, from a fixed template. Needs no node, no key and no network."""

from __future__ import annotations

import sys
from pathlib import Path

from runtime.cli import exits
from runtime.cli.session import UsageProblem, say


def new_pipeline(request: str, *, output: Path | None) -> int:
    """The pipeline on stdout or in a new file; on stderr which template it is and why.

    Raises `UsageProblem` for a request that is empty or too long and for a file that is there already.
    """
    from importlib import resources

    from pipelines.genesis import RequestTooLongError, draft, read_request

    if not request.strip():
        raise UsageProblem('say in a sentence what the pipeline is to do: evopipe new "Summarize support letters"')
    reading = read_request(request)
    template = resources.files("pipelines").joinpath("templates", f"{reading.kind}.yaml").read_text(encoding="utf-8")
    try:
        made = draft(request, template)
    except RequestTooLongError as error:
        raise UsageProblem(f"{error}; say it shorter, and give documents as `material` when it runs.") from error
    why = f"the request has {reading.keyword!r} in it" if reading.keyword else "no keyword of another one is in it"
    say(f"from the template '{reading.kind}', because {why}. A fixed template: no language model has read the request.")
    if output is None:
        sys.stdout.write(made.text)
        return exits.OK
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(made.text)
    except FileExistsError as error:
        raise UsageProblem(f"{output} is there already; name another file, or remove it.") from error
    except OSError as error:
        raise UsageProblem(f"{output} cannot be written: {error.strerror}; name another file.") from error
    say(f"written to {output}. Try it: evopipe run {output} --input material='...'")
    return exits.OK
