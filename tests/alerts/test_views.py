"""The views for dashboards: what is there, by pseudonym, and nothing that somebody wrote; over both databases."""

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from alerts.alert import Severity
from alerts.bundles import BundleAct, BundleRecord, Deed
from alerts.desk import DESK, Desk
from alerts.incident import Verdict
from alerts.registry import Registry
from alerts.store import Store
from alerts.work import Assign, By, Close, Note
from tests.alerts.samples import MORNING, Place, make_alert, make_checkpoint, make_finding
from tests.alerts.test_dispatch import SHARD, START, Ear, dispatcher_of

VIEWS = ("v_detections", "v_alerts", "v_incidents", "v_verdicts", "v_promotions")
READER = Path(__file__).parents[2] / "deploy" / "grafana" / "reader.sql"


@pytest.fixture
def worked(place: Place) -> Place:
    """Two incidents, one of which is closed; an alert that nobody has taken in."""
    hours = make_finding(detection="odd_hours")
    with closing(Store(place.url, place.password_file)) as store, closing(Desk(place.url, place.password_file)) as desk:
        epoch = store.acquire(SHARD)
        first = make_alert(alert_id="a" * 20, findings=(hours, make_finding(), make_finding()), role="clerk")
        second = make_alert(alert_id="b" * 20, risk=99.0, severity=Severity.CRITICAL)
        other = make_alert(alert_id="c" * 20, actor="E-2", findings=(hours,))
        store.commit(SHARD, make_checkpoint(epoch=epoch), (first, second, other), (DESK,))
        desk.acquire()
        dispatcher_of(desk, soc=Ear()).step(START)
        desk.act("a" * 20, Assign("lee"), By("kim", START))
        desk.act("a" * 20, Note("secret words"), By("kim", START))
        desk.act("c" * 20, Close(Verdict.TRUE_POSITIVE, "secret words"), By("lee", START + 60))
        store.commit(SHARD, make_checkpoint(epoch=epoch, position="2"), [make_alert(alert_id="d" * 20)], ())
    with closing(Registry(place.url, place.password_file)) as registry:
        for number, name in ((1, "spring"), (3, "summer")):
            record = BundleRecord(digest=name.ljust(64, "0"), name=name, owner="lee", manifest="{}", added_at=START,
                                  added_by="lee")  # fmt: skip
            registry.add(record, b"secret")
            registry.perform(BundleAct(number=number + 1, digest=record.digest, act=Deed.PROMOTE, at=START + number,
                                       by="kim", reason="secret words"))  # fmt: skip
        registry.perform(BundleAct(number=5, digest=record.digest, act=Deed.ROLLBACK, at=START + 9, by="kim"))
    return place


def moment(value: Any) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)


def test_incidents_are_there_with_what_was_found_in_them(worked: Place) -> None:
    columns = "incident_id, actor, state, severity, risk, assigned, verdict, alerts, detections"
    rows = worked.rows(f"SELECT {columns} FROM v_incidents ORDER BY incident_id")
    assert rows == [
        ("a" * 20, "E-7f3a", "acknowledged", "critical", 99.0, True, "", 2, "bulk_export, odd_hours"),
        ("c" * 20, "E-2", "closed", "high", 72.5, False, "true_positive", 1, "odd_hours"),
    ]
    ((opened, updated),) = worked.rows("SELECT opened_at, updated_at FROM v_incidents WHERE actor = 'E-2'")
    assert moment(opened) == moment(updated) == MORNING


def test_alerts_are_there_whether_they_have_an_incident_or_not(worked: Place) -> None:
    rows = worked.rows("SELECT alert_id, incident_id, detections FROM v_alerts ORDER BY alert_id")
    assert rows == [
        ("a" * 20, "a" * 20, "bulk_export, odd_hours"),
        ("b" * 20, "a" * 20, "bulk_export"),
        ("c" * 20, "c" * 20, "odd_hours"),
        ("d" * 20, None, "bulk_export"),
    ]


def test_verdicts_are_there_by_what_was_found(worked: Place) -> None:
    ((incident, detection, verdict, severity, closed),) = worked.rows("SELECT * FROM v_verdicts")
    assert (incident, detection, verdict, severity) == ("c" * 20, "odd_hours", "true_positive", "high")
    assert moment(closed) == datetime.fromtimestamp(START + 60, UTC)


def test_promotions_are_there_with_their_bundles_and_nothing_else_that_was_done(worked: Place) -> None:
    rows = worked.rows("SELECT name, digest, act FROM v_promotions ORDER BY time")
    assert rows == [
        ("spring", "spring000000", "promote"),
        ("summer", "summer000000", "promote"),
        ("summer", "summer000000", "rollback"),
    ]
    ((last,),) = worked.rows("SELECT max(time) FROM v_promotions")
    assert moment(last) == datetime.fromtimestamp(START + 9, UTC)


@pytest.mark.parametrize("view", VIEWS)
def test_no_view_holds_anybodys_words_or_names(worked: Place, view: str) -> None:
    shown = repr(worked.rows(f"SELECT * FROM {view}"))
    assert shown != "[]"
    for word in ("secret", "lee", "kim", "clerk", "ev-1", "customers"):
        assert word not in shown


@pytest.mark.slow
def test_a_reader_sees_the_views_and_nothing_else_and_changes_nothing(postgres, postgres_url) -> None:
    place = Place(postgres_url, postgres.password_file)
    place.open().close()
    database = postgres_url.rpartition("/")[2]
    try:
        for statement in READER.read_text("utf-8").split(";"):
            lines = [line for line in statement.splitlines() if not line.startswith("--")]
            if text := "\n".join(lines).strip():
                postgres.run(text, database)
        postgres.run("ALTER ROLE innerwatch_reader PASSWORD 'x'")
        words = f"host=127.0.0.1 port={postgres.port} user=innerwatch_reader password=x dbname={database}"
        with psycopg.connect(words, autocommit=True) as connection:
            for view in VIEWS:
                assert connection.execute(f"SELECT * FROM {view}").fetchall() == []  # type: ignore[arg-type]
            for table in ("alerts", "incidents", "incident_log", "feedback", "snapshots"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(f"SELECT * FROM {table}")  # type: ignore[arg-type]
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                connection.execute("CREATE TABLE mine (x int)")
    finally:
        postgres.run("DROP OWNED BY innerwatch_reader", database)
        postgres.run("DROP ROLE innerwatch_reader")
