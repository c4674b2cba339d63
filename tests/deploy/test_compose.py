"""The compose file is one by its specification, keeps the rules, and its commands run the real program."""

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from compose_spec import PyCompose
from kafka import KafkaProducer

from alerts.store import Store
from tests.deploy.image import ROOT, Image, last
from tests.deploy.processes import COMMANDS, answers, counted, ended, moved, running, serves_metrics, succeeds, until
from tests.deploy.test_container import VERSION
from tests.detector.small import SmallLog
from tests.real.broker import JAVA, actor_of, free_ports, jars
from tests.real.postgres import Postgres

FOLDER: Final = ROOT / "deploy"
COMPOSE: Final[dict[str, Any]] = yaml.safe_load((FOLDER / "compose.yml").read_text("utf-8"))
SERVICES: Final[dict[str, dict[str, Any]]] = COMPOSE["services"]
OURS: Final = [name for name, service in SERVICES.items() if service["image"].startswith("innerwatch:")]


def test_it_is_a_compose_file() -> None:
    PyCompose.from_json(json.dumps(COMPOSE)).to_spec()


def test_what_is_wanted_is_there() -> None:
    wanted = {"kafka", "postgres", "worker-1", "worker-2", "deliver", "api", "prometheus", "alertmanager", "grafana"}
    assert wanted <= SERVICES.keys()


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_bounded_pinned_and_may_not_gain_rights(name: str) -> None:
    service = SERVICES[name]
    assert service["deploy"]["resources"]["limits"].keys() >= {"cpus", "memory", "pids"}
    assert re.search(r":v?\d+\.\d+[\w.-]*$", service["image"])
    assert "no-new-privileges:true" in service["security_opt"]
    assert "privileged" not in service
    assert name == "pod" or service["healthcheck"], "whoever depends on it must know when it is there"
    assert name == "pod" or service["network_mode"] == "service:pod"


@pytest.mark.parametrize("name", OURS)
def test_our_services_run_the_image_as_it_is_meant(name: str) -> None:
    service = SERVICES[name]
    assert service["image"] == f"innerwatch:{VERSION}"
    assert service["user"] == last("USER").words
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["command"][0] in COMMANDS


def test_every_door_is_on_the_loopback_interface() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)
    for name in ("prometheus", "alertmanager"):
        assert any(word.startswith("--web.listen-address=127.0.0.1:") for word in SERVICES[name]["command"])


def test_secrets_are_files_and_nothing_else_is_secret() -> None:
    assert all(secret.keys() == {"file"} for secret in COMPOSE["secrets"].values())
    assert {name for service in SERVICES.values() for name in service.get("secrets", [])} == set(COMPOSE["secrets"])
    for service in SERVICES.values():
        for key, value in service.get("environment", {}).items():
            assert not re.search("PASSWORD|SECRET|TOKEN", key) or key.endswith("_FILE"), (key, value)
    named = re.findall(r"/run/secrets/(\w+)", (FOLDER / "compose" / "innerwatch.toml").read_text())
    assert set(named) <= set(COMPOSE["secrets"])


def test_files_that_are_mounted_are_there() -> None:
    binds = [
        volume for service in SERVICES.values() for volume in service.get("volumes", []) if volume.startswith("./")
    ]
    for bind in binds:
        source, _, mode = bind.split(":")
        assert mode == "ro"
        assert (FOLDER / source).exists(), source


