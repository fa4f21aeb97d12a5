"""The way past Starlette's layers for paths without parameters: what they would do, `answering` has done already.

Ten nested coroutines for each request, gone through at each of its waits, cost as much as reading its body.
"""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send


def direct(app: Starlette) -> ASGIApp:
    """`app`, with requests to a path that is one route's own sent straight to that route's endpoint. For endpoints
    that answer their own errors; whatever has no such path or method goes through `app`."""
    endpoints = {
        (method, route.path): route.endpoint
        for route in app.routes
        if isinstance(route, Route) and "{" not in route.path
        for method in route.methods or ()
    }

    async def dispatch(scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = endpoints.get((scope["method"], scope["path"]))
        if endpoint is None:
            await app(scope, receive, send)
            return
        response = await endpoint(Request(scope, receive, send))
        await response(scope, receive, send)

    return dispatch
