"""By which rights we get in, and what is said when a right is missing, wrong or contradicts another."""

import base64
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from streams import SourceError
from streams.kafka import KafkaConfig, KafkaPartition
from streams.kafka import client as module
from streams.kafka.rights import Rights, options_of
from tests.real.broker import PASSWORD, USER, Broker

CANARY = "canary-7a81"
PAST, FUTURE = 1_600_000_000, 4_000_000_000  # Unix seconds


@pytest.fixture
def password(tmp_path: Path) -> str:
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    return str(tmp_path / "password")


def bearer(subject: str, until: int) -> str:
    """An unsigned token, which the broker of tests believes."""
    parts = ({"alg": "none"}, {"sub": subject, "iat": PAST, "exp": until})
    return "".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") + "." for part in parts)


def read(config: KafkaConfig) -> list[bytes]:
    source = KafkaPartition(config, 0)
    values: list[bytes] = []
    while not source.finished:
        values += [record.raw for record in source.next_batch(100)]
    source.close()
    return values


def secure(broker: Broker, **changed: Any) -> KafkaConfig:
    config = KafkaConfig((broker.secure_address,), "secret", tls=True, ca_file=str(broker.certificate))
    return msgspec.structs.replace(config, **changed)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWER_MS", 2_500)  # the client tries until then, however clear the refusal


@pytest.mark.slow
@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"])
def test_it_reads_over_tls_after_logging_in_by_a_password(kafka_broker: Broker, password: str, mechanism: Any) -> None:
    kafka_broker.publish("secret", [b"x"])
    config = secure(kafka_broker, username=USER, password_file=password, mechanism=mechanism)
    assert set(read(config)) == {b"x"}


@pytest.mark.slow
def test_a_token_is_read_again_for_every_connection(kafka_broker: Broker, tmp_path: Path, impatient: None) -> None:
    kafka_broker.publish("secret", [b"x"])
    token = tmp_path / "token"
    config = secure(kafka_broker, mechanism="OAUTHBEARER", token_file=str(token))
    token.write_text(bearer(USER, FUTURE) + "\n")
    assert set(read(config)) == {b"x"}
    provider = options_of(config)["sasl_oauth_token_provider"]
    token.write_text(bearer(CANARY, PAST + 60))
    assert provider.token() == token.read_text()  # type: ignore[attr-defined]
    with pytest.raises(SourceError, match="no Kafka server answers") as refused:
        read(config)
    assert token.read_text() not in str(refused.value)


@pytest.mark.slow
def test_a_certificate_of_ours_lets_us_in_and_none_does_not(kafka_broker: Broker, impatient: None) -> None:
    kafka_broker.publish("secret", [b"x"])
    shown = {"certificate_file": str(kafka_broker.client_certificate), "key_file": str(kafka_broker.client_key)}
    config = secure(kafka_broker, servers=(kafka_broker.mutual_address,))
    assert set(read(msgspec.structs.replace(config, **shown))) == {b"x"}
    with pytest.raises(SourceError, match="no Kafka server answers"):
        read(config)


@pytest.mark.slow
def test_a_wrong_password_and_a_wrong_certificate_are_said_and_the_password_is_not(
    kafka_broker: Broker, tmp_path: Path, password: str, impatient: None
) -> None:
    (tmp_path / "wrong").write_text(f"{CANARY}\n")
    right = secure(kafka_broker, username=USER, password_file=password)
    for mechanism in ("SCRAM-SHA-512", "PLAIN"):
        with pytest.raises(SourceError, match=r"(?i)invalid (credentials|username)|a wrong password") as refused:
            read(msgspec.structs.replace(right, password_file=str(tmp_path / "wrong"), mechanism=mechanism))
        assert CANARY not in str(refused.value)
    with pytest.raises(SourceError, match="certificate verify failed"):
        read(msgspec.structs.replace(right, ca_file=None))
    with pytest.raises(SourceError, match=r"no Kafka server answers"):
        read(msgspec.structs.replace(right, tls=False, username=None, password_file=None))


LOGIN = {"tls": True, "username": "u", "password_file": "password"}
TOKEN = {"tls": True, "mechanism": "OAUTHBEARER", "token_file": "token"}
REFUSED = [
    (LOGIN | {"tls": False}, r"a password is never sent in the clear"),
    (LOGIN | {"tls": False, "mechanism": "PLAIN"}, r"a password is never sent in the clear"),
    (LOGIN | {"password_file": None}, r"source\.kafka\.password_file"),
    (LOGIN | {"username": None}, r"source\.kafka\.username"),
    (LOGIN | {"password_file": "nowhere"}, r"nowhere: the password cannot be read"),
    (TOKEN | {"tls": False}, r"a token is never sent in the clear"),
    (TOKEN | {"token_file": None}, r"source\.kafka\.token_file"),
    (TOKEN | {"mechanism": "PLAIN"}, r"mechanism to OAUTHBEARER"),
    (TOKEN | {"username": "u"}, r"take out source\.kafka\.username"),
    (TOKEN | {"token_file": "nowhere"}, r"nowhere: the token cannot be read"),
    (TOKEN | {"token_file": "odd"}, r"odd: the first line is no bearer token"),
    ({"certificate_file": "a", "key_file": "b"}, r"to show a certificate set source\.kafka\.tls"),
    ({"tls": True, "certificate_file": "odd"}, r"belong together"),
    ({"tls": True, "key_file": "odd"}, r"belong together"),
    ({"tls": True, "certificate_file": "odd", "key_file": "odd"}, r"odd, .*odd: not a certificate in PEM"),
    ({"tls": True, "ca_file": "odd"}, r"odd: holds no certificate of an authority"),
    ({"tls": True, "ca_file": "nowhere"}, r"nowhere: holds no certificate of an authority"),
]


@pytest.mark.parametrize(("rights", "words"), REFUSED)
def test_what_is_missing_or_contradicts_is_said_before_anything_is_sent(
    rights: Mapping[str, Any], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("password").write_text(f"{CANARY}\n")
    Path("token").write_text(f"{CANARY}\n")
    Path("odd").write_text(f"{CANARY} \u00e9\x01auth\n")
    with pytest.raises(SourceError, match=words) as refused:
        options_of(Rights(**rights))
    assert CANARY not in str(refused.value)


def test_nothing_asked_for_is_nothing_set() -> None:
    assert options_of(Rights()) == {}


def test_the_client_is_not_heard_where_it_would_write_passwords() -> None:
    assert not logging.getLogger("kafka.net.connection").isEnabledFor(logging.DEBUG)
