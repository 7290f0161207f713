"""Providers and authenticators: what they send, what they refuse, what they never show."""

from __future__ import annotations

import hashlib
import hmac
import sys
from typing import Any

import pytest

import cql_driver.auth
from cql_driver.auth import (
    AUTHENTICATORS,
    PROXY_EXECUTE_KEY,
    Authenticator,
    AuthProvider,
    BaseDSEAuthenticator,
    DSEPlainTextAuthProvider,
    PlainTextAuthenticator,
    PlainTextAuthProvider,
    SaslAuthenticator,
    SaslAuthProvider,
    TransitionalModePlainTextAuthProvider,
    auth_provider,
)
from cql_driver.errors import InvalidArgument, InvalidArgumentType
from cql_protocol.errors import (
    AuthenticationFailed,
    DependencyException,
    PluginError,
    UnsupportedOperation,
)

DSE = "com.datastax.bdp.cassandra.auth.DseAuthenticator"
CASSANDRA = "org.apache.cassandra.auth.PasswordAuthenticator"


def _authenticator(provider: AuthProvider, server: str = CASSANDRA) -> Authenticator:
    made = provider.new_authenticator("10.0.0.1")
    made.server_authenticator_class = server
    return made


# --- user name and password --------------------------------------------------------------


def test_cassandra_gets_the_credentials_at_once() -> None:
    made = _authenticator(PlainTextAuthProvider("user", "pass"))
    assert made.initial_response() == b"\0user\0pass"
    made.on_authentication_success(None)


def test_dse_is_told_the_mechanism_first() -> None:
    made = _authenticator(PlainTextAuthProvider("user", "pass"), DSE)
    assert made.initial_response() == b"PLAIN"
    assert made.evaluate_challenge(b"PLAIN-START") == b"\0user\0pass"


def test_credentials_travel_as_utf_8() -> None:
    made = _authenticator(PlainTextAuthProvider("Jürgen", "пароль"))
    assert made.initial_response() == "\0Jürgen\0пароль".encode()


@pytest.mark.parametrize("challenge", [b"", b"DIGEST", None])
def test_another_challenge_gets_no_credentials(challenge: bytes | None) -> None:
    made = _authenticator(PlainTextAuthProvider("user", "hidden"))
    with pytest.raises(AuthenticationFailed, match="PasswordAuthenticator") as caught:
        made.evaluate_challenge(challenge)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("wrong", [None, b"bytes", 5, ["text"]])
@pytest.mark.parametrize("cls", [PlainTextAuthProvider, PlainTextAuthenticator])
def test_credentials_must_be_text(cls: type, wrong: object) -> None:
    with pytest.raises(InvalidArgumentType, match=r"username must be a str, not \w+"):
        cls(wrong, "pass")
    with pytest.raises(InvalidArgumentType, match="password must be a str"):
        cls("user", wrong)


@pytest.mark.parametrize("wrong", ["hid\0den", "hid\ud800den"])
def test_text_that_cannot_be_sent_is_refused_and_not_shown(wrong: str) -> None:
    with pytest.raises(InvalidArgument, match="password holds") as caught:
        PlainTextAuthProvider("user", wrong)
    assert "hid" not in str(caught.value)
    with pytest.raises(InvalidArgument, match="username holds"):
        PlainTextAuthProvider(wrong, "pass")


def test_empty_credentials_are_the_users_choice() -> None:
    assert _authenticator(PlainTextAuthProvider("", "")).initial_response() == b"\0\0"


def test_a_changed_password_is_used_from_the_next_connection_on() -> None:
    provider = PlainTextAuthProvider("user", "old")
    first = _authenticator(provider)
    provider.password = "new"
    assert first.initial_response() == b"\0user\0old"
    assert _authenticator(provider).initial_response() == b"\0user\0new"
    provider.password = None  # type: ignore[assignment]
    with pytest.raises(InvalidArgumentType, match="password"):
        provider.new_authenticator("10.0.0.1")


@pytest.mark.parametrize(
    "thing", [PlainTextAuthProvider("user", "hidden"), PlainTextAuthenticator("user", "hidden")]
)
def test_a_password_is_never_shown(thing: object) -> None:
    for text in (repr(thing), str(thing), f"{thing}"):
        assert "hidden" not in text
        assert "'user'" in text


