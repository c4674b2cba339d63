import io
import unicodedata
from zoneinfo import ZoneInfo

import pytest
from rich.console import Console

from alerts.techniques import SUPERVISOR
from alerts.terminal import alert_detail, alert_table

HOSTILE = "[red]x[/red] [link=//evil]y[/link] :smile: \x1b[2J\x1b]0;own\x07 \u202etxt.exe \x9b2J\n\rfake line"


def shown(renderable, width=80, **terminal):
    console = Console(file=io.StringIO(), width=width, **{"no_color": True, **terminal})
    console.print(renderable)
    return console.file.getvalue()


def words_of(text):
    return " ".join(text.split())


def test_a_table_names_id_time_actor_severity_risk_detections_and_the_first_sentence(make_alert, make_finding):
    second = make_finding(detection="off_hours", sentence="second sentence")
    said = words_of(shown(alert_table([make_alert(findings=(make_finding(), second))]), width=160))
    for part in ("01234567", "2026-03-02", "01:14", "E-7f3a", "high", "72.5", "bulk_export, off_hours"):
        assert part in said
    assert make_finding().sentence in said
    assert "second sentence" not in said


def test_a_table_of_nothing_is_its_heading_alone():
    assert words_of(shown(alert_table([]))) == "id opened who severity risk what"


def test_ids_are_shown_as_long_as_it_takes_to_tell_them_apart(make_alert):
    alerts = [make_alert(alert_id="0123456789" + tail * 10) for tail in "ab"]
    said = shown(alert_table(alerts))
    assert "0123456789a " in said
    assert "0123456789b " in said
    assert "0123456789a" not in shown(alert_table(alerts[:1]))


def test_times_are_shown_in_the_zone_asked_for(make_alert):
    shanghai = ZoneInfo("Asia/Shanghai")
    assert "09:14" in shown(alert_table([make_alert()], shanghai))
    assert "2026-03-02 09:14:05 CST" in shown(alert_detail(make_alert(), shanghai))


def test_a_detail_shows_every_number_an_analyst_can_check(make_alert):
    said = words_of(shown(alert_detail(make_alert(role="claims_adjuster", department="B03"))))
    for part in (
        "0123456789abcdef0123",
        "E-7f3a, claims_adjuster, B03",
        "72.50 of 100, high",
        "claims/0:1841",
        "1. E-7f3a opened 412 customers in two hours; a normal day has 18.",
        "observed 412 customers",
        "own normal 18 customers (from 60 own days)",
        "peers 22.5 customers (from 9 peers)",
        "about once in 40,000 working days (p = 2.5e-05)",
        "if it had been no more than 61 customers",
        "ev-1, ev-2, 28 more",
        "ATT&CK T1213 Data from Information Repositories",
        "bulk_export, model m-1",
        SUPERVISOR,
    ):
        assert part in said


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"expected": None, "sample_size": 0}, "own normal not known (0 own days)"),
        ({"peer_expected": None, "peer_sample_size": 1}, "peers not known (1 peer)"),
        ({"threshold": None}, "no alert no single number decides"),
        ({"observed": 3.0, "threshold": 5.0}, "if it had been no less than 5 customers"),
        ({"certain": True, "p_value": 1.0}, "certain: this needs no statistics"),
        ({"certain": True}, "no alert none: one such event is enough"),
        ({"event_ids": (), "event_count": 7}, "events 7, none named"),
        ({"event_ids": ("ev-1",), "event_count": 1}, "events ev-1 data"),
        ({"event_ids": (), "event_count": 0}, "events none"),
        ({"observed": 0.4217, "unit": "of all views"}, "observed 0.422 of all views"),
        ({"observed": 1234567.8}, "observed 1,234,568 customers"),
        ({"technique": "T0000"}, "ATT&CK T0000 First steps"),
        ({}, "data not known technique"),
        (
            {"customers": 412, "records": 1_200, "exported": 800, "data_class": "C3"},
            "about 412 customers, 1,200 records disclosed, 800 taken out, most sensitive class C3; all of that day",
        ),
    ],
)
def test_what_is_missing_or_special_is_said_in_words(make_alert, make_finding, fields, said):
    assert said in words_of(shown(alert_detail(make_alert(findings=(make_finding(**fields),)))))


def test_a_step_that_several_findings_ask_for_is_said_once(make_alert, make_finding):
    findings = (make_finding(), make_finding(detection="robot", technique="T1119"))
    assert words_of(shown(alert_detail(make_alert(findings=findings)))).count(SUPERVISOR) == 1


@pytest.mark.parametrize("view", [lambda alert: alert_table([alert]), alert_detail])
def test_nothing_in_an_alert_steers_the_terminal_or_is_read_as_markup(make_alert, make_finding, view):
    finding = make_finding(
        detection=HOSTILE,
        unit=HOSTILE,
        event_ids=(HOSTILE,),
        technique=HOSTILE,
        sentence=HOSTILE,
        model_version=HOSTILE,
    )
    alert = make_alert(
        alert_id=HOSTILE,
        actor=HOSTILE,
        role=HOSTILE,
        department=HOSTILE,
        position=HOSTILE,
        findings=(finding,),
    )
    said = shown(view(alert), width=200)
    assert not {unicodedata.category(character) for character in said.replace("\n", "")} & {"Cc", "Cf"}
    assert "[red]x[/red]" in said
    assert ":smile:" in said
    assert "\nfake line" not in said


@pytest.mark.parametrize("width", [20, 40, 80, 200])
@pytest.mark.parametrize("view", [lambda alert: alert_table([alert]), alert_detail])
def test_no_line_is_wider_than_the_console(make_alert, make_finding, view, width):
    finding = make_finding(sentence="坐席查看了四百一十二名客户 " * 9, event_ids=("e" * 300,))
    alert = make_alert(actor="E-" + "7" * 60, findings=(finding,))
    console = Console(width=width)
    lines = console.render_lines(view(alert), console.options, pad=False)
    assert all(sum(segment.cell_length for segment in line) <= width for line in lines)


def test_nothing_is_lost_at_eighty_columns(make_alert, make_finding):
    sentence = "a sentence of a good many words that does not fit the narrow last column of the table at all"
    alert = make_alert(findings=(make_finding(sentence=sentence),))
    column = [line[-34:] for line in shown(alert_table([alert])).splitlines()]
    assert set(sentence.split()) <= set(" ".join(column).split())


def test_severity_has_a_colour_only_where_there_is_one(make_alert):
    colour = shown(alert_table([make_alert()]), no_color=False, force_terminal=True, color_system="standard")
    assert "\x1b[" in colour
    assert "\x1b[" not in shown(alert_table([make_alert()]))
