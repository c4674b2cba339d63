"""A real Apache Kafka broker in KRaft mode, for tests: from Maven Central, on free loopback ports, data in a folder."""

import fcntl
import json
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import Final

import pytest
from kafka import KafkaAdminClient, KafkaProducer
from kafka.errors import KafkaError, TopicAlreadyExistsError

from tests.real.frozen import frozen

POM: Final = Path(__file__).with_name("pom.xml")
HOME: Final = Path(__file__).parents[2] / ".venv" / "kafka"
COPY: Final = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
JAVA: Final = ("java", "-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
CLUSTER: Final = "innerwatch-tests-0000A"
USER: Final = "innerwatch"
PASSWORD: Final = "secret-of-the-tests"
START_S: Final = 60.0

PROPERTIES: Final = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{port},SASL_SSL://127.0.0.1:{secure},MUTUAL://127.0.0.1:{mutual},\
CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},SASL_SSL://127.0.0.1:{secure},MUTUAL://127.0.0.1:{mutual}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,MUTUAL:SSL,CONTROLLER:PLAINTEXT
sasl.enabled.mechanisms=SCRAM-SHA-512,SCRAM-SHA-256,PLAIN,OAUTHBEARER
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \
user_{user}="{password}";
listener.name.sasl_ssl.oauthbearer.sasl.jaas.config=\
org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";
listener.name.mutual.ssl.client.auth=required
listener.name.mutual.ssl.truststore.type=PEM
listener.name.mutual.ssl.truststore.location={trusted}
ssl.keystore.type=PEM
ssl.keystore.location={keys}
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
"""


class Broker:
    """One broker; ``start`` and ``kill`` as often as wanted, the data stay.

    Args:
        folder: for its configuration, its log and its data.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._classpath = classpath()
        self._process: subprocess.Popen[bytes] | None = None
        self.certificate = folder / "broker.pem"
        self.client_certificate, self.client_key = folder / "client.pem", folder / "client.key"
        self.port, self._secure_port, self._mutual_port, controller = free_ports(4)
        keys = folder / "broker.keys"
        self._make_certificates(keys)
        ports = {"port": self.port, "secure": self._secure_port, "mutual": self._mutual_port, "controller": controller}
        files = {"keys": keys, "trusted": self.client_certificate, "data": folder / "data"}
        text = PROPERTIES.format(**ports, **files, user=USER, password=PASSWORD)
        (folder / "server.properties").write_text(text, "utf-8")
        shutil.copytree(formatted(), folder / "data")

    @property
    def address(self) -> str:
        """Where clients reach it."""
        return f"127.0.0.1:{self.port}"

    @property
    def secure_address(self) -> str:
        """Where ``USER`` reaches it by TLS and a log-in; its certificate, in ``certificate``, signs itself."""
        return f"127.0.0.1:{self._secure_port}"

    @property
    def mutual_address(self) -> str:
        """Where only the holder of ``client_key`` reaches it, by ``client_certificate``."""
        return f"127.0.0.1:{self._mutual_port}"

    @property
    def pid(self) -> int:
        """Its process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it answers."""
        with (self._folder / "broker.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*JAVA, "-cp", self._classpath, "kafka.Kafka", self._folder / "server.properties"],
                stdout=log,
                stderr=log,
            )
        self._wait()

    def publish(
        self,
        topic: str,
        values: Sequence[bytes | None],
        partitions: int = 1,
        partition: int = 0,
        compression: str = "lz4",
    ) -> None:
        """Make the topic if there is none, and append the values to one partition, keyed by their actors."""
        self.send(topic, [(actor_of(value), value, []) for value in values], partitions, partition, compression)

    def send(
        self,
        topic: str,
        messages: Iterable[tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]],
        partitions: int = 1,
        partition: int | None = None,
        compression: str = "lz4",
    ) -> None:
        """Make the topic if there is none, and append messages of key, value and headers where keys belong."""
        admin = KafkaAdminClient(bootstrap_servers=self.address)
        with suppress(TopicAlreadyExistsError):
            admin.create_topics({topic: {"num_partitions": partitions, "replication_factor": 1}})
        admin.close()
        producer = KafkaProducer(
            bootstrap_servers=self.address, linger_ms=20, compression_type=compression, max_request_size=4 << 20
        )
        for key, value, headers in messages:
            producer.send(topic, value, key, headers, partition)
        producer.flush()
        producer.close()

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Let it hang: connections stay, and nothing is answered. Afterwards it serves again."""
        with frozen(self.pid):
            yield
        self._wait()

    def _make_certificates(self, keys: Path) -> None:
        key = self._folder / "broker.key"
        _make_certificate("broker", key, self.certificate, "-addext", "subjectAltName=IP:127.0.0.1")
        keys.write_bytes(key.read_bytes() + self.certificate.read_bytes())
        _make_certificate(USER, self.client_key, self.client_certificate)

    def _wait(self) -> None:
        until = time.monotonic() + START_S
        while not self._serves():
            if self._process is None or self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"the broker does not serve: {(self._folder / 'broker.log').read_text()[-2_000:]}")
            time.sleep(0.1)

    def _serves(self) -> bool:
        """Whether it answers, and its controller takes it for alive: one that hung is fenced for a moment."""
        with socket.socket() as probe:
            probe.settimeout(0.2)
            if probe.connect_ex(("127.0.0.1", self.port)) != 0:
                return False
        try:
            with closing(KafkaAdminClient(bootstrap_servers=self.address)) as admin:
                return bool(admin.describe_cluster()["brokers"])
        except KafkaError:
            return False


def actor_of(value: bytes | None) -> bytes:
    """The id of the actor of an event, "key" for what is none."""
    try:
        return str(json.loads(value or b"")["actor"]["id"]).encode()
    except (ValueError, TypeError, KeyError):
        return b"key"


@contextmanager
def running_broker(folder: Path) -> Iterator[Broker]:
    """A broker that runs until the block ends."""
    broker = Broker(folder)
    try:
        broker.start()
        yield broker
    finally:
        broker.kill()


def jars() -> Path:
    """The folder of the broker's jars, fetched on first use."""
    if shutil.which("mvn") is None or shutil.which("java") is None:
        pytest.skip("needs a Kafka broker, whose jars Maven fetches and Java 17 runs; install both")

    def fetch(folder: Path) -> None:
        command = ["mvn", "-q", "-B", "-f", POM, COPY, "-DincludeScope=runtime", f"-DoutputDirectory={folder}"]
        subprocess.run(command, check=True, capture_output=True, cwd=HOME)

    return _made_once(_digest(POM.read_text("utf-8")), fetch)


