"""An alert as plain text: in both languages, one line where one is promised, and never over the limit."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts import techniques
from alerts.alert import Severity
from alerts.receivers.receiver import Phase
from alerts.receivers.text import body, body_lines, fitted, steps, summary_lines, title
from alerts.receivers.words import SEVERITIES, STEPS_ZH, WORDS
from tests.alerts.receivers.notices import HOSTILE, hostile_notice, make_notice
from tests.alerts.samples import make_alert, make_finding

BLANK = re.compile(r"\{\w+\}")


def test_the_languages_have_the_same_places_and_fill_the_same_blanks() -> None:
    english, chinese = WORDS["en"], WORDS["zh"]
    assert list(english) == list(chinese)
    for place, words in english.items():
        assert set(BLANK.findall(words)) == set(BLANK.findall(chinese[place])), place
    assert all(set(severities) == set(Severity) for severities in SEVERITIES.values())


def test_every_first_step_is_known_in_chinese() -> None:
    every = {step for technique in techniques.TECHNIQUES.values() for step in technique.first_steps}
    assert every <= set(STEPS_ZH)


def test_the_whole_says_who_what_when_how_it_differs_what_would_have_been_normal_and_the_first_steps() -> None:
    text = body(make_notice(alert_fields={"role": "Agent"}, link="https://console.example/a/1"), 10_000)
    for said in (
        "Who: E-7f3a, Agent",
        "Severity: High, risk 72.50 of 100",
        "When: from 2026-03-02 01:14:05 UTC",
        "Alert: 0123456789abcdef0123, revision 1",
        "Link: https://console.example/a/1",
        "1. E-7f3a opened 412 customers in two hours; a normal day has 18.",
        "Observed: 412 customers",
        "Own normal: 18 customers (from 60 own days)",
        "Peers: 22.5 customers (from 9 peers)",
        "How rare: about once in 40,000 working days",
        "No alert: if it had been no more than 61 customers",
        "Technique: ATT&CK T1213 Data from Information Repositories",
        "First steps:",
        f"- {techniques.SUPERVISOR}",
    ):
        assert said in text


def test_it_says_what_data_was_touched_where_that_is_known() -> None:
    mild = make_finding(customers=12, records=0, exported=0, data_class="C2")
    worst = make_finding(detection="odd_hours", customers=412, records=1_200, exported=800, data_class="C3")
    notice = make_notice(alert_fields={"findings": (mild, worst, make_finding(detection="new_place"))})
    lines = body(notice, 10_000).splitlines()
    told = "about 412 customers, 1,200 records disclosed, 800 taken out, most sensitive class C3"
    assert lines.count(f"Data, on the worst day: {told}") == 1
    assert [line for line in lines if line.startswith("   Data")] == [
        "   Data of that day: about 12 customers, most sensitive class C2",
        f"   Data of that day: {told}",
    ]
    assert "当日数据：约 12 名客户，最高敏感级别 C2" in body(
        make_notice(alert_fields={"findings": (mild,)}, language="zh"), 10_000
    )
    assert "Data" not in body(make_notice(), 10_000).replace("Data from", "")


def test_in_chinese_it_says_the_same() -> None:
    notice = make_notice(language="zh", phase=Phase.RESOLVED, test=True)
    assert title(notice) == "[测试] [已关闭] 内部人员风险（高）：E-7f3a，批量导出数据（风险 72.5/100）"
    text = body(notice, 10_000)
    for said in (
        "人员：E-7f3a",
        "级别：高，风险 72.50/100",
        "实际：412 customers",
        "本人平时：18 customers（依据本人 60 天）",
        "同岗平时：22.5",
        "罕见程度：约每 40,000 个工作日一次",
        "不告警的条件：不超过 61",
        "首要步骤：",
        STEPS_ZH[techniques.PURPOSE],
    ):
        assert said in text


@pytest.mark.parametrize(
    ("fields", "english", "chinese"),
    [
        ({"certain": True}, "certain: this needs no statistics", "确定无疑，无需统计"),
        ({"certain": True}, "none: one such event is enough", "无：发生一次即告警"),
        ({"threshold": None}, "no single number decides", "不由单一数值决定"),
        ({"threshold": 500.0}, "if it had been no less than 500 customers", "不低于 500 customers"),
        ({"expected": None}, "not known (from 60 own days)", "未知（依据本人 60 天）"),
        ({"p_value": 0.5}, "nothing unusual", "并不罕见"),
        ({"p_value": 0.0}, "less than once in 1,000,000 working days", "不足每 1,000,000 个工作日一次"),
    ],
)
def test_findings_that_are_unlike_the_rest_are_told_as_they_are(fields: dict, english: str, chinese: str) -> None:
    alert = make_alert(findings=(make_finding(**fields),))
    assert english in "\n".join(body_lines(make_notice(alert=alert)))
    assert chinese in "\n".join(body_lines(make_notice(alert=alert, language="zh")))


def test_a_language_that_nobody_knows_is_english() -> None:
    assert body_lines(make_notice(language="tlh")) == body_lines(make_notice())


def test_a_test_is_marked_and_so_is_what_was_closed() -> None:
    notice = make_notice(test=True, phase=Phase.RESOLVED)
    assert title(notice).startswith("[TEST] [Closed] High insider risk: E-7f3a, bulk export")
    assert summary_lines(notice)[:2] == [WORDS["en"]["is_test"], WORDS["en"]["is_resolved"]]


@pytest.mark.parametrize("language", list(WORDS))
def test_what_an_alert_holds_can_forge_no_line(language: str) -> None:
    notice = hostile_notice(language=language, link=HOSTILE)
    for line in (title(notice), *summary_lines(notice), *body_lines(notice), *steps(notice)):
        assert line.isprintable()
    plain = make_notice(alert=make_alert(findings=(make_finding(),) * 32), link="x", language=language)
    assert len(body_lines(notice)) == len(body_lines(plain)) - len(steps(plain)) + len(steps(notice))
    assert len(title(notice)) < 400


@given(text=st.text(max_size=60), limit=st.integers(0, 200), language=st.sampled_from(["en", "zh"]))
def test_a_text_that_fits_is_let_be_and_any_other_says_that_it_was_shortened(
    text: str, limit: int, language: str
) -> None:
    shown = fitted(text, limit, language)
    assert len(shown.encode()) <= limit
    if len(text.encode("utf-8", "replace")) <= limit:
        assert shown == text.encode("utf-8", "replace").decode()
    elif limit > len(WORDS[language]["cut"].encode()):
        kept = shown.removesuffix(WORDS[language]["cut"])
        assert kept != shown
        assert text.startswith(kept)


def test_the_whole_of_the_largest_alert_is_shortened_in_the_readers_language() -> None:
    text = body(hostile_notice(language="zh"), 2048)
    assert len(text.encode()) <= 2048
    assert text.endswith("【已截短】")


def test_half_of_a_surrogate_pair_does_no_harm() -> None:
    assert fitted("a\ud800b", 10) == "a?b"
    assert r"\ud800" in title(make_notice(alert_fields={"actor": "E\ud800"}))


def test_a_limit_below_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="give 0 or more"):
        fitted("x", -1)


@pytest.mark.parametrize(
    ("language", "mark", "line"),
    [
        ("en", "[Escalated, level 2] ", "Nobody has acknowledged the incident in time."),
        ("zh", "[升级至第 2 级] ", "尚无人在规定时间内确认该事件。"),
    ],
)
def test_what_was_escalated_says_so(language: str, mark: str, line: str) -> None:
    notice = make_notice(language=language, level=2)
    assert title(notice).startswith(mark)
    assert summary_lines(notice)[0] == line
    assert not title(make_notice(language=language)).startswith("[")
