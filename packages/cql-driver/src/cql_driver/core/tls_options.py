"""``ssl_options``: TLS by a dict, the older way beside ``ssl_context``.

The keys are those of ``ssl.wrap_socket``, which Python has no more:

- ``ca_certs``: file of the authorities to trust; the system's when it is left out.
- ``certfile``, ``keyfile``: our own certificate, and its key if that is in another file.
- ``cert_reqs``: ``ssl.CERT_REQUIRED``, which is the default, or ``ssl.CERT_NONE`` to trust anybody.
- ``check_hostname``: whether the certificate must bear the server's name; False by default.
- ``ssl_version``: ``ssl.PROTOCOL_TLS_CLIENT``, or ``ssl.PROTOCOL_TLSv1_2`` for that one alone.
- ``ciphers``: names of ciphers in OpenSSL's format.
- ``server_hostname``: the name of all servers, instead of their addresses.
"""

from __future__ import annotations

import os
from warnings import warn

from cql_driver.errors import InvalidArgument, InvalidArgumentType

TYPE_CHECKING = False

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping
    from typing import Any

__all__ = ["checked_options", "context_of_options"]

_KEYS = (
    "ca_certs",
    "certfile",
    "keyfile",
    "cert_reqs",
    "check_hostname",
    "ssl_version",
    "ciphers",
    "server_hostname",
)


def checked_options(ssl_options: Mapping[str, Any], *, with_context: bool) -> dict[str, Any]:
    """Return a copy of `ssl_options` without what is None; warn that they are the older way.

    Raises `InvalidArgumentType` for what is no dict, `InvalidArgument` for unknown keys and,
    beside an ssl_context, for all but ``server_hostname``.
    """
    if not isinstance(ssl_options, dict):
        raise InvalidArgumentType(
            f"ssl_options must be a dict, not {type(ssl_options).__name__}; "
            "an ssl.SSLContext is given as ssl_context"
        )
    if not ssl_options and not with_context:
        raise InvalidArgument(
            "ssl_options is empty: give None to connect without TLS, or "
            "ssl_context=ssl.create_default_context() to connect with it"
        )
    unknown = [str(key) for key in ssl_options if key not in _KEYS]
    if unknown:
        raise InvalidArgument(
            f"ssl_options has unknown keys: {', '.join(unknown)}; there are: {', '.join(_KEYS)}"
        )
    options = {key: value for key, value in ssl_options.items() if value is not None}
    name = options.get("server_hostname", "-")
    if not isinstance(name, str) or not name:
        raise InvalidArgumentType(f"ssl_options['server_hostname'] must be a name, not {name!r}")
    if with_context:
        wrong = sorted(options.keys() - {"server_hostname"})
        if wrong:
            raise InvalidArgument(
                f"ssl_options holds {', '.join(wrong)} beside an ssl_context: set that on the "
                "ssl_context itself"
            )
    else:
        warn(
            "ssl_options without ssl_context is deprecated, and checks no host names unless "
            "check_hostname is True: give Cluster(ssl_context=ssl.create_default_context(...))",
            DeprecationWarning,
            stacklevel=4,  # checked_options, tls_settings, Cluster, and who makes it
        )
    return options


def context_of_options(options: Mapping[str, Any]) -> ssl.SSLContext:
    """Make the context that `checked_options` describe.

    Raises `InvalidArgument` or `InvalidArgumentType`, at once, for what cannot be used.
    """
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _set_version(context, options.get("ssl_version"))
    _set_verification(context, options)
    if "ciphers" in options:
        try:
            context.set_ciphers(options["ciphers"])
        except (ssl.SSLError, TypeError) as exc:
            raise InvalidArgument(f"ssl_options['ciphers'] cannot be used: {exc}") from exc
    if "keyfile" in options and "certfile" not in options:
        raise InvalidArgument("ssl_options has a keyfile, but no certfile that it belongs to")
    if "certfile" in options:
        _load_own(context, options)
    if "ca_certs" in options:
        path = _file(options, "ca_certs")
        try:
            context.load_verify_locations(cafile=path)
        except OSError as exc:  # ssl.SSLError is one
            raise InvalidArgument(f"ssl_options['ca_certs']: {path} cannot be used: {exc}") from exc
    elif context.verify_mode != ssl.CERT_NONE:
        context.load_default_certs()
    return context


def _set_version(context: ssl.SSLContext, version: Any) -> None:
    """Limit the context to what ``ssl_version`` asks for; TLS 1.2 is the oldest in any case."""
    import ssl

    if version is None or version in (ssl.PROTOCOL_TLS, ssl.PROTOCOL_TLS_CLIENT):
        return
    if version == ssl.PROTOCOL_TLSv1_2:
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
        return
    raise InvalidArgument(
        f"ssl_options['ssl_version'] is {version!r}: leave it out, or give "
        "ssl.PROTOCOL_TLS_CLIENT or ssl.PROTOCOL_TLSv1_2"
    )


def _set_verification(context: ssl.SSLContext, options: Mapping[str, Any]) -> None:
    import ssl

    wanted = options.get("cert_reqs", ssl.CERT_REQUIRED)
    if isinstance(wanted, bool) or not isinstance(wanted, int):
        raise InvalidArgumentType(
            f"ssl_options['cert_reqs'] must be ssl.CERT_REQUIRED or ssl.CERT_NONE, not {wanted!r}"
        )
    try:
        mode = ssl.VerifyMode(wanted)
    except ValueError:
        raise InvalidArgument(
            f"ssl_options['cert_reqs'] must be ssl.CERT_REQUIRED or ssl.CERT_NONE, not {wanted}"
        ) from None
    checks = options.get("check_hostname", False)
    if not isinstance(checks, bool):
        raise InvalidArgumentType(
            f"ssl_options['check_hostname'] must be True or False, not {checks!r}"
        )
    if checks and mode == ssl.CERT_NONE:
        raise InvalidArgument(
            "ssl_options: check_hostname needs cert_reqs=ssl.CERT_REQUIRED, since a name in a "
            "certificate that nobody verified proves nothing"
        )
    context.check_hostname = checks  # first: it forbids to verify nothing
    context.verify_mode = mode


def _load_own(context: ssl.SSLContext, options: Mapping[str, Any]) -> None:
    certfile = _file(options, "certfile")
    keyfile = _file(options, "keyfile") if "keyfile" in options else None

    def no_password() -> str:  # without it OpenSSL would ask at the terminal
        raise InvalidArgument(
            "ssl_options: the key needs a password: give an ssl_context, made with "
            "load_cert_chain(certfile, keyfile, password)"
        )

    try:
        context.load_cert_chain(certfile, keyfile, no_password)
    except OSError as exc:
        raise InvalidArgument(
            f"ssl_options: certfile {certfile} and keyfile {keyfile} cannot be used: {exc}"
        ) from exc


def _file(options: Mapping[str, Any], key: str) -> str:
    value = options[key]
    if not isinstance(value, (str, os.PathLike)):
        raise InvalidArgumentType(
            f"ssl_options[{key!r}] must be the path of a file, not {type(value).__name__}"
        )
    path = os.fsdecode(value)
    if not os.path.isfile(path):
        raise InvalidArgument(f"ssl_options[{key!r}]: there is no file {path}")
    return path
