from __future__ import annotations

import pickle
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cql_protocol import tokens
from cql_protocol.errors import InvalidValueType, ValueOutOfRange
from cql_protocol.tokens import (
    MAX_LONG,
    MIN_LONG,
    BytesToken,
    HashToken,
    MD5Token,
    Murmur3Token,
    Token,
    composite_key,
    token_class,
)

# getToken() of RandomPartitioner, Murmur3Partitioner and ByteOrderedPartitioner (its token
# written by their token factory), called in Java on Cassandra 5.0.8.
VECTORS = [
    ("", -1, -9223372036854775808, ""),
    ("99", 145272048184857886196857943146311633342, -2045549667880237251, "99"),
    ("1834", 113565955183790860595587846082262755762, 591949598291750098, "1834"),
    ("5a94c9", 141678261259929411162803300807339524694, -5726282903635996215, "5a94c9"),
    ("390b7702", 46071069636211643924478667784973159931, -3978359989977780179, "390b7702"),
    ("09d32a595d", 35319373620900027572135405357658761647, -1202164212849983043, "09d32a595d"),
    ("41f4b3e59247", 4920065910298899415534030366001939759, -3246720259103567027, "41f4b3e59247"),
    (
        "05194bb55dcab3",
        106259302463969191182051025724961611774,
        -8097506793386224149,
        "05194bb55dcab3",
    ),
    (
        "0016175aa147e1f3",
        96718074684432439049455934561094939235,
        -8660161314456950563,
        "0016175aa147e1f3",
    ),
    (
        "e98ee81edf7fae40bf",
        124203071820042210255813953686087547271,
        -1216583367601268625,
        "e98ee81edf7fae40bf",
    ),
    (
        "fced52b202e34d15e5c4",
        135093132015549820470815585364871960785,
        -6948717619686081326,
        "fced52b202e34d15e5c4",
    ),
    (
        "166fc2edcea4fb1b65e240",
        45937731096772703850024167067867137341,
        1327863885544025403,
        "166fc2edcea4fb1b65e240",
    ),
    (
        "e944b31d0705e6c8b71cf8bd",
        42869088458597147453623634871768612342,
        -5201563575873680068,
        "e944b31d0705e6c8b71cf8bd",
    ),
    (
        "fc97c696693058b22edd1479f1",
        146570041364159249911293680771681272390,
        7018717777555900735,
        "fc97c696693058b22edd1479f1",
    ),
    (
        "e1c82141a6a46d99364cf461b317",
        130142028978311436107877624200493630134,
        -8927350919640485109,
        "e1c82141a6a46d99364cf461b317",
    ),
    (
        "ee614cc5a74b029f8f814e38d93995",
        40214265811200967984549049976419753761,
        -8672513694880236169,
        "ee614cc5a74b029f8f814e38d93995",
    ),
    (
        "94aa2150847891d75da8ddddc46434af",
        124122017848837062488822969107905519928,
        7241390637961018802,
        "94aa2150847891d75da8ddddc46434af",
    ),
    (
        "eb50781ae04364f9b3a3f3707eab79470b",
        98332936633483301391243378591486648139,
        -8473649171146239693,
        "eb50781ae04364f9b3a3f3707eab79470b",
    ),
    (
        "b66c499800da641a22a420ee9989ec985901",
        111443254189123948493147464661667078438,
        -6266990678006617371,
        "b66c499800da641a22a420ee9989ec985901",
    ),
    (
        "c9c38fbf7ae22a00a4174c64b5144dc69831c2",
        131302048141180420853873233517292305148,
        -864862601281902149,
        "c9c38fbf7ae22a00a4174c64b5144dc69831c2",
    ),
    (
        "e9f8c7dcb1c3a276da03c5c5347dd8728b234273",
        144303804634305621562138437811321405946,
        6698325292623534865,
        "e9f8c7dcb1c3a276da03c5c5347dd8728b234273",
    ),
    (
        "149eb6e9bb0ff5f4111a021c9a0168a981181c9a32",
        23565927434707549127825357445975071635,
        7863233807301674510,
        "149eb6e9bb0ff5f4111a021c9a0168a981181c9a32",
    ),
    (
        "09395a3213018ebde232b69b463dffe94c73ba9c9960",
        129654429252008816657975842261938906266,
        -6219861498556749407,
        "09395a3213018ebde232b69b463dffe94c73ba9c9960",
    ),
    (
        "6a214cc7b067f90295b0180a98eba8fce9bf8a819b01f5",
        49909914443616601849089607508405540868,
        -526369583377344094,
        "6a214cc7b067f90295b0180a98eba8fce9bf8a819b01f5",
    ),
]


@pytest.mark.parametrize(("key", "md5", "murmur", "ordered"), VECTORS)
def test_tokens_are_those_of_the_server(key, md5, murmur, ordered):
    raw = bytes.fromhex(key)
    assert MD5Token.from_key(raw) == MD5Token(md5) == MD5Token.from_string(str(md5))
    assert Murmur3Token.from_key(raw) == Murmur3Token(murmur)
    assert Murmur3Token.from_string(str(murmur)).value == murmur
    assert BytesToken.from_key(raw) == BytesToken.from_string(ordered) == BytesToken(raw)


