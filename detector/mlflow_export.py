"""A bundle of the registry as a version of a model in MLflow, for those who look at all their models there.

The registry stays the one that counts: what is changed in MLflow changes nothing here.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import msgspec

from alerts.bundles import SHORT, Roles
from detector.errors import MlflowError
from models.bundles import Bundle

MODEL: Final = "innerwatch"
"""The name of the experiment and of the registered model."""
DIGEST: Final = "innerwatch.digest"
ALIASES: Final = ("champion", "challenger")
QUIET: Final = {
    "MLFLOW_DISABLE_TELEMETRY": "true",  # which is on otherwise, and would tell others that somebody is watched here
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
}
"""Settings of MLflow, where its own variables say nothing else."""


def export_bundle(place: str, bundle: Bundle, body: bytes, roles: Roles) -> str:
    """Register a bundle with its card and manifest, params, metrics and tags; its version in MLflow.

    A bundle that is there already is not registered again. The aliases ``champion`` and ``challenger`` then stand where
    the registry has them, as far as they are about this bundle.

    Args:
        place: the address of an MLflow server, or a folder, which gets a database and artifacts.
        bundle: what it is.
        body: its bytes.
        roles: what bundles are used for.

    Raises:
        MlflowError: MLflow is not installed, or the place cannot be used.
    """
    with _client(place) as client:
        version = _version_of(client, bundle) or _registered(client, place, bundle, body)
        for alias in ALIASES:
            held = dict(client.get_registered_model(MODEL).aliases).get(alias)
            if bundle.digest == getattr(roles, alias):
                client.set_registered_model_alias(MODEL, alias, version)
            elif held is not None and str(held) == version:
                client.delete_registered_model_alias(MODEL, alias)
        return version


@contextmanager
def _client(place: str) -> Iterator[Any]:
    """What speaks with MLflow there."""
    if "@" in place.partition("://")[2].partition("/")[0]:
        raise MlflowError(
            "the address of MLflow holds a password; give it by MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
        )
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    try:
        mlflow = import_module("mlflow")
    except ImportError as error:
        raise MlflowError(
            "bundles are exported by mlflow-skinny, which is not here; pip install 'innerwatch[mlflow]'"
        ) from error
    try:
        address = place if "://" in place else f"sqlite:///{_folder(place) / 'mlflow.db'}"
        yield mlflow.MlflowClient(tracking_uri=address, registry_uri=address)
    except (mlflow.exceptions.MlflowException, OSError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise MlflowError(f"{place}: MLflow does not take the bundle ({first[:300]}); check the address") from error


def _folder(place: str) -> Path:
    folder = Path(place).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _version_of(client: Any, bundle: Bundle) -> str | None:
    found = client.search_model_versions(f"name = '{MODEL}'")
    return next((str(one.version) for one in found if one.tags.get(DIGEST) == bundle.digest), None)


def _registered(client: Any, place: str, bundle: Bundle, body: bytes) -> str:
    manifest = bundle.manifest
    tags = {DIGEST: bundle.digest, "innerwatch.owner": manifest.owner, "innerwatch.version": manifest.version}
    run = client.create_run(_experiment(client, place), run_name=manifest.name, tags=tags)
    known = {"seed": manifest.seed, "features": manifest.features, "created_at": manifest.created_at}
    known |= {f"data.{name}": value for name, value in manifest.data.items()}
    for learner in manifest.learners:
        known[f"learner.{learner.name}"] = f"{learner.kind}, {len(learner.features)} features, {learner.limit:g} nats"
    for name, value in known.items():
        client.log_param(run.info.run_id, name, value)
    for name, value in manifest.metrics.items():
        client.log_metric(run.info.run_id, name, value)
    members = {
        f"{manifest.name}.bundle": body,
        "card.md": bundle.card.encode(),
        "manifest.json": msgspec.json.format(msgspec.json.encode(manifest), indent=1),
    }
    with TemporaryDirectory(prefix="innerwatch-") as folder:
        for name, content in members.items():
            (Path(folder) / name).write_bytes(content)
        client.log_artifacts(run.info.run_id, folder)
    client.set_terminated(run.info.run_id)
    if not client.search_registered_models(f"name = '{MODEL}'"):
        client.create_registered_model(
            MODEL, description="Bundles of innerwatch; its own registry says which one judges."
        )
    words = f"Bundle {manifest.name} ({bundle.digest[:SHORT]}) of {manifest.owner}"
    made = client.create_model_version(
        MODEL, run.info.artifact_uri, run.info.run_id, {DIGEST: bundle.digest}, description=words
    )
    return str(made.version)


def _experiment(client: Any, place: str) -> str:
    """The experiment of bundles; in a folder its artifacts lie beside the database."""
    found = client.get_experiment_by_name(MODEL)
    if found is not None:
        return str(found.experiment_id)
    artifacts = None if "://" in place else (_folder(place) / "artifacts").as_uri()
    return str(client.create_experiment(MODEL, artifact_location=artifacts))
