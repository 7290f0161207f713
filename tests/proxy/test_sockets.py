"""The proxy on sockets: connections, faults of the whole, and a clean end."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from cql_protocol import Query, Register, SetKeyspaceResult, StatusChange
from tests.integration.client import Client
from tests.proxy import ANY, Cut, Delay, Hold, OnConnection, Pass, Proxy, Statement, Where
from tests.proxy.loop import LoopThread
from tests.proxy.peers import COMBINATIONS, EchoServer

SOON = 0.3
"""Seconds in which what must not happen would have happened."""


@pytest.fixture
def thread() -> Iterator[LoopThread]:
    loop = LoopThread()
    yield loop
    loop.close()


@pytest.fixture
def server(thread: LoopThread) -> Iterator[EchoServer]:
    echo = EchoServer(thread)
    yield echo
    echo.close()


@pytest.fixture
def proxy(server: EchoServer) -> Iterator[Proxy]:
    with Proxy(server.address, ("127.0.0.1", 0)) as made:
        yield made
    assert made.errors == []


@pytest.fixture
def connect(proxy: Proxy) -> Iterator[Callable[..., Client]]:
    opened: list[Client] = []

    def get(version: int = 5, compression: bool | str = False) -> Client:
        client = Client(*proxy.address, version=version, compression=compression)
        opened.append(client)
        return client

    yield get
    for client in opened:
        client.close()


def echo(text: str) -> SetKeyspaceResult:
    return SetKeyspaceResult(text)


def until(condition: Callable[[], object]) -> None:
    """Wait for what another thread does."""
    for _ in range(1000):
        if condition():
            return
        threading.Event().wait(0.01)
    raise AssertionError("not within 10 s")


@pytest.mark.parametrize("combination", COMBINATIONS)
def test_requests_pass(
    connect: Callable[..., Client], proxy: Proxy, combination: tuple[int, bool | str]
) -> None:
    client = connect(*combination)
    assert client.request(Query("a")) == echo("a")
    requests = [Query(f"{n} " + "x" * (n * 37 % 5000)) for n in range(500)]
    assert client.pipeline(requests) == [echo(q.query) for q in requests]
    assert proxy.opened == 1
    assert [t.number for t in proxy.tunnels] == [1]


def test_more_than_the_peers_read_at_once(connect: Callable[..., Client]) -> None:
    """Both ends are slower than the other: nothing is lost, and nothing piles up."""
    client = connect()
    requests = [Query("x" * 60_000) for _ in range(200)]
    assert client.pipeline(requests, window=100) == [echo(q.query) for q in requests]


def test_rules_by_connection(connect: Callable[..., Client], proxy: Proxy) -> None:
    first, second = connect(), connect()
    proxy.on_request(OnConnection(2), Cut())
    assert first.request(Query("a")) == echo("a")
    with pytest.raises(ConnectionResetError):
        second.request(Query("a"))
    assert first.request(Query("b")) == echo("b")
    until(lambda: len(proxy.tunnels) == 1)


def test_a_cut_in_good_order(connect: Callable[..., Client], proxy: Proxy) -> None:
    client = connect()
    proxy.on_response(Statement("a"), Cut(reset=False))
    with pytest.raises(ConnectionError, match="the server closed"):
        client.request(Query("a"))


def test_delay_and_hold(connect: Callable[..., Client], proxy: Proxy) -> None:
    client = connect()
    hold = Hold()
    late = proxy.on_response(Statement("late"), Delay(0.05))
    held = proxy.on_response(Statement("held"), hold)
    answers: list[object] = []
    frames = [client.connection.frame(Query(t), answers.append) for t in ("held", "late", "x")]
    client.socket.sendall(client.connection.wrap(frames))
    while len(answers) < 2:
        client.receive()
    assert answers == [echo("x"), echo("late")]
    held.wait()
    hold.release()
    client.receive()
    assert answers[2:] == [echo("held")]
    assert late.used == 1


def silent(client: Client) -> bool:
    """Whether nothing comes for a while."""
    client.socket.settimeout(SOON)
    try:
        client.receive()
    except TimeoutError:
        return True
    finally:
        client.socket.settimeout(60)
    return False


@pytest.mark.parametrize("how", ["hang", "partition"])
def test_nothing_passes_until_it_heals(
    connect: Callable[..., Client], proxy: Proxy, server: EchoServer, how: str
) -> None:
    client = connect()
    answers: list[object] = []
    getattr(proxy, how)()
    client.socket.sendall(client.connection.send(Query("a"), answers.append))
    assert silent(client)
    assert not [e for e in server.heard if getattr(e.message, "query", "") == "a"]
    proxy.heal()
    client.receive()
    assert answers == [echo("a")]
    assert proxy.state == "open"


def test_an_answer_that_is_due_while_it_hangs(connect: Callable[..., Client], proxy: Proxy) -> None:
    client = connect()
    rule = proxy.on_response(Statement("a"), Delay(0.05))
    answers: list[object] = []
    client.socket.sendall(client.connection.send(Query("a"), answers.append))
    rule.wait()
    proxy.hang()
    assert silent(client)
    proxy.heal()
    client.receive()
    assert answers == [echo("a")]


def test_a_hung_node_is_connected_to(proxy: Proxy) -> None:
    proxy.hang()
    with socket.create_connection(proxy.address, timeout=10) as sock:
        sock.sendall(bytes.fromhex("050000000500000000"))
        sock.settimeout(SOON)
        with pytest.raises(TimeoutError):
            sock.recv(1)
        proxy.heal()
        sock.settimeout(10)
        assert sock.recv(1) == b"\x85"


@pytest.mark.skipif(os.name != "posix" or os.uname().sysname != "Linux", reason="Linux only")
def test_a_partition_swallows_attempts_to_connect(
    connect: Callable[..., Client], proxy: Proxy
) -> None:
    client = connect()
    proxy.partition()
    with pytest.raises(TimeoutError):
        socket.create_connection(proxy.address, timeout=SOON)
    proxy.heal()
    with Client(*proxy.address) as later:
        assert later.request(Query("a")) == echo("a")
    assert client.request(Query("b")) == echo("b")


def test_faults_follow_each_other(connect: Callable[..., Client], proxy: Proxy) -> None:
    client = connect()
    for _ in range(3):
        proxy.hang()
        proxy.partition()
        proxy.hang()
        proxy.heal()
        proxy.heal()
    assert client.request(Query("a")) == echo("a")
    proxy.partition()
    proxy.shut()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(proxy.address, timeout=10)
    with pytest.raises(ConnectionError):
        client.request(Query("b"))
    proxy.partition()
    proxy.heal()
    assert connect().request(Query("c")) == echo("c")


def test_shut_and_healed(connect: Callable[..., Client], proxy: Proxy) -> None:
    client = connect()
    proxy.shut()
    with pytest.raises(ConnectionError):
        client.request(Query("a"))
    with pytest.raises(ConnectionRefusedError):
        connect()
    proxy.heal()
    assert connect().request(Query("a")) == echo("a")
    assert proxy.tunnels[-1].number == 2


def test_connections_are_cut(connect: Callable[..., Client], proxy: Proxy) -> None:
    clients = [connect(), connect()]
    assert proxy.cut(reset=False) == 2
    for client in clients:
        with pytest.raises(ConnectionError, match="the server closed"):
            client.receive()
    assert connect().request(Query("a")) == echo("a")


def test_the_node_ends_a_connection(
    connect: Callable[..., Client], proxy: Proxy, server: EchoServer, thread: LoopThread
) -> None:
    client = connect()
    thread.call(server.connections[0].transport.close)
    with pytest.raises(ConnectionError):
        client.request(Query("a"))
    until(lambda: not proxy.tunnels)


def test_the_client_ends_a_connection(
    connect: Callable[..., Client], proxy: Proxy, server: EchoServer
) -> None:
    connect().close()
    until(lambda: server.lost == [None])
    assert not proxy.tunnels


def test_the_node_is_not_there(proxy: Proxy, server: EchoServer) -> None:
    server.close()
    with pytest.raises(ConnectionError):
        Client(*proxy.address)
    assert proxy.refused == 1
    until(lambda: not proxy.tunnels)


def test_events_are_pushed_to_who_asked(connect: Callable[..., Client], proxy: Proxy) -> None:
    client, other = connect(), connect()
    event = StatusChange("UP", "10.0.0.1", 9042)
    assert proxy.push(event) == 0
    client.request(Register(["STATUS_CHANGE"]))
    assert proxy.push(event) == 1
    assert client.next_server_event() == event
    assert silent(other)


def test_what_is_no_frame_is_reported(server: EchoServer) -> None:
    with Proxy(server.address, ("127.0.0.1", 0)) as proxy:
        with socket.create_connection(proxy.address, timeout=10) as sock:
            sock.sendall(b"\xff" * 64)
            with suppress(ConnectionResetError):
                assert sock.recv(1) == b""
        until(lambda: proxy.errors)
        assert "a frame with a body of -1" in str(proxy.errors[0])


def test_rules_are_added_and_ended_while_frames_pass(
    connect: Callable[..., Client], proxy: Proxy
) -> None:
    stop = threading.Event()
    seen: list[object] = []
    client = connect()

    def talk() -> None:
        while not stop.is_set():
            seen.append(client.request(Query("a")))

    talker = threading.Thread(target=talk)
    talker.start()
    try:
        for _ in range(100):
            with proxy.on_response(ANY, Pass()) as rule:
                rule.wait()
        proxy.clear()
    finally:
        stop.set()
        talker.join(10)
    assert not talker.is_alive()
    assert set(map(str, seen)) == {str(echo("a"))}


def test_a_condition_may_use_the_proxy(connect: Callable[..., Client], proxy: Proxy) -> None:
    client, other = connect(), connect()
    rule = proxy.on_request(Statement("a") & Where(lambda frame: proxy.cut() == 2), Pass())
    with pytest.raises(ConnectionResetError):
        client.request(Query("a"))
    with pytest.raises(ConnectionResetError):
        other.request(Query("b"))
    assert rule.used == 1


def test_nothing_is_left(server: EchoServer) -> None:
    def sockets() -> int:
        return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0

    before, threads = sockets(), threading.active_count()
    for how in ("heal", "hang", "partition", "shut"):
        proxy = Proxy(server.address, ("127.0.0.1", 0))
        with Client(*proxy.address) as client:
            client.request(Query("a"))
            getattr(proxy, how)()
            proxy.close()
            proxy.close()
            assert proxy.state == "closed"
    until(lambda: len(server.lost) == 4)
    assert threading.active_count() == threads
    assert sockets() == before
