"""Verdicts over forty days of a small insurer, through desk, store and feed; `make verdicts` is the large one."""

import pytest

from tests.real.verdicts import main


@pytest.mark.slow
def test_verdicts_of_analysts_who_are_mostly_right_spare_false_alerts_and_lose_no_insider(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--seeds", "603", "--staff", "60", "--days", "60", "--budget", "45"]) == 0
    without, taught = capsys.readouterr().out.splitlines()[1:3]
    assert (without.split()[1], taught.split()[1]) == ("without", "with")
    assert int(without.split()[2]) > 40  # there was something to spare
