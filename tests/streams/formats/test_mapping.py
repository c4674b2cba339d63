from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from streams import AccessEvent, MappedFormat, MappingError, Reason, Rejected, Tokens, load_mapping
from tests.streams.hostile import record

TOKENS = Tokens(b"k" * 32)
CRM = """
mapping = "crm"
timezone = "Asia/Shanghai"

[fields]
time = { path = "log.optTime", format = "%Y-%m-%d %H:%M:%S" }
"actor.id" = { path = ["emp.no", "userId"], transform = ["strip", "upper"] }
action = { path = "op.type", map = { "查询" = "search", "导出" = "export" }, default = "other" }
"resource.system" = { const = "crm" }
outcome = { path = "ok", map = { true = "success", false = "denied" }, default = "unknown" }
"records.count" = { path = ["result.total", "result.rows[*]"] }
subjects = { path = "result.rows[*].custNo" }
masked = { path = "masked" }
purpose = { path = "policyNo", tokenize = "policy" }

[drop_if]
"actor.id" = ["HEALTH-CHECK"]
"""
ROW: dict[str, Any] = {
    "log": {"optTime": "2026-03-02 09:14:05"},
    "emp": {"no": " e1042 "},
    "op": {"type": "导出"},
    "ok": True,
    "result": {"total": "3", "rows": [{"custNo": 1001}, {"custNo": "1002"}, {"custNo": None}]},
    "masked": "false",
    "policyNo": "P-1",
}


def load(folder: Path, text: str) -> MappedFormat:
    (folder / "crm.toml").write_text(text, "utf-8")
    return MappedFormat(load_mapping(folder / "crm.toml"), TOKENS)


@pytest.fixture
def crm(tmp_path: Path) -> MappedFormat:
    return load(tmp_path, CRM)


def decode(format_: MappedFormat, **changes: Any) -> AccessEvent | Rejected | None:
    return format_.decode(record(json.dumps({**ROW, **changes}).encode()))


def event(format_: MappedFormat, **changes: Any) -> AccessEvent:
    decoded = decode(format_, **changes)
    assert isinstance(decoded, AccessEvent), decoded
    return decoded


def test_paths_maps_constants_and_defaults_make_an_event(crm: MappedFormat) -> None:
    got = event(crm)
    assert got.time == datetime(2026, 3, 2, 1, 14, 5, tzinfo=UTC)
    assert (got.actor.id, got.actor.type, got.action) == ("E1042", "employee", "export")
    assert (got.outcome, got.masked) == ("success", False)
    assert got.records is not None
    assert got.records.count == 3
    assert got.subjects == (TOKENS.token("subject", "1001"), TOKENS.token("subject", "1002"))
    assert got.serials[1] - got.serials[0] == 1
    assert got.purpose == TOKENS.token("policy", "P-1")


def test_the_first_path_that_is_there_wins(crm: MappedFormat) -> None:
    assert event(crm, emp=None, userId="u7").actor.id == "U7"
    assert event(crm, emp={"no": ""}, userId="u7").actor.id == "U7"
    assert event(crm, emp={"no": {"a": 1}}, userId="u7").actor.id == "U7"


def test_a_value_the_map_does_not_know_is_the_default(crm: MappedFormat) -> None:
    assert event(crm, op={"type": "打印"}).action == "other"
    assert event(crm, op=None).action == "other"
    assert event(crm, ok=False).outcome == "denied"
    assert event(crm, ok=None).outcome == "unknown"


def test_a_list_given_to_a_count_is_counted(crm: MappedFormat) -> None:
    got = event(crm, result={"rows": [{"custNo": 1}, {"custNo": 2}]})
    assert got.records is not None
    assert got.records.count == 2


def test_a_dropped_record_is_counted(crm: MappedFormat) -> None:
    assert decode(crm, emp={"no": "health-check"}) is None
    assert decode(crm) is not None
    assert crm.counts.dropped == 1


def test_without_an_id_the_same_bytes_are_the_same_event(crm: MappedFormat) -> None:
    assert event(crm).event_id == event(crm).event_id
    assert event(crm).event_id != event(crm, policyNo="P-2").event_id


@pytest.mark.parametrize(
    ("changes", "reason", "path"),
    [
        ({"emp": None}, Reason.UNMAPPED, "actor"),
        ({"log": None}, Reason.UNMAPPED, "time"),
        ({"log": {"optTime": "SECRET"}}, Reason.INVALID, "$.time"),
        ({"result": {"total": "SECRET"}}, Reason.INVALID, "$.records.count"),
        ({"result": {"total": -1}}, Reason.INVALID, "$.records.count"),
        ({"result": {"total": "1e400"}}, Reason.INVALID, "$.records.count"),
        ({"emp": {"no": "E" * 300}}, Reason.INVALID, "$.actor.id"),
    ],
)
def test_a_record_that_cannot_be_mapped_says_which_field_and_quotes_nothing(
    crm: MappedFormat, changes: dict[str, Any], reason: Reason, path: str
) -> None:
    rejected = decode(crm, **changes)
    assert isinstance(rejected, Rejected)
    assert rejected.reason is reason
    assert path in rejected.detail
    assert "SECRET" not in rejected.detail


