import json
from datetime import timedelta
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.alert import MAX_FINDINGS, Severity
from alerts.condense import DAY_S, Condenser, CondenserConfig, Reason
from alerts.errors import ContractError, SnapshotError

DETECTIONS = ("bulk_export", "drip", "off_hours")
EPISODE = timedelta(days=10)
findings_of_one_submission = st.lists(
    st.tuples(st.sampled_from(DETECTIONS), st.sampled_from((0.0, 1e-6, 1e-4, 0.01)), st.integers(0, 2)),
    min_size=1,
    max_size=4,
)
submissions = st.lists(
    st.tuples(
        st.sampled_from(("A", "B")),
        findings_of_one_submission,
        st.floats(0, 100),
        st.sampled_from((0, 1, 3600, 400_000)),
    ),
    min_size=1,
    max_size=12,
)
quick = settings(max_examples=60, deadline=None)


@pytest.fixture
def condenser():
    return Condenser(CondenserConfig())


@pytest.fixture(scope="session")
def submit(make_finding, morning):
    def send(condenser, *, findings=None, risk=50.0, at=timedelta(0), actor="A", position="1"):
        given = findings or [make_finding(time=morning + at)]
        return condenser.submit(actor, given, risk, morning + at, "claims/0", position)

    return send


@pytest.fixture(scope="session")
def play(make_finding, morning):
    """Submit generated tuples in order; every decision comes back."""

    def run(condenser, tuples, clock_s=0, first=0):
        decisions = []
        for number, (actor, parts, risk, gap_s) in enumerate(tuples, start=first):
            clock_s += gap_s
            time = morning + timedelta(seconds=clock_s)
            findings = [
                make_finding(detection=detection, p_value=p_value, time=time - timedelta(days=days))
                for detection, p_value, days in parts
            ]
            decisions.append(condenser.submit(actor, findings, risk, time, "claims/0", str(number)))
        return decisions

    return run


def test_the_first_finding_opens_an_alert_at_its_position(condenser, submit, make_finding, morning):
    decision = submit(condenser, position="1841", risk=71.234)
    assert decision.reason is Reason.OPENED
    alert = decision.alert
    assert (alert.actor, alert.position, alert.opened_at, alert.updated_at) == ("A", "1841", morning, morning)
    assert (alert.risk, alert.severity, alert.findings) == (71.23, Severity.HIGH, (make_finding(),))


def test_a_new_detection_joins_the_open_alert(condenser, submit, make_finding):
    opened = submit(condenser).alert
    joined = submit(condenser, findings=[make_finding(detection="drip", p_value=0.01)], at=timedelta(hours=1))
    assert joined.reason is Reason.JOINED
    assert joined.alert.alert_id == opened.alert_id
    assert [finding.detection for finding in joined.alert.findings] == ["bulk_export", "drip"]
    assert joined.alert.updated_at == opened.updated_at + timedelta(hours=1)


def test_a_stronger_finding_of_the_same_detection_and_day_replaces_the_weaker(condenser, submit, make_finding):
    submit(condenser)
    stronger = make_finding(p_value=1e-9)
    updated = submit(condenser, findings=[stronger], at=timedelta(seconds=5))
    assert updated.reason is Reason.UPDATED
    assert updated.alert.findings == (stronger,)


def test_a_weaker_finding_of_the_same_detection_and_day_changes_nothing(condenser, submit, make_finding):
    opened = submit(condenser).alert
    weaker = submit(condenser, findings=[make_finding(p_value=0.5)], risk=10.0, at=timedelta(hours=1))
    assert weaker.reason is Reason.UNCHANGED
    assert weaker.alert == opened


def test_the_same_detection_on_another_day_is_kept_beside_the_first(condenser, submit):
    submit(condenser)
    other_day = submit(condenser, at=timedelta(days=1))
    assert other_day.reason is Reason.UPDATED
    assert len(other_day.alert.findings) == 2


def test_days_are_those_of_the_configured_zone(submit):
    # 01:14 and 23:14 UTC are one day in UTC and two in Shanghai.
    days = {}
    for zone in ("UTC", "Asia/Shanghai"):
        condenser = Condenser(CondenserConfig(zone=zone))
        submit(condenser)
        days[zone] = len(submit(condenser, at=timedelta(hours=22)).alert.findings)
    assert days == {"UTC": 1, "Asia/Shanghai": 2}


def test_a_higher_risk_alone_raises_the_peak_and_the_severity(condenser, submit):
    submit(condenser)
    raised = submit(condenser, risk=95.0)
    assert raised.reason is Reason.UPDATED
    assert (raised.alert.risk, raised.alert.severity) == (95.0, Severity.CRITICAL)