def test_the_reserved_hash_becomes_the_highest_token(monkeypatch):
    monkeypatch.setattr(tokens, "murmur3", lambda key: MIN_LONG)
    assert Murmur3Token.from_key(b"any") == Murmur3Token(MAX_LONG)


def test_the_ends_of_the_ring():
    assert (MIN_LONG, MAX_LONG) == (-(2**63), 2**63 - 1)
    assert MD5Token(abs(-(2**127))).value == 2**127


@pytest.mark.parametrize("kind", [Murmur3Token, MD5Token])
def test_number_tokens_are_ordered_by_their_number(kind):
    ring = [kind(n) for n in (-5, 0, 3, 7)]
    shuffled = random.Random(1).sample(ring, k=len(ring))
    assert sorted(shuffled) == ring
    assert kind(1) < kind(2) <= kind(2) < kind(3)
    assert kind(3) > kind(2) >= kind(2)
    assert kind(2) != kind(3)
    assert not kind(2) < kind(2)
    assert not kind(2) > kind(2)


def test_byte_tokens_are_ordered_by_unsigned_bytes():
    ring = [BytesToken(b) for b in (b"", b"\x00", b"a", b"a\x00", b"\x7f", b"\x80", b"\xff")]
    assert sorted([*ring[3:], *ring[:3]]) == ring


def test_equal_tokens_are_one_key_of_a_dict():
    assert len({Murmur3Token(1), Murmur3Token("1"), Murmur3Token.from_string(" 1")}) == 1


def test_tokens_of_different_partitioners_do_not_compare():
    assert Murmur3Token(1) != MD5Token(1)
    assert Murmur3Token(1) != 1
    for compare in (
        lambda: Murmur3Token(1) < MD5Token(2),
        lambda: Murmur3Token(1) <= MD5Token(2),
        lambda: Murmur3Token(1) > MD5Token(2),
        lambda: Murmur3Token(1) >= BytesToken(b""),
    ):
        with pytest.raises(TypeError):
            compare()


@pytest.mark.parametrize(
    ("kind", "text"),
    [(Murmur3Token, ""), (Murmur3Token, "x"), (MD5Token, "1.5"), (BytesToken, "zz")],
)
def test_a_token_that_cannot_be_read_is_a_value_error(kind, text):
    with pytest.raises(ValueError, match=r".+"):
        kind.from_string(text)


@pytest.mark.parametrize("kind", [Token, HashToken])
def test_the_abstract_classes_cannot_hash(kind):
    with pytest.raises(NotImplementedError, match="subclasses"):
        kind.from_key(b"k")
    with pytest.raises(NotImplementedError, match="subclasses"):
        Token.from_string("1")


def test_tokens_show_their_value_and_can_be_pickled():
    token = Murmur3Token(5)
    assert repr(token) == str(token) == "Murmur3Token(5)"
    assert pickle.loads(pickle.dumps(token)) == token


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("org.apache.cassandra.dht.Murmur3Partitioner", Murmur3Token),
        ("Murmur3Partitioner", Murmur3Token),
        ("org.apache.cassandra.dht.RandomPartitioner", MD5Token),
        ("ByteOrderedPartitioner", BytesToken),
        ("org.apache.cassandra.dht.LocalPartitioner", None),
        ("com.example.Own", None),
        ("", None),
        (None, None),
    ],
)
def test_the_class_goes_by_the_partitioner(name, kind):
    assert token_class(name) is kind


def test_one_component_is_the_key_itself():
    assert composite_key([b"abc"]) == b"abc"
    assert composite_key([b""]) == b""
    assert composite_key([b"x" * 70_000]) == b"x" * 70_000


def test_several_components_are_framed():
    assert composite_key([b"ab", b""]) == b"\x00\x02ab\x00\x00\x00\x00"
    assert composite_key((b"x" * 65_535, b"y"))[:2] == b"\xff\xff"


def test_a_component_must_fit_its_length_field():
    with pytest.raises(ValueOutOfRange, match=r"component 1 .* 65536 bytes"):
        composite_key([b"a", b"x" * 65_536])
    with pytest.raises(ValueOutOfRange, match="at least one"):
        composite_key([])


@pytest.mark.parametrize("wrong", [None, "text", 5])
@pytest.mark.parametrize("others", [[], [b"a"]])
def test_a_component_must_be_bytes(others, wrong):
    with pytest.raises(InvalidValueType, match="null nor unset"):
        composite_key([*others, wrong])


@given(st.lists(st.binary(max_size=300), min_size=2, max_size=5))
def test_components_can_be_taken_apart_again(components):
    key = composite_key(components)
    found = []
    while key:
        size = int.from_bytes(key[:2], "big")
        found.append(key[2 : 2 + size])
        assert key[2 + size] == 0
        key = key[3 + size :]
    assert found == components
