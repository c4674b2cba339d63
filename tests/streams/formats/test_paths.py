from __future__ import annotations

import pytest

from streams.formats.paths import compile_path, leaves

TREE = {
    "a": {"b": [{"c": 1, "d": [10, 11]}, {"c": None, "d": [12]}, {"x": 0}]},
    "e": 0,
    "f": None,
    "g": ["x", "y"],
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("e", 0),
        ("f", None),
        ("missing", None),
        ("a.b[0].c", 1),
        ("a.b[1].c", None),
        ("a.b[9].c", None),
        ("a.b[*].c", [1]),
        ("a.b[*].d[*]", [10, 11, 12]),
        ("a.b[*].d[0]", [10, 12]),
        ("a.b[*].missing", None),
        ("g[*]", ["x", "y"]),
        ("g[1]", "y"),
        ("e.deeper", None),
        ("e[0]", None),
        ("e[*]", None),
    ],
)
def test_a_path_finds_what_is_there(path: str, value: object) -> None:
    assert compile_path(path)(TREE) == value


@pytest.mark.parametrize("path", ["", ".", "a.", ".a", "a..b", "a[", "a[]", "a[-1]", "a[x]", "[0]", "a]b"])
def test_a_bad_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="a path is written like"):
        compile_path(path)


def test_leaves_are_the_paths_of_values() -> None:
    assert set(leaves(TREE)) == {"a.b[*].c", "a.b[*].d[*]", "a.b[*].x", "e", "g[*]"}
