"""Bundles are taken from those who are trusted and where they fit; what is refused is said, and stops no live run."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from alerts.bundles import Deed
from alerts.contexts import ContextChange
from alerts.errors import UnknownBundleError
from alerts.registry import Registry
from alerts.store import Store
from detector.bundles import BundleFiles, accepted, read_bundle
from detector.config import Config
from detector.config_bundles import BundlesConfig
from detector.context import Context, present_context
from detector.errors import ConfigError, RefusedBundleError
from detector.export import dictionary
from detector.export.dictionary import features_digest
from detector.home import Home, database_of
from detector.keeper import Keeper, Setting
from detector.replaying import setting_of
from detector.shard import SHARD
from detector.trail import History
from models.bundles import LearnerFacts, Recipe, dumped, packed_priors
from streams import Tokens
from tests.alerts.samples import make_checkpoint
from tests.detector.bundling import Signer, act, add, digest_of, signer_in

TOKENS = Tokens(b"0123456789abcdef")


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return signer_in(tmp_path)


@pytest.fixture
def config(signer: Signer, tmp_path: Path) -> Config:
    state = {"folder": str(tmp_path / "state")}
    return Config.model_validate({"state": state, "bundles": signer.trusted.model_dump()})


@pytest.fixture
def registry(config: Config) -> Iterator[Registry]:
    with closing(Registry(database_of(config.state, must_exist=False))) as registry:
        yield registry


@pytest.fixture
def store(config: Config, registry: Registry) -> Iterator[Store]:
    with closing(Home(config.state)) as home:
        yield home.store


def test_a_bundle_that_fits_is_taken_and_opened_once(signer: Signer, tmp_path: Path) -> None:
    body = signer.seal("spring")
    found = accepted(body, digest_of(body), signer.trusted)
    assert (found.manifest.name, found.digest) == ("spring", digest_of(body))
    assert accepted(bytes(bytearray(body)), digest_of(body), signer.trusted) is found
    (tmp_path / "spring.bundle").write_bytes(body)
    assert read_bundle(tmp_path / "spring.bundle", signer.trusted) is found


def test_a_bundle_of_a_key_that_is_not_trusted_is_refused_also_when_another_trusts_it(
    signer: Signer, tmp_path: Path
) -> None:
    body = signer.seal("spring")
    accepted(body, digest_of(body), signer.trusted)
    other = signer_in(tmp_path, "other.key")
    for config in (BundlesConfig(), other.trusted):
        with pytest.raises(RefusedBundleError, match=rf"bundle {digest_of(body)[:12]} is refused: .*key"):
            accepted(body, digest_of(body), config)


def test_what_is_not_what_its_digest_says_is_refused(signer: Signer) -> None:
    body = signer.seal("spring")
    with pytest.raises(RefusedBundleError, match="is refused"):
        accepted(body[:-40], digest_of(body[:-40]), signer.trusted)
    with pytest.raises(RefusedBundleError, match=r"bundle 0{12} is damaged: its checksum is wrong"):
        accepted(body, "0" * 64, signer.trusted)


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        (
            {"features": "0" * 64, "version": "0.0.9"},
            r"features 000000000000 by innerwatch 0\.0\.9, and this release has",
        ),
        ({"versions": {"scikit-learn": "0.24.2"}}, r"made by scikit-learn 0\.24\.2, and here is \d"),
        ({"versions": {}}, "made by scikit-learn an unknown version, and here is"),
    ],
)
def test_a_bundle_that_does_not_fit_is_refused_and_it_is_said_what_differs(
    signer: Signer, tmp_path: Path, facts: dict[str, object], why: str
) -> None:
    path = tmp_path / "spring.bundle"
    path.write_bytes(signer.seal("spring", **facts))
    with pytest.raises(RefusedBundleError, match=rf"spring\.bundle: bundle spring is refused: .*{why}"):
        read_bundle(path, signer.trusted)


def test_a_detector_of_another_river_is_refused_and_where_there_is_none_river_does_not_matter(signer: Signer) -> None:
    made = Recipe("river.anomaly.OneClassSVM", {}).fit(np.arange(40.0)[:, None])
    facts = LearnerFacts(
        name="svm", kind="anomaly", features=("joint",), file="svm.npz", scores=(0.0, 1.0), nats=(0.0, 1.0), limit=1.0
    )
    versions = {one: version(one) for one in ("scikit-learn", "river")}

    def sealed(river: str, **other: Any) -> bytes:
        return signer.seal("spring", versions=versions | {"river": river}, **other)

    learner: dict[str, Any] = {"members": {"svm.npz": dumped(made)}, "learners": (facts,)}
    for body in (sealed(version("river"), **learner), sealed("0.1.0")):
        assert accepted(body, digest_of(body), signer.trusted)
    body = sealed("0.1.0", **learner)
    with pytest.raises(RefusedBundleError, match=r"made by river 0\.1\.0, and here is"):
        accepted(body, digest_of(body), signer.trusted)


def test_a_learner_that_wants_what_is_not_known_when_a_day_is_judged_is_refused(signer: Signer) -> None:
    body = signer.seal_alarmed("spring", 3.0)
    assert len(accepted(body, digest_of(body), signer.trusted).learners) == 1
    body = signer.seal_alarmed("summer", 3.0, column="risk")
    with pytest.raises(RefusedBundleError, match="learner alarmed wants risk, which is not known when"):
        accepted(body, digest_of(body), signer.trusted)


@pytest.mark.parametrize(
    ("priors", "why"),
    [
        ({"budget.learned": np.array(1.0)}, r"no shard can begin with its priors \('groups'\)"),
        ({"groups": np.array(["clerk"])}, r"no shard can begin with its priors \('group\.weights'\)"),
        (
            {"groups": np.array(["clerk"]), "budget.learned": np.array(np.nan)},
            r"its prior budget\.learned is not finite",
        ),
    ],
)
def test_priors_with_which_no_shard_could_begin_are_refused(
    signer: Signer, priors: dict[str, NDArray[Any]], why: str
) -> None:
    body = signer.seal("spring", {"priors.npz": packed_priors(priors)})
    with pytest.raises(RefusedBundleError, match=rf"bundle spring is refused: {why}"):
        accepted(body, digest_of(body), signer.trusted)


def test_what_models_are_trained_on_has_a_digest_which_words_do_not_change(monkeypatch: pytest.MonkeyPatch) -> None:
    before, table = features_digest(), dictionary.TABLES["features"]
    first, *others = table.columns
    for changed, same in (
        (replace(first, meaning="in other words", nulls="never"), True),
        (replace(first, unit="records"), False),
        (replace(first, window="the event"), False),
        (replace(first, dtype="int64"), False),
        (replace(first, name="somebody"), False),
    ):
        monkeypatch.setitem(dictionary.TABLES, "features", replace(table, columns=(changed, *others)))
        assert (features_digest() == before) is same


def test_that_digest_needs_no_pyarrow() -> None:
    code = "import sys; sys.modules['pyarrow'] = None; from detector.export.dictionary import features_digest as f; f()"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_start_takes_the_present_champion_and_challenger(
    config: Config, signer: Signer, registry: Registry, store: Store
) -> None:
    before = present_context(config, TOKENS, store)
    assert (before.champion, before.challenger) == (None, None)
    champion, challenger = (add(registry, name, signer.seal(name)) for name in ("spring", "summer"))
    act(registry, Deed.PROMOTE, champion)
    act(registry, Deed.SHADOW, challenger)
    for former in (None, before):
        found = present_context(config, TOKENS, store, former)
        assert found.champion is not None
        assert found.challenger is not None
        assert (found.champion.digest, found.challenger.digest) == (champion, challenger)
        assert found.digest != before.digest
        assert present_context(config, TOKENS, store, found) is found


def test_a_champion_that_is_refused_is_an_error_at_a_start_and_a_complaint_in_a_live_run(
    config: Config, signer: Signer, registry: Registry, store: Store
) -> None:
    good = add(registry, "spring", signer.seal("spring"))
    bad = add(registry, "summer", signer.seal("summer", features="0" * 64))
    act(registry, Deed.PROMOTE, good)
    before = present_context(config, TOKENS, store)
    act(registry, Deed.PROMOTE, bad)
    with pytest.raises(RefusedBundleError, match=r"champion cannot judge here: .*summer.*innerwatch bundles rollback"):
        present_context(config, TOKENS, store)
    found = present_context(config, TOKENS, store, before)
    assert found.digest == before.digest
    assert len(found.complaints) == 1
    assert f"so it stays with bundle {good[:12]}: bundle summer is refused" in found.complaints[0]
    assert present_context(config, TOKENS, store, found) is found
    act(registry, Deed.ROLLBACK, bad)
    assert present_context(config, TOKENS, store, found).complaints == ()


def test_without_a_former_champion_the_online_models_go_on_and_a_refused_challenger_is_left_out(
    config: Config, signer: Signer, registry: Registry, store: Store
) -> None:
    before = present_context(config, TOKENS, store)
    for name, deed in (("spring", Deed.PROMOTE), ("summer", Deed.SHADOW)):
        act(registry, deed, add(registry, name, signer.seal(name, features="0" * 64)))
    found = present_context(config, TOKENS, store, before)
    assert (found.champion, found.challenger) == (None, None)
    assert "so it stays with the online models: bundle spring is refused" in found.complaints[0]
    assert "the challenger is left out: bundle summer is refused" in found.complaints[1]


def recorded(store: Store, context: Context) -> None:
    change = ContextChange(number=1, position="", digest=context.digest, body=context.body)
    store.commit(SHARD, make_checkpoint(epoch=store.acquire(SHARD)), [], changes=[change])


def test_a_recorded_context_comes_back_with_its_bundles_and_without_them_is_an_error(
    config: Config, signer: Signer, registry: Registry, store: Store
) -> None:
    act(registry, Deed.PROMOTE, add(registry, "spring", signer.seal("spring")))
    context = present_context(config, TOKENS, store)
    recorded(store, context)
    again = History(store, config, TOKENS).context(context.digest)
    assert again.champion is context.champion
    assert again.digest == context.digest
    distrusting = config.model_copy(update={"bundles": BundlesConfig()})
    with pytest.raises(RefusedBundleError, match="is refused"):
        History(store, distrusting, TOKENS).context(context.digest)
    lost = replace(context, champion=accepted(*_other(signer), signer.trusted))
    recorded(store, lost)
    with pytest.raises(UnknownBundleError, match="by which a shard was judged; add it by innerwatch bundles add"):
        History(store, config, TOKENS).context(lost.digest)


def _other(signer: Signer) -> tuple[bytes, str]:
    body = signer.seal("lost")
    return body, digest_of(body)


def test_a_state_whose_bundle_cannot_be_had_any_more_goes_on_with_another_and_not_without(
    config: Config, signer: Signer, registry: Registry, store: Store
) -> None:
    spring = add(registry, "spring", signer.seal("spring"))
    act(registry, Deed.PROMOTE, spring)
    with closing(Home(config.state)) as home:
        keeper = Keeper(Setting(config, TOKENS, present_context(config, TOKENS, store), home), SHARD)
        keeper.commit()
        keeper.close()
        distrusting = config.model_copy(update={"bundles": BundlesConfig()})
        act(registry, Deed.ROLLBACK, spring)
        setting = Setting(distrusting, TOKENS, present_context(distrusting, TOKENS, store), home)
        with pytest.raises(RefusedBundleError, match="is refused"):
            Keeper(replace(setting, adopts=False), SHARD)
        keeper = Keeper(setting, SHARD)
        keeper.commit()
        keeper.close()
    digests = [change.digest for change in store.context_changes(SHARD)]
    assert len(digests) == 2
    assert digests[1] == setting.context.digest


def test_a_replay_goes_by_bundles_in_files_or_by_those_of_the_run_that_it_repeats(
    config: Config, signer: Signer, tmp_path: Path
) -> None:
    path = tmp_path / "spring.bundle"
    path.write_bytes(signer.seal("spring"))
    with ExitStack() as stack:
        setting = setting_of(config, TOKENS, None, stack, BundleFiles(champion=path))
        assert setting.context.champion is not None
        assert setting.context.champion.manifest.name == "spring"
        with pytest.raises(ConfigError, match="name either bundles or that run"):
            setting_of(config, TOKENS, config.state, stack, BundleFiles(challenger=path))
