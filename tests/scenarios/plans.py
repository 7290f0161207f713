"""`Plan`: what a scenario does, as hypothesis makes it up; its text says how to play it again."""

from __future__ import annotations

from typing import Any, NamedTuple

from hypothesis import strategies as st

from tests.scenarios.actions import ACTIONS, REACTIONS

__all__ = ["Plan", "Step", "plans"]


class Step(NamedTuple):
    """An action, `delay` seconds after the one before."""

    delay: float
    name: str
    args: tuple[Any, ...]

    @property
    def action(self) -> Any:
        """The function."""
        return ACTIONS[self.name]


class Plan(NamedTuple):
    """A scenario. To play it again: ``Run(Plan(...)).play()``."""

    seed: int
    nodes: int
    version: int
    watched: bool
    options: tuple[tuple[str, Any], ...]
    steps: tuple[Step, ...]


_session = st.sampled_from((0, 0, 1))
_node = st.integers(0, 4)
_key = st.integers(0, 5)
_timeout = st.sampled_from((2.0, 2.0, 0.3, 0.05, 0.001, 0.0, None))
_delays = st.sampled_from((0.0, 0.0, 0.0, 0.001, 0.01, 0.03, 0.2, 0.7))
_kinds = (
    *("insert", "count", "select", "prepared_insert", "prepared_select"),
    *("bound_insert", "bound_select", "batch", "bound_batch", "pages"),
)
_profiles = ("default", "default", "hasty", "eager", "slow", "never", "ignoring")
_reactions = tuple(REACTIONS)
_texts = ("", "", "SELECT", "INSERT", "PREPARE", "USE")


def _ask(
    kinds: tuple[str, ...] = _kinds,
    profiles: tuple[str, ...] = _profiles,
    hows: tuple[str, ...] = ("async", "async", "block", "cancel"),
    timeouts: Any = _timeout,
) -> Any:
    return st.tuples(
        st.just("ask"),
        st.sampled_from((1, 1, 2, 8)),
        st.sampled_from(kinds),
        _session,
        _key,
        timeouts,
        st.booleans(),
        st.sampled_from(profiles),
        st.sampled_from(hows),
        st.sampled_from((None, None, None, 0, 1)),
    )


def _fault(*reactions: str, texts: tuple[str, ...] = _texts) -> Any:
    kinds = st.sampled_from(reactions or _reactions)
    times = st.sampled_from((1, 3, 20))
    node = st.one_of(st.none(), st.none(), _node)
    return st.tuples(st.just("fault"), node, kinds, st.sampled_from(texts), times)


def _do(name: str, *args: Any) -> Any:
    return st.tuples(st.just(name), *args)


_NODES = (
    _do("kill", _node, st.booleans()),
    _do("start", _node),
    _do("restart", _node),
    _do("hang", _node),
    _do("resume", _node),
    _do("add"),
    _do("remove", _node),
)
_hows = st.sampled_from(("reset", "silence"))
_NETWORK = (
    _do("partition", _node),
    _do("heal"),
    _do("cut", st.none() | _node, _hows),
    _do("cut_next", _node, st.sampled_from((0, 9, 40, 300)), _hows),
    _do("refuse", _node, st.integers(1, 3)),
    _do("slow", _node, st.sampled_from((0.0, 0.02, 0.3))),
    _do("pieces"),
    _do("chaos", st.sampled_from((0.0, 0.03)), st.sampled_from((0.0, 0.03))),
)
_use = _do("use", _session, st.sampled_from(("ks", "ks2")), st.sampled_from((2.0, 0.3, 0.001)))
_prepare = _do("prepare", _session, _key)
_forget = _do("forget", _node)
_concurrency = st.sampled_from((1, 3, 50))
_many = _do("many", _session, st.sampled_from((5, 30)), _concurrency, st.sampled_from(_profiles))
_stall = _do("stall", st.sampled_from((0.1, 0.5)))
_SHUT = (_do("shut_session", _session), _do("shut_cluster"))

