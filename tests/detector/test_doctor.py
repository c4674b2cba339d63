"""The doctor finds each fault that was made for it, says what to do, and changes nothing."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from alerts.bundles import Deed
from alerts.registry import Registry
from detector import app
from detector.app import key_path, replay
from detector.config import MetricsConfig
from detector.doctor import LOOKS, examined
from detector.endpoint import served
from detector.examination import Check, Grade
from detector.home import STORE
from detector.metrics import Metrics
from streams import Tokens
from tests.alerts.receivers.fakes.server import CANARY
from tests.alerts.receivers.fakes.webhook import Fake
from tests.detector.bundling import act, add, signer_in
from tests.detector.small import KEY, SmallLog
from tests.detector.test_cli import home, innerwatch  # noqa: F401 - a fixture
from tests.detector.test_cli_db import older
from tests.real.broker import Broker, free_ports
from tests.real.postgres import PASSWORD, Postgres

WEBHOOK = """
[delivery.receivers.soc]
kind = "webhook"
url = "{url}"
secret_file = "{secret}"
allow_plain = true
allow_networks = {networks}
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with everything that a configuration there may name, in order."""
    (tmp_path / "events.jsonl").touch()
    (tmp_path / "roster.csv").write_text("id,role\nE1,claims_adjuster\n")
    secret(tmp_path / "key", KEY.hex())
    return tmp_path


def secret(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(f"{text}\n")
    path.chmod(mode)
    return path


def written(
    site: Path, more: str = "", source: str = 'paths = ["events.jsonl"]', state: str = "folder = 'state'"
) -> Path:
    file = site / "innerwatch.toml"
    (port,) = free_ports(1)
    metrics = "" if "[metrics]" in more else f"[metrics]\nport = {port}\ndeliver_port = 0\n"
    head = f"[source]\n{source}\n[state]\n{state}\n[privacy]\nkey_file = 'key'\n{metrics}"
    file.write_text(f"{head}{more}")
    return file


def of(checks: list[Check], name: str) -> list[tuple[Grade, str]]:
    return [(check.grade, check.words) for check in checks if check.name == name]


def seen(file: Path, name: str, ahead_s: float = 0.0) -> list[tuple[Grade, str]]:
    return of(list(examined(file, key_path, lambda: app.now() + ahead_s)), name)


def one(file: Path, name: str) -> tuple[Grade, str]:
    (found,) = seen(file, name)
    return found


def test_what_is_in_order_is_said_to_be_and_nothing_is_changed(site: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = written(site, "[context]\nroster = 'roster.csv'\n")
    before = {path: path.stat().st_mtime_ns for path in site.rglob("*")}
    assert innerwatch("doctor", "--config", file) == 0
    out, err = capfd.readouterr()
    assert err == ""
    assert {line.partition("  ")[0] for line in out.splitlines()} == {"OK"}
    assert {path: path.stat().st_mtime_ns for path in site.rglob("*")} == before


def test_it_ends_with_1_and_its_json_is_data(site: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = written(site, source='paths = ["nowhere.jsonl"]')
    assert innerwatch("doctor", "--config", file) == 1
    out, err = capfd.readouterr()
    assert f"FAIL  source: source.paths: {site}/nowhere.jsonl: not there; check the path and its rights\n" in out
    assert err.endswith("must be mended before a run\n")
    assert innerwatch("doctor", "--config", file, "--json") == 1
    told = json.loads(capfd.readouterr().out)
    assert {"name": "source", "grade": "fail"} in [{k: one[k] for k in ("name", "grade")} for one in told]
    assert all(one.keys() == {"name", "grade", "words"} for one in told)


def test_a_configuration_that_cannot_be_read_is_all_there_is_to_say(site: Path) -> None:
    file = written(site, "[risk]\nbudgte = 3\n")
    (check,) = examined(file, key_path, app.now)
    assert (check.name, check.grade) == ("configuration", Grade.FAIL)
    assert "unknown key 'risk.budgte'" in check.words


def test_the_key_is_there_whole_and_its_owner_s_alone(site: Path) -> None:
    file = written(site)
    assert one(file, "key")[0] is Grade.OK
    (site / "key").chmod(0o644)
    assert one(file, "key") == (
        Grade.FAIL,
        f"token key {site}/key: others can reach it (mode 0644); run chmod 600 on it",
    )
    secret(site / "key", "abcd")
    assert "2 bytes, but 32 to 64 are needed" in one(file, "key")[1]
    (site / "key").unlink()
    assert one(file, "key")[0] is Grade.WARN
    (site / "state").mkdir(0o700)
    (site / "state" / "000000000001-000001.state").touch()
    grade, words = one(file, "key")
    assert grade is Grade.FAIL
    assert "restore it" in words
    assert not (site / "key").exists()


def test_secrets_can_be_read_and_not_by_others(site: Path) -> None:
    login = "[source.kafka]\ntls = true\nusername = 'x'\npassword_file = 'kafka.password'\n"
    file = written(site, login)
    assert one(file, "secrets") == (
        Grade.FAIL,
        f"source.kafka.password_file: {site}/kafka.password: not there; give a file with the secret alone",
    )
    secret(site / "kafka.password", CANARY, 0o604)
    grade, words = one(file, "secrets")
    assert grade is Grade.FAIL
    assert "others can reach it (mode 0604)" in words
    (site / "kafka.password").chmod(0o440)
    assert one(file, "secrets")[0] is Grade.OK
    assert CANARY not in str(list(examined(file, key_path, app.now)))


def certificate(path: Path, *days: float) -> None:
    """Certificates in one file, each valid for so many days from now."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.fromtimestamp(app.now(), UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "tests")])
    made = [
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=400))
        .not_valid_after(now + timedelta(days=one))
        .sign(key, hashes.SHA256())
        for one in days
    ]
    path.write_bytes(b"".join(one.public_bytes(serialization.Encoding.PEM) for one in made))


