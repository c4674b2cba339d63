"""A topic of the real broker, read as a consumer of alerts would; it is no fake but for its face."""

import json
from collections import deque
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar, Final

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition

from tests.alerts.receivers.fakes.server import Certificate, Fault
from tests.real.broker import PASSWORD, USER, Broker

PATIENCE_MS: Final = 10_000


class Fake:
    """An incident is what has an alert's id; of its messages the one with the highest revision counts, and the last."""

    broker: ClassVar[Broker]
    faults_known: ClassVar[frozenset[Fault]] = frozenset()
    """The broker is real: it is stopped, killed and filled in tests of its own."""
    resolves = True
    reasons: ClassVar[list[str]] = []
    made: ClassVar[int] = 0

    def __init__(self, folder: Path, certificate: Certificate | None = None) -> None:
        Fake.made += 1
        self._folder, self._known = folder, certificate is None  # else, whose certificate nobody knows
        self.topic = f"alerts-{Fake.made}"
        self.faults: deque[Fault] = deque()
        (folder / "secret").write_text(PASSWORD + "\n")
        with closing(KafkaAdminClient(bootstrap_servers=self.broker.address)) as admin:
            admin.create_topics({self.topic: {"num_partitions": 1, "replication_factor": 1}})

    def settings(self) -> dict[str, object]:
        trusted = {"ca_file": str(self.broker.certificate)} if self._known else {}
        login = {"username": USER, "password_file": str(self._folder / "secret")}
        return {"servers": [self.broker.secure_address], "topic": self.topic, "timeout_s": 5.0, **trusted, **login}

    def elsewhere(self, host: str) -> dict[str, object]:
        return {**self.settings(), "servers": [f"{host}:9093"], "timeout_s": 1.0}

    @property
    def requests(self) -> list[tuple[bytes | None, bytes, dict[str, bytes]]]:
        """Every message: key, value and headers."""
        place = TopicPartition(self.topic, 0)
        consumer = KafkaConsumer(bootstrap_servers=self.broker.address, auto_offset_reset="earliest")
        with closing(consumer):
            consumer.assign([place])
            end, found = consumer.end_offsets([place])[place], []
            consumer.seek_to_beginning(place)
            while consumer.position(place) < end:
                found += [one for many in consumer.poll(PATIENCE_MS).values() for one in many]
        return [(one.key, one.value, dict(one.headers)) for one in found]

    @property
    def incidents(self) -> dict[str, dict[str, bytes]]:
        latest: dict[str, dict[str, bytes]] = {}
        for _, _, headers in self.requests:
            alert_id = headers["alert_id"].decode()
            if alert_id not in latest or int(latest[alert_id]["revision"]) <= int(headers["revision"]):
                latest[alert_id] = headers
        return latest

    def resolved(self) -> set[str]:
        return {alert_id for alert_id, headers in self.incidents.items() if headers["phase"] == b"resolved"}

    def shown(self) -> list[str]:
        return [value.decode() for _, value, _ in self.requests]

    def marks_tests(self) -> bool:
        return all(headers.get("test") == b"true" for _, _, headers in self.requests)

    def secret(self) -> str:
        return PASSWORD

    def close(self) -> None:
        """The broker stays for the next."""


def values(fake: Fake) -> list[Any]:
    return [json.loads(value) for _, value, _ in fake.requests]
