"""The WSGI application that the green servers serve."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

from tests.apps.service import Blocking

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cql_driver.cluster import Session
    from tests.apps.watch import Watchdog

__all__ = ["make_application"]


def make_application(session: Session, watchdog: Watchdog) -> Callable[..., Iterable[bytes]]:
    """Return the application; what goes wrong is logged and is a status of 500."""
    service = Blocking(session)

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        status = "200 OK"
        try:
            answer = watchdog.report() if path == "/report" else service.answer(path)
        except Exception as exc:
            logging.exception("%s failed", path)
            status, answer = "500 Internal Server Error", {"error": repr(exc)}
        body = json.dumps(answer).encode()
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        start_response(status, headers)
        return [body]

    return application
