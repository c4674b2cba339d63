"""Plain values kept among arrays."""

from hypothesis import given, settings
from hypothesis import strategies as st

from detector.state import packed_values, unpacked_values
from tests.detector.office import saved

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=60)
@given(values)
def test_plain_values_survive_a_file_of_arrays(value: object) -> None:
    assert unpacked_values(saved({"value": packed_values(value)})["value"]) == value
