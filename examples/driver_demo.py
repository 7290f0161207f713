"""A tour of cql_driver on real data: all flights that left New York in 2013.

It loads them into a real Cassandra, asks for them in every way the driver has, and prints tables
and rates. Each number it finds is compared with the CSV file::

    python examples/driver_demo.py 127.0.0.1 --rows 30000

Each function below stands for itself; read them in any order.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

from cql_driver import DependencyException, scan
from cql_driver.cluster import (
    EXEC_PROFILE_DEFAULT,
    Cluster,
    ExecutionProfile,
    ResponseFuture,
    Session,
)
from cql_driver.concurrent import execute_concurrent, execute_concurrent_with_args
from cql_driver.query import (
    UNSET_VALUE,
    BatchStatement,
    BatchType,
    SimpleStatement,
    dataclass_factory,
    dict_factory,
)

sys.path.insert(0, str(Path(__file__).parent))
import show
from flights import ALL, Flight, read_carriers, read_flights

CONCURRENCY = 250
BATCH_SIZE = 50

TABLES = (
    """CREATE TABLE departures (
        origin text, month int, day int, sched_dep_time int, carrier text, flight int,
        dest text, tailnum text, dep_delay int, arr_delay int, air_time int, distance int,
        time_hour timestamp,
        PRIMARY KEY ((origin, month), day, sched_dep_time, carrier, flight))""",
    """CREATE TABLE by_plane (
        tailnum text, time_hour timestamp, carrier text, flight int, origin text, dest text,
        distance int,
        PRIMARY KEY (tailnum, time_hour, carrier, flight, origin))""",
    "CREATE TABLE flights_by_carrier (carrier text PRIMARY KEY, flights counter)",
    "CREATE TABLE inspections (tailnum text PRIMARY KEY, inspector text)",
)


@dataclass
class Departure:
    """A line of the board of departures: what rows of `board` become."""

    sched_dep_time: int
    carrier: str
    flight: int
    dest: str
    dep_delay: int | None

    def __str__(self) -> str:
        return f"{self.sched_dep_time // 100:02}:{self.sched_dep_time % 100:02}"


def create_schema(session: Session, keyspace: str) -> None:
    """Statements without values are plain text."""
    session.execute(f"DROP KEYSPACE IF EXISTS {keyspace}", timeout=60)
    replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}"
    session.execute(f"CREATE KEYSPACE {keyspace} WITH replication = {replication}")
    session.set_keyspace(keyspace)
    for table in TABLES:
        session.execute(table)


def load(session: Session, flights: list[Flight]) -> None:
    """Write every flight by one prepared statement, `CONCURRENCY` of them in flight.

    `results_generator` gives each result when it is there, and keeps none: the memory it takes
    does not depend on how many rows there are. What a flight does not have is left unset: None
    would be written, as a tombstone.
    """
    show.heading(f"Load: execute_concurrent_with_args, {CONCURRENCY} in flight")
    columns = ", ".join(Flight._fields)
    markers = ", ".join("?" * len(Flight._fields))
    insert = session.prepare(f"INSERT INTO departures ({columns}) VALUES ({markers})")
    rows = ([UNSET_VALUE if cell is None else cell for cell in flight] for flight in flights)
    begun = time.perf_counter()
    results = execute_concurrent_with_args(
        session, insert, rows, concurrency=CONCURRENCY, results_generator=True
    )
    written = sum(1 for _ in show.progress(results, len(flights), "loading"))
    show.rate("rows written", written, begun)
    show.check("rows acknowledged", written, len(flights))


def read_everything(session: Session, flights: list[Flight]) -> None:
    """Read the whole table. Pages come as they are needed, and one ahead."""
    show.heading("Paged: every row of the table, in pages of 5,000")
    session.prefetch_pages = True
    statement = SimpleStatement("SELECT * FROM departures", fetch_size=5000)
    begun = time.perf_counter()
    delays = defaultdict(list)
    rows = distance = 0
    for row in session.execute(statement):
        rows += 1
        distance += row.distance
        if row.dep_delay is not None:
            delays[row.origin].append(row.dep_delay)
    show.rate("rows read", rows, begun)
    show.check("rows", rows, len(flights))
    show.check("miles", distance, sum(flight.distance for flight in flights))
    lines = []
    for origin, found in sorted(delays.items()):
        wanted = [f.dep_delay for f in flights if f.origin == origin and f.dep_delay is not None]
        show.check(f"departures from {origin}", len(found), len(wanted))
        show.check(f"minutes of delay in {origin}", sum(found), sum(wanted))
        late = sum(delay > 60 for delay in found) / len(found)
        lines.append((origin, len(found), f"{sum(found) / len(found):.1f} min", f"{late:.1%}"))
    show.table(("from", "departures", "mean delay", "over 1 h late"), lines)


def miles_of(rows: list[Any]) -> Counter[str]:
    """Return the miles that each airline flew in one page: what the processes of a scan do."""
    found: Counter[str] = Counter()
    for row in rows:
        found[row.carrier] += row.distance
    return found


def scans(session: Session, flights: list[Flight]) -> None:
    """Scan the table by token ranges in two processes, each of which adds up what it reads."""
    show.heading("Scan: the miles of each airline, read and added up by two processes")
    wanted: Counter[str] = Counter()
    for flight in flights:
        wanted[flight.carrier] += flight.distance
    begun = time.perf_counter()
    columns = ["carrier", "distance"]
    pages = scan(session, "departures", columns=columns, processes=2, function=miles_of)
    found: Counter[str] = sum(pages, Counter())
    show.rate("rows read", len(flights), begun)
    show.check("miles of each airline", found, wanted)
    names = read_carriers()
    best = found.most_common(5)
    show.table(("airline", "miles"), [(names[carrier], miles) for carrier, miles in best])


def columnar(session: Session, flights: list[Flight]) -> None:
    """Read two columns into numpy arrays, in which nulls are masked."""
    show.heading("Columns: delays and distances as numpy arrays")
    begun = time.perf_counter()
    try:
        result = session.execute("SELECT dep_delay, distance FROM departures").to_numpy()
    except DependencyException as error:
        print(f"  left out: {error}")
        return
    show.rate("rows read", len(flights), begun)
    delays, miles = result["dep_delay"], result["distance"]
    known = [flight.dep_delay for flight in flights if flight.dep_delay is not None]
    show.check("delays", delays.count() if hasattr(delays, "mask") else len(delays), len(known))
    show.check("minutes of delay", int(delays.sum()), sum(known))
    show.check("miles", int(miles.sum()), sum(flight.distance for flight in flights))
    lines = [("delay", "min", float(delays.mean())), ("distance", "miles", float(miles.mean()))]
    show.table(("mean", "in", ""), lines)


def board(session: Session, flights: list[Flight]) -> None:
    """Run a prepared query again and again, one at a time, for latencies; rows are dataclasses."""
    show.heading("Prepared: one day at one airport, one query after the other")
    select = session.prepare(
        "SELECT sched_dep_time, carrier, flight, dest, dep_delay FROM departures "
        "WHERE origin = ? AND month = ? AND day = :day"
    )
    wanted = Counter((flight.origin, flight.month, flight.day) for flight in flights)
    seconds = []
    for day, count in sorted(wanted.items())[::2]:
        begun = time.perf_counter()
        departures = session.execute(select, day, execution_profile="departures").all()
        seconds.append(time.perf_counter() - begun)
        show.check(f"departures of {day}", len(departures), count)
    rows = round(len(flights) / len(wanted))
    show.latencies(f"{len(seconds)} queries, about {rows} rows each", seconds)

    values = {"origin": "JFK", "month": 7, "day": 4}
    first = session.execute(select, values, execution_profile="departures").all()[:5]
    today = sorted(f[3:6] for f in flights if f[:3] == tuple(values.values()))[:5]
    show.check("the first flights", [(d.sched_dep_time, d.carrier, d.flight) for d in first], today)
    show.table(
        ("JFK, 4 July", "flight", "to", "delay"),
        [(str(d), f"{d.carrier} {d.flight}", d.dest, d.dep_delay) for d in first],
    )


def months(session: Session, flights: list[Flight]) -> None:
    """Run many reads at once: `execute_concurrent` gives results in the order of the statements."""
    show.heading("Concurrent reads: an aggregate over each of the 36 partitions")
    select = session.prepare(
        "SELECT count(*) AS flights, sum(distance) AS miles FROM departures "
        "WHERE origin = ? AND month = ?"
    )
    origins = sorted({flight.origin for flight in flights})
    keys = [(origin, month) for month in range(1, 13) for origin in origins]
    begun = time.perf_counter()
    results = execute_concurrent(session, [(select, key) for key in keys], concurrency=4)
    show.rate("partitions", len(keys), begun)
    found = {key: result.one() for key, (_, result) in zip(keys, results, strict=True)}

    counts = Counter((flight.origin, flight.month) for flight in flights)
    miles: Counter[tuple[str, int]] = Counter()
    for flight in flights:
        miles[flight.origin, flight.month] += flight.distance
    for key, row in found.items():
        show.check(f"flights of {key}", row.flights, counts[key])
        show.check(f"miles of {key}", row.miles or 0, miles[key])
    lines = [
        (datetime(2013, month, 1).strftime("%B"), *(found[o, month].flights for o in origins))
        for month in range(1, 13)
    ]
    show.table(("flights", *origins), lines)


def batches(session: Session, flights: list[Flight]) -> dict[str, list[Flight]]:
    """Write flights by plane. A batch is quick when all its rows have one partition key."""
    show.heading(f"Batches: the busiest planes, {BATCH_SIZE} rows of one plane in each")
    counts = Counter(flight.tailnum for flight in flights if flight.tailnum)
    planes: dict[str, list[Flight]] = {name: [] for name, _ in counts.most_common(50)}
    for flight in flights:
        if flight.tailnum in planes:
            planes[flight.tailnum].append(flight)
    insert = session.prepare(
        "INSERT INTO by_plane (tailnum, time_hour, carrier, flight, origin, dest, distance) "
        "VALUES (:tailnum, :time_hour, :carrier, :flight, :origin, :dest, :distance)"
    )
    made = []
    for flown in planes.values():
        for start in range(0, len(flown), BATCH_SIZE):
            batch = BatchStatement(BatchType.UNLOGGED)
            for flight in flown[start : start + BATCH_SIZE]:
                batch.add(insert, flight._asdict())
            made.append((batch, None))
    begun = time.perf_counter()
    execute_concurrent(session, made, concurrency=16)
    show.rate("rows written", sum(map(len, planes.values())), begun)
    return planes


def futures(session: Session, planes: dict[str, list[Flight]]) -> None:
    """Start queries without waiting, then take their results."""
    show.heading("Futures: what these planes did")
    select = "SELECT flight, dest, distance FROM by_plane WHERE tailnum = ?"
    begun = time.perf_counter()
    started = {name: session.execute_async(select, (name,)) for name in planes}
    answers = {name: future.result().all() for name, future in started.items()}
    show.rate("rows read", sum(map(len, answers.values())), begun)
    lines = []
    for name, rows in answers.items():
        miles = sum(row.distance for row in rows)
        show.check(f"flights of {name}", len(rows), len(planes[name]))
        show.check(f"miles of {name}", miles, sum(flight.distance for flight in planes[name]))
        favourite = max(Counter(row.dest for row in rows).items(), key=lambda item: item[1])[0]
        lines.append((name, len(rows), miles, favourite))
    show.table(("plane", "flights", "miles", "most often to"), lines[:5])


def counters(session: Session, flights: list[Flight]) -> None:
    """Count in the database: one counter batch for each month; rows are dicts."""
    show.heading("Counters: flights by airline, rows as dicts")
    update = session.prepare(
        "UPDATE flights_by_carrier SET flights = flights + ? WHERE carrier = ?"
    )
    for month in range(1, 13):
        batch = BatchStatement(BatchType.COUNTER)
        for carrier, count in Counter(f.carrier for f in flights if f.month == month).items():
            batch.add(update, (count, carrier))
        session.execute(batch)
    rows = session.execute("SELECT * FROM flights_by_carrier", execution_profile="dicts").all()
    found = {row["carrier"]: row["flights"] for row in rows}
    show.check("flights by airline", found, dict(Counter(flight.carrier for flight in flights)))
    names = read_carriers()
    best = sorted(found.items(), key=lambda item: -item[1])[:5]
    show.table(("airline", "flights"), [(names[carrier], count) for carrier, count in best])


def conditions(session: Session, planes: dict[str, list[Flight]]) -> None:
    """Let only the first who asks have it: a lightweight transaction for each plane."""
    show.heading("Conditions: two inspectors claim the same planes (IF NOT EXISTS)")
    claim = session.prepare(
        "INSERT INTO inspections (tailnum, inspector) VALUES (?, ?) IF NOT EXISTS"
    )
    applied = {}
    for inspector in ("Ada", "Grace"):
        claims = execute_concurrent_with_args(
            session, claim, [(plane, inspector) for plane in planes], concurrency=8
        )
        applied[inspector] = [result.was_applied for _, result in claims]
        refused = {result.one().inspector for _, result in claims if not result.was_applied}
        print(f"  {inspector} was given {applied[inspector].count(True)} of {len(planes)} planes")
        if refused:
            print(f"  the others were given to {', '.join(refused)} before")
    show.check("planes of Ada", applied["Ada"], [True] * len(planes))
    show.check("planes of Grace", applied["Grace"], [False] * len(planes))
    owners = {row.inspector for row in session.execute("SELECT inspector FROM inspections")}
    show.check("inspectors", owners, {"Ada"})


class LongFlights:
    """Goes through pages by callbacks: no thread waits for any of them."""

    def __init__(self, future: ResponseFuture) -> None:
        self.future = future
        self.pages = 0
        self.longest = 0
        self.error: BaseException | None = None
        self.finished = Event()
        future.add_callbacks(self.on_page, self.on_error)

    def on_page(self, rows: list[tuple[int]]) -> None:
        """Take a page and ask for the next."""
        self.pages += 1
        self.longest = max(self.longest, max((row[0] or 0 for row in rows), default=0))
        if self.future.has_more_pages:
            self.future.start_fetching_next_page()
        else:
            self.finished.set()

    def on_error(self, error: BaseException) -> None:
        """Note why it ended."""
        self.error = error
        self.finished.set()


def callbacks(session: Session, flights: list[Flight]) -> None:
    """Go through one month at all airports at the same time."""
    show.heading("Callbacks: the longest time in the air in July, in pages of 1,000 rows")
    walks = {}
    for origin in sorted({flight.origin for flight in flights}):
        query = "SELECT air_time FROM departures WHERE origin = %s AND month = 7"
        statement = SimpleStatement(query, fetch_size=1000)
        walks[origin] = LongFlights(session.execute_async(statement, (origin,)))
    lines = []
    for origin, walk in walks.items():
        walk.finished.wait()
        if walk.error is not None:
            raise walk.error
        july = [f.air_time or 0 for f in flights if f.origin == origin and f.month == 7]
        show.check(f"the longest flight from {origin}", walk.longest, max(july, default=0))
        lines.append((origin, walk.pages, f"{walk.longest} min"))
    show.table(("from", "pages", "in the air"), lines)


def trace(session: Session, flights: list[Flight]) -> None:
    """Ask the server what it did for one query."""
    show.heading("Trace: what the server did for one query")
    query = "SELECT count(*) AS flights FROM departures WHERE origin = ? AND month = ?"
    result = session.execute(query, ("LGA", 12), trace=True)
    wanted = sum(flight.origin == "LGA" and flight.month == 12 for flight in flights)
    show.check("flights from LGA in December", result.one().flights, wanted)
    found = result.get_query_trace(max_wait_sec=30)
    assert found is not None
    print(f"  {found.request_type} at {found.coordinator} took {_microseconds(found.duration)} µs")
    lines = [
        (_microseconds(event.source_elapsed), event.description, event.thread_name)
        for event in found.events or ()
    ]
    show.table(("µs", "step", "thread"), lines)


def _microseconds(time: timedelta | None) -> int | None:
    return None if time is None else round(time.total_seconds() * 1e6)


def metrics(cluster: Cluster) -> None:
    """Print what the driver counted meanwhile."""
    show.heading("Metrics: what the driver counted")
    counted = cluster.metrics
    assert counted is not None
    timer = counted.request_timer
    lines = [
        ("requests", f"{timer.count:,}"),
        ("median latency", f"{timer['median'] * 1000:.1f} ms"),
        ("99th percentile", f"{timer['99percentile'] * 1000:.1f} ms"),
        ("sent", f"{int(counted.sent_bytes) / 1e6:,.1f} MB"),
        ("received", f"{int(counted.received_bytes) / 1e6:,.1f} MB"),
        ("retries", f"{int(counted.retries)}"),
    ]
    show.table(("of this run", ""), lines)


def run(cluster: Cluster, keyspace: str, flights: list[Flight]) -> None:
    """Connect, and take the tour."""
    with cluster.connect() as session:
        create_schema(session, keyspace)
        load(session, flights)
        read_everything(session, flights)
        scans(session, flights)
        columnar(session, flights)
        board(session, flights)
        months(session, flights)
        planes = batches(session, flights)
        futures(session, planes)
        counters(session, flights)
        conditions(session, planes)
        callbacks(session, flights)
        trace(session, flights)
        metrics(cluster)


def main(arguments: list[str] | None = None) -> int:
    """Return 0 when every number was right; exits with a message otherwise."""
    parser = argparse.ArgumentParser(description="a tour of cql_driver on real data")
    parser.add_argument("host", nargs="?", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9042)
    parser.add_argument("--rows", type=int, default=ALL, help="how many flights (%(default)s)")
    parser.add_argument("--keyspace", default="driver_demo", help="is dropped and made anew")
    options = parser.parse_args(arguments)
    show.heading("The flights that left New York in 2013")
    rows = max(100, min(options.rows, ALL))
    flights = list(show.progress(read_flights(rows), rows, "reading the CSV file"))
    profiles = {
        EXEC_PROFILE_DEFAULT: ExecutionProfile(request_timeout=30),
        "dicts": ExecutionProfile(row_factory=dict_factory),
        "departures": ExecutionProfile(row_factory=dataclass_factory(Departure)),
    }
    with Cluster(
        [options.host], options.port, execution_profiles=profiles, metrics_enabled=True
    ) as cluster:
        run(cluster, options.keyspace, flights)
    print(f"all {show.checks:,} numbers agree with the CSV file")
    return 0


if __name__ == "__main__":
    sys.exit(show.run(main))
