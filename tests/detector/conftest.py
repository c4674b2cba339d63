"""The small log, simulated once."""

import pytest

from tests.detector.small import SmallLog, make_small_log


@pytest.fixture(scope="session")
def small_log(tmp_path_factory: pytest.TempPathFactory) -> SmallLog:
    return make_small_log(tmp_path_factory.mktemp("small"))
