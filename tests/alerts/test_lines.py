import io
import json
import os
import stat
from datetime import datetime, timedelta

import pytest

from alerts.errors import LinesError
from alerts.lines import alert_line, read_alerts, send_alerts, write_alerts


@pytest.fixture
def two(make_alert):
    return [make_alert(), make_alert(alert_id="f" * 20, role="claims_adjuster", department="B03")]


def test_what_is_written_is_read_back(tmp_path, two):
    write_alerts(tmp_path / "alerts.jsonl", two)
    assert read_alerts(tmp_path / "alerts.jsonl") == two


def test_a_file_and_a_stream_hold_the_same_bytes(tmp_path, two):
    stream = io.BytesIO()
    send_alerts(stream, two)
    write_alerts(tmp_path / "alerts.jsonl", two)
    assert (tmp_path / "alerts.jsonl").read_bytes() == stream.getvalue() == b"".join(map(alert_line, two))


def test_times_carry_their_offset(make_alert):
    opened = json.loads(alert_line(make_alert()))["opened_at"]
    assert datetime.fromisoformat(opened).utcoffset() == timedelta(0)


def test_no_character_in_a_line_steers_a_terminal_and_the_meaning_stays(tmp_path, make_alert, make_finding):
    hostile = "\x1b]0;owned\x07 \u202egpj.exe\u2069 \x9b2J \u2028 {\n}"
    alert = make_alert(actor=hostile, findings=(make_finding(sentence=hostile, event_ids=(hostile,)),))
    line = alert_line(alert)
    assert line.decode().removesuffix("\n").isprintable()
    write_alerts(tmp_path / "alerts.jsonl", [alert])
    assert read_alerts(tmp_path / "alerts.jsonl") == [alert]


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path, two):
    path = tmp_path / "alerts.jsonl"
    write_alerts(path, two[:1])

    def broken():
        yield two[1]
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        write_alerts(path, broken())
    assert read_alerts(path) == two[:1]
    assert os.listdir(tmp_path) == ["alerts.jsonl"]  # noqa: PTH208


def test_a_file_of_alerts_is_for_its_owner_alone(tmp_path, two):
    write_alerts(tmp_path / "alerts.jsonl", two)
    assert stat.S_IMODE((tmp_path / "alerts.jsonl").stat().st_mode) == 0o600


def test_blank_lines_are_passed_over(tmp_path, two):
    path = tmp_path / "alerts.jsonl"
    path.write_bytes(b"\n" + alert_line(two[0]) + b"  \n" + alert_line(two[1]))
    assert read_alerts(path) == two


@pytest.mark.parametrize("bad", [b"{", b"{}", b"[]", b"\xff\xfe", b'{"alert_id": 7}'])
def test_a_line_that_is_no_alert_is_named_by_file_and_number(tmp_path, two, bad):
    path = tmp_path / "alerts.jsonl"
    path.write_bytes(alert_line(two[0]) + bad + b"\n")
    with pytest.raises(LinesError, match=r"alerts\.jsonl:2: not an alert"):
        read_alerts(path)


def test_an_alert_out_of_bounds_is_not_read(tmp_path, two):
    path = tmp_path / "alerts.jsonl"
    path.write_bytes(alert_line(two[0]).replace(b'"risk":72.5', b'"risk":720.5'))
    with pytest.raises(LinesError, match=r"alerts\.jsonl:1: .*risk is 720\.5"):
        read_alerts(path)


def test_a_missing_file_or_folder_is_named(tmp_path, two):
    with pytest.raises(LinesError, match=r"absent\.jsonl"):
        read_alerts(tmp_path / "absent.jsonl")
    with pytest.raises(LinesError, match=r"absent/alerts\.jsonl"):
        write_alerts(tmp_path / "absent" / "alerts.jsonl", two)
