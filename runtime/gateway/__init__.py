"""The node's face to its user: HTTP/1.1 over a Unix socket that only its owner can open."""

from runtime.gateway.access import Peer
from runtime.gateway.app import build_app
from runtime.gateway.connection import ConnectionLimits, guarded_protocol
from runtime.gateway.history import EventHistory
from runtime.gateway.openapi import version
from runtime.gateway.server import SocketServer
from runtime.gateway.tcp import TcpAddress, TcpServer
from runtime.gateway.view import NodeView

__all__ = [
    "ConnectionLimits",
    "EventHistory",
    "NodeView",
    "Peer",
    "SocketServer",
    "TcpAddress",
    "TcpServer",
    "build_app",
    "guarded_protocol",
    "version",
]
