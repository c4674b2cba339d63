"""What PostgreSQL's errors mean, and which of them pass by themselves."""

import psycopg
import pytest
from psycopg import errors
from sqlalchemy import make_url

from alerts.postgres import CONNECT_OPTIONS, away, completed, words


@pytest.mark.parametrize(
    ("error", "said", "passes"),
    [
        (errors.AdminShutdown, "cut the connection", True),
        (errors.CannotConnectNow, "restarting", True),
        (errors.ConnectionFailure, "cannot be reached", True),
        (errors.SerializationFailure, "another process", True),
        (errors.DeadlockDetected, "another process", True),
        (errors.LockNotAvailable, "another process", True),
        (errors.IdleInTransactionSessionTimeout, "stood still", True),
        (errors.TooManyConnections, "max_connections", True),
        (errors.QueryCanceled, "statement_timeout", True),
        (errors.DiskFull, "the disk is full", False),
        (errors.IoError, "disk failed", False),
        (errors.InsufficientPrivilege, "grant", False),
        (errors.InvalidPassword, "password_file", False),
        (errors.InvalidCatalogName, "no such database", False),
        (errors.ReadOnlySqlTransaction, "not writable", False),
        (errors.DataCorrupted, "damaged", False),
        (errors.UndefinedTable, "damaged", False),
        (errors.DivisionByZero, "refused", False),
    ],
)
def test_a_state_is_put_in_words_with_what_the_server_said(error, said, passes):
    assert said in words(error("cryptic\n\tin lines"))
    assert "(cryptic in lines)" in words(error("cryptic\n\tin lines"))
    assert away(error("cryptic")) is passes


@pytest.mark.parametrize(
    ("text", "said", "passes"),
    [
        ('FATAL:  no pg_hba.conf entry for host "10.0.0.1"', "pg_hba.conf", False),
        ("failed: fe_sendauth: no password supplied", "refuses the log-in", False),
        ("SSL error: certificate verify failed", "sslrootcert", False),
        ('connection is bad: invalid sslmode value: "bogus"', "option of the URL", False),
        ("SSL SYSCALL error: EOF detected", "cut the connection", True),
        ("consuming input failed: server closed the connection unexpectedly", "cut the connection", True),
        ("failed to resolve host 'db.example'", "cannot be reached", True),
        ("FATAL:  the database system is starting up", "is restarting", True),
    ],
)
def test_a_connection_that_did_not_come_about_is_put_in_words(text, said, passes):
    assert said in words(psycopg.OperationalError(text))
    assert away(psycopg.OperationalError(text)) is passes


def test_what_a_server_says_steers_no_terminal():
    assert "\x1b" not in words(psycopg.OperationalError("\x1b[2J"))


def test_the_options_of_the_url_go_before_ours():
    url = completed(make_url("postgresql://iw@db/alerts?connect_timeout=3&sslmode=verify-full"))
    assert url.query == {**CONNECT_OPTIONS, "connect_timeout": "3", "sslmode": "verify-full"}
