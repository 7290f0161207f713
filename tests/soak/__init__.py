"""A soak: one session at full speed for minutes, on three real nodes that fail one after the other.

``make soak`` runs ten minutes of it, ``make soak ARGS="--seconds 120 --driver scylla-driver"`` two
with another driver; ``test_soak.py`` a minute and a half in the suite.

`worker.py` is the process that works, in the environment of its driver: writers, each with rows
of its own, readers of all of them, and conditional writes, all with QUORUM. A version is counted
up in each row, so each read knows what it may find. `faults.py` kills, hangs, restarts and
partitions nodes in an order that follows from the seed. `judge.py` says what must hold of what was
done in each second; `run.py` is the whole, `__main__.py` the command.
"""
