"""How TLS is set up: contexts, the older options, names and sessions."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cql_driver.connection import DefaultEndPoint, SniEndPoint, UnixSocketEndPoint
from cql_driver.core.tls import SessionCache, TlsSettings, tls_settings
from cql_driver.errors import ConnectionException, InvalidArgument, InvalidArgumentType
from cql_protocol.errors import DriverException
from tests.driver.certificates import Ends, Identity, make_identity

OLDER = "ssl_options without ssl_context is deprecated"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return make_identity(tmp_path_factory.mktemp("node"), "node")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return make_identity(tmp_path_factory.mktemp("stranger"), "stranger")


def settings_of(context: Any = None, options: Any = None, cache: Any = None) -> TlsSettings:
    found = tls_settings(context, options, cache)
    assert found is not None
    return found


def by_options(**options: Any) -> TlsSettings:
    with pytest.warns(DeprecationWarning, match=OLDER):
        return settings_of(options=options)


def trusting(node: Identity) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(node.cert))


# --- contexts ----------------------------------------------------------------------------


def test_nothing_given_is_no_tls() -> None:
    assert tls_settings(None, None, None) is None
    assert tls_settings(None, None, True) is None


def test_a_context_is_used_as_it_is() -> None:
    context = ssl.create_default_context()
    settings = settings_of(context)
    assert settings.context() is context
    assert settings.context() is context


def test_a_callable_is_asked_anew_for_each_connection() -> None:
    made: list[ssl.SSLContext] = []

    def make() -> ssl.SSLContext:
        made.append(ssl.create_default_context())
        return made[-1]

    settings = settings_of(make)
    assert made == []
    assert [settings.context(), settings.context()] == made
    assert made[0] is not made[1]


@pytest.mark.parametrize("wrong", [None, "context", 5])
def test_what_a_callable_returns_is_looked_at(wrong: object) -> None:
    with pytest.raises(InvalidArgumentType, match=r"what ssl_context\(\) returned must be"):
        settings_of(lambda: wrong).context()


def test_a_callable_that_fails_fails_the_connection() -> None:
    def make() -> ssl.SSLContext:
        raise FileNotFoundError("client.pem")

    with pytest.raises(ConnectionException, match=r"ssl_context\(\).*client\.pem") as caught:
        settings_of(make).context()
    assert isinstance(caught.value.__cause__, FileNotFoundError)


@pytest.mark.parametrize("wrong", [True, False, {}, "ca.pem", ssl.SSLContext])
def test_what_is_no_context_is_refused_with_the_remedy(wrong: object) -> None:
    with pytest.raises(InvalidArgumentType, match=r"ssl\.create_default_context"):
        tls_settings(wrong)


def test_a_context_of_a_server_is_refused(node: Identity) -> None:
    with pytest.raises(InvalidArgument, match="for servers"):
        tls_settings(node.server_context())
    with pytest.raises(InvalidArgument, match="for servers"):
        settings_of(node.server_context).context()


# --- the older options -------------------------------------------------------------------


def test_options_verify_the_certificate(node: Identity, stranger: Identity) -> None:
    settings = by_options(ca_certs=str(node.cert), cert_reqs=ssl.CERT_REQUIRED)
    context = settings.context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    Ends(context, node.server_context(), "other.test").shake_hands()
    with pytest.raises(ssl.SSLCertVerificationError):
        Ends(context, stranger.server_context(), "other.test").shake_hands()


def test_options_verify_unless_they_say_otherwise(node: Identity, stranger: Identity) -> None:
    context = by_options(ca_certs=node.cert).context()
    with pytest.raises(ssl.SSLCertVerificationError):
        Ends(context, stranger.server_context(), "node.test").shake_hands()


@pytest.mark.parametrize("version", [None, ssl.PROTOCOL_TLS, ssl.PROTOCOL_TLS_CLIENT])
def test_required_verifies_with_every_version(version: object, stranger: Identity) -> None:
    """The trap: CERT_REQUIRED beside PROTOCOL_TLS that ends in no verification at all."""
    context = by_options(ssl_version=version, cert_reqs=ssl.CERT_REQUIRED).context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    with pytest.raises(ssl.SSLCertVerificationError):
        Ends(context, stranger.server_context(), "node.test").shake_hands()


def test_none_verifies_nothing(stranger: Identity) -> None:
    context = by_options(cert_reqs=ssl.CERT_NONE).context()
    assert context.verify_mode is ssl.CERT_NONE
    Ends(context, stranger.server_context(), "node.test").shake_hands()


@pytest.mark.parametrize(("name", "fits"), [("node.test", True), ("127.0.0.1", True), ("x", False)])
def test_check_hostname_looks_at_the_names(name: str, fits: bool, node: Identity) -> None:
    context = by_options(ca_certs=str(node.cert), check_hostname=True).context()
    ends = Ends(context, node.server_context(), name)
    if fits:
        ends.shake_hands()
    else:
        with pytest.raises(ssl.SSLCertVerificationError, match="not valid for"):
            ends.shake_hands()


def test_our_certificate_is_shown(node: Identity) -> None:
    asking = node.server_context()
    asking.verify_mode = ssl.CERT_REQUIRED
    asking.load_verify_locations(node.cert)
    context = by_options(ca_certs=node.cert, certfile=node.cert, keyfile=node.key).context()
    ends = Ends(context, asking, "node.test").shake_hands()
    assert ends.server.getpeercert()


def test_one_version_alone(node: Identity) -> None:
    context = by_options(ca_certs=node.cert, ssl_version=ssl.PROTOCOL_TLSv1_2).context()
    assert Ends(context, node.server_context(), "x").shake_hands().client.version() == "TLSv1.2"


def test_ciphers_are_set(node: Identity) -> None:
    options: dict[str, Any] = {"ssl_version": ssl.PROTOCOL_TLSv1_2, "ca_certs": node.cert}
    chosen = "ECDHE-ECDSA-AES256-GCM-SHA384"
    context = by_options(ciphers=chosen, **options).context()
    cipher = Ends(context, node.server_context(), "x").shake_hands().client.cipher()
    assert cipher is not None
    assert cipher[0] == chosen


def test_the_warning_names_the_line_of_the_caller() -> None:
    with pytest.warns(DeprecationWarning, match=OLDER) as caught:
        _cluster_like(cert_reqs=ssl.CERT_NONE)
    assert caught[0].filename == __file__


def _cluster_like(**options: Any) -> None:
    tls_settings(None, options)


@pytest.fixture
def _no_warnings_matter() -> Iterator[None]:
    with pytest.warns(DeprecationWarning, match=OLDER):
        yield


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({"ca_certs": "/no/such/ca.pem"}, r"\['ca_certs'\]: there is no file /no/such/ca.pem"),
        ({"certfile": "/no/such.pem"}, r"\['certfile'\]: there is no file"),
        ({"certfile": __file__}, "certfile .* cannot be used"),
        ({"ca_certs": __file__}, "ca_certs.* cannot be used"),
        ({"keyfile": __file__}, "no certfile"),
        ({"cert_reqs": 7}, "cert_reqs"),
        ({"cert_reqs": ssl.CERT_NONE, "check_hostname": True}, "proves nothing"),
        ({"ssl_version": ssl.PROTOCOL_TLS_SERVER}, "ssl_version"),
        ({"ssl_version": 99}, "ssl_version"),
        ({"ciphers": "NO-SUCH-CIPHER"}, "ciphers"),
    ],
)
@pytest.mark.usefixtures("_no_warnings_matter")
def test_options_that_cannot_be_used(options: dict[str, Any], shown: str) -> None:
    with pytest.raises(InvalidArgument, match=shown):
        tls_settings(None, options)


@pytest.mark.parametrize(
    "options",
    [
        {"ca_certs": 5},
        {"cert_reqs": "CERT_REQUIRED"},
        {"cert_reqs": True},
        {"check_hostname": "no"},
    ],
)
@pytest.mark.usefixtures("_no_warnings_matter")
def test_options_of_wrong_types(options: dict[str, Any]) -> None:
    (name,) = options
    with pytest.raises(InvalidArgumentType, match=name):
        tls_settings(None, options)


def test_unknown_keys_are_all_named() -> None:
    with pytest.raises(InvalidArgument, match=r"unknown keys: ca_cert, verify; there are: ca_c"):
        tls_settings(None, {"ca_cert": "ca.pem", "verify": True, "ciphers": None})


def test_empty_options_do_not_connect_in_the_clear() -> None:
    with pytest.raises(InvalidArgument, match="ssl_options is empty"):
        tls_settings(None, {})


@pytest.mark.parametrize("wrong", [True, "ca.pem", ssl.create_default_context()])
def test_options_must_be_a_dict(wrong: Any) -> None:
    with pytest.raises(InvalidArgumentType, match="must be a dict"):
        tls_settings(None, wrong)


@pytest.mark.parametrize("wrong", ["", 5])
def test_the_name_of_the_server_must_be_one(wrong: object) -> None:
    with pytest.raises(InvalidArgumentType, match="server_hostname"):
        tls_settings(None, {"server_hostname": wrong})


def test_a_key_with_a_password_asks_nobody(tmp_path: Path) -> None:
    locked = make_identity(tmp_path, "locked", "-passout", "pass:hidden")
    with (
        pytest.warns(DeprecationWarning, match=OLDER),
        pytest.raises(InvalidArgument, match="needs a password"),
    ):
        tls_settings(None, {"certfile": locked.cert, "keyfile": locked.key})


def test_beside_a_context_only_the_name_may_stand() -> None:
    context = ssl.create_default_context()
    settings = settings_of(context, {"server_hostname": "node.test", "ca_certs": None})
    assert settings.context() is context
    assert settings.hostname_for(DefaultEndPoint("10.0.0.1")) == "node.test"
    with pytest.raises(InvalidArgument, match="ciphers beside an ssl_context"):
        tls_settings(context, {"server_hostname": "node.test", "ciphers": "ALL"})


# --- names -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("endpoint", "name"),
    [
        (DefaultEndPoint("10.0.0.1"), "10.0.0.1"),
        (DefaultEndPoint("db.example.org."), "db.example.org"),
        (DefaultEndPoint("fe80::1%eth0"), "fe80::1"),
        (SniEndPoint("proxy", "node-1"), "node-1"),
        (UnixSocketEndPoint("/run/cql"), None),
    ],
)
def test_the_name_to_verify(endpoint: Any, name: str | None) -> None:
    assert settings_of(ssl.create_default_context()).hostname_for(endpoint) == name


def test_the_name_of_an_end_point_comes_before_the_one_of_the_options() -> None:
    settings = TlsSettings(ssl.create_default_context, "all.test")
    assert settings.hostname_for(SniEndPoint("proxy", "node-1")) == "node-1"
    assert settings.hostname_for(UnixSocketEndPoint("/run/cql")) == "all.test"


# --- sessions ----------------------------------------------------------------------------


def _connect(settings: TlsSettings, server: ssl.SSLContext, key: str = "node") -> bool:
    """Connect as a runtime does; return whether the session was resumed."""
    context = settings.context()
    ends = Ends(context, server, "node.test", settings.session_for(key, context)).shake_hands()
    settings.remember(key, ends.client.session, context)
    return bool(ends.client.session_reused)


def test_a_reconnect_resumes_the_session(node: Identity) -> None:
    settings, server = settings_of(trusting(node)), node.server_context()
    assert [_connect(settings, server) for _ in range(3)] == [False, True, True]
    assert not _connect(settings, server, "another node")


def test_sessions_can_be_off(node: Identity) -> None:
    settings, server = settings_of(trusting(node), cache=False), node.server_context()
    assert [_connect(settings, server) for _ in range(2)] == [False, False]


def test_a_session_fits_only_the_context_it_came_from(node: Identity) -> None:
    contexts = [trusting(node), trusting(node)]
    served = iter([contexts[0], contexts[0], contexts[1], contexts[1], contexts[0]])
    settings, server = settings_of(lambda: next(served)), node.server_context()
    found = [_connect(settings, server) for _ in range(5)]
    assert found == [False, True, False, True, False]


def test_a_session_of_an_unknown_context_is_kept_only_where_there_is_one(node: Identity) -> None:
    context, server = trusting(node), node.server_context()
    session = Ends(context, server, "node.test").shake_hands().client.session
    fixed, changing = settings_of(context), settings_of(lambda: context)
    for settings in (fixed, changing):
        settings.remember("node", session)
        settings.remember("node", None)
    assert fixed.session_for("node", context) is session
    assert changing.session_for("node", context) is None


class _Cache:
    def __init__(self, *, broken: bool = False) -> None:
        self.kept: dict[object, object] = {}
        self.broken = broken

    def get(self, key: object) -> object:
        if self.broken:
            raise OSError("the cache is away")
        return self.kept.get(key)

    def put(self, key: object, value: object) -> None:
        if self.broken:
            raise OSError("the cache is away")
        self.kept[key] = value


def test_a_cache_of_the_user_is_used(node: Identity) -> None:
    cache, server = _Cache(), node.server_context()
    settings = settings_of(trusting(node), cache=cache)
    assert [_connect(settings, server) for _ in range(2)] == [False, True]
    assert list(cache.kept) == ["node"]


def test_a_broken_cache_costs_only_the_resumption(
    node: Identity, caplog: pytest.LogCaptureFixture
) -> None:
    settings = settings_of(trusting(node), cache=_Cache(broken=True))
    assert not _connect(settings, node.server_context())
    assert [record.message for record in caplog.records] == [
        "ssl_session_cache.get() raised OSError('the cache is away')",
        "ssl_session_cache.put() raised OSError('the cache is away')",
    ]


@pytest.mark.parametrize("wrong", [1, "yes", _Cache, object(), []])
def test_what_is_no_cache_is_refused(wrong: object) -> None:
    with pytest.raises(InvalidArgumentType, match="ssl_session_cache must be True, False, or"):
        tls_settings(None, None, wrong)


def test_the_cache_drops_what_was_used_longest_ago() -> None:
    cache = SessionCache(3)
    for key in "abc":
        cache.put(key, key.upper())
    assert cache.get("a") == "A"
    cache.put("d", "D")
    assert [cache.get(key) for key in "abcd"] == ["A", None, "C", "D"]
    cache.put("a", None)
    assert len(cache) == 2
    assert SessionCache().size == 1000


def test_all_errors_are_of_the_tree() -> None:
    assert issubclass(InvalidArgument, DriverException)
    assert issubclass(InvalidArgumentType, DriverException)