@pytest.mark.parametrize(
    ("days", "grade", "words"),
    [
        ((90, 60), Grade.OK, "valid until"),
        ((90, 29), Grade.WARN, "days from now; renew it"),
        ((90, -1), Grade.FAIL, "which is over; renew it"),
        ((), Grade.FAIL, "holds no certificate"),
    ],
)
def test_certificates_that_end_are_said(site: Path, days: tuple[float, ...], grade: Grade, words: str) -> None:
    certificate(site / "kafka.pem", *days)
    secret(site / "kafka.key", "x")
    own = "[source.kafka]\ntls = true\ncertificate_file = 'kafka.pem'\nkey_file = 'kafka.key'\n"
    found, said = one(written(site, own), "certificates")
    assert found is grade
    assert words in said
    assert said.startswith(f"source.kafka.certificate_file: {site}/kafka.pem")


def test_of_several_authorities_one_that_is_valid_is_enough(site: Path) -> None:
    certificate(site / "ca.pem", -1, 90)
    receiver = WEBHOOK.format(url="https://x.example", secret="s", networks=[]) + "ca_file = 'ca.pem'\n"
    assert one(written(site, receiver), "certificates")[0] is Grade.OK
    certificate(site / "ca.pem", -1)
    url = f"database = 'postgresql://u@127.0.0.1:1/d?sslrootcert={site}/ca.pem'"
    found, said = one(written(site, state=url), "certificates")
    assert (found, said.partition(":")[0]) == (Grade.FAIL, "state.database sslrootcert")


def test_a_place_for_state_that_will_not_do_is_said(site: Path) -> None:
    assert "no state is kept" in one(written(site, state=""), "state")[1]
    file = written(site, state="folder = 'events.jsonl/state'")
    grade, words = one(file, "state")
    assert grade is Grade.FAIL
    assert f"{site}/events.jsonl is no folder" in words