def test_transitional_mode_logs_in_as_nobody() -> None:
    provider = TransitionalModePlainTextAuthProvider()
    assert repr(provider) == "TransitionalModePlainTextAuthProvider()"
    assert _authenticator(provider).initial_response() == b"\0\0"
    assert _authenticator(provider, DSE).initial_response() == b"PLAIN"


def test_older_names() -> None:
    assert DSEPlainTextAuthProvider is PlainTextAuthProvider
    assert PROXY_EXECUTE_KEY == "ProxyExecute"


# --- classes to subclass -----------------------------------------------------------------


def test_what_a_subclass_leaves_out_is_named() -> None:
    with pytest.raises(UnsupportedOperation, match=r"AuthProvider must define new_authenticator"):
        AuthProvider().new_authenticator("10.0.0.1")
    made = Authenticator()
    assert made.initial_response() is None
    made.on_authentication_success(b"welcome")
    with pytest.raises(AuthenticationFailed, match="define evaluate_challenge"):
        made.evaluate_challenge(b"more")


def test_a_mechanism_of_ones_own() -> None:
    class Echo(BaseDSEAuthenticator):
        def get_mechanism(self) -> bytes:
            return b"ECHO"

        def get_initial_challenge(self) -> bytes:
            return b"START"

        def evaluate_challenge(self, challenge: bytes | None) -> bytes | None:
            return challenge

    made = Echo()
    assert made.initial_response() == b"START"
    made.server_authenticator_class = DSE
    assert made.initial_response() == b"ECHO"


@pytest.mark.parametrize("method", ["get_mechanism", "get_initial_challenge"])
def test_half_a_mechanism(method: str) -> None:
    with pytest.raises(AuthenticationFailed, match=rf"must define {method}\(\)"):
        getattr(BaseDSEAuthenticator(), method)()


# --- SASL, by pure-sasl itself -----------------------------------------------------------


def _sasl(mechanism: str, **options: Any) -> Authenticator:
    return _authenticator(SaslAuthProvider(service="cassandra", mechanism=mechanism, **options))


def test_sasl_plain() -> None:
    made = _sasl("PLAIN", username="user", password="pass")
    assert made.initial_response() == b"\0user\0pass"
    made.on_authentication_success(b"nothing more is asked")


def test_sasl_cram_md5() -> None:
    made = _sasl("CRAM-MD5", username="user", password="pass")
    assert made.initial_response() is None
    digest = hmac.new(b"pass", b"<1@server>", hashlib.md5).hexdigest()
    assert made.evaluate_challenge(b"<1@server>") == f"user {digest}".encode()


CHALLENGE = b'realm="r",nonce="n",qop="auth",charset=utf-8,algorithm=md5-sess'


def _digest_md5_proof(answer: bytes) -> bytes:
    """What a server that knows the password says last (RFC 2831 section 2.1.3)."""
    fields = dict(part.split(b"=", 1) for part in answer.split(b","))
    cnonce, uri = fields[b"cnonce"].strip(b'"'), fields[b"digest-uri"].strip(b'"')
    secret = hashlib.md5(b"user:r:pass").digest() + b":n:" + cnonce
    middle = b":n:" + fields[b"nc"] + b":" + cnonce + b":auth:"
    first, last = hashlib.md5(secret).hexdigest(), hashlib.md5(b":" + uri).hexdigest()
    return hashlib.md5(first.encode() + middle + last.encode()).hexdigest().encode()


def test_sasl_digest_md5_proves_the_server_too() -> None:
    made = _sasl("DIGEST-MD5", username="user", password="pass")
    assert made.initial_response() is None
    answer = made.evaluate_challenge(CHALLENGE)
    assert answer is not None
    assert b'digest-uri="cassandra/10.0.0.1"' in answer
    made.on_authentication_success(b"rspauth=" + _digest_md5_proof(answer))


def test_a_server_that_cannot_prove_itself_is_not_trusted() -> None:
    made = _sasl("DIGEST-MD5", username="user", password="pass")
    made.evaluate_challenge(CHALLENGE)
    with pytest.raises(AuthenticationFailed, match=r"DIGEST-MD5.*Invalid server auth response"):
        made.on_authentication_success(b"rspauth=" + b"0" * 32)