_slow = _NETWORK[5]
_reads = ("select", "select", "prepared_select", "bound_select", "bound_insert", "bound_batch")
_writes = ("insert", "count", "prepared_insert", "batch", "bound_batch", "bound_insert", "select")
_errors = (
    *("reset", "server error", "write timeout", "overloaded", "unavailable", "unprepared"),
    *("read timeout", "bootstrapping", "reset unseen"),
)

THEMES: dict[str, tuple[Any, ...]] = {
    "streams": (*[_ask()] * 5, _fault("drop", "late", "very late", "twice", "garbage"), _stall),
    "nodes": (*[_ask()] * 8, *_NODES, *_NETWORK),
    "keyspaces": (
        *[_ask(_reads)] * 3,
        *(_use, _use, _use, _prepare, _forget, _slow),
        _fault("late", "drop", texts=("USE",)),
        _fault("late", "unprepared", "reset", texts=("", "PREPARE")),
        *_NODES[:3],
    ),
    "retries": (
        *[_ask(_writes, timeouts=st.sampled_from((2.0, None, 0.3)))] * 4,
        *(_ask(), _fault(), _forget, _NODES[2], _stall),
        *[_fault(*_errors, texts=("",))] * 2,
    ),
    "pressure": (*[_ask()] * 4, *[_many] * 2, _fault("late", "drop", "reset"), _slow),
    "shutdown": (*[_ask()] * 6, _use, _many, _prepare, _fault(), *_NODES, *_NETWORK, *_SHUT),
}

# What is wrong from the start: else most requests would meet nothing.
OPENINGS: dict[str, Any] = {
    "streams": _fault("drop", "late", "very late", "reset", texts=("", "INSERT", "SELECT")),
    "nodes": st.one_of(*_NODES, *_NETWORK),
    "keyspaces": _fault("late", "unprepared", "drop", texts=("USE", "PREPARE", "")),
    "retries": _fault(*_errors, texts=("",)),
    "pressure": _fault("late", "late", "drop", texts=("", "INSERT")),
    "shutdown": _fault("late", "drop", "unprepared", *_errors, texts=("",)),
}

_pressing: dict[str, Any] = {
    "max_requests_per_connection": st.sampled_from((1, 2, 8)),
    "max_connections_per_host": st.sampled_from((1, 2, 3)),
    "orphan_threshold": st.sampled_from((1, 3)),
}
_choices: dict[str, Any] = {
    **_pressing,
    "max_waiting_requests": st.sampled_from((1, 5, 100)),
    "overload": st.sampled_from(("wait", "raise")),
    "connections_per_host": st.sampled_from((1, 2)),
    "prepared_cache_size": st.sampled_from((1, 3)),
    "prepare_on_all_hosts": st.booleans(),
    "reprepare_on_up": st.booleans(),
    "compression": st.booleans(),
}


def _options(theme: str) -> Any:
    always = _pressing if theme in ("streams", "pressure") else {}
    if theme == "pressure":
        always = {**always, "overload": st.sampled_from(("wait", "wait", "wait", "raise"))}
    choices = {name: choice for name, choice in _choices.items() if name not in always}
    made = st.fixed_dictionaries(always, optional=choices)
    return made.map(lambda chosen: tuple(sorted(chosen.items())))


def plans(theme: str) -> st.SearchStrategy[Plan]:
    """Return the strategy of scenarios about something."""
    opening = st.tuples(st.just(0.0), OPENINGS[theme]).map(_step)
    step = st.tuples(_delays, st.one_of(THEMES[theme])).map(_step)
    steps = st.tuples(
        st.lists(opening, min_size=1, max_size=3), st.lists(step, min_size=8, max_size=20)
    )
    return st.builds(
        Plan,
        st.integers(0, 2**32 - 1),
        st.sampled_from((3, 3, 1, 2)),
        st.sampled_from((5, 5, 4, 3)),
        st.booleans(),
        _options(theme),
        steps.map(lambda both: (*both[0], *both[1])),
    )


def _step(made: Any) -> Step:
    return Step(made[0], made[1][0], made[1][1:])
