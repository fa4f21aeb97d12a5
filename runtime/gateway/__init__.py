"""The node's face to its user: HTTP/1.1 over a Unix socket that only its owner can open."""

from runtime.gateway.app import build_app
from runtime.gateway.history import EventHistory
from runtime.gateway.server import SocketServer
from runtime.gateway.view import NodeView

__all__ = ["EventHistory", "NodeView", "SocketServer", "build_app"]
