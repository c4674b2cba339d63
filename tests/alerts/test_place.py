import pytest
from sqlalchemy import make_url

from alerts.errors import StoreError
from alerts.place import database_url, read_password, shown


@pytest.mark.parametrize(
    ("text", "shown_as"),
    [
        ("postgresql://iw@db.example:5433/alerts?sslmode=verify-full", "postgresql://iw@db.example:5433/alerts"),
        ("postgresql+psycopg2://iw@db.example/alerts", "postgresql://iw@db.example/alerts"),
        ("sqlite:////var/lib/alerts.db?timeout=3", "/var/lib/alerts.db"),
        ("sqlite://", "sqlite://"),
    ],
)
def test_a_place_is_shown_without_options_and_drivers(text, shown_as):
    assert shown(database_url(text)) == shown_as


def test_postgresql_is_served_by_psycopg_with_the_options_of_the_url():
    url = database_url("postgresql://iw@db.example/alerts?sslmode=verify-full")
    assert url == make_url("postgresql+psycopg://iw@db.example/alerts?sslmode=verify-full")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("alerts.db", "sqlite:///alerts.db"),
        ("iw:secret@host/db", "sqlite:///alerts.db"),
        ("postgresql://iw:secret@host:port/db", "sqlite:///alerts.db"),
        ("postgres://iw:secret@host/db", "begins with sqlite:/// or postgresql://"),
        ("postgresql://iw:secret@host/db", "holds a password.*state.password_file"),
        ("postgresql://iw:@host/db", "holds a password"),
        ("postgresql://iw@host/db?password=secret", "holds a password"),
        ("postgresql://iw@host/db?sslpassword=secret", "holds a password"),
    ],
)
def test_a_url_that_will_not_do_is_refused_and_its_password_is_not_repeated(text, said):
    with pytest.raises(StoreError, match=said) as caught:
        database_url(text)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "said"), [(None, "cannot be read"), (b"\xff\n", "cannot be read"), (b"\n", "is empty")]
)
def test_a_password_file_that_holds_none_is_said(tmp_path, content, said):
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(StoreError, match=f"password: .*{said}"):
        read_password(file)


def test_the_first_line_of_the_file_is_the_password(tmp_path):
    (tmp_path / "password").write_text("a word with: @/ signs\nnote to self\n")
    assert read_password(tmp_path / "password") == "a word with: @/ signs"
