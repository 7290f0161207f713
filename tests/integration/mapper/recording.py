"""`Recorder`: a connection that keeps what was sent through it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cqlengine.connection import Connection

if TYPE_CHECKING:
    from cql_driver.cluster.results import ResultSet
    from cqlengine.query.requests import Request

__all__ = ["Recorder"]


class Recorder(Connection):
    """A connection that keeps what was sent through it, made by `from_session`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.sent: list[Request] = []

    def execute(self, request: Request) -> ResultSet:
        """Run a request, and keep it."""
        self.sent.append(request)
        return super().execute(request)

    @property
    def texts(self) -> list[str]:
        """The texts of what was sent since they were asked for the last time."""
        texts = [request.text for request in self.sent]
        self.sent.clear()
        return texts
