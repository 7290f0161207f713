"""`Health`: which hosts are sick, connected but not answering, or far slower than the others.

Requests do nothing for it. The engine's sweep looks ten times a second, while requests are
under way, at what the connections owe, and counts requests that ran out of time:

- *silent*: nothing at all came, not even an answer to OPTIONS; well as soon as anything comes
- *failing*: requests run out of time, one after the other, whatever else is answered
- *slow*: requests wait far longer than those at other hosts

The latter two are tried again after growing delays, each time with the requests of one tick.
A sick host is connected to, and asked when no other is left. Times are in ticks of the engine.
"""

from __future__ import annotations

from cql_driver.core.settings import TICK, ticks
from cql_driver.logs import get_logger
from cql_driver.policies import HostDistance, may_repeat

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from cql_driver.core.engine import Engine
    from cql_driver.core.execution import Execution
    from cql_driver.core.link import Link
    from cql_driver.core.recovery import Attempt
    from cql_driver.core.runtime import Timer
    from cql_driver.pools.host import Host

__all__ = ["Health"]

log = get_logger("cql_driver.cluster")

_LOOK = 5
"""Ticks between two looks."""
_SPREAD = 25
"""Ticks over which requests must have run out of time, so that one pause is not held against
a host several times."""
_TRIAL = 100
"""Ticks after which a request that tries a host counts as not answered."""
_RELAPSE = 3000
"""Ticks after which delays begin anew."""
_WITNESSES = 4
"""Idle connections that are asked too, since the network on our side may be at fault."""
_WEIGHT = 0.3
_FADING = 0.99


class _Watch:
    """What was found at a connection when it was looked at last."""

    __slots__ = ("heard", "news", "owed", "quiet")

    def __init__(self, link: Link) -> None:
        self.heard, self.news = link.heard, link.news
        self.owed = False
        """Whether it owed answers."""
        self.quiet = 0
        """Since when it owes some, and nothing came."""


class _Record:
    """What is known of one host."""

    __slots__ = (
        *("age", "ages", "asked", "cured", "delays", "failed", "failing", "heard", "host"),
        *("reason", "slow", "timeouts", "timer", "trial"),
    )

    def __init__(self, host: Host) -> None:
        self.host = host
        self.reason = ""
        """What it is sick of."""
        self.heard = self.asked = 0
        """When something came last; since when nothing did though it was asked, or 0."""
        self.timeouts = self.failing = self.failed = 0
        """Requests in a row that ran out of time; when the first did, and the last."""
        self.ages: list[int] = []
        self.age = self.slow = 0.0
        """How old what is in flight is on average; and how many got too old lately."""
        self.delays: Iterator[float] | None = None
        self.cured = 0
        self.timer: Timer | None = None
        self.trial: int | None = None
        """None without a trial, 0 while it waits for a request, then since when."""


