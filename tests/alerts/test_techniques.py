import re

import pytest

from alerts.techniques import TACTICS, TECHNIQUES, technique_of


@pytest.mark.parametrize("technique", TECHNIQUES.values(), ids=TECHNIQUES.keys())
def test_a_technique_has_an_id_a_name_and_a_few_first_steps(technique):
    assert re.fullmatch(r"T\d{4}(\.\d{3})?", technique.technique_id)
    assert technique.name
    assert 2 <= len(technique.first_steps) <= 5
    assert len(set(technique.first_steps)) == len(technique.first_steps)


def test_preserving_the_logs_is_a_first_step_of_every_technique_known_or_not():
    for technique in (*TECHNIQUES.values(), technique_of("T0000")):
        assert any("Preserve" in step for step in technique.first_steps)


def test_a_technique_that_is_not_in_the_table_goes_by_its_id():
    assert technique_of("T0000").name == "T0000"
    assert technique_of("T0000").tactic_id is None


def test_every_technique_has_a_tactic_a_part_has_that_of_the_whole_and_no_tactic_stands_idle():
    for technique in TECHNIQUES.values():
        whole = TECHNIQUES.get(technique.technique_id.partition(".")[0])
        assert technique.tactic_id == (whole or technique).tactic_id
    assert {technique.tactic_id for technique in TECHNIQUES.values()} == set(TACTICS)
