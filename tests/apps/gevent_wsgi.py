"""A gevent-patched WSGI server whose handlers use a blocking session."""

# ruff: noqa: E402 - the patch comes before anything else is imported
from __future__ import annotations

import gevent.monkey

gevent.monkey.patch_all()

import logging
import signal
import sys

import gevent
from gevent.pywsgi import WSGIServer

from cql_driver.cluster import Cluster
from tests.apps.watch import PERIOD, Watchdog
from tests.apps.wsgi import make_application


def main(address: str, port: str, keyspace: str) -> None:
    """Serve until SIGTERM."""
    logging.basicConfig(level=logging.WARNING)
    watchdog = Watchdog()

    def tick() -> None:
        while True:
            watchdog.tick()
            gevent.sleep(PERIOD)

    with Cluster([address], port=int(port), reactor="gevent") as cluster:
        application = make_application(cluster.connect(keyspace), watchdog)
        server = WSGIServer(("127.0.0.1", 0), application, log=None)
        server.start()
        gevent.signal_handler(signal.SIGTERM, server.stop)
        ticker = gevent.spawn(tick)
        print(server.server_port, flush=True)
        server.serve_forever()
        ticker.kill()
    watchdog.end()


if __name__ == "__main__":
    main(*sys.argv[1:])
