"""``python -m tests.soak``: a soak by hand, as long as you like."""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
from dataclasses import fields
from pathlib import Path

from benchmarks.drivers import IMPLEMENTATIONS, OURS, driver_name, drivers
from tests.cassandra import Cluster
from tests.soak.faults import KINDS
from tests.soak.run import NODES, Plan, run, table, to_stderr


def main() -> int:
    """Run each driver on nodes of its own; the status is 1 when something did not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = Plan()
    add = parser.add_argument
    add("--seconds", type=float, default=default.seconds)
    add("--seed", type=int, default=random.randrange(10**6))
    add("--driver", type=driver_name, action="append", help=f"{OURS} (default) or another one")
    implementation = os.environ.get("CQL_PROTOCOL_IMPL", IMPLEMENTATIONS[-1])
    add("--impl", choices=IMPLEMENTATIONS, default=implementation)
    add("--kinds", nargs="+", choices=KINDS, default=list(KINDS), help="faults")
    add("--calm", type=float, default=default.calm, help="seconds before the first fault")
    add("--patience", type=float, default=default.patience, help="seconds of a hang")
    add("--timeout", type=float, default=default.timeout, help="seconds for each call")
    add("--pause", type=float, default=default.pause, help="seconds between a thread's calls")
    add("--writers", type=int, default=default.writers)
    add("--readers", type=int, default=default.readers)
    add("--swappers", type=int, default=default.swappers, help="threads of conditional writes")
    add("--protocol", type=int, default=default.protocol)
    add("--avoid-slow-replicas", action="store_true", help="by the policy, where it is ours")
    add("--json", type=Path, metavar="FILE", help="each second's figures")
    given = parser.parse_args()
    plan = Plan(**{field.name: getattr(given, field.name) for field in fields(Plan)})
    records = []
    for driver in drivers(given.driver or [OURS], [given.impl]):
        with Cluster(NODES) as nodes:
            record = run(plan, driver, nodes, tell=to_stderr)
        records.append(record)
        print(f"{driver.label}, seed {plan.seed}\n{table(record)}", flush=True)
    if given.json is not None:
        given.json.write_text(json.dumps([record.to_json() for record in records], indent=1))
    return 0 if all(record.well for record in records) else 1


if __name__ == "__main__":
    sys.exit(main())
