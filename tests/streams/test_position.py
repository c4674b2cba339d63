from streams import Position


def test_positions_of_one_source_are_ordered_by_offset() -> None:
    assert sorted([Position("a", 20), Position("b", 1), Position("a", 3)]) == [
        Position("a", 3),
        Position("a", 20),
        Position("b", 1),
    ]
    assert str(Position("a", 3)) == "a@3"
