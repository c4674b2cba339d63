"""The manifests are what the API server takes, keep its restricted profile, and fit each other and the program."""

import copy
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

import kubernetes_validate
import pytest
import yaml

from detector.config import MetricsConfig, load_config
from tests.deploy.image import ROOT, last
from tests.deploy.processes import COMMANDS
from tests.deploy.test_compose import OURS, SERVICES
from tests.deploy.test_container import VERSION
from tests.deploy.test_retrain import RETRAIN, SETTINGS

FOLDER: Final = ROOT / "deploy" / "kubernetes"
BUILDS: Final = ("base", "overlays/production", "overlays/upgrade")
VERSIONS: Final = ("1.31", kubernetes_validate.latest_version())
CUSTOM: Final = {"ServiceMonitor": {"selector", "endpoints"}}
"""Kinds that operators bring, and the keys of their specifications that are used here."""
SECRETS: Final = {"innerwatch", "innerwatch-api-tls", "innerwatch-signing"}
"""Made by whoever runs it, and never in a repository."""

Manifest = dict[str, Any]


@cache
def built(build: str) -> list[Manifest]:
    """What kustomize makes of a folder."""
    program = shutil.which("kubectl")
    if program is None:
        pytest.skip("needs kubectl, whose kustomize builds the manifests; install it")
    done = subprocess.run([program, "kustomize", FOLDER / build], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [manifest for manifest in yaml.safe_load_all(done.stdout) if manifest]


def of(build: str, *kinds: str) -> list[Manifest]:
    return [manifest for manifest in built(build) if manifest["kind"] in kinds]


def pods(build: str) -> Iterator[tuple[str, Manifest]]:
    """The pods of a build, as metadata and spec, by the name of what makes them."""
    for manifest in of(build, "Deployment", "Job"):
        yield manifest["metadata"]["name"], manifest["spec"]["template"]
    for manifest in of(build, "CronJob"):
        yield manifest["metadata"]["name"], manifest["spec"]["jobTemplate"]["spec"]["template"]


def containers(build: str) -> Iterator[tuple[str, Manifest]]:
    for name, pod in pods(build):
        yield from ((name, container) for container in pod["spec"]["containers"])


def selects(labels: Mapping[str, str], pod: Manifest) -> bool:
    return labels.items() <= pod["metadata"]["labels"].items()


every_build: Final = pytest.mark.parametrize("build", BUILDS)


@every_build
def test_the_api_server_s_schemas_know_every_key(build: str) -> None:
    for manifest in built(build):
        if manifest["kind"] in CUSTOM:
            assert set(manifest["spec"]) <= CUSTOM[manifest["kind"]]
            continue
        for version in VERSIONS:
            kubernetes_validate.validate(manifest, version, strict=True)


def test_a_key_that_nobody_knows_is_noticed() -> None:
    manifest = copy.deepcopy(of("base", "Deployment")[0])
    manifest["spec"]["replicaz"] = 3
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(manifest, VERSIONS[0], strict=True)


def test_what_is_wanted_is_there() -> None:
    wanted = {
        "Deployment",
        "PodDisruptionBudget",
        "NetworkPolicy",
        "HorizontalPodAutoscaler",
        "ServiceMonitor",
        "Service",
        "CronJob",
        "PersistentVolumeClaim",
    }
    assert wanted <= {manifest["kind"] for manifest in built("base")}
    assert not of("base", "Secret")


@every_build
def test_every_pod_keeps_the_restricted_profile_and_is_bounded(build: str) -> None:
    (namespace,) = of(build, "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    for name, pod in pods(build):
        context = pod["spec"]["securityContext"]
        assert (context["runAsNonRoot"], context["seccompProfile"]["type"]) == (True, "RuntimeDefault"), name
        assert f"{context['runAsUser']}:{context['runAsGroup']}" == last("USER").words
        assert pod["spec"]["automountServiceAccountToken"] is False
    for name, container in containers(build):
        context = container["securityContext"]
        assert (context["allowPrivilegeEscalation"], context["readOnlyRootFilesystem"]) == (False, True), name
        assert context["capabilities"] == {"drop": ["ALL"]}
        for bound in ("requests", "limits"):
            assert container["resources"][bound].keys() >= {"cpu", "memory"}


@every_build
def test_our_containers_run_commands_of_the_program_and_are_probed_by_it(build: str) -> None:
    ours = [(name, one) for name, one in containers(build) if one["name"] == "innerwatch"]
    composed = {SERVICES[name]["command"][0] for name in OURS}
    for name, container in ours:
        assert container["image"].rpartition("/")[2] == f"innerwatch:{VERSION}"
        if name == "retrain":
            assert container["command"] == [RETRAIN]
            assert {one["name"] for one in container["env"]} <= SETTINGS
            continue
        assert container["args"][0] in COMMANDS
        assert container["args"][0] in composed | {"db"}
        for probe in ("startupProbe", "livenessProbe"):
            if "exec" in container.get(probe, {}):
                command = container[probe]["exec"]["command"]
                assert command[:2] == [*last("ENTRYPOINT").command, "probe"]
            elif name != "db-upgrade":
                assert container[probe]["httpGet"]["scheme"] == "HTTPS"


@every_build
def test_what_pods_name_is_there(build: str) -> None:
    made = {(manifest["kind"], manifest["metadata"]["name"]) for manifest in built(build)}
    for name, pod in pods(build):
        volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
        assert ("ServiceAccount", pod["spec"]["serviceAccountName"]) in made
        for volume in volumes.values():
            assert "configMap" not in volume or ("ConfigMap", volume["configMap"]["name"]) in made, name
            assert "secret" not in volume or volume["secret"]["secretName"] in SECRETS
            claim = volume.get("persistentVolumeClaim", {}).get("claimName")
            assert claim is None or ("PersistentVolumeClaim", claim) in made
        for container in pod["spec"]["containers"]:
            assert {mount["name"] for mount in container["volumeMounts"]} <= volumes.keys()
    for autoscaler in of(build, "HorizontalPodAutoscaler"):
        target = autoscaler["spec"]["scaleTargetRef"]
        assert (target["kind"], target["name"]) in made


@every_build
def test_whatever_selects_pods_selects_some(build: str) -> None:
    found = [pod for _, pod in pods(build)]
    labels = [one["spec"]["selector"]["matchLabels"] for one in of(build, "Deployment", "PodDisruptionBudget")]
    labels += [one["spec"]["selector"] for one in of(build, "Service")]
    labels += [one["spec"]["podSelector"].get("matchLabels", {}) for one in of(build, "NetworkPolicy")]
    for one in labels:
        assert any(selects(one, pod) for pod in found), one
    (monitor,), services = of(build, "ServiceMonitor"), of(build, "Service")
    wanted = monitor["spec"]["selector"]["matchLabels"].items()
    (scraped,) = [one for one in services if wanted <= one["metadata"]["labels"].items()]
    assert {port["name"] for port in scraped["spec"]["ports"]} == {one["port"] for one in monitor["spec"]["endpoints"]}
    for service in services:
        for name, pod in pods(build):
            if selects(service["spec"]["selector"], pod):
                ports = {p["name"] for container in pod["spec"]["containers"] for p in container.get("ports", [])}
                assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports, name


@every_build
def test_every_pod_is_closed_but_for_the_proxy_and_the_api(build: str) -> None:
    policies = of(build, "NetworkPolicy")
    for name, pod in pods(build):
        mine = [one["spec"] for one in policies if selects(one["spec"]["podSelector"].get("matchLabels", {}), pod)]
        assert any(set(one["policyTypes"]) == {"Ingress", "Egress"} for one in mine), (
            f"{name} has no policy that closes it"
        )
        opened = {port["port"] for one in mine for rule in one.get("ingress", []) for port in rule["ports"]}
        assert opened == {"worker": {8443}, "deliver": {8443}, "api": {8464}}.get(name, set())


def test_metrics_leave_a_pod_through_the_proxy_alone() -> None:
    proxies = {name: one for name, one in containers("base") if one["name"] == "metrics"}
    assert proxies.keys() == {"worker", "deliver"}
    assert f"--upstream=http://127.0.0.1:{MetricsConfig().port}/" in proxies["worker"]["args"]
    port = getattr(MetricsConfig(), "deliver_port", 9466)
    assert f"--upstream=http://127.0.0.1:{port}/" in proxies["deliver"]["args"]
    for proxy in proxies.values():
        assert "--allow-paths=/metrics" in proxy["args"]
        assert not any("ignore" in word or "insecure-listen" in word for word in proxy["args"])


def test_the_key_that_signs_is_in_the_pod_that_trains_alone_and_one_trains_at_a_time() -> None:
    signing = [name for name, pod in pods("base") for volume in pod["spec"]["volumes"] if volume["name"] == "signing"]
    assert signing == ["retrain"]
    (job,) = of("base", "CronJob")
    assert job["spec"]["concurrencyPolicy"] == "Forbid"


def test_an_upgrade_stops_everything_first() -> None:
    assert {one["spec"]["replicas"] for one in of("overlays/upgrade", "Deployment")} == {0}
    assert [one["spec"]["suspend"] for one in of("overlays/upgrade", "CronJob")] == [True]
    (job,) = of("overlays/upgrade", "Job")
    assert job["spec"]["template"]["spec"]["containers"][0]["args"][:2] == ["db", "upgrade"]


@every_build
def test_the_configuration_is_one_that_the_program_takes(build: str, tmp_path: Any) -> None:
    (made,) = of(build, "ConfigMap")
    file = tmp_path / "innerwatch.toml"
    file.write_text(made["data"]["innerwatch.toml"])
    config = load_config(file)
    assert config.state.folder is None, "pods come and go, so nothing is kept in one"
    assert config.topics.dead_letters
