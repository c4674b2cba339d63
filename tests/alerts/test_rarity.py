import pytest

from alerts.rarity import rarity


@pytest.mark.parametrize(
    ("p_value", "said"),
    [
        (1.0, "nothing unusual: more often than once in 5 working days"),
        (0.21, "nothing unusual: more often than once in 5 working days"),
        (0.2, "about once in 5 working days"),
        (0.01, "about once in 100 working days"),
        (0.000025, "about once in 40,000 working days"),
        (1.234e-5, "about once in 81,000 working days"),
        (1e-6, "about once in 1,000,000 working days"),
        (9e-7, "less than once in 1,000,000 working days"),
        (0.0, "less than once in 1,000,000 working days"),
    ],
)
def test_a_p_value_is_said_in_working_days(p_value, said):
    assert rarity(p_value) == said
