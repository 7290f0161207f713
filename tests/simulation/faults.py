"""Scripted behaviour of nodes: which requests (`Rule`), and what happens to them (`Reaction`).

Example::

    node.rules.append(Rule(Drop(), text="INSERT", times=1))      # one INSERT is never answered
    node.rules.append(Rule(Fail(WriteTimeout(...)), message=Execute, chance=0.1))
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cql_protocol.connection import RequestReceived, State
from cql_protocol.connection.base import pack_header
from cql_protocol.errors import DriverException
from cql_protocol.messages import Batch, Execute, Prepare, Query, Response
from cql_protocol.messages.base import Extras
from tests.simulation.node import NodeConnection, SimNode, unprepared, with_extras

if TYPE_CHECKING:
    from tests.simulation.node import Reply

__all__ = [
    "Answer",
    "Delay",
    "Drop",
    "Fail",
    "Garbage",
    "Reaction",
    "Reset",
    "Rule",
    "Twice",
    "Unprepared",
    "text_of",
]


def text_of(node: SimNode, message: Any) -> str:
    """Return the text of a statement, also of a prepared one; "" where there is none."""
    if isinstance(message, Query | Prepare):
        return message.query
    if isinstance(message, Execute):
        return node.prepared.get(message.query_id, ("", ""))[1]
    if isinstance(message, Batch):
        texts = [e.statement for e in message.entries]
        known = [node.prepared.get(t, ("", ""))[1] if isinstance(t, bytes) else t for t in texts]
        return "; ".join(known)
    return ""


class Rule:
    """What happens (`reaction`) to requests that meet all that is given.

    `message` is a class of messages, `text` a part of the statement's text (system tables
    are never meant unless it names them), `where` any test of the request, `chance` how
    often, `times` at most how many. `used` counts.
    """

    def __init__(
        self,
        reaction: Reaction,
        *,
        message: type | tuple[type, ...] = (Query, Execute, Batch),
        text: str = "",
        where: Callable[[RequestReceived], object] | None = None,
        chance: float = 1.0,
        times: int | None = None,
    ) -> None:
        self.reaction = reaction
        self.message = message
        self.text = text
        self.where = where
        self.chance = chance
        self.times = times
        self.used = 0

    def takes(self, node: SimNode, event: RequestReceived) -> bool:
        """Say whether it is about this request, and count it."""
        if self.times is not None and self.used >= self.times:
            return False
        if not isinstance(event.message, self.message):
            return False
        text = text_of(node, event.message)
        if self.text not in text or ("system" in text and "system" not in self.text):
            return False
        if self.where is not None and not self.where(event):
            return False
        if self.chance < 1.0 and node.world.random.random() >= self.chance:
            return False
        self.used += 1
        if node.world.recording:
            node.world.note("fault", node.name, event.stream, type(self.reaction).__name__)
        return True


class Reaction:
    """What a node does with a request. `applied` says whether it carries it out, too."""

    applied = True

    def __init__(self, *, applied: bool | None = None) -> None:
        if applied is not None:
            self.applied = applied

    def react(self, node: SimNode, connection: NodeConnection, event: RequestReceived) -> None:
        """Do it."""
        response = node.respond(connection, event) if self.applied else None
        self.answer(node, connection, event, response)

    def answer(
        self,
        node: SimNode,
        connection: NodeConnection,
        event: RequestReceived,
        response: Reply | None,
    ) -> None:
        """Answer, or not; `response` is what a healthy node would say, if it was asked."""


class Drop(Reaction):
    """Never answer."""


class Delay(Reaction):
    """Answer late, by `least` to `most` seconds."""

    def __init__(self, least: float, most: float | None = None) -> None:
        super().__init__()
        self.least = least
        self.most = least if most is None else most

    def answer(
        self,
        node: SimNode,
        connection: NodeConnection,
        event: RequestReceived,
        response: Reply | None,
    ) -> None:
        assert response is not None
        delay = self.least + (self.most - self.least) * node.world.random.random()
        node.world.after(delay, connection.answer, event.stream, response)


class Twice(Reaction):
    """Answer two times, the second time `gap` seconds later: an offence against the protocol."""

    def __init__(self, gap: float = 0.0) -> None:
        super().__init__()
        self.gap = gap

    def answer(
        self,
        node: SimNode,
        connection: NodeConnection,
        event: RequestReceived,
        response: Reply | None,
    ) -> None:
        assert response is not None
        connection.answer(event.stream, response)
        node.world.after(self.gap, connection.answer, event.stream, response)


class Answer(Reaction):
    """Answer something else: a response, an error, or what a function of the request returns.

    `warnings` and `payload` come with it (protocol 4 and later); without `other` they come
    with the right answer.
    """

    applied = False

    def __init__(
        self,
        other: Reply | Callable[[RequestReceived], Reply] | None = None,
        *,
        applied: bool = False,
        delay: float = 0.0,
        warnings: tuple[str, ...] = (),
        payload: dict[str, bytes | None] | None = None,
    ) -> None:
        super().__init__(applied=applied or other is None)
        self.other = other
        self.delay = delay
        self.warnings = warnings
        self.payload = payload

    def answer(
        self,
        node: SimNode,
        connection: NodeConnection,
        event: RequestReceived,
        response: Reply | None,
    ) -> None:
        other = self.other
        if isinstance(other, Response | DriverException):
            response = other
        elif other is not None:
            response = other(event)
        assert response is not None
        if self.warnings or self.payload:
            extras = Extras(response.tracing_id, self.warnings, self.payload)
            response = with_extras(response, extras)
        if self.delay:
            node.world.after(self.delay, connection.answer, event.stream, response)
        else:
            connection.answer(event.stream, response)


Fail = Answer
"""The name that reads better with an error."""


class Reset(Reaction):
    """Break the stream instead of answering."""

    def answer(
        self,
        node: SimNode,
        connection: NodeConnection,
        event: RequestReceived,
        response: Reply | None,
    ) -> None:
        connection.transport.abort()


class Unprepared(Reaction):
    """Forget the prepared statement, and say so."""

    applied = False

    def answer(
        self,
        node: SimNode,
        connection: NodeConnection,
        event: RequestReceived,
        response: Reply | None,
    ) -> None:
        message = event.message
        ids = [message.query_id] if isinstance(message, Execute) else []
        if isinstance(message, Batch):
            ids = [e.statement for e in message.entries if isinstance(e.statement, bytes)]
        for query_id in ids:
            node.prepared.pop(query_id, None)
        if ids:
            connection.answer(event.stream, unprepared(ids[0]))
        else:
            node.serve(connection, event)


class Garbage(Reaction):
    """Answer by a frame whose body is `body`: as RESULT, it fits nothing."""

    applied = False

    def __init__(self, body: bytes = b"\xff" * 7, opcode: int = 0x08) -> None:
        super().__init__()
        self.body = body
        self.opcode = opcode

    def answer(
        self,
        node: SimNode,
        connection: NodeConnection,
        event: RequestReceived,
        response: Reply | None,
    ) -> None:
        server = connection.server
        if server.state is not State.CLOSED and not connection.transport.closing:
            head = pack_header(0x80 | server.version, 0, event.stream, self.opcode, len(self.body))
            connection.transport.write(server.wrap((head + self.body,)))
