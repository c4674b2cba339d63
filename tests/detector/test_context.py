"""What is known beside the events."""

from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import pytest
import zstandard

from detector.config import Config, ContextConfig, TimeConfig
from detector.context import Context, context_of, read_context
from detector.errors import CheckpointError, ContextError
from streams import Tokens

if TYPE_CHECKING:
    from models.bundles import Bundle

TOKENS = Tokens(b"0123456789abcdef")


def test_without_files_there_is_a_calendar_alone() -> None:
    context = read_context(Config(), TOKENS)
    assert context.roster == {}
    assert context.honey.size == 0
    assert context.calendar.is_working(1)


def test_planted_subjects_are_kept_as_the_tokens_that_events_carry(tmp_path: Path) -> None:
    (tmp_path / "honey.txt").write_text("C-2\nC-1\nC-2\n", encoding="utf-8")
    context = read_context(Config.model_validate({"context": {"honey": tmp_path / "honey.txt"}}), TOKENS)
    wanted = sorted(int(TOKENS.token("subject", subject), 16) for subject in ("C-1", "C-2"))
    assert context.honey.tolist() == wanted
    assert context.honey.dtype == np.uint64


def test_every_file_that_is_named_is_read(tmp_path: Path) -> None:
    (tmp_path / "roster.csv").write_text("id\nE1\n", encoding="utf-8")
    (tmp_path / "days.csv").write_text("date,day\n1970-01-02,off\n", encoding="utf-8")
    config = Config.model_validate(
        {"context": {"roster": tmp_path / "roster.csv"}, "time": {"calendar": tmp_path / "days.csv"}}
    )
    context = read_context(config, TOKENS)
    assert set(context.roster) == {"E1"}
    assert not context.calendar.is_working(1)


@pytest.mark.parametrize("name", ["roster", "honey"])
def test_a_file_that_is_not_there_is_named(tmp_path: Path, name: str) -> None:
    config = Config.model_validate({"context": {name: tmp_path / "gone"}})
    with pytest.raises(ContextError, match="gone"):
        read_context(config, TOKENS)


ROSTER = "id,name,role,department,hired,leaves,host,zone,shift,leave\n"
EVA = "E1,Eva Novak,clerk,B01,2020-01-01,,WS-1,Europe/Prague,22:00-06:00,2026-03-02/2026-03-06"
DAN = "E2,Dan Lee,adjuster,B02,,,,,,"


def context_of_files(folder: Path, lines: list[str], honey: str = "C-1", days: str = "") -> Context:
    (folder / "roster.csv").write_text(ROSTER + "\n".join(lines) + "\n", encoding="utf-8")
    (folder / "honey.txt").write_text(honey + "\n", encoding="utf-8")
    (folder / "days.csv").write_text("date,day\n" + days, encoding="utf-8")
    files = {"roster": folder / "roster.csv", "honey": folder / "honey.txt"}
    config = Config.model_validate({"context": files, "time": {"calendar": folder / "days.csv"}})
    return read_context(config, TOKENS)


def test_a_context_comes_back_from_its_body_as_it_judged(tmp_path: Path) -> None:
    context = context_of_files(tmp_path, [EVA, DAN], days="2026-05-09,working\n1970-01-02,off\n")
    again = context_of(context.body, context.digest, TimeConfig(), TOKENS)
    assert again.digest == context.digest
    assert again.body == context.body
    assert again.honey.tolist() == context.honey.tolist()
    assert again.calendar.overrides == context.calendar.overrides
    for actor, person in context.roster.items():
        kept = replace(person, name="", hired=None, leaves=None, host=())
        assert again.roster[actor] == kept


def test_neither_names_nor_planted_customers_are_in_the_body(tmp_path: Path) -> None:
    context = context_of_files(tmp_path, [EVA, DAN], honey="C-88312")
    plain = zstandard.ZstdDecompressor().decompress(context.body)
    assert b"E1" in plain
    for personal in (b"Novak", b"Lee", b"88312", b"WS-1", b"2020"):
        assert personal not in plain


