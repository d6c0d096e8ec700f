"""The HTTP server that the chat platforms' requests come in by."""

from adapters.web.server import WebFault, WebServer

__all__ = ["WebFault", "WebServer"]
