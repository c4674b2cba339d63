"""Records that an attacker, a broken producer or a broken disk may send."""

from __future__ import annotations

import gzip
import json
from typing import Any

from streams.position import Position
from streams.record import Record
from streams.rejected import Reason


def event(**changes: Any) -> dict[str, Any]:
    tree: dict[str, Any] = {
        "event_id": "ev-1",
        "time": "2026-03-02T09:14:05.120+08:00",
        "actor": {"id": "E1042", "role": "claims_adjuster", "department": "B03", "type": "employee"},
        "action": "export",
        "resource": {"system": "claims", "type": "report", "id": "report-7"},
        "outcome": "success",
        "subjects": ["C-88312", "C-90177"],
        "records": {"count": 120, "bytes": 48210},
        "data": {"class": "C2", "fields": ["phone", "id_no"]},
        "masked": False,
        "purpose": "claim:CL-20391",
        "src": {"ip": "10.3.2.1", "host": "WS-113", "channel": "ui", "user_agent": "Firefox"},
        "session": {"id": "s-99"},
    }
    return {key: value for key, value in {**tree, **changes}.items() if value is not None}


def line(**changes: Any) -> bytes:
    return json.dumps(event(**changes), ensure_ascii=False).encode()


def record(raw: bytes, offset: int = 0) -> Record:
    return Record(raw, Position("hostile", offset))


def with_key(text: bytes) -> bytes:
    return line()[:-1] + b", " + text + b"}"


HOSTILE: dict[str, tuple[bytes, Reason]] = {
    "empty object": (b"{}", Reason.INVALID),
    "a list": (b"[]", Reason.INVALID),
    "a word": (b"hello", Reason.NOT_JSON),
    "half a record": (line()[:-20], Reason.NOT_JSON),
    "two records": (line() + line(), Reason.NOT_JSON),
    "nothing but zeros": (b"\0" * 100, Reason.NOT_JSON),
    "an executable": (b"\x7fELF\x02\x01\x01\0\0\xff\xfe", Reason.NOT_JSON),
    "UTF-16": (json.dumps(event()).encode("utf-16"), Reason.NOT_JSON),
    "NaN": (with_key(b'"x": NaN'), Reason.NOT_JSON),
    "Infinity": (line().replace(b"120,", b"Infinity,"), Reason.NOT_JSON),
    "deep lists": (with_key(b'"x": ' + b"[" * 100_000 + b"]" * 100_000), Reason.NOT_JSON),
    "deep objects": (b'{"actor":' * 100_000 + b"1" + b"}" * 100_000, Reason.NOT_JSON),
    "a lone surrogate": (line().replace(b"E1042", b"E\\ud800"), Reason.NOT_JSON),
    "a lone surrogate in an unknown key": (with_key(b'"x": "\\udc00"'), Reason.NOT_JSON),
    "bytes that are not UTF-8": (line().replace(b"E1042", b"E\xff\xfe"), Reason.NOT_JSON),
    "not UTF-8 in an unknown key": (with_key(b'"x": "\xff"'), Reason.NOT_JSON),
    "a raw control character": (line().replace(b"E1042", b"E\x01"), Reason.NOT_JSON),
    "an actor twice": (with_key(b'"actor": {"id": "E2"}'), Reason.DUPLICATE_KEY),
    "an action twice": (with_key(b'"action": "read"'), Reason.DUPLICATE_KEY),
    "a key twice, spelt differently": (with_key(b'"\\u0061ction" : "read"'), Reason.DUPLICATE_KEY),
    "an unknown key twice": (with_key(b'"x": 1, "x": 2'), Reason.DUPLICATE_KEY),
    "a type twice": (
        line().replace(b'"type": "report"', b'"type": "report","type":"a"'),
        Reason.DUPLICATE_KEY,
    ),
    "a type twice instead of another": (
        line().replace(b', "type": "employee"', b"").replace(b'"type": "report"', b'"type": "report", "type": "a"'),
        Reason.DUPLICATE_KEY,
    ),
    "an escaped newline in an id": (line(event_id="a\nb"), Reason.UNPRINTABLE),
    "DEL in an id": (line(event_id="a\x7fb"), Reason.UNPRINTABLE),
    "right-to-left override": (line(actor={"id": "E\u202e1042"}), Reason.UNPRINTABLE),
    "zero-width space": (line(session={"id": "s\u200b"}), Reason.UNPRINTABLE),
    "a tag character in a subject": (line(subjects=["C-1\U000e0041"]), Reason.UNPRINTABLE),
    "a terminal escape in a purpose": (line(purpose="\x1b[2J"), Reason.UNPRINTABLE),
    "no actor": (line(actor=None), Reason.INVALID),
    "an empty id": (line(actor={"id": ""}), Reason.INVALID),
    "a long id": (line(actor={"id": "E" * 257}), Reason.INVALID),
    "a number for an id": (line(event_id=7), Reason.INVALID),
    "an unknown action": (line(action="exfiltrate-secret"), Reason.INVALID),
    "a negative count": (line(records={"count": -1}), Reason.INVALID),
    "a huge count": (line(records={"count": 10**30}), Reason.INVALID),
    "a fraction of a record": (line(records={"count": 0.5}), Reason.INVALID),
    "a number no float holds": (with_key(b'"x": 1e400'), Reason.INVALID),
    "a number of 5,000 digits": (with_key(b'"x": ' + b"9" * 5000), Reason.INVALID),
    "a local time": (line(time="2026-03-02T09:14:05"), Reason.INVALID),
    "no time at all": (line(time="yesterday"), Reason.INVALID),
    "before the year one": (line(time="0001-01-01T00:00:00+08:00"), Reason.INVALID),
    "after the year 9999": (line(time="9999-12-31T23:59:59-08:00"), Reason.INVALID),
}

# What looks odd and is right.
ODD: dict[str, bytes] = {
    "a byte order mark": b"\xef\xbb\xbf" + line(),
    "white space everywhere": json.dumps(event(), indent=2)
    .replace(":", " :  ")
    .replace("T09 :  14 :  05", "T09:14:05")
    .replace("+08 :  00", "+08:00")
    .encode(),
    "escaped characters": json.dumps(event(actor={"id": "张三"})).encode(),
    "Chinese": line(actor={"id": "张三", "role": "理赔员"}),
    "quotes and colons inside a value": line(purpose='say ":" and \\"x\\": 1'),
    "nulls": json.dumps({**event(), "masked": None, "purpose": None, "session": None}).encode(),
    "empty lists": line(subjects=[], data={"class": "C1", "fields": []}),
    "unknown keys": with_key(b'"tenant": {"a": [1, 2.5, "b"]}, "n": 1e300'),
    "serials that are not ours": with_key(b'"_serials": [1, 2, 3]'),
    "a Windows path": line(resource={"system": "files", "id": "C:\\data\\customers.xlsx"}),
}


def cut_gzip(lines: bytes, missing: int = 20) -> bytes:
    return gzip.compress(lines, mtime=0)[:-missing]
