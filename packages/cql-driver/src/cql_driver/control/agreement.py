"""Schema agreement: do all nodes that are up have the same version of the schema?"""

from __future__ import annotations

from cql_driver.control import queries
from cql_driver.control.queries import ask, rows_of
from cql_driver.core.procedures import gather, sleep
from cql_driver.logs import get_logger
from cql_protocol.errors import DriverException

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from cql_driver.core.engine import Engine
    from cql_driver.core.link import Link

__all__ = ["POLL_INTERVAL", "agree_among", "agree_on_schema"]

log = get_logger("cql_driver.cluster")

POLL_INTERVAL = 0.2
"""Seconds between two looks."""


async def agree_on_schema(engine: Engine, connection: Link | None, wait_time: float) -> bool:
    """Look until the nodes agree, at most for `wait_time` seconds; return whether they do.

    Asks on `connection`, or on the control connection there is at the time. A look that
    fails is like one that finds no agreement.
    """
    now = engine.runtime.now
    deadline = now() + wait_time
    left = wait_time
    versions: set[Any] = set()
    while left > 0 and not engine.closed:
        link = engine.control.link if connection is None else connection
        if link is not None:
            try:
                versions = await _versions(engine, link, left)
            except DriverException as exc:
                log.debug("no schema versions from %s: %s", link.endpoint, exc)
                if link is connection and link.closed:
                    break
            else:
                if len(versions) == 1:
                    return True
        left = deadline - now()
        if left > 0:
            await sleep(engine.runtime, min(POLL_INTERVAL, left))
            left = deadline - now()
    log.warning(
        "The nodes do not agree on a schema after %.1f s; versions: %s",
        wait_time,
        ", ".join(sorted(map(str, versions))) or "not known",
    )
    return False


async def agree_among(engine: Engine, links: Callable[[], list[Link]], wait_time: float) -> bool:
    """Look until the nodes at the ends of `links()` agree; return whether they do.

    As `agree_on_schema`, but each node is asked for its own version.
    """
    deadline = engine.runtime.now() + wait_time
    left = wait_time
    while left > 0 and not engine.closed:
        asked = links()
        text, settings = queries.LOCAL_VERSION, engine.settings
        answers = await gather([ask(link, text, settings, left) for link in asked])
        failed = [answer for answer in answers if isinstance(answer, Exception)]
        if asked and not failed:
            rows = [rows_of(answer, link) for answer, link in zip(answers, asked, strict=True)]
            if len({row["schema_version"] for found in rows for row in found}) == 1:
                return True
        left = deadline - engine.runtime.now()
        if left > 0:
            await sleep(engine.runtime, min(POLL_INTERVAL, left))
            left = deadline - engine.runtime.now()
    return wait_time <= 0


async def _versions(engine: Engine, link: Link, left: float) -> set[Any]:
    """Return the schema versions of the node that is asked and of its peers that are up."""
    settings = engine.settings
    answers = await gather(
        [ask(link, text, settings, left) for text in (queries.LOCAL_VERSION, queries.PEER_VERSIONS)]
    )
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
    local, peers = (rows_of(answer, link) for answer in answers)
    found = {row["schema_version"] for row in local}
    for row in peers:
        host = engine.metadata.get_host_by_host_id(row["host_id"])
        # What is down, or no node any more, has nothing to agree to.
        if host is not None and host.is_up is not False:
            found.add(row["schema_version"])
    return {version for version in found if version is not None}
