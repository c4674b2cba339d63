"""Bundles in MLflow, by its own client over a database of its own."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from detector.config import load_config
from detector.home import Home
from tests.detector.bundling import digest_of, signer_in
from tests.detector.test_cli import innerwatch

STEPS = """
import json, sys
from pathlib import Path
from urllib.parse import unquote, urlparse
from detector.cli import main

def shown(folder):
    from mlflow import MlflowClient
    client, versions = MlflowClient(f"sqlite:///{folder}/mlflow.db"), []
    for one in sorted(client.search_model_versions("name = 'innerwatch'"), key=lambda one: int(one.version)):
        run = client.get_run(one.run_id)
        files = {path.name: path.read_bytes().hex() for path in Path(unquote(urlparse(one.source).path)).iterdir()}
        versions.append({"params": run.data.params, "metrics": run.data.metrics, "tags": run.data.tags, "files": files})
    aliases = {name: int(version) for name, version in client.get_registered_model("innerwatch").aliases.items()}
    print(json.dumps({"versions": versions, "aliases": aliases}))

for words in json.loads(sys.argv[1]):
    if words[0] == "shown":
        shown(words[1])
        continue
    try:
        main(["bundles", *words])
    except SystemExit as ended:
        assert not ended.code, words
"""
"""In one process of its own, since MLflow takes seconds to load and warns of much that tests here take for errors."""


def in_mlflow(steps: list[list[str]]) -> list[Any]:
    """What there is in MLflow at each step that asks."""
    done = subprocess.run([sys.executable, "-c", STEPS, json.dumps(steps)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a registry of two bundles."""
    monkeypatch.setenv("USER", "lee")
    signer = signer_in(tmp_path)
    config = tmp_path / "innerwatch.toml"
    config.write_text('[state]\nfolder = "state"\n[bundles]\ntrusted_keys = ["training.key.pub"]\n')
    Home(load_config(config).state).close()
    for name in ("spring", "summer"):
        (tmp_path / f"{name}.bundle").write_bytes(signer.seal(name, metrics={"average_precision": 0.75}))
        assert innerwatch("bundles", "add", tmp_path / f"{name}.bundle", "--config", config) == 0
    return tmp_path


@pytest.mark.slow
def test_a_bundle_is_a_version_in_mlflow_and_its_aliases_follow_its_role(site: Path) -> None:
    place, own = str(site / "mlflow"), ["--config", str(site / "innerwatch.toml")]
    found, archived = in_mlflow(
        [
            ["shadow", "spring", *own],
            ["export", "spring", "--mlflow", place, *own],
            ["shadow", "summer", *own],
            ["export", "summer", "--mlflow", place, *own],
            ["export", "spring", "--mlflow", place, *own],
            ["shown", place],
            ["archive", "summer", *own],
            ["export", "summer", "--mlflow", place, *own],
            ["shown", place],
        ]
    )
    assert found["aliases"] == {"challenger": 2}
    spring, summer = found["versions"]
    body = (site / "spring.bundle").read_bytes()
    assert bytes.fromhex(spring["files"]["spring.bundle"]) == body
    assert bytes.fromhex(spring["files"]["card.md"]) == b"# spring\n"
    assert json.loads(bytes.fromhex(spring["files"]["manifest.json"]))["name"] == "spring"
    assert spring["tags"]["innerwatch.digest"] == digest_of(body)
    assert spring["metrics"] == {"average_precision": 0.75}
    assert spring["params"]["data.last"] == "2026-05-29"
    assert summer["tags"]["innerwatch.owner"] == "dana"
    assert (archived["versions"], archived["aliases"]) == (found["versions"], {})


def test_without_mlflow_it_says_what_to_install(
    site: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    capsys.readouterr()
    assert innerwatch("bundles", "export", "spring", "--mlflow", site, "--config", site / "innerwatch.toml") == 1
    assert "pip install 'innerwatch[mlflow]'" in capsys.readouterr().err


def test_an_address_with_a_password_is_refused_and_not_repeated(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    address = "https://dana:geheim@mlflow.example"
    assert innerwatch("bundles", "export", "spring", "--mlflow", address, "--config", site / "innerwatch.toml") == 1
    err = capsys.readouterr().err
    assert "MLFLOW_TRACKING_PASSWORD" in err
    assert "geheim" not in err