@pytest.mark.parametrize(
    ("lines", "more"),
    [
        ([DAN, EVA], {}),
        ([EVA.replace("Novak", "Svoboda"), DAN], {}),
        ([EVA, DAN.replace(",,,,,,", ",2021-01-01,2030-01-01,WS-9,,,")], {}),
        ([EVA, DAN], {"honey": "# planted\nC-1\n\nC-1"}),
    ],
)
def test_contexts_that_judge_alike_have_one_digest(tmp_path: Path, lines: list[str], more: dict[str, str]) -> None:
    assert context_of_files(tmp_path, lines, **more).digest == context_of_files(tmp_path, [EVA, DAN]).digest


@pytest.mark.parametrize(
    ("lines", "more"),
    [
        ([EVA], {}),
        ([EVA.replace("clerk", "adjuster"), DAN], {}),
        ([EVA.replace("B01", "B02"), DAN], {}),
        ([EVA.replace("Europe/Prague", "Europe/London"), DAN], {}),
        ([EVA.replace("22:00", "23:00"), DAN], {}),
        ([EVA.replace("03-06", "03-07"), DAN], {}),
        ([EVA, DAN], {"honey": "C-1\nC-2"}),
        ([EVA, DAN], {"days": "2026-05-09,working\n"}),
    ],
)
def test_contexts_that_judge_differently_have_two(tmp_path: Path, lines: list[str], more: dict[str, str]) -> None:
    assert context_of_files(tmp_path, lines, **more).digest != context_of_files(tmp_path, [EVA, DAN]).digest


def test_a_body_that_is_damaged_or_of_another_key_is_refused_in_words(tmp_path: Path) -> None:
    context = context_of_files(tmp_path, [EVA])
    for body in (b"?", context_of_files(tmp_path, [DAN]).body):
        with pytest.raises(CheckpointError, match=rf"the context {context.digest[:12]} .*restore a backup"):
            context_of(body, context.digest, TimeConfig(), TOKENS)
    with pytest.raises(CheckpointError, match=r"another key.*privacy\.key_file"):
        context_of(context.body, context.digest, TimeConfig(), Tokens(b"another key of enough length"))
    newer = zstandard.ZstdDecompressor().decompress(context.body).replace(b"context/1", b"context/2")
    body, digest = zstandard.ZstdCompressor().compress(newer), sha256(newer).hexdigest()
    with pytest.raises(CheckpointError, match="another schema"):
        context_of(body, digest, TimeConfig(), TOKENS)


def test_a_topic_that_is_out_of_reach_is_said_so() -> None:
    config = Config().model_copy(update={"context": ContextConfig(topic="context")})
    with pytest.raises(ContextError, match=r"replaced by the files.*--roster"):
        read_context(config, TOKENS)


@dataclass(frozen=True)
class Sealed:
    """As much of a bundle as a context knows of."""

    digest: str


def test_a_context_without_bundles_has_the_digest_that_it_had_before_there_were_any(tmp_path: Path) -> None:
    context = context_of_files(tmp_path, [EVA, DAN], days="2026-05-09,working\n")
    assert context.digest == "fe0f37a56564bf2bd29f35fa78cbab1b36114c772954606a1fadcc5f247e49e5"


def test_bundles_are_part_of_a_context_by_their_digests_and_come_back_by_them(tmp_path: Path) -> None:
    a, b = (cast("Bundle", Sealed(letter * 64)) for letter in "ab")
    alone = context_of_files(tmp_path, [EVA])
    judged, shadowed = replace(alone, champion=a), replace(alone, champion=a, challenger=b)
    swapped = replace(alone, champion=b, challenger=a)
    assert len({one.digest for one in (alone, judged, shadowed, swapped)}) == 4
    known = {one.digest: one for one in (a, b)}
    again = context_of(shadowed.body, shadowed.digest, TimeConfig(), TOKENS, known.__getitem__)
    assert (again.champion, again.challenger, again.digest) == (a, b, shadowed.digest)
    left_out = context_of(shadowed.body, shadowed.digest, TimeConfig(), TOKENS)
    assert (left_out.champion, left_out.challenger, left_out.digest) == (None, None, alone.digest)
