"""The HTTP server for the chat platforms' requests."""

from adapters.web.server import WebFault, WebServer

__all__ = ["WebFault", "WebServer"]
