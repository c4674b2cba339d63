import sqlite3

import pytest
from sqlalchemy import make_url

from alerts.sqlite import prepare_file, read_only_url, words


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (sqlite3.SQLITE_FULL, "full"),
        (sqlite3.SQLITE_BUSY, "locked"),
        (sqlite3.SQLITE_NOTADB, "not a database"),
        (sqlite3.SQLITE_IOERR_FSYNC, "the disk failed"),
    ],
)
def test_an_error_code_extended_or_not_is_put_in_words(code, said):
    error = sqlite3.OperationalError("cryptic")
    error.sqlite_errorcode = code
    assert said in words(error)


def test_an_unknown_error_keeps_what_the_driver_said():
    assert "cryptic" in words(sqlite3.OperationalError("cryptic"))


def test_a_read_only_url_keeps_its_other_parts_and_quotes_the_path():
    url = read_only_url(make_url("sqlite:////data/a%3Fb.db?timeout=3"))
    assert url.query == {"timeout": "3", "mode": "ro", "uri": "true"}
    assert url.database.startswith("file:/data/")


def test_a_file_that_exists_keeps_its_content(tmp_path):
    path = tmp_path / "a.db"
    path.write_bytes(b"content")
    prepare_file(path)
    assert path.read_bytes() == b"content"