def test_a_record_that_is_no_object_is_rejected(crm: MappedFormat) -> None:
    rejected = crm.decode(record(b"[1]"))
    assert isinstance(rejected, Rejected)
    assert rejected.reason is Reason.INVALID


@pytest.mark.parametrize(
    ("format_", "value"),
    [
        ("epoch_s", 1772414045),
        ("epoch_s", "1772414045.0"),
        ("epoch_ms", 1772414045000),
        ("rfc3339", "2026-03-02T09:14:05+08:00"),
        ("rfc3339", "2026-03-02T01:14:05Z"),
        ("rfc3339", "2026-03-02T09:14:05"),
        ("%d/%b/%Y:%H:%M:%S %z", "02/Mar/2026:01:14:05 +0000"),
    ],
)
def test_times_are_read_in_every_format(tmp_path: Path, format_: str, value: object) -> None:
    crm = load(tmp_path, CRM.replace("%Y-%m-%d %H:%M:%S", format_))
    assert event(crm, log={"optTime": value}).time == datetime(2026, 3, 2, 1, 14, 5, tzinfo=UTC)


def test_a_local_time_without_a_time_zone_is_never_guessed(tmp_path: Path) -> None:
    text = CRM.replace('timezone = "Asia/Shanghai"', "")
    crm = load(tmp_path, text.replace("%Y-%m-%d %H:%M:%S", "rfc3339"))
    rejected = decode(crm, log={"optTime": "2026-03-02T09:14:05"})
    assert isinstance(rejected, Rejected)
    assert "timezone" in rejected.detail


def test_patterns_and_extract_cut_values(tmp_path: Path) -> None:
    text = CRM.replace('{ const = "crm" }', r"""{ path = "host", extract = '^([^.]+)\.' }""")
    text = text.replace("map = { true", "patterns = [['^t', \"success\"], ['.', \"failure\"]], map = { true")
    crm = load(tmp_path, text)
    assert event(crm, host="crm.example").resource.system == "crm"
    assert event(crm, host="crm").resource.system == "crm"
    assert event(crm, host="h.x", ok="tak").outcome == "success"
    assert event(crm, host="h.x", ok="no").outcome == "failure"


BAD: dict[str, tuple[str, str, str]] = {
    "an unknown key": (
        CRM.replace('mapping = "crm"', 'mapping = "crm"\ncolour = 1'),
        "colour",
        "unknown key",
    ),
    "an unknown key of a field": (
        CRM.replace('path = "masked"', 'path = "masked", pth = 1'),
        "fields.masked.pth",
        "",
    ),
    "an unknown field": (CRM.replace("masked =", "mask ="), "fields.mask", "no such field"),
    "serials": (CRM.replace("masked =", '"serials" ='), "fields.serials", "no such field"),
    "an unknown drop": (
        CRM.replace('"actor.id" = ["HEALTH', '"actor.ID" = ["HEALTH'),
        "drop_if.actor.ID",
        "",
    ),
    "a missing field": (
        CRM.replace('"actor.id" = { path', '"actor.role" = { path'),
        "fields.actor.id",
        "required",
    ),
    "a bad path": (CRM.replace("result.total", "result..total"), "fields.records.count", "path"),
    "a bad index": (CRM.replace("rows[*].c", "rows[x].c"), "fields.subjects", "path"),
    "no path": (CRM.replace('{ const = "crm" }', "{}"), "fields.resource.system", "needs a path or a const"),
    "const and path": (
        CRM.replace('const = "crm"', 'const = "crm", path = "a"'),
        "fields.resource.system",
        "excludes",
    ),
    "a bad pattern": (
        CRM.replace('path = "ok"', 'path = "ok", patterns = [[\'(\', "a"]]'),
        "fields.outcome",
        "pattern",
    ),
    "an extract without a group": (
        CRM.replace('path = "ok"', 'path = "ok", extract = "a"'),
        "fields.outcome",
        "group",
    ),
    "a bad format": (CRM.replace("%Y-%m-%d %H:%M:%S", "iso"), "fields.time", "strptime"),
    "a bad time zone": (CRM.replace("Asia/Shanghai", "Asia/Shangri-La"), "timezone", "no such time zone"),
    "a time zone that is a path": (
        CRM.replace("Asia/Shanghai", "../etc/passwd"),
        "timezone",
        "no such time zone",
    ),
    "no time zone": (CRM.replace('timezone = "Asia/Shanghai"', ""), "timezone", "say which time zone"),
    "a bad framing": (CRM + '[framing]\nkind = "csv"', "framing.kind", ""),
    "no TOML": ("fields = ", "", "no TOML"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_mapping_file_is_refused_naming_file_and_key(tmp_path: Path, name: str) -> None:
    text, key, words = BAD[name]
    assert text != CRM
    with pytest.raises(MappingError, match=r"crm\.toml") as caught:
        load(tmp_path, text)
    assert caught.value.key == key
    assert key in str(caught.value)
    assert words in str(caught.value)


def test_a_missing_mapping_names_the_shipped_ones() -> None:
    with pytest.raises(MappingError, match="cloudtrail"):
        load_mapping("no-such-mapping")
