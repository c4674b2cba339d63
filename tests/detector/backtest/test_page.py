"""The page: whole, still and safe, whatever people call their departments."""

import re
from base64 import b64decode, b64encode
from hashlib import sha256
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest

from alerts.escape import escape
from detector.backtest.match import Contestant, LogFacts, Match, Played
from detector.backtest.page import STYLE, page
from detector.backtest.report import Report, report_json, report_of
from detector.backtest.truth import Truth
from tests.detector.backtest.made import CONFIG, EVER, alert, month, report, story

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'; </style><svg onload=alert(1)>",
    "]]><b>&amp;&#0;",
    "$\\frac{1}{0}$",
    "\u202eevil\x1b[2J\x00\ud800",
    "理赔部\U0001f600",
    "x" * 1024,
)
VOID = frozenset({"meta", "img"})
ALLOWED = frozenset(
    [
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "main",
        "h1",
        "h2",
        "p",
        "div",
        "strong",
        "ul",
        "li",
        "table",
        "caption",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "figure",
        "figcaption",
        "img",
    ]
)


class Page(HTMLParser):
    """Every tag and text of a page, which must be nested as it should be."""

    def __init__(self, body: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(body.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def some_report(*departments: str) -> Report:
    names = departments or ("B01",)
    days = month(dict.fromkeys(names, 40))
    one = Played([alert(2.5, "E-1"), *(alert(9, f"E-2{name}", name) for name in names)], days)
    other = Played([alert(2.1, "E-1"), *(alert(4, f"E-3{name}", name) for name in names)], days)
    return report(one, other, story(2.0, actor="E-1"), story(8.0, actor="E-2"))


@pytest.fixture(scope="module")
def usual() -> Page:
    return Page(page(some_report()))


def test_the_page_is_whole_and_asks_for_nothing_else(usual: Page) -> None:
    assert usual.open == []
    assert {tag for tag, _ in usual.tags} <= ALLOWED
    for tag, attributes in usual.tags:
        assert not any(name.startswith("on") or name == "href" for name in attributes)
        if "src" in attributes:
            assert tag == "img"
            assert (attributes["src"] or "").startswith("data:image/svg+xml;base64,")


def test_the_policy_lets_in_the_page_s_own_style_and_nothing_else(usual: Page) -> None:
    (policy,) = [one["content"] or "" for tag, one in usual.tags if one.get("http-equiv") == "Content-Security-Policy"]
    digest = b64encode(sha256(STYLE.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "unsafe" not in policy
    assert STYLE in usual.texts
    assert all("style" not in attributes for _, attributes in usual.tags)


def test_whoever_cannot_see_is_told_the_same(usual: Page) -> None:
    assert ("html", {"lang": "en"}) in usual.tags
    assert "Backtest: online against online" in usual.texts
    images = [one for tag, one in usual.tags if tag == "img"]
    assert len(images) == 4
    assert all(len(one["alt"] or "") > 20 for one in images)
    assert all(one.get("scope") for tag, one in usual.tags if tag == "th")


def test_the_names_of_departments_and_people_cannot_act(recwarn: pytest.WarningsRecorder) -> None:
    body = page(some_report(*HOSTILE))
    found = Page(body)
    assert found.open == []
    assert {tag for tag, _ in found.tags} <= ALLOWED
    assert all(escape(name) in found.texts for name in HOSTILE)
    assert not any(name.startswith("on") or name == "style" for _, attributes in found.tags for name in attributes)
    assert not re.search("[\u202e\x1b\x00]", body.decode())
    for picture in [b64decode((one["src"] or "").partition(",")[2]) for tag, one in found.tags if tag == "img"]:
        drawn = list(ET.fromstring(picture).iter())
        assert not {one.tag.rpartition("}")[2] for one in drawn} & {"script", "foreignObject", "image", "a", "img"}
        assert not any(name.startswith("on") for one in drawn for name in one.attrib)


def test_a_report_without_truth_or_alerts_has_a_page_too() -> None:
    match = Match([Played([], month()), Played([], month())], log=LogFacts(shards=["0"], events=1))
    empty = report_of(match, [Contestant(), Contestant()], Truth(), EVER, CONFIG, 0)
    texts = "".join(Page(page(empty)).texts)
    assert "there is nothing to judge by" in texts
    assert "not known" in texts


def test_the_same_report_gives_the_same_bytes() -> None:
    assert page(some_report()) == page(some_report())
    assert report_json(some_report()) == report_json(some_report())
