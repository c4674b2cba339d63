"""The bench of data scientists: what was known is in its frames, and what they made comes out as a bundle."""

import sys
from datetime import date, timedelta
from pathlib import Path

import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM
from sklearn.utils.validation import check_is_fitted

from detector.config import Config
from detector.errors import TrainingError
from detector.training import LEARNABLE, Custom, Workbench
from models.bundles import read_public_keys
from tests.detector.export.out import rows
from tests.detector.training.saying import said_of


@pytest.fixture(scope="module")
def settings(config: Config, key: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("settings") / "innerwatch.toml"
    path.write_text(
        f"[risk]\nwarm_up_days = {config.risk.warm_up_days}\nbudget = {config.risk.budget}\n"
        f'[training]\nowner = "dana"\nkey_file = "{key}"\n'
    )
    return path


@pytest.fixture(scope="module")
def bench(exported: Path, noted: Path, settings: Path) -> Workbench:
    return Workbench(exported, noted, settings)


@pytest.fixture(scope="module")
def busy(exported: Path, busily: Path, settings: Path) -> Workbench:
    return Workbench(exported, busily, settings)


def mixture() -> Custom:
    made = make_pipeline(StandardScaler(), GaussianMixture(2, random_state=3))
    return Custom("mixture", "anomaly", ("total_*", "joint"), 4.0, made)


def test_days_are_those_of_the_export_with_what_analysts_said_of_them(bench: Workbench, exported: Path) -> None:
    days, written = bench.days(["actor", "level", "normal_records"]), rows(exported, "features")
    assert list(days) == ["actor", "level", "normal_records", "day", "confirmed", "weight"]
    assert days["actor"].tolist() == [row["actor"] for row in written]
    assert [f"{day:%F}" for day in days["day"]] == [row["day"] for row in written]
    nulls = [row["normal_records"] is None for row in written]
    assert days["normal_records"].isna().tolist() == nulls
    assert set(days["weight"]) == {0.0, 1.0, 3.0}
    assert days["confirmed"].any()
    assert set(days.loc[days["confirmed"], "weight"]) == {3.0}
    assert (days.loc[days["confirmed"], "level"] >= bench.config.learning.gate_level).all()


def test_days_as_they_were_known_before_a_day_hold_no_verdict_of_later(bench: Workbench, noted: Path) -> None:
    given = sorted({row["day"] for row in rows(noted, "labels")})
    assert not bench.days(["actor"], date.fromisoformat(given[0]))["confirmed"].any()
    counts = [
        int(bench.days(["actor"], date.fromisoformat(day))["confirmed"].sum()) for day in given[:: len(given) // 4]
    ]
    assert counts == sorted(counts)
    whole = int(bench.days(["actor"])["confirmed"].sum())
    assert counts[1] < whole
    after = date.fromisoformat(given[-1]) + timedelta(days=1)
    assert int(bench.days(["actor"], after)["confirmed"].sum()) == whole


def test_a_verdict_holds_until_the_day_it_was_taken_back(
    exported: Path, noted: Path, config: Config, settings: Path, tmp_path: Path
) -> None:
    alerts = [(row["actor"], row["opened_at"], row["verdict"]) for row in rows(noted, "labels")]
    bench = Workbench(exported, said_of(alerts, tmp_path / "labels", config, taken_back=True), settings)
    first = min(opened for _, opened, verdict in alerts if verdict == "true_positive").date()
    held = [bench.days(["actor"], first + timedelta(days=more))["confirmed"].any() for more in (1, 2)]
    assert held == [False, True]
    assert not bench.days(["actor"])["confirmed"].any()


def test_the_dictionary_says_what_learners_may_see(bench: Workbench) -> None:
    words = bench.dictionary()
    assert set(words.index[words["learnable"]]) == set(LEARNABLE)
    assert words.loc["sum_events", "unit"] == "events"


def test_a_model_that_sees_what_analysts_go_by_is_better_than_the_level_alone(busy: Workbench) -> None:
    forest = RandomForestClassifier(50, min_samples_leaf=3, class_weight="balanced", random_state=1)
    found = busy.compare(Custom("busy", "ranker", ("sum_events", "sum_touches"), 12.0, forest))
    assert found.index.tolist() == ["online", "busy"]
    assert found.loc["busy", "average_precision"] > found.loc["online", "average_precision"] + 0.05
    assert found.loc["busy", "recall_at_budget"] <= 1.0
    assert (found["judged"] < found["days"]).all()
    with pytest.raises(NotFittedError):
        check_is_fitted(forest)


def test_a_learner_that_may_say_next_to_nothing_leaves_the_order_as_it_is(busy: Workbench) -> None:
    usual = busy.compare(Custom("faint", "anomaly", ("joint",), 0.01))
    assert usual.loc["faint"].tolist() == usual.loc["online"].tolist()


@pytest.mark.parametrize(
    ("estimator", "words"),
    [
        (OneClassSVM(), r"sklearn\.svm\._classes\.OneClassSVM.*a bundle keeps GaussianMixture"),
        (StandardScaler(), "cannot be fitted"),
        (object(), "cannot be fitted: Cannot clone object"),
    ],
)
def test_what_no_bundle_can_keep_is_refused_before_it_is_trained_on_everything(
    busy: Workbench, estimator: object, words: str
) -> None:
    with pytest.raises(TrainingError, match=words):
        busy.compare(Custom("odd", "anomaly", ("joint",), 1.0, estimator))


def test_without_verdicts_to_go_by_nothing_is_compared(exported: Path, settings: Path) -> None:
    with pytest.raises(TrainingError, match="analysts have confirmed none, or denied none"):
        Workbench(exported, config=settings).compare(mixture())


def test_what_was_trained_is_a_signed_bundle_of_the_file_s_name_and_of_nothing_else(
    bench: Workbench, key: Path, tmp_path: Path
) -> None:
    bundle = bench.train(tmp_path / "mine.bundle", [mixture()])
    (public,) = read_public_keys([key.with_name(f"{key.name}.pub")])
    assert (bundle.manifest.name, bundle.manifest.owner) == ("mine", "dana")
    assert [one.facts.name for one in bundle.learners] == ["mixture"]
    assert "groups" in bundle.priors
    assert public.public_bytes_raw() in (tmp_path / "mine.bundle").read_bytes()
    with pytest.raises(TrainingError, match=r"mine\.bundle: exists already"):
        bench.train(tmp_path / "mine.bundle", [mixture()])


def test_what_could_not_be_trained_makes_no_bundle(exported: Path, settings: Path, key: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no sharp: 0 confirmed days"):
        Workbench(exported, config=settings).train(tmp_path / "a.bundle", [Custom("sharp", "ranker", ("joint",), 1.0)])
    with pytest.raises(TrainingError, match="give an owner, or training"):
        Workbench(exported).train(tmp_path / "a.bundle", [mixture()], key=key)
    assert list(tmp_path.iterdir()) == []


def test_without_pandas_it_says_what_to_install(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(TrainingError, match=r"pip install 'innerwatch\[notebooks\]'"):
        bench.days()
