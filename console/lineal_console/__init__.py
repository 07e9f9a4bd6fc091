"""The console: web pages to look and decide. ``lineal up`` serves them at ``/``.

A package adds pages of its own under the entry points ``lineal.pages``; docs/console.md shows one.
"""

from lineal_console.page import Page
from lineal_console.page_request import PageRequest, event

__all__ = ["Page", "PageRequest", "event"]