def classpath() -> str:
    """Where Java finds the broker."""
    return f"{jars()}/*"


def formatted() -> Path:
    """The data of a broker that has not started yet, made on first use; every broker begins with a copy."""
    java = [*JAVA, "-cp", classpath(), "kafka.tools.StorageTool"]
    user = [f"{mechanism}=[name={USER},password={PASSWORD}]" for mechanism in ("SCRAM-SHA-512", "SCRAM-SHA-256")]
    users = [word for one in user for word in ("--add-scram", one)]

    def make(folder: Path) -> None:
        folder.mkdir()
        nowhere = {"port": 1, "secure": 2, "mutual": 3, "controller": 4}
        text = PROPERTIES.format(**nowhere, keys="", trusted="", data=folder, user=USER, password=PASSWORD)
        with tempfile.NamedTemporaryFile("w", suffix=".properties") as file:
            file.write(text)
            file.flush()
            subprocess.run([*java, "format", "-t", CLUSTER, "-c", file.name, *users], check=True, capture_output=True)

    return _made_once(_digest(POM.read_text("utf-8"), PROPERTIES, *users), make)


def _digest(*texts: str) -> str:
    return blake2b("\0".join(texts).encode(), digest_size=6).hexdigest()


def _made_once(name: str, make: Callable[[Path], None]) -> Path:
    """The folder of that name that was made on first use; safe for several test processes at once."""
    folder = HOME / name
    HOME.mkdir(parents=True, exist_ok=True)
    with (HOME / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            draft = folder.with_suffix(".draft")
            shutil.rmtree(draft, ignore_errors=True)
            make(draft)
            draft.rename(folder)
    return folder


def _make_certificate(name: str, key: Path, certificate: Path, *more: str) -> None:
    """A key and a certificate that signs itself."""
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-days", "30", "-nodes", "-subj", f"/CN={name}"]
    command = ["openssl", "req", "-x509", *kind, "-keyout", key, "-out", certificate, *more]
    subprocess.run(command, check=True, capture_output=True)


def free_ports(count: int) -> list[int]:
    """That many loopback ports that nobody listens on."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()
