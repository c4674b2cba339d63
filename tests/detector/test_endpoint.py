"""The endpoint of a live run answers on loopback, to Prometheus and to probes."""

import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from detector.config import MetricsConfig
from detector.endpoint import Probe, served
from detector.errors import MetricsError
from detector.metrics import Metrics


@contextmanager
def serving(alive: Probe = str, ready: Probe = str, **config: object) -> Iterator[int]:
    with served(MetricsConfig.model_validate({"port": 0, **config}), Metrics().registry, alive, ready) as port:
        yield port


def asked(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_it_answers_on_loopback_and_is_gone_afterwards() -> None:
    with serving() as port:
        status, metrics = asked(port, "/metrics")
    assert status == 200
    assert "innerwatch_events_total" in metrics
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_probes_say_what_is_wrong() -> None:
    with serving(alive=lambda: "", ready=lambda: "no partition is assigned") as port:
        assert asked(port, "/livez") == (200, "ok\n")
        assert asked(port, "/readyz") == (503, "no partition is assigned\n")
        status, words = asked(port, "/elsewhere")
        assert (status, "/readyz" in words) == (404, True)


def test_one_that_is_turned_off_does_not_listen() -> None:
    with serving(enabled=False) as port:
        assert port == 0


def test_a_port_that_is_taken_is_an_error_that_names_it() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(MetricsError, match=f"metrics.port {port}"), serving(port=port):
            pass
