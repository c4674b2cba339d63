from __future__ import annotations

from pathlib import Path

import pytest

from streams import FormatError, MappedFormat, NativeFormat, Tokens, open_format
from streams.formats.mapping import SHIPPED

TOKENS = Tokens(b"k" * 32)


def test_a_format_is_opened_by_name_or_by_mapping_file(tmp_path: Path) -> None:
    assert isinstance(open_format("native", TOKENS).inner, NativeFormat)
    assert isinstance(open_format("cloudtrail", TOKENS).inner, MappedFormat)
    own = tmp_path / "own.toml"
    own.write_text((SHIPPED / "cloudtrail.toml").read_text())
    assert isinstance(open_format(own, TOKENS).inner, MappedFormat)


@pytest.mark.parametrize("name", ["csv", "missing.toml", ""])
def test_an_unknown_format_names_the_known_ones(name: str) -> None:
    with pytest.raises(FormatError, match="cloudtrail"):
        open_format(name, TOKENS)
