"""A promotion rests on a report about exactly that bundle, against exactly the champion that there is."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from alerts.bundles import Book, BundleAct, BundleRecord, Deed
from detector.errors import ReportError
from detector.promotion import read_report, require_backing

A, B, C = (letter * 64 for letter in "abc")
RECORDS = tuple(
    BundleRecord(digest=one, name=f"bundle-{one[0]}", owner="dana", manifest="{}", added_at=0.0, added_by="lee")
    for one in (A, B)
)
EMPTY = Book(records=RECORDS, acts=())
LED = Book(records=RECORDS, acts=(BundleAct(number=1, digest=A, act=Deed.PROMOTE, at=0.0, by="kim"),))


def report(folder: Path, **fields: Any) -> Path:
    usual = {
        "schema": "innerwatch-backtest/1",
        "bundles": [{"digest": B, "name": "bundle-b"}],
        "champion": A,
        "challenger": B,
        "passes": True,
        "reasons": ["as many insiders"],
        "more": {"for": "people"},
    }
    path = folder / "report.json"
    path.write_text(json.dumps({name: one for name, one in (usual | fields).items() if one is not None}))
    return path


def test_a_report_that_speaks_for_the_bundle_is_known_by_its_checksum(tmp_path: Path) -> None:
    path = report(tmp_path)
    found, digest = read_report(path)
    assert digest == sha256(path.read_bytes()).hexdigest()
    require_backing(found, path, LED, B)
    alone, _ = read_report(report(tmp_path, champion=""))
    require_backing(alone, path, EMPTY, B)


@pytest.mark.parametrize(
    ("fields", "book", "why"),
    [
        ({"challenger": C}, LED, r"it is about bundle cccccccccccc, not bundle-b \(bbbbbbbbbbbb\)"),
        ({"challenger": ""}, LED, "it is about bundle none"),
        ({"champion": C}, LED, r"compares with a bundle that is not here \(c+\), and now the champion is bundle-a"),
        ({"champion": ""}, LED, r"compares with the online models alone, and now the champion is bundle-a \(a{12}\)"),
        ({}, EMPTY, r"compares with bundle-a \(a{12}\), and now the champion is the online models alone"),
        ({"passes": False, "reasons": ["too loud", "late"]}, LED, r"bundle-b \(b{12}\) has not passed: too loud; late"),
        ({"passes": False, "reasons": []}, LED, "has not passed: it gives no reason"),
    ],
)
def test_a_report_that_does_not_speak_for_it_is_refused_in_words(
    tmp_path: Path, fields: dict[str, Any], book: Book, why: str
) -> None:
    path = report(tmp_path, **fields)
    found, _ = read_report(path)
    with pytest.raises(ReportError, match=rf"report\.json: .*{why}"):
        require_backing(found, path, book, B)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"schema": "innerwatch-backtest/2"}, "this release reads 'innerwatch-backtest/1'"),
        ({"schema": None}, "the schema is ''"),
        ({"passes": "yes"}, "no report of a backtest"),
        ({"passes": None}, "no report of a backtest"),
        ({"champion": 1}, "no report of a backtest"),
    ],
)
def test_what_is_no_report_of_this_release_is_refused(tmp_path: Path, fields: dict[str, Any], why: str) -> None:
    with pytest.raises(ReportError, match=why):
        read_report(report(tmp_path, **fields))


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff{}", b"passes"])
def test_what_is_no_json_object_is_refused(tmp_path: Path, body: bytes) -> None:
    (tmp_path / "report.json").write_bytes(body)
    with pytest.raises(ReportError, match="no report of a backtest"):
        read_report(tmp_path / "report.json")
