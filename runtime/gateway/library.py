"""Endpoints about the node's library of pipelines: list, show, register, unregister."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from actors.audit import decisions
from actors.library import (
    EntryFacts,
    FindPipeline,
    Listing,
    ListPipelines,
    NoSuchPipelineError,
    Registered,
    RegisterPipeline,
    UnregisterPipeline,
)
from pipelines.language import InvalidPipelineError
from pipelines.linking import Entry
from runtime.gateway.definitions import invalid
from runtime.gateway.endpoint import Desk
from runtime.gateway.schemas import RegisterBody
from runtime.gateway.wire import WireResponse, to_wire


class LibraryEndpoints:
    """The /v1/pipelines family."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def list(self, _request: Request) -> Response:
        """GET /v1/pipelines: all of them by name, the newest version first."""
        return WireResponse(await self._desk.call("library", ListPipelines()))

    async def versions(self, request: Request) -> Response:
        """GET /v1/pipelines/{name}: its versions, the newest first."""
        name = request.path_params["name"]
        listing: Listing = await self._desk.call("library", ListPipelines(name))
        if not listing.pipelines:
            raise NoSuchPipelineError(f"the library has no pipeline {name!r}", "GET /v1/pipelines lists all")
        return WireResponse({"pipelines": listing.pipelines})

    async def get(self, request: Request) -> Response:
        """GET /v1/pipelines/{name}/{version}: one version (or the beginning of its hash) with its definition."""
        reference = f"{request.path_params['name']}@{request.path_params['version']}"
        found: tuple[Entry, EntryFacts] = await self._desk.call("library", FindPipeline(reference))
        return WireResponse({**to_wire(found[1]), "definition": found[0].text})

    async def register(self, request: Request) -> Response:
        """PUT /v1/pipelines/{name}[/{version}]: 201, or 200 when the same was there already; 409 when other content is.

        Without a version in the path it is the definition's own, else the next free number.
        """
        body = await self._desk.body(request, RegisterBody)
        name, version = request.path_params["name"], request.path_params.get("version")
        try:
            done: Registered = await self._desk.call(
                "library", RegisterPipeline(body.definition, body.source, name, version)
            )
        except InvalidPipelineError as error:
            raise invalid(error) from error
        entry = done.entry
        answer: dict[str, Any] = {
            "name": entry.name,
            "version": entry.version,
            "content_hash": entry.content_hash,
            "created": done.created,
            "warnings": done.warnings,
        }
        if done.created:
            reference = f"{entry.name}@{entry.version}"
            self._desk.record(decisions.pipeline_registered, request, reference, entry.content_hash)
        headers = {"location": f"/v1/pipelines/{entry.name}/{entry.version}"}
        return WireResponse(answer, status_code=201 if done.created else 200, headers=headers)

    async def unregister(self, request: Request) -> Response:
        """DELETE /v1/pipelines/{name}/{version}: runs that use it go on with their own copy."""
        asked = UnregisterPipeline(request.path_params["name"], request.path_params["version"])
        done = await self._desk.call("library", asked)
        reference = f"{request.path_params['name']}@{request.path_params['version']}"
        self._desk.record(decisions.pipeline_unregistered, request, reference)
        return WireResponse({"unregistered": done})