class Health:
    """Keeps `Host.is_sick` true; belongs to the loop."""

    __slots__ = (
        *("__weakref__", "_asking", "_engine", "_fewest", "_heard", "_next", "_patience"),
        *("_records", "_room", "_silence", "_silent", "_trials", "_usual", "policy"),
    )

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        policy: Any = engine.settings.sick_node_policy
        self.policy: Any = policy if policy is not None and policy.max_share else None
        self._silence = ticks(getattr(policy, "silence", None))
        self._patience = ticks(getattr(policy, "patience", None))
        self._records: dict[int, _Record] = {}
        self._trials: dict[int, _Record] = {}
        self._asking = False
        self._heard = self._next = 0
        self._usual = self._fewest = 0.0
        """The median of what hosts take, and the least of the requests in a row that timed out."""
        self._silent: list[Link] = []
        """Connections to hosts that just became sick."""
        self._room: dict[bool, int] = {}
        """How many near hosts may become sick, and how many others; empty before it is asked."""

    def _record(self, host: Host) -> _Record:
        found = self._records.get(host.key)
        if found is None:
            found = self._records[host.key] = _Record(host)
        return found

    # --- what the engine tells -----------------------------------------------------------------

    def timed_out(self, receiver: Execution | Attempt) -> None:
        """A request runs out of time; it may be in flight."""
        link = receiver.link
        record = None if link is None or link.host is None else self._records.get(link.host.key)
        if record is None:
            return
        record.failed = tick = self._engine.tick
        if not record.timeouts:
            record.failing = tick
        record.timeouts += 1
        if record.trial is not None:
            self._end_trial(record, "a request ran out of time again")

    def link_opened(self, host: Host) -> None:
        """A new connection was made: the host answers."""
        record = self._records.get(host.key)
        if record is not None and record.reason == "silent":
            self._cure(record)

    def forget(self, host: Host) -> None:
        """The host is down, gone, or elsewhere: nothing that was found holds any more."""
        record = self._records.get(host.key)
        if record is not None:
            self._cure(record)
            del self._records[host.key]

    def shutdown(self) -> None:
        """Hold no host to be sick any more, and try nothing."""
        self.policy = None
        for record in self._records.values():
            _cancel(record)
            if record.reason:
                record.host.is_sick = False
                self._tell(record.host, "well")

    # --- looking -------------------------------------------------------------------------------

    def look(self, stalled: bool) -> bool:
        """Look at all connections, if it is time to; say whether any is asked whether it lives.

        What came while the loop stood still (`stalled`) is not read yet.
        """
        tick, trials = self._engine.tick, self._trials
        regular = tick >= self._next
        if self.policy is None or not (regular or trials):
            return self._asking
        seen: dict[int, _Record] = {}
        idle: list[Link] = []
        asking = False
        self._room.clear()
        for session in list(self._engine.sessions):
            for key, pool in list(session.pools.items()):
                for link in list(pool.all_links):
                    record = self._record(pool.host)
                    if self._listen(link, record, stalled) or key in trials:
                        seen[key] = record
                        asking = asking or (link.is_asked and not record.reason)
                        if regular and link.in_flight:
                            record.ages += self._ages(link)
                    elif len(idle) < _WITNESSES:
                        idle.append(link)
        if regular:
            self._measure(tick - self._next + _LOOK)
            self._next = tick + _LOOK
        for record in seen.values():
            if stalled:
                record.asked = record.asked and tick
                record.trial = record.trial and tick
            elif record.trial is not None:
                self._follow_trial(record)
            elif record.reason != "silent":
                self._judge(record)
        # Once it is known which hosts are sick, so that none of them is asked in another's place.
        silent, self._silent = self._silent, []
        for link in silent:
            _overtake(link)
        if any(record.asked > self._heard for record in seen.values()):
            self._ask(idle)
        self._asking = asking
        return asking

    def _listen(self, link: Link, record: _Record, stalled: bool) -> bool:
        """Find out whether anything came on a connection; return whether it owes answers."""
        tick = self._engine.tick
        watch = link.watch
        if watch is None:
            watch = link.watch = _Watch(link)
        owed: bool = watch.owed
        owes = watch.owed = len(link.streams) > 0
        if link.heard != watch.heard:
            watch.heard, watch.quiet = link.heard, tick
            self._heard = record.heard = tick
            record.asked = 0
            before, watch.news = watch.news, link.news
            if watch.news > before:
                record.timeouts = 0
                if record.trial is not None:
                    self._end_trial(record, None)
        elif stalled or not owed:
            watch.quiet = tick
        elif owes and tick - watch.quiet >= self._silence and not record.asked:
            watch.quiet = record.asked = tick
            self._ask(self._engine.links_to(record.host))
        return owes

    def _ask(self, links: list[Link]) -> None:
        for link in links:
            if len(link.streams) < link.streams.limit:
                link.ask(self._engine.settings.idle_heartbeat_timeout)

    def _ages(self, link: Link) -> list[int]:
        """Return for how long the requests on a connection have been in flight."""
        from cql_driver.core.execution import Execution

        tick = self._engine.tick
        waiting: list[Any] = link.streams.waiting
        return [
            tick - receiver.expires + ticks(receiver.timeout)
            for receiver in waiting
            if receiver.__class__ is Execution and _is_first(receiver)
        ]

    def _measure(self, passed: int) -> None:
        """Go by the ages of what is in flight; `passed` is the time since this was done last."""
        limit = self._limit()
        found = []
        for record in self._records.values():
            ages, record.ages = record.ages, []
            mean = sum(ages) / len(ages) if ages else 0.0
            record.age += (mean - record.age) * _WEIGHT
            record.slow = record.slow * _FADING + sum(limit <= age < limit + passed for age in ages)
            found.append(record.age)
        self._usual = sorted(found)[(len(found) - 1) // 2] if found else 0.0
        self._fewest = min((record.timeouts for record in self._records.values()), default=0)

    def _limit(self) -> int:
        """Return the age from which on a request is slow."""
        return max(int(self.policy.slowness * self._usual * 2), self._silence)

    def _judge(self, record: _Record) -> None:
        policy, tick = self.policy, self._engine.tick
        silent = tick - record.asked if record.asked else -1
        if silent >= self._patience and self._heard > record.asked:
            seconds = (self._silence + silent) * TICK
            self._sicken(record, "silent", f"nothing came for {seconds:.1f} s, though it was asked")
        elif record.reason or record.heard < tick:
            pass  # it is silent for now, and what it owes tells nothing
        elif record.timeouts >= policy.failures and record.failed - record.failing >= _SPREAD:
            if self._fewest * 2 < record.timeouts:
                why = f"{record.timeouts} requests in a row ran out of time"
                self._sicken(record, "failing", why)
        elif record.slow >= policy.failures and record.age * 2 >= self._limit():
            why = f"requests take {record.age * 2 * TICK:.1f} s, far longer than elsewhere"
            self._sicken(record, "slow", why)

    # --- sick and well -------------------------------------------------------------------------

    def _may_be_sick(self, host: Host) -> bool:
        """Say whether enough hosts as near as this one would be left."""
        engine, room = self._engine, self._room
        if not room:
            hosts = [other for other in engine.metadata.all_hosts() if engine.links_to(other)]
            for local in (True, False):
                group = [other for other in hosts if self._is_local(other) == local]
                most = min(len(group) - 1, int(len(group) * self.policy.max_share + 1e-9))
                room[local] = most - sum(other.is_sick for other in group)
        local = self._is_local(host)
        room[local] -= 1
        return room[local] >= 0

    def _is_local(self, host: Host) -> bool:
        return self._engine.distance(host) <= HostDistance.LOCAL

    def _sicken(self, record: _Record, reason: str, why: str) -> None:
        """Have other hosts asked before this one, unless too few would be left."""
        engine, host = self._engine, record.host
        if not record.reason:
            if not self._may_be_sick(host):
                return
            self._set(host, True)
            log.warning("Host %s is sick, others are asked first: %s", host, why)
            self._tell(host, "sick")
        record.reason = reason
        _cancel(record)
        if reason == "silent":
            self._silent += self._engine.links_to(host)
            for link in self._engine.links_to(host):
                from weakref import WeakMethod

                _on_next_bytes(link, WeakMethod(self.link_opened), host)
        else:
            if record.delays is None or engine.tick - record.cured > _RELAPSE:
                record.delays = iter(self.policy.new_trials())
            self._schedule(record)
        if engine.control.host is host:
            engine.control.reconnect()

    def _set(self, host: Host, sick: bool) -> None:
        host.is_sick = sick
        for session in list(self._engine.sessions):
            pool = session.pools.get(host.key)
            if pool is not None:
                pool.lent()
            if not sick:
                session.drain()

    def _cure(self, record: _Record) -> None:
        reason, record.reason = record.reason, ""
        record.timeouts = 0
        record.age = record.slow = 0.0
        self._leave_trial(record)
        if reason:
            record.cured = self._engine.tick
            self._set(record.host, False)
            log.info("Host %s is well again", record.host)
            self._tell(record.host, "well")

    def _tell(self, host: Host, change: str) -> None:
        if self._engine.observers.host_changed is not None:
            self._engine.observers.host_changed(host, change)

    # --- trying again --------------------------------------------------------------------------

    def _schedule(self, record: _Record) -> None:
        delay = next(record.delays, None) if record.delays is not None else None
        if delay is not None:
            from weakref import WeakMethod

            begin = WeakMethod(self._begin_trial)
            record.timer = self._engine.runtime.call_later(delay, _call, begin, record)

    def _begin_trial(self, record: _Record) -> None:
        record.timer = None
        record.trial = 0
        self._trials[record.host.key] = record
        for link in self._engine.links_to(record.host):
            link.watch = None  # what came before is not about the trial
        self._set(record.host, False)

    def _follow_trial(self, record: _Record) -> None:
        """Let no more requests through than those of the first tick that has any."""
        tick = self._engine.tick
        if record.trial == 0:
            if any(link.in_flight for link in self._engine.links_to(record.host)):
                record.trial = tick
                self._set(record.host, True)
        elif record.trial is not None:
            patience = self._limit() if record.reason == "slow" else _TRIAL
            if tick - record.trial > patience:
                self._end_trial(record, "a request was not answered soon enough")

    def _end_trial(self, record: _Record, failure: str | None) -> None:
        if failure is None:
            self._cure(record)
        else:
            self._leave_trial(record)
            self._set(record.host, True)
            log.debug("Host %s is still sick: %s", record.host, failure)
            self._schedule(record)

    def _leave_trial(self, record: _Record) -> None:
        record.trial = None
        self._trials.pop(record.host.key, None)
        _cancel(record)


def _cancel(record: _Record) -> None:
    timer, record.timer = record.timer, None
    if timer is not None:
        timer.cancel()


def _is_first(execution: Any) -> bool:
    """Say whether the age of a request is that of an attempt at a host that was chosen."""
    more = execution.more
    return more is None or (more.attempts == 1 and not (more.waited or more.armed or more.pinned))


def _overtake(link: Link) -> None:
    """Ask other hosts what only silent ones were asked, where that does no harm."""
    from cql_driver.core.execution import Execution

    for receiver in list(link.streams.waiting):
        execution = getattr(receiver, "execution", receiver)
        if isinstance(execution, Execution) and may_repeat(execution.statement):
            attempts: list[Any] = [execution, *execution.details().others]
            if all(each.link is None or each.host.is_sick for each in attempts):
                execution.overtake()


def _on_next_bytes(link: Link, function: Any, host: Host) -> None:
    """Have a function called with the host when anything comes."""
    before: Callable[[int], object] | None = link.bytes_received

    def heard(size: int) -> None:
        link.bytes_received = before
        if before is not None:
            before(size)
        _call(function, host)

    link.bytes_received = heard


def _call(method: Any, argument: Any) -> None:
    """Call the method that a weak reference leads to, if it is there."""
    function = method()
    if function is not None:
        function(argument)
