"""Certificates for fakes that speak TLS."""

import pytest

from tests.alerts.receivers.fakes.server import Certificate, make_certificate


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """For the name alerts.example alone: its address is not in it."""
    return make_certificate(tmp_path_factory.mktemp("certificate"), "DNS:alerts.example")
