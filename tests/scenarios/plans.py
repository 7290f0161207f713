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
) -> Any:
    return st.tuples(
        st.just("ask"),
        st.sampled_from(kinds),
        _session,
        _key,
        _timeout,
        st.booleans(),
        st.sampled_from(profiles),
        st.sampled_from(hows),
        st.sampled_from((None, None, None, 0, 1)),
    )


def _fault(*reactions: str, texts: tuple[str, ...] = _texts) -> Any:
    kinds = st.sampled_from(reactions or _reactions)
    times = st.sampled_from((1, 1, 2, 5))
    return st.tuples(st.just("fault"), _node, kinds, st.sampled_from(texts), times)


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

THEMES: dict[str, tuple[Any, ...]] = {
    "streams": (*[_ask()] * 6, _fault("drop", "late", "very late", "twice", "garbage"), _stall),
    "nodes": (*[_ask()] * 8, *_NODES, *_NETWORK),
    "keyspaces": (
        *[_ask(("select", "prepared_select", "bound_select", "bound_insert", "bound_batch"))] * 5,
        *(_use, _use, _prepare, _forget),
        _fault("drop", "late", "unprepared", "reset", texts=("", "PREPARE", "USE")),
        *_NODES[:3],
    ),
    "retries": (*[_ask()] * 5, _fault(), _fault(), _forget, _NODES[2], _stall),
    "pressure": (*[_ask()] * 4, *[_many] * 3, _fault("late", "drop", "reset"), *_NETWORK[2:4]),
    "shutdown": (*[_ask()] * 6, _use, _many, _prepare, _fault(), *_NODES, *_NETWORK, *_SHUT),
}

_options = st.fixed_dictionaries(
    {},
    optional={
        "max_requests_per_connection": st.sampled_from((1, 2, 8)),
        "connections_per_host": st.sampled_from((1, 2)),
        "max_connections_per_host": st.sampled_from((2, 3)),
        "max_waiting_requests": st.sampled_from((1, 5, 100)),
        "overload": st.sampled_from(("wait", "raise")),
        "orphan_threshold": st.sampled_from((1, 3)),
        "prepared_cache_size": st.sampled_from((1, 3)),
        "prepare_on_all_hosts": st.booleans(),
        "reprepare_on_up": st.booleans(),
        "compression": st.booleans(),
    },
)


def plans(theme: str) -> st.SearchStrategy[Plan]:
    """Return the strategy of scenarios about something."""
    step = st.tuples(_delays, st.one_of(THEMES[theme])).map(
        lambda made: Step(made[0], made[1][0], made[1][1:])
    )
    return st.builds(
        Plan,
        st.integers(0, 2**32 - 1),
        st.sampled_from((3, 3, 1, 2)),
        st.sampled_from((5, 5, 4, 3)),
        st.booleans(),
        _options.map(lambda chosen: tuple(chosen.items())),
        st.lists(step, min_size=3, max_size=18).map(tuple),
    )
