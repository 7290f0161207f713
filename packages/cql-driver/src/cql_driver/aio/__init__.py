"""The native asyncio API."""

from __future__ import annotations
