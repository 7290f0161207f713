"""Plugins by name. Real distributions are installed for it in ``tests/packaging``."""

from __future__ import annotations

import importlib.metadata
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cql_protocol.errors import PluginError
from cql_protocol.registry import CODECS, COMPRESSORS, Registry

GROUP = "cql_protocol.fakes"


class _Installed:
    """Stands in for the scan of the metadata, and counts how often it is asked."""

    def __init__(self) -> None:
        self.entries: list[EntryPoint] = []
        self.scans = 0

    def offer(self, name: str, value: str, distribution: str) -> None:
        entry = EntryPoint(name, value, GROUP)
        # The distribution an entry came from is set by the scan, past the frozen attributes.
        vars(entry)["dist"] = SimpleNamespace(name=distribution)
        self.entries.append(entry)

    def entry_points(self, *, group: str) -> list[EntryPoint]:
        self.scans += 1
        return [entry for entry in self.entries if entry.group == group]


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> _Installed:
    fake = _Installed()
    monkeypatch.setattr(importlib.metadata, "entry_points", fake.entry_points)
    return fake


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Write a module that can be imported during the test; returns its name."""
    monkeypatch.syspath_prepend(str(tmp_path))
    written: list[str] = []

    def write(name: str, code: str) -> str:
        (tmp_path / f"{name}.py").write_text(code)
        written.append(name)
        return name

    yield write
    for name in written:
        sys.modules.pop(name, None)


def _registry(known: dict[str, str] | None = None, **extras: str) -> Registry:
    return Registry(GROUP, "fake", known or {}, extras)


# --- names that are known ----------------------------------------------------------------


def test_a_known_name_is_served_without_a_scan(installed: _Installed) -> None:
    registry = _registry({"join": "posixpath:join"})
    import posixpath

    assert registry.load("join") is posixpath.join
    assert registry.find("join") is posixpath.join
    assert installed.scans == 0


def test_a_plugin_is_imported_once(installed: _Installed, plugins: Any) -> None:
    plugins("fake_once", "made = object()")
    registry = _registry({"once": "fake_once:made"})
    first = registry.load("once")
    sys.modules.pop("fake_once")
    assert registry.load("once") is first


def test_what_is_known_cannot_be_taken_over(installed: _Installed) -> None:
    import posixpath

    installed.offer("join", "ntpath:join", "intruder")
    assert _registry({"join": "posixpath:join"}).load("join") is posixpath.join
    assert installed.scans == 0


def test_an_extra_that_is_missing_is_named(installed: _Installed, plugins: Any) -> None:
    plugins("fake_needy", "import a_library_nobody_has")
    registry = _registry({"needy": "fake_needy:Needy"}, needy="cql-fakes[needy]")
    with pytest.raises(PluginError) as caught:
        registry.load("needy")
    text = str(caught.value)
    assert text == "fake 'needy' needs a_library_nobody_has: pip install 'cql-fakes[needy]'"
    assert isinstance(caught.value.__cause__, ImportError)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("import posixpath.missing", "ModuleNotFoundError: No module named 'posixpath.missing'"),
        ("from posixpath import missing", "ImportError: cannot import name 'missing'"),
    ],
)
def test_a_library_of_another_version_is_told_with_the_extra(
    installed: _Installed, plugins: Any, code: str, told: str
) -> None:
    plugins("fake_older", code)
    registry = _registry({"older": "fake_older:thing"}, older="cql-fakes[older]")
    with pytest.raises(PluginError) as caught:
        registry.load("older")
    text = str(caught.value)
    assert text.startswith(f"fake 'older' (fake_older:thing) cannot be loaded: {told}")
    assert text.endswith(": pip install 'cql-fakes[older]'")


def test_what_no_installation_mends_is_told_without_one(
    installed: _Installed, plugins: Any
) -> None:
    plugins("fake_failing", "raise DeprecationWarning('old')")
    registry = _registry({"failing": "fake_failing:thing"}, failing="cql-fakes[failing]")
    with pytest.raises(PluginError) as caught:
        registry.load("failing")
    assert str(caught.value).endswith(" cannot be loaded: DeprecationWarning: old")


def test_a_plugin_that_knows_what_to_install_says_so_itself(
    installed: _Installed, plugins: Any
) -> None:
    plugins("fake_wise", "raise ImportError('pip install --no-binary wise wise')")
    registry = _registry({"wise": "fake_wise:thing"}, wise="cql-fakes[wise]")
    with pytest.raises(PluginError) as caught:
        registry.load("wise")
    assert str(caught.value).endswith("ImportError: pip install --no-binary wise wise")


def test_it_can_be_had_once_it_is_installed(installed: _Installed, plugins: Any) -> None:
    registry = _registry({"late": "fake_late:thing"})
    with pytest.raises(PluginError):
        registry.find("late")
    plugins("fake_late", "thing = 5")
    importlib.invalidate_caches()
    assert registry.load("late") == 5


# --- names that are not ------------------------------------------------------------------


def test_an_installed_plugin_is_found_by_a_scan(installed: _Installed, plugins: Any) -> None:
    installed.offer("third", plugins("fake_third", "thing = 3") + ":thing", "cql-third")
    registry = _registry({"join": "posixpath:join"})
    assert registry.load("third") == 3
    assert registry.load("third") == 3
    assert registry.names() == {"join", "third"}
    assert installed.scans == 1


def test_a_name_nobody_offers(installed: _Installed) -> None:
    installed.offer("other", "posixpath:join", "cql-other")
    registry = _registry({"join": "posixpath:join"})
    assert registry.find("nothing") is None
    with pytest.raises(PluginError, match="no fake is called 'nothing'; there are: join, other"):
        registry.load("nothing")
    assert installed.scans == 1


def test_where_there_is_nothing_at_all(installed: _Installed) -> None:
    with pytest.raises(PluginError, match="there are: none"):
        _registry().load("nothing")


def test_another_group_does_not_count(installed: _Installed) -> None:
    installed.entries.append(EntryPoint("thing", "posixpath:join", "another.group"))
    assert _registry().find("thing") is None


def test_two_distributions_with_one_name_are_both_named(installed: _Installed) -> None:
    installed.offer("twice", "posixpath:join", "cql-first")
    installed.offer("twice", "ntpath:join", "cql-second")
    with pytest.raises(PluginError) as caught:
        _registry().load("twice")
    text = str(caught.value)
    assert "fake 'twice' is offered twice" in text
    assert "cql-first (posixpath:join)" in text
    assert "cql-second (ntpath:join)" in text
    assert text.endswith("uninstall one")


def test_two_distributions_that_lead_to_one_module_are_two(installed: _Installed) -> None:
    installed.offer("twice", "posixpath:join", "cql-fork")
    installed.offer("twice", "posixpath:join", "cql-original")
    with pytest.raises(PluginError, match=r"by cql-fork .* and cql-original"):
        _registry().load("twice")


def test_the_same_plugin_seen_twice_is_one(installed: _Installed) -> None:
    """An editable install and a copy of the same distribution on the path, for instance."""
    import posixpath

    installed.offer("same", "posixpath:join", "cql-same")
    installed.offer("same", "posixpath:join", "cql-same")
    assert _registry().load("same") is posixpath.join


@pytest.mark.parametrize(
    ("code", "value", "shown"),
    [
        ("import a_library_nobody_has", "fake_broken:thing", "a_library_nobody_has"),
        ("other = 1", "fake_broken:thing", "thing"),
        ("1 / 0", "fake_broken:thing", "division by zero"),
        ("def f(:", "fake_broken:thing", "invalid syntax"),
        ("thing = 1", "fake_gone:thing", "fake_gone"),
    ],
    ids=["import", "attribute", "any error", "syntax", "no module"],
)
def test_a_broken_plugin(
    installed: _Installed, plugins: Any, code: str, value: str, shown: str
) -> None:
    plugins("fake_broken", code)
    installed.offer("broken", value, "cql-broken")
    with pytest.raises(PluginError) as caught:
        _registry().load("broken")
    assert str(caught.value).startswith(f"fake 'broken' ({value}) cannot be loaded: ")
    assert shown in str(caught.value)
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("fake_forms:Box.inner", "inner"),
        ("fake_forms:thing [extra]", "thing"),
        ("fake_forms : thing", "thing"),
    ],
)
def test_every_form_of_an_entry_point_is_understood(
    installed: _Installed, plugins: Any, value: str, wanted: str
) -> None:
    """The entry points specification allows dotted attributes, blanks, and extras."""
    plugins("fake_forms", "thing = 'thing'\nclass Box:\n    inner = 'inner'\n")
    installed.offer("form", value, "cql-forms")
    assert _registry().load("form") == wanted


# --- the registries of this package ------------------------------------------------------


@pytest.mark.parametrize("registry", [CODECS, COMPRESSORS])
def test_known_plugins_can_be_loaded(registry: Registry) -> None:
    for name in registry.known:
        assert registry.load(name) is registry.find(name)


@pytest.mark.parametrize("name", COMPRESSORS.known)
def test_a_compressor_has_the_name_it_is_found_by(name: str) -> None:
    assert COMPRESSORS.load(name).name == name


def test_a_registry_keeps_its_own_copy_of_what_it_is_given() -> None:
    known = {"join": "posixpath:join"}
    registry = _registry(known)
    known["other"] = "posixpath:split"
    assert registry.known == {"join": "posixpath:join"}
