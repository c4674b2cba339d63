"""The fake collector reads by the letter."""

import pytest

from tests.alerts.receivers.fakes.syslog import frames, read_cef, read_message

GOOD = b"<134>1 2026-03-02T01:14:05.120Z host app - id - CEF:0|v|p|1|x|a \\| b|8|act=f msg=a\\=b\\nc d=1"


def test_it_reads_headers_and_escapes() -> None:
    said = read_message(GOOD)
    assert (said.facility, said.severity, said.host, said.kind) == (16, 6, "host", "id")
    assert said.header == ("v", "p", "1", "x", "a | b", "8")
    assert said.fields == {"act": "f", "msg": "a=b\nc", "d": "1"}


@pytest.mark.parametrize(
    "broken",
    [
        GOOD.replace(b">1 ", b">"),
        GOOD.replace(b"<134>", b"<192>"),
        GOOD.replace(b"host", b"ho st"),
        GOOD.replace(b"Z host", b" host"),
        GOOD + b"\n",
        GOOD + b"\xff",
        GOOD + b"x" * 2048,
    ],
)
def test_it_refuses_what_is_no_message(broken: bytes) -> None:
    with pytest.raises(ValueError):
        read_message(broken)


@pytest.mark.parametrize(
    "broken",
    ["CEF:0|v|p|1|x|a|b", "CEF:0|v|p|1|x|a|11|", "CEF:0|v|p|1|x|a\\n|8|", "CEF:0|v|p|1|x|a|8|a=b\\|c",
     "CEF:0|v|p|1|x|a|8|a=b=c", "CEF:0|v|p|1|x|a|8|a=1 a=2", "CEF:0|v|p|1|x|a|8|no key",
     "CEF:0|v|p|1|x|a|8|externalId=" + "x" * 41, "LEEF:1|"],
)  # fmt: skip
def test_it_refuses_what_is_no_cef(broken: str) -> None:
    with pytest.raises(ValueError):
        read_cef(broken)


def test_it_counts_octets() -> None:
    assert frames(b"3 abc2 de") == [b"abc", b"de"]
    for broken in (b"4 abc", b"abc", b"03 abc", b"3 abc\n"):
        with pytest.raises(ValueError):
            frames(broken)
