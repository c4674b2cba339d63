"""The commented default file names every key of the configuration, and says what it defaults to."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from detector.config import DEFAULTS, Config, load_config
from detector.errors import ConfigError

UNSET = re.compile(r"^#: ", re.MULTILINE)
TEXT = DEFAULTS.read_text("utf-8")


def leaves(prefix: str, value: Any) -> dict[str, Any]:
    """Keys below a table or section, dotted, with their values."""
    if isinstance(value, BaseModel):
        value = dict(value)
    if not isinstance(value, dict):
        return {prefix: value}
    return {name: leaf for key, one in value.items() for name, leaf in leaves(f"{prefix}.{key}", one).items()}


def keys(tree: dict[str, Any]) -> set[str]:
    return {name for section, table in tree.items() for name in leaves(section, table)}


def known() -> dict[str, Any]:
    return {name: value for section, table in Config() for name, value in leaves(section, table).items()}


def test_the_default_file_gives_exactly_the_defaults() -> None:
    assert load_config(DEFAULTS) == Config()


def test_every_key_is_written_out_and_those_without_a_default_are_commented_out() -> None:
    unset = {key for key, default in known().items() if default is None}
    assert keys(tomllib.loads(TEXT)) == set(known()) - unset
    assert keys(tomllib.loads(UNSET.sub("", TEXT))) == set(known())


def test_the_values_shown_for_unset_keys_are_accepted(tmp_path: Path) -> None:
    file = tmp_path / "all.toml"
    file.write_text(UNSET.sub("", TEXT), "utf-8")
    config = load_config(file)
    assert config.context.roster == tmp_path / "roster.csv"
    assert config.state.folder == tmp_path / "state"


def test_every_key_and_every_section_is_explained_on_its_line() -> None:
    for line in TEXT.splitlines():
        if line and not line.startswith("# "):
            assert re.search(r"\S +# \w|\] +# \w", line), f"no explanation: {line}"


@pytest.mark.parametrize("section", [*Config.model_fields, "source.kafka"])
def test_an_unknown_key_is_refused_by_name_in_every_section(section: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(f"[{section}]\nbudgte = 3\n", "utf-8")
    with pytest.raises(ConfigError, match=rf"mine\.toml: unknown key '{section}\.budgte'.*innerwatch\.toml"):
        load_config(file)


def test_an_unknown_section_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("[rsik]\nbudget = 3\n", "utf-8")
    with pytest.raises(ConfigError, match=r"mine\.toml: unknown key 'rsik'"):
        load_config(file)