def test_a_challenge_that_makes_no_sense_fails_the_login() -> None:
    made = _sasl("DIGEST-MD5", username="user", password="hidden")
    with pytest.raises(AuthenticationFailed, match="DIGEST-MD5: ") as caught:
        made.evaluate_challenge(b'realm="r",nonce="n",qop="auth-conf,"')
    assert "hidden" not in str(caught.value)


def test_credentials_that_are_missing_are_named() -> None:
    with pytest.raises(AuthenticationFailed, match="username, password"):
        _sasl("PLAIN").initial_response()


def test_the_host_is_that_of_the_connection() -> None:
    with pytest.raises(InvalidArgument, match="host cannot be given"):
        SaslAuthProvider(host="10.0.0.1", service="cassandra", mechanism="PLAIN")
    made = SaslAuthProvider(service="cassandra", mechanism="PLAIN").new_authenticator("10.0.0.7")
    assert made.sasl.host == "10.0.0.7"


@pytest.mark.parametrize("options", [{}, {"service": None}, {"service": 5}])
def test_the_service_must_be_given(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgumentType, match="service must be a str"):
        SaslAuthProvider(mechanism="PLAIN", **options)


@pytest.mark.parametrize("wrong", ["NONE-SUCH", None, 5])
def test_a_mechanism_nobody_has_is_refused_at_once(wrong: Any) -> None:
    with pytest.raises(InvalidArgument, match="is none that pure-sasl has: ANONYMOUS, CRAM-MD5"):
        SaslAuthProvider(service="cassandra", mechanism=wrong)


def test_kerberos_needs_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    from puresasl import mechanisms

    monkeypatch.delitem(mechanisms.mechanisms, "GSSAPI", raising=False)
    with pytest.raises(DependencyException, match="pip install kerberos"):
        SaslAuthProvider(service="dse")
    with pytest.raises(DependencyException, match="pip install kerberos"):
        SaslAuthenticator("10.0.0.1", "dse")


def test_without_pure_sasl_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "puresasl", None)
    with pytest.raises(DependencyException, match=r"pip install 'cql-driver\[sasl\]'") as caught:
        SaslAuthProvider(service="cassandra", mechanism="PLAIN")
    assert isinstance(caught.value.excs[0], ImportError)


def test_properties_of_the_wrong_type_fail_the_login() -> None:
    with pytest.raises(AuthenticationFailed, match="SASL PLAIN: TypeError"):
        SaslAuthenticator("10.0.0.1", "cassandra", "PLAIN", qops=5)


def test_a_sasl_password_is_never_shown() -> None:
    provider = SaslAuthProvider(service="s", mechanism="PLAIN", username="u", password="hidden")
    assert repr(provider) == "SaslAuthProvider(service='s', mechanism='PLAIN', ...)"
    assert "hidden" not in repr(provider.new_authenticator("10.0.0.1"))


# --- by name -----------------------------------------------------------------------------


def test_providers_by_name() -> None:
    provider = auth_provider("plain", username="user", password="pass")
    assert isinstance(provider, PlainTextAuthProvider)
    assert _authenticator(provider).initial_response() == b"\0user\0pass"
    assert isinstance(auth_provider("transitional"), TransitionalModePlainTextAuthProvider)
    sasl = auth_provider("sasl", service="cassandra", mechanism="PLAIN")
    assert isinstance(sasl, SaslAuthProvider)


def test_a_name_nobody_offers() -> None:
    with pytest.raises(PluginError, match="there are: plain, sasl, transitional"):
        auth_provider("nobody")
    with pytest.raises(InvalidArgumentType, match="name must be a str"):
        auth_provider(None)  # type: ignore[arg-type]


def test_options_that_do_not_fit_are_named_without_their_values() -> None:
    with pytest.raises(InvalidArgumentType, match=r"'plain': .*'passwort'") as caught:
        auth_provider("plain", username="user", passwort="hidden")
    assert "hidden" not in str(caught.value)
    with pytest.raises(InvalidArgumentType, match="password must be a str"):
        auth_provider("plain", username="user", password=None)


def test_a_plugin_that_makes_something_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(AUTHENTICATORS.known, "odd", "builtins:dict")
    with pytest.raises(PluginError, match=r"'odd' .* makes no AuthProvider"):
        auth_provider("odd")


@pytest.mark.parametrize("name", cql_driver.auth.__all__)
def test_every_name_is_described(name: str) -> None:
    thing = getattr(cql_driver.auth, name)
    assert not isinstance(thing, type) or thing.__doc__