def test_a_folder_of_state_has_room_and_is_its_owner_s_alone(site: Path) -> None:
    file, state = written(site), site / "state"
    state.mkdir(0o755)
    state.chmod(0o755)
    assert [grade for grade, _ in seen(file, "state")] == [Grade.WARN, Grade.OK]
    state.chmod(0o700)
    free = os.statvfs(state).f_bavail * os.statvfs(state).f_frsize
    snapshot = state / "000000000001-000001.state"
    snapshot.touch()
    os.truncate(snapshot, free // 4)  # sparse: it takes no room, but says so
    assert one(file, "state")[0] is Grade.WARN
    os.truncate(snapshot, 2 * free)
    grade, words = one(file, "state")
    assert grade is Grade.FAIL
    assert "the next checkpoint does not fit" in words


@pytest.fixture
def judged(site: Path, small_log: SmallLog) -> Path:
    """A configuration whose state a replay has filled."""
    replay(small_log.config(state={"folder": str(site / "state")}), Tokens(KEY), site / "unused")
    return written(site)


def test_a_database_that_will_not_do_is_said(judged: Path, site: Path) -> None:
    assert one(judged, "database")[0] is Grade.OK
    older(site / "state")
    grade, words = one(judged, "database")
    assert grade is Grade.FAIL
    assert "run innerwatch db upgrade" in words
    (site / "state" / STORE).write_bytes(b"no database " * 1000)
    assert "not a database" in one(judged, "database")[1]
    (site / "state" / STORE).unlink()
    assert "the first run makes it" in one(judged, "database")[1]


def test_damaged_snapshots_are_said(judged: Path, site: Path) -> None:
    assert one(judged, "snapshots")[0] is Grade.OK
    former, newest = sorted((site / "state").glob("*.state"))
    newest.write_bytes(newest.read_bytes()[:-1])
    grade, words = one(judged, "snapshots")
    assert grade is Grade.WARN
    assert "goes on from the one before" in words
    former.unlink()
    assert one(judged, "snapshots")[0] is Grade.FAIL


def test_context_files_can_be_read_and_are_not_old(site: Path) -> None:
    file = written(site, "[context]\nroster = 'roster.csv'\n")
    assert [grade for grade, _ in seen(file, "context")] == [Grade.OK, Grade.OK]
    long_ago = app.now() - 40 * 86_400
    os.utime(site / "roster.csv", (long_ago, long_ago))
    assert [grade for grade, _ in seen(file, "context")] == [Grade.OK, Grade.WARN]
    (site / "roster.csv").write_text("id,shift\nE1,always\n")
    assert one(file, "context")[0] is Grade.FAIL
    (site / "roster.csv").unlink()
    assert one(file, "context")[0] is Grade.FAIL


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which somebody else listens and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_port_that_is_taken_is_said_unless_it_is_our_own(
    site: Path, taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("detector.probe.ANSWER_S", 0.2)
    grade, words = one(written(site, f"[metrics]\nport = {taken}\n"), "metrics")
    assert grade is Grade.FAIL
    assert "taken by another program" in words
    for wrong, expected in (("", Grade.OK), ("no round for 300 s", Grade.WARN)):
        with served(MetricsConfig(port=0), Metrics().registry, lambda wrong=wrong: wrong, str) as port:
            grade, words = one(written(site, f"[metrics]\nport = {port}\n"), "metrics")
        assert grade is expected
        assert words.endswith(wrong or "ok")


def test_the_port_of_delivery_is_looked_at_where_there_is_somebody_to_tell(
    site: Path, taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("detector.probe.ANSWER_S", 0.2)
    metrics = f"[metrics]\nport = 0\ndeliver_port = {taken}\n"
    assert seen(written(site, metrics), "metrics") == []
    told = '[delivery.receivers.soc]\nkind = "syslog"\nhost = "127.0.0.1"\ntransport = "udp"\n'
    grade, words = one(written(site, metrics + told), "metrics")
    assert grade is Grade.FAIL
    assert words.startswith(f"metrics.deliver_port {taken} on 127.0.0.1 is taken")


def test_receivers_are_reached_and_told_nothing(site: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    with closing(Fake(tmp_path_factory.mktemp("soc"))) as fake:
        fake.secret_file.chmod(0o600)
        facts: dict[str, Any] = {
            "url": fake.url,
            "secret": fake.settings()["secret_file"],
            "networks": '["127.0.0.0/8"]',
        }
        file = written(site, WEBHOOK.format(**facts))
        assert one(file, "receivers")[0] is Grade.OK
        assert "allow_networks" in one(written(site, WEBHOOK.format(**facts | {"networks": "[]"})), "receivers")[1]
        assert "no kind" in one(written(site, WEBHOOK.format(**facts).replace('"webhook"', '"pigeon"')), "receivers")[1]
        assert fake.requests == []
    (port,) = free_ports(1)
    gone = one(written(site, WEBHOOK.format(**facts | {"url": f"http://127.0.0.1:{port}"})), "receivers")
    assert gone[0] is Grade.FAIL
    assert "soc cannot be reached (127.0.0.1: Connection refused)" in gone[1]
    assert fake.secret() not in str(list(examined(file, key_path, app.now)))


def test_a_broker_that_does_not_answer_is_said(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.kafka.client.ANSWER_MS", 300)
    (port,) = free_ports(1)
    grade, words = one(written(site, source=f'kafka = {{ servers = ["127.0.0.1:{port}"] }}'), "broker")
    assert grade is Grade.FAIL
    assert f"no Kafka server answers at 127.0.0.1:{port}" in words


@pytest.mark.slow
def test_topics_are_as_they_must_be(site: Path, kafka_broker: Broker) -> None:
    source = f'kafka = {{ servers = ["{kafka_broker.address}"], topic = "doctored" }}'
    file = written(site, "[topics]\nalerts = 'doctored.alerts'\n", source)
    assert [grade for grade, _ in seen(file, "broker")] == [Grade.FAIL, Grade.FAIL]
    assert innerwatch("topics", "create", "--config", file) == 0
    assert {grade for grade, _ in seen(file, "broker")} == {Grade.WARN}  # there is one copy


@pytest.mark.slow
def test_a_server_of_the_database_answers_lets_us_in_and_has_our_time(
    site: Path, postgres: Postgres, postgres_url: str
) -> None:
    secret(site / "right", PASSWORD)
    secret(site / "wrong", CANARY)
    state = "database = '{}'\npassword_file = '{}'"
    file = written(site, state=state.format(postgres_url, "right"))
    assert next(words for _, words in seen(file, "database")).endswith("the first run makes its tables")
    assert [grade for grade, _ in seen(file, "database", ahead_s=90.0)] == [Grade.OK, Grade.WARN]
    assert "behind this machine's; let both follow one time server" in seen(file, "database", ahead_s=90.0)[1][1]
    refused = one(written(site, state=state.format(postgres_url, "wrong")), "database")
    assert refused[0] is Grade.FAIL
    assert "refuses the log-in" in refused[1]
    (port,) = free_ports(1)
    gone = one(written(site, state=state.format(f"postgresql://u@127.0.0.1:{port}/d", "right")), "database")
    assert gone[0] is Grade.FAIL
    assert "cannot be reached" in gone[1]
    assert PASSWORD not in refused[1] + gone[1]
    assert CANARY not in refused[1] + gone[1]


def test_probe_asks_the_process_that_runs(site: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with served(MetricsConfig(port=0), Metrics().registry, str, lambda: "no partition is assigned") as port:
        file = written(site, f"[metrics]\nport = {port}\n")
        assert innerwatch("probe", "--config", file) == 0
        assert innerwatch("probe", "--config", file, "--ready") == 1
        assert "no partition is assigned" in capfd.readouterr().err
    assert innerwatch("probe", "--config", file) == 1
    assert "no answer" in capfd.readouterr().err
    assert innerwatch("probe", "--config", file, "--port", port) == 1


def test_a_champion_that_a_run_would_refuse_is_found_before_it_starts(site: Path) -> None:
    signer = signer_in(site)
    file = written(site, '[bundles]\ntrusted_keys = ["training.key.pub"]\n')
    assert seen(file, "bundles") == []
    with closing(Registry(f"sqlite:///{site}/state/{STORE}")) as registry:
        made = datetime.fromtimestamp(app.now() - 3 * 86_400, UTC).isoformat()
        spring = add(registry, "spring", signer.seal("spring", created_at=made))
        summer = add(registry, "summer", signer.seal("summer", features="0" * 64))
        act(registry, Deed.PROMOTE, spring)
        act(registry, Deed.SHADOW, summer)
        (grade, words), (other, why) = seen(file, "bundles")
        assert (grade, words) == (Grade.OK, f"champion: spring ({spring[:12]}), trained 3 days ago")
        (grade, words), _ = seen(file, "bundles", ahead_s=180 * 86_400.0)
        assert (grade, words.partition(", ")[2]) == (Grade.WARN, "trained 183 days ago; train anew")
        assert other is Grade.WARN
        assert "the challenger is left out: bundle summer is refused" in why
        act(registry, Deed.PROMOTE, summer)
    grade, words = one(file, "bundles")
    assert grade is Grade.FAIL
    assert "the champion cannot judge here: bundle summer is refused" in words


def test_every_look_has_its_fault_here() -> None:
    source = Path(__file__).read_text()
    for name in LOOKS:
        assert f'"{name}"' in source