def test_a_certain_finding_comes_first_and_makes_the_alert_high(condenser, submit, make_finding):
    submit(condenser, risk=5.0)
    certain = make_finding(detection="honey", p_value=1.0, certain=True)
    alert = submit(condenser, findings=[certain], risk=5.0).alert
    assert alert.severity is Severity.HIGH
    assert alert.findings[0] == certain


@pytest.mark.parametrize(("after", "reason"), [(-1, Reason.UPDATED), (0, Reason.OPENED)])
def test_an_episode_ends_exactly_ten_days_after_it_opened(condenser, submit, morning, after, reason):
    first = submit(condenser).alert
    at = EPISODE + timedelta(microseconds=after)
    assert (condenser.open_alert("A", morning + at) is None) == (reason is Reason.OPENED)
    second = submit(condenser, at=at, position="2")
    assert second.reason is reason
    assert (second.alert.alert_id == first.alert_id) == (reason is Reason.UPDATED)


def test_a_later_finding_does_not_prolong_an_episode(condenser, submit):
    submit(condenser)
    submit(condenser, at=timedelta(days=9))
    assert submit(condenser, at=EPISODE).reason is Reason.OPENED


def test_a_late_finding_joins_without_turning_back_the_times(condenser, submit, morning):
    submit(condenser)
    late = submit(condenser, at=timedelta(days=-2)).alert
    assert (late.opened_at, late.updated_at) == (morning, morning)
    assert len(late.findings) == 2


def test_the_strongest_findings_are_kept_when_there_are_too_many(condenser, submit, make_finding):
    many = [make_finding(detection=f"d{n:02}", p_value=(n + 1) / 100) for n in range(MAX_FINDINGS + 8)]
    submit(condenser, findings=many[-8:])
    alert = submit(condenser, findings=many[:-8]).alert
    assert list(alert.findings) == many[:MAX_FINDINGS]
    assert submit(condenser, findings=[many[-1]]).reason is Reason.UNCHANGED


def test_an_id_depends_on_which_detections_opened_and_never_on_a_score(submit, make_finding):
    def opened(*findings):
        return submit(Condenser(CondenserConfig()), findings=list(findings)).alert.alert_id

    weak, strong = make_finding(p_value=0.01), make_finding(detection="drip", p_value=1e-9)
    assert opened(weak, strong) == opened(make_finding(p_value=1e-12), strong)
    assert opened(weak, strong) == opened(weak)
    assert opened(strong) != opened(weak)


def test_two_actors_judged_at_one_position_get_two_alerts(condenser, submit):
    assert submit(condenser).alert.alert_id != submit(condenser, actor="B").alert.alert_id


def test_expired_episodes_leave_memory_and_open_ones_stay(condenser, submit, morning):
    submit(condenser)
    submit(condenser, actor="B", at=timedelta(days=1))
    condenser.expire(morning + EPISODE)
    assert [alert["actor"] for alert in condenser.snapshot()["open"]] == ["B"]


def test_open_episodes_are_bounded_and_the_one_opened_first_is_forgotten(submit, morning):
    condenser = Condenser(CondenserConfig(max_open=2))
    for actor in ("A", "B", "A", "C"):
        submit(condenser, actor=actor)
    assert condenser.open_alert("A", morning) is None
    assert condenser.open_alert("B", morning) is not None
    assert condenser.open_alert("C", morning) is not None


def test_an_actor_whose_episode_began_anew_is_not_the_one_opened_first(submit, morning):
    condenser = Condenser(CondenserConfig(max_open=2))
    for actor, at in (("A", timedelta(0)), ("B", EPISODE), ("A", EPISODE), ("C", EPISODE)):
        submit(condenser, actor=actor, at=at)
    assert [alert["actor"] for alert in condenser.snapshot()["open"]] == ["A", "C"]


def test_findings_that_differ_in_their_words_alone_are_ranked_alike_in_any_order(submit, make_finding):
    pair = [make_finding(sentence="one"), make_finding(sentence="two")]
    alerts = [submit(Condenser(CondenserConfig()), findings=order).alert for order in (pair, pair[::-1])]
    assert alerts[0] == alerts[1]


@pytest.mark.parametrize("change", ["findings", "risk", "time"])
def test_a_submission_out_of_contract_is_refused_and_changes_nothing(condenser, make_finding, morning, change):
    given = {"findings": [make_finding()], "risk": 50.0, "time": morning}
    given[change] = {"findings": [], "risk": 101.0, "time": morning.replace(tzinfo=None)}[change]
    with pytest.raises(ContractError, match="'A' at claims/0 1"):
        condenser.submit("A", given["findings"], given["risk"], given["time"], "claims/0", "1")
    assert condenser.snapshot()["open"] == []


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"episode_s": 0.0}, "episode_s"),
        ({"episode_s": float("nan")}, "episode_s"),
        ({"episode_s": 400 * DAY_S}, "episode_s"),
        ({"max_open": 0}, "max_open"),
        ({"zone": "Mars/Olympus"}, "Mars/Olympus"),
        ({"zone": "../etc/passwd"}, "passwd"),
    ],
)
def test_a_bad_configuration_is_refused_and_named(fields, said):
    with pytest.raises(ContractError, match=said):
        CondenserConfig(**fields)


