"""`register`, `pipelines`, `unregister`: the node's library."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

from runtime.cli import exits
from runtime.cli.session import UsageProblem, node_client, print_json, read_definition, say


def register_pipeline(file: Path, *, name: str | None, version: str | None) -> int:
    """Has the node keep a file under a name and version."""
    from pipelines.language import NAME_RULE, VERSION_RULE, is_library_name, is_version

    if name is not None and not is_library_name(name):
        raise UsageProblem(f"--name {name[:80]!r} cannot be a name in the library; give one of {NAME_RULE}.")
    if version is not None and not is_version(version):
        raise UsageProblem(f"--version {version[:80]!r} cannot be a version; give one of {VERSION_RULE}.")
    definition = read_definition(file)
    path = f"/v1/pipelines/{name or _own_name(definition, file)}"
    if version is not None:
        path += f"/{quote(version, safe='')}"
    with node_client() as client:
        done: dict[str, Any] = client.put(path, {"definition": definition, "source": str(file.absolute())})
    for warning in done["warnings"]:
        say(f"warning: {warning}")
    how = "registered" if done["created"] else "was there already, with the same content"
    print(f"{done['name']}@{done['version']} {how} ({done['content_hash'][:12]})")
    return exits.OK


def list_pipelines(*, as_json: bool) -> int:
    """All pipelines of the library."""
    with node_client() as client:
        found: dict[str, Any] = client.get("/v1/pipelines")
    if as_json:
        print_json(found)
        return exits.OK
    entries: list[dict[str, Any]] = found["pipelines"]
    width = max((len(f"{each['name']}@{each['version']}") for each in entries), default=0)
    for each in entries:
        label = f"{each['name']}@{each['version']}"
        mark = "*" if each["newest"] else " "
        told = f"cannot be used: {each['problem']}" if each["problem"] else each["description"]
        print(f"{mark} {label:<{width}}  {each['content_hash'][:12]:<12}  {each['origin']:<10}  {told}".rstrip())
    for problem in found["problems"]:
        say(problem)
    return exits.OK


def show_pipeline(reference: str, *, as_json: bool) -> int:
    """The definition of one pipeline on stdout."""
    name, version = _parts(reference)
    with node_client() as client:
        if not version:
            versions = client.get(f"/v1/pipelines/{name}")["pipelines"]
            version = next(each["version"] for each in versions if each["newest"])
        found: dict[str, Any] = client.get(f"/v1/pipelines/{name}/{quote(version, safe='')}")
    if as_json:
        print_json(found)
        return exits.OK
    say(f"{found['name']}@{found['version']} ({found['origin']}, {found['content_hash']})")
    sys.stdout.write(found["definition"])
    return exits.OK


def unregister_pipeline(reference: str) -> int:
    """Removes one version."""
    name, version = _parts(reference)
    if not version:
        raise UsageProblem(f"{reference!r} names no version; write NAME@VERSION (`evopipe pipelines` lists them).")
    with node_client() as client:
        done = client.delete(f"/v1/pipelines/{name}/{quote(version, safe='')}")
    print(f"{done['unregistered']} is no longer registered; runs that use it go on.")
    return exits.OK


def _parts(reference: str) -> tuple[str, str]:
    from pipelines.language import parse_reference

    try:
        parsed = parse_reference(reference)
    except ValueError as error:
        raise UsageProblem(f"{error}.") from error
    return parsed.name, parsed.version or ""


def _own_name(definition: str, file: Path) -> str:
    from pipelines.language import InvalidPipelineError, is_library_name, load_pipeline

    try:
        name = load_pipeline(definition, source=str(file)).name
    except InvalidPipelineError as error:
        raise UsageProblem(f"{file} is not valid:\n{error}") from error
    if not is_library_name(name):
        raise UsageProblem(f"{file}: a library cannot have the name {name[:80]!r}; give another one with --name.")
    return name