def test_the_readme_s_secrets_are_those_that_are_named(tmp_path: Path) -> None:
    text = (FOLDER / "README.md").read_text("utf-8")
    (script,) = re.findall(r"```sh secrets\n(.*?)```", text, re.DOTALL)
    made = "\n".join(line for line in script.splitlines() if not line.startswith("chown"))  # users of other machines
    subprocess.run(["sh", "-e", "-c", made], cwd=tmp_path, check=True, capture_output=True)
    files = {path.name: path for path in (tmp_path / "deploy" / "secrets").iterdir()}
    assert {f"secrets/{name}" for name in files} == {secret["file"] for secret in COMPOSE["secrets"].values()}
    assert all(path.stat().st_mode & 0o077 == 0 and path.stat().st_size for path in files.values())
    assert set(re.findall(r"deploy/secrets/(\w+)", script[script.index("chown") :])) == set(files)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[str]:
    """A real broker with the settings that the service gives its image, which knows them by KAFKA_X_Y for x.y."""
    classpath, folder = f"{jars()}/*", tmp_path / "broker"
    folder.mkdir()
    port, controller = free_ports(2)
    cluster = SERVICES["kafka"]["environment"]["CLUSTER_ID"]
    given = {key: value for key, value in SERVICES["kafka"]["environment"].items() if key.startswith("KAFKA_")}
    del given["KAFKA_HEAP_OPTS"]
    given["KAFKA_LOG_DIRS"] = str(folder / "data")
    lines = [f"{key.removeprefix('KAFKA_').lower().replace('_', '.')}={value}" for key, value in given.items()]
    text = "\n".join([*lines, "group.initial.rebalance.delay.ms=0", ""]).replace(":9192", f":{controller}")
    text = text.replace("127.0.0.1:9092", f"127.0.0.1:{port}").replace("://:9092", f"://127.0.0.1:{port}")
    properties = folder / "server.properties"
    properties.write_text(text)
    form = [*JAVA, "-cp", classpath, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(properties)]
    subprocess.run(form, check=True, capture_output=True)
    with running([*JAVA, "-cp", classpath, "kafka.Kafka", str(properties)], folder / "log") as process:
        until(lambda: answers(port) or process.poll() is not None, "the broker")
        assert process.poll() is None, (folder / "log").read_text()[-2_000:]
        yield f"127.0.0.1:{port}"


@pytest.mark.slow
def test_its_commands_run_the_program_and_what_they_have_read_is_kept_at_sigterm(
    image: Image, broker: str, postgres: Postgres, postgres_url: str, small_log: SmallLog, tmp_path: Path
) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "key").write_text("00" * 32)
    (secrets / "key").chmod(0o600)
    (secrets / "database_password").write_text(postgres.password_file.read_text())
    api = ["openssl", "req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    api += ["-subj", "/CN=x", "-keyout", secrets / "api_key", "-out", secrets / "api_certificate"]
    subprocess.run(api, check=True, capture_output=True)
    first, second, third, served = free_ports(4)
    places = {"127.0.0.1:9092": broker, "127.0.0.1:5432/innerwatch": postgres_url.partition("@")[2]}
    places |= {"/run/secrets": str(secrets), 'host = "0.0.0.0"': f'host = "127.0.0.1"\nport = {served}'}
    text = moved((FOLDER / "compose" / "innerwatch.toml").read_text("utf-8"), places)
    ports = f"deliver_port = {third}\n" if serves_metrics("deliver") else ""
    config = tmp_path / "innerwatch.toml"
    config.write_text(f"{text}[metrics]\nport = {first}\n{ports}")
    there = {"/etc/innerwatch/innerwatch.toml": str(config), "9465": str(second), "9466": str(third)}

    def words(command: list[str]) -> list[str]:
        return [there.get(word) or image.path(word).replace(":8464", f":{served}") for word in command]

    def command(name: str) -> list[str]:
        return words([*last("ENTRYPOINT").command, *map(str, SERVICES[name]["command"])])

    assert succeeds(command("topics"))
    lines = small_log.events.read_bytes().splitlines()
    with closing(KafkaProducer(bootstrap_servers=broker, enable_idempotence=False)) as producer:
        for line in lines:
            producer.send("access-events", line, actor_of(line))
        producer.flush()
    names = [name for name in OURS if name != "topics"]
    with ExitStack() as stack:
        processes = {name: stack.enter_context(running(command(name), tmp_path / f"{name}.log")) for name in names}
        for name in names:
            if SERVICES[name]["command"][0] == "deliver" and not serves_metrics("deliver"):
                until(lambda: "delivering" in (tmp_path / "deliver.log").read_text(), "delivery")
            else:
                health = words(SERVICES[name]["healthcheck"]["test"][1:])
                until(lambda health=health: succeeds(health), f"{name}, by its health check,")
        ports = (first, second)
        seen = ("innerwatch_events_total", "innerwatch_rejected_total", "innerwatch_duplicates_total")
        until(lambda: sum(counted(port, *seen) for port in ports) >= len(lines), "reading")
        assert {name: ended(process) for name, process in processes.items()} == dict.fromkeys(names, 0)
    with closing(Store(postgres_url, postgres.password_file, read_only=True)) as store:
        positions = [store.checkpoint(shard).position for shard in store.shards()]
    assert len(positions) == 4
    assert sum(int(position.rpartition("@")[2] or 0) for position in positions) == len(lines)
