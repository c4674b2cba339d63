"""The container's image, built outside a container once for all tests that start its commands."""

import pytest

from tests.deploy.image import Image, built
from tests.detector.small import SmallLog, make_small_log


@pytest.fixture(scope="session")
def image() -> Image:
    return built()


@pytest.fixture(scope="session")
def small_log(tmp_path_factory: pytest.TempPathFactory) -> SmallLog:
    return make_small_log(tmp_path_factory.mktemp("small"))
