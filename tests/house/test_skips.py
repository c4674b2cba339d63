"""Under CI a skipped test is a failed one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"
WHOLE = "import pytest\npytest.skip('needs luck', allow_module_level=True)\n"


def outcome(folder: Path, source: str, ci: str) -> str:
    (folder / "conftest.py").write_text(CONFTEST.read_text("utf-8"), "utf-8")
    (folder / "test_it.py").write_text(source, "utf-8")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-c",
            os.devnull,
            "--rootdir",
            folder,
            folder,
        ],
        capture_output=True,
        text=True,
        env=os.environ | {"CI": ci},
    )
    return done.stdout


def skipping(reason: str) -> str:
    return f"import pytest\ndef test_it() -> None:\n    pytest.skip({reason!r})\n"


@pytest.mark.parametrize(
    ("source", "ci", "expected"),
    [
        (skipping("needs luck"), "true", "1 failed"),
        (skipping("needs luck"), "", "1 skipped"),
        (skipping("needs a Kafka broker at 9092"), "true", "1 skipped"),
        (WHOLE, "true", "1 error"),
        (WHOLE, "", "1 skipped"),
        (
            "import pytest\n@pytest.mark.xfail(strict=True)\ndef test_it() -> None:\n    assert 0\n",
            "true",
            "1 xfailed",
        ),
    ],
)
def test_a_skip_fails_under_ci_unless_its_part_is_out_of_reach(
    source: str, ci: str, expected: str, tmp_path: Path
) -> None:
    assert expected in outcome(tmp_path, source, ci)
