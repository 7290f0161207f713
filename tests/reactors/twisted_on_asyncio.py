"""`TwistedRuntime` on Twisted's reactor over asyncio, for the kit's command."""

from __future__ import annotations

from twisted.internet import asyncioreactor

asyncioreactor.install()

from cql_reactors.twistedreactor import TwistedRuntime  # noqa: E402 - the reactor comes first

__all__ = ["TwistedRuntime"]
