"""An eventlet-patched script: a WSGI server, and a pool of greenlets that use the same session."""

# ruff: noqa: E402 - the patch comes before anything else is imported
from __future__ import annotations

import warnings

warnings.simplefilter("ignore")  # eventlet says that it is deprecated

import eventlet

eventlet.monkey_patch()

import logging
import signal
import sys

import eventlet.wsgi

from cql_driver.cluster import Cluster
from tests.apps.service import Blocking, expected
from tests.apps.watch import PERIOD, Watchdog
from tests.apps.wsgi import make_application

_PAUSE = 0.1  # seconds between two requests of a greenlet of the pool


def main(address: str, port: str, keyspace: str) -> None:
    """Serve until SIGTERM."""
    logging.basicConfig(level=logging.WARNING)
    watchdog = Watchdog()
    going = [True]

    def tick() -> None:
        while going:
            watchdog.tick()
            eventlet.sleep(PERIOD)

    def read(service: Blocking, path: str) -> None:
        while going:
            if service.answer(path) != expected(path):
                logging.error("a wrong answer to %s", path)
            eventlet.sleep(_PAUSE)

    with Cluster([address], port=int(port), reactor="eventlet") as cluster:
        session = cluster.connect(keyspace)
        service = Blocking(session)
        pool = eventlet.GreenPool()
        pool.spawn_n(tick)
        for number in range(3):
            pool.spawn_n(read, service, f"/select/{number}")
        listener = eventlet.listen(("127.0.0.1", 0))
        server = eventlet.spawn(
            eventlet.wsgi.server, listener, make_application(session, watchdog), log_output=False
        )
        signal.signal(signal.SIGTERM, lambda *_: eventlet.spawn_n(server.kill))
        print(listener.getsockname()[1], flush=True)
        try:
            server.wait()
        except eventlet.greenlet.GreenletExit:
            pass
        going.clear()
        pool.waitall()
    watchdog.end()


if __name__ == "__main__":
    main(*sys.argv[1:])
