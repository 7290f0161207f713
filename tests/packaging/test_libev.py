"""cql-speedups is built with libev where its header and library are found, and else says so."""

from __future__ import annotations

from typing import Any

import pytest

from tests.packaging.workshop import load_hatch_build
from tests.speedups.sources import public_names

NAMES = {f"cql_speedups.{name}" for name in public_names()}


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in ("CQL_SPEEDUPS_LIBEV", "CPPFLAGS", "CFLAGS", "LDFLAGS"):
        monkeypatch.delenv(name, raising=False)
    return load_hatch_build()


@pytest.fixture
def no_headers(script: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the compiler find no header at all."""
    monkeypatch.setenv("CFLAGS", "-nostdinc")


@pytest.mark.usefixtures("no_headers")
def test_without_the_header(script: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert {found.name for found in script._extensions()} == NAMES - {"cql_speedups.libev"}
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("cql-speedups is built without libev, which is not found: install")
    assert "libev-dev" in line


def test_it_can_be_left_out(
    script: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CQL_SPEEDUPS_LIBEV", "0")
    assert {found.name for found in script._extensions()} == NAMES - {"cql_speedups.libev"}
    line = "cql-speedups is built without libev, as CQL_SPEEDUPS_LIBEV=0 asks for\n"
    assert capsys.readouterr().err == line


@pytest.mark.usefixtures("no_headers")
def test_it_can_be_insisted_on(script: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CQL_SPEEDUPS_LIBEV", "1")
    with pytest.raises(SystemExit, match="CQL_SPEEDUPS_LIBEV=1, but libev is not found: install"):
        script.find_libev()


def test_another_choice_is_none(script: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CQL_SPEEDUPS_LIBEV", "yes")
    with pytest.raises(SystemExit, match="'yes': use 0"):
        script.find_libev()


def test_with_libev(script: Any, capsys: pytest.CaptureFixture[str]) -> None:
    if script.find_libev() is None:
        pytest.skip(capsys.readouterr().err)
    capsys.readouterr()
    (libev,) = (found for found in script._extensions() if found.name == "cql_speedups.libev")
    assert libev.libraries == ["ev"]
    assert capsys.readouterr().err == ""