@quick
@given(submissions, st.integers(0, 12))
def test_a_snapshot_anywhere_between_submissions_changes_no_decision(play, tuples, cut):
    whole = play(Condenser(CondenserConfig()), tuples)
    before, after = Condenser(CondenserConfig()), Condenser(CondenserConfig())
    first = play(before, tuples[:cut])
    after.restore(json.loads(json.dumps(before.snapshot())))
    clock_s = sum(gap_s for *_, gap_s in tuples[:cut])
    assert first + play(after, tuples[cut:], clock_s, first=len(tuples[:cut])) == whole


@quick
@given(submissions, st.randoms(use_true_random=False))
def test_the_order_of_findings_within_a_submission_does_not_matter(play, tuples, random):
    shuffled = [(actor, random.sample(parts, len(parts)), risk, gap_s) for actor, parts, risk, gap_s in tuples]
    assert play(Condenser(CondenserConfig()), shuffled) == play(Condenser(CondenserConfig()), tuples)


@quick
@given(submissions, findings_of_one_submission, st.integers(0, 4))
def test_a_submission_split_in_two_ends_in_the_same_alert(play, tuples, parts, cut):
    whole, halves = Condenser(CondenserConfig()), Condenser(CondenserConfig())
    play(whole, [*tuples, ("A", parts, 60.0, 0)])
    # An id names the detections that opened, so the half with the alphabetically first one goes first.
    ordered = sorted(parts)
    play(halves, tuples)
    clock_s = sum(gap_s for *_, gap_s in tuples)
    for half in (ordered[:cut], ordered[cut:]):
        if half:
            play(halves, [("A", half, 60.0, 0)], clock_s, first=len(tuples))
    assert halves.snapshot() == whole.snapshot()


@quick
@given(submissions)
def test_an_actor_never_has_two_open_alerts_and_an_episode_has_its_length(play, tuples):
    decisions = play(Condenser(CondenserConfig()), tuples)
    for actor in ("A", "B"):
        mine = [decision for decision in decisions if decision.alert.actor == actor]
        opened = [decision.alert for decision in mine if decision.reason is Reason.OPENED]
        assert all(b.opened_at >= a.opened_at + EPISODE for a, b in pairwise(opened))
        assert {decision.alert.alert_id for decision in mine} == {alert.alert_id for alert in opened}
        assert all(decision.alert.updated_at < decision.alert.opened_at + EPISODE for decision in mine)


@quick
@given(submissions)
def test_the_risk_of_an_alert_never_goes_down_and_is_the_peak(play, tuples):
    peaks = {}
    for decision, (_, _, risk, _) in zip(play(Condenser(CondenserConfig()), tuples), tuples, strict=True):
        alert = decision.alert
        peaks[alert.alert_id] = max(peaks.get(alert.alert_id, 0.0), round(risk, 2))
        assert alert.risk == peaks[alert.alert_id]


@quick
@given(submissions)
def test_each_detection_and_day_is_there_once_and_the_strongest_is_first(play, tuples):
    for decision in play(Condenser(CondenserConfig()), tuples):
        findings = decision.alert.findings
        days = [(finding.detection, finding.time.date()) for finding in findings]
        assert len(set(days)) == len(days)
        assert [finding.p_value for finding in findings] == sorted(finding.p_value for finding in findings)


@quick
@given(submissions)
def test_unchanged_is_said_exactly_when_the_alert_is_as_before(play, tuples):
    known = {}
    for decision in play(Condenser(CondenserConfig()), tuples):
        same = known.get(decision.alert.alert_id) == decision.alert
        assert same == (decision.reason is Reason.UNCHANGED)
        known[decision.alert.alert_id] = decision.alert


@pytest.mark.parametrize(
    "snapshot", [{}, {"version": 2, "open": []}, {"version": 1}, {"version": 1, "open": [{"actor": "A"}]}]
)
def test_a_snapshot_that_is_none_is_refused_and_the_state_stays(condenser, submit, snapshot):
    submit(condenser)
    former = condenser.snapshot()
    with pytest.raises(SnapshotError, match=r"condenser: .*restore"):
        condenser.restore(snapshot)
    assert condenser.snapshot() == former


def test_a_snapshot_is_the_same_bytes_for_the_same_history(submit):
    def history():
        condenser = Condenser(CondenserConfig())
        for actor in ("B", "A", "C"):
            submit(condenser, actor=actor)
        return msgspec.json.encode(condenser.snapshot())

    assert history() == history()
