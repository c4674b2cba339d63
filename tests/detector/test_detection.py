"""How a detection speaks."""

import pytest

from detector.detection import Detection, amount
from detector.features import Feature
from detector.measures import Normal, Size

MEASURE = Size("exported", Feature.EXPORTED, "records taken out")
DETECTION = Detection("bulk_export", "T1213", "Took far more data out than usual", (MEASURE,))


@pytest.mark.parametrize(
    ("normal", "tail"),
    [
        (Normal(12.0, 15.5, 30), "; normal for this person is 12 (30 days), for peers 15.5."),
        (Normal(None, 15.5, 0), "; for peers 15.5."),
        (Normal(12.0, None, 30), "; normal for this person is 12 (30 days)."),
        (Normal(None, None, 0), "."),
    ],
)
def test_a_sentence_says_what_happened_and_what_would_have_been_normal(normal: Normal, tail: str) -> None:
    sentence = DETECTION.sentence(MEASURE, 1_204.0, normal)
    assert sentence == f"Took far more data out than usual: 1,204 records taken out in one working day{tail}"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (0.04, "0.04"), (1.0, "1"), (9.96, "10"), (99.96, "100"), (12_345.6, "12,346"), (-3.5, "-3.5")],
)
def test_a_number_reads_as_people_write_it(value: float, text: str) -> None:
    assert amount(value) == text
