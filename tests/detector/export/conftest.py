"""The small log, and everything that it gives, exported once."""

from pathlib import Path

import pytest

from detector.export.job import Order
from tests.detector.export.out import ALL, export
from tests.detector.small import SmallLog


@pytest.fixture(scope="session")
def whole(small_log: SmallLog, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export") / "whole"
    export(small_log.config(), Order(ALL, folder))
    return folder
