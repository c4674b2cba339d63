"""The registry from the command line, from the pair of keys to the rollback; what is refused is one line and 1."""

import json
from hashlib import sha256
from pathlib import Path

import pytest

from detector.config import load_config
from detector.home import Home
from tests.detector.bundling import Signer, digest_of
from tests.detector.test_cli import innerwatch


class Site:
    """A state with a registry, and somebody who trains."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        assert innerwatch("bundles", "key", folder / "training.key") == 0
        self.signer = Signer(folder / "training.key")
        self.config = folder / "innerwatch.toml"
        self.config.write_text('[state]\nfolder = "state"\n[bundles]\ntrusted_keys = ["training.key.pub"]\n')
        Home(load_config(self.config).state).close()

    def __call__(self, *arguments: object) -> int:
        return innerwatch("bundles", *arguments, "--config", self.config)

    def bundle(self, name: str, **facts: object) -> tuple[Path, str]:
        """A file, and its digest."""
        path = self.folder / f"{name}.bundle"
        path.write_bytes(self.signer.seal(name, **facts))
        return path, digest_of(path.read_bytes())

    def report(self, challenger: str, champion: str = "", **fields: object) -> Path:
        path = self.folder / "report.json"
        usual = {"schema": "innerwatch-backtest/1", "champion": champion, "challenger": challenger, "passes": True}
        path.write_text(json.dumps(usual | fields))
        return path


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Site:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("USER", "lee")
    made = Site(tmp_path)
    capsys.readouterr()
    return made


def refused(site: Site, capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one line by which a command is refused."""
    assert site(*arguments) == 1
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = err.splitlines()
    return line


def test_a_bundle_goes_from_its_key_to_champion_and_back(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    path, spring = site.bundle("spring")
    assert site("add", path) == 0
    assert f"bundle spring ({spring[:12]}) of dana is added" in capsys.readouterr().err
    assert site("shadow", spring[:8]) == 0
    report = site.report(spring)
    assert site("promote", "spring", "--report", report, "--approver", "kim") == 0
    assert "bundle spring is the champion" in capsys.readouterr().err
    path, summer = site.bundle("summer")
    assert site("add", path, "--by", "ann") == 0
    assert site("shadow", "summer") == 0
    capsys.readouterr()
    assert site("list") == 0
    out, err = capsys.readouterr()
    rows = [line.split() for line in out.splitlines()]
    assert [row[:4] for row in rows[1:]] == [
        ["spring", spring[:12], "champion", "dana"],
        ["summer", summer[:12], "challenger", "dana"],
    ]
    assert rows[1][-1] == "2026-03-02..2026-05-29"
    assert f"2 bundles; champion: spring ({spring[:12]})" in err
    assert site("promote", "summer", "--report", site.report(summer, spring), "--approver", "kim") == 0
    assert site("rollback", "--approver", "kim", "--reason", "too loud") == 0
    assert f"summer ({summer[:12]}) is the champion no more; spring ({spring[:12]}) is again" in capsys.readouterr().err
    assert site("rollback", "--approver", "kim", "--reason", "too loud as well") == 0
    assert "the online models judge alone" in capsys.readouterr().err
    assert site("show", "spring", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["name"], found["digest"], found["role"]) == ("spring", spring, "archived")
    assert found["card"] == "# spring\n"
    assert found["manifest"]["data"]["rows"] == 4_000
    assert [(one["act"], one["by"]) for one in found["acts"]] == [
        ("add", "lee"), ("shadow", "lee"), ("promote", "kim"), ("rollback", "kim"),
    ]  # fmt: skip
    assert found["acts"][3]["reason"] == "too loud as well"
    assert found["acts"][2]["report"] == sha256(site.report(spring).read_bytes()).hexdigest()


def test_a_challenger_that_is_not_wanted_is_archived(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    path, _ = site.bundle("spring")
    assert site("add", path) == site("shadow", "spring") == site("archive", "spring") == 0
    capsys.readouterr()
    assert site("list") == 0
    assert "archived" in capsys.readouterr().out


def test_what_does_not_speak_for_a_promotion_is_refused_in_a_line_and_nothing_is_changed(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    path, spring = site.bundle("spring")
    assert site("add", path) == 0
    capsys.readouterr()

    def promoting(approver: str = "kim", **fields: object) -> str:
        report = site.report(**({"challenger": spring} | fields))
        return refused(site, capsys, "promote", "spring", "--report", report, "--approver", approver)

    assert "it is about bundle cccccccccccc, not spring" in promoting(challenger="c" * 64)
    assert "has not passed: too loud" in promoting(passes=False, reasons=["too loud"])
    assert "this release reads" in promoting(schema="innerwatch-backtest/9")
    assert "it compares with a bundle that is not here" in promoting(champion="c" * 64)
    assert "is dana's own, and four eyes are wanted" in promoting("Dana")
    assert site("list") == 0
    assert "the online models judge alone" in capsys.readouterr().err


def test_what_cannot_be_done_is_refused_in_a_line(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    path, spring = site.bundle("spring")
    assert site("add", path) == 0
    capsys.readouterr()
    assert "is here already, added by lee" in refused(site, capsys, "add", path)
    assert "no bundle has the name" in refused(site, capsys, "show", "autumn")
    assert "there is no champion to be taken back" in refused(
        site, capsys, "rollback", "--approver", "kim", "--reason", "none"
    )
    assert "there is a key already" in refused_key(site, capsys)
    old, _ = site.bundle("old", features="0" * 64)
    assert "bundle old is refused: it was made of features 000000000000" in refused(site, capsys, "add", old)
    site.config.write_text('[state]\nfolder = "state"\n')
    for command in (("add", path), ("shadow", "spring")):
        assert f"bundle {spring[:12]} is refused" in refused(site, capsys, *command)
    missing = site.folder / "missing.json"
    assert "missing.json" in refused(site, capsys, "promote", "spring", "--report", missing, "--approver", "kim")
    (site.folder / "junk").write_bytes(b"PK\x03\x04junk")
    assert "junk: bundle" in refused(site, capsys, "add", site.folder / "junk")


def refused_key(site: Site, capsys: pytest.CaptureFixture[str]) -> str:
    assert innerwatch("bundles", "key", site.signer.path) == 1
    return capsys.readouterr().err


def test_a_private_key_is_its_owners_alone(site: Site) -> None:
    assert site.signer.path.stat().st_mode & 0o777 == 0o600
    public = site.signer.path.with_name("training.key.pub").read_text()
    assert "PRIVATE" not in public
    assert site.signer.path.read_text().splitlines()[1] not in public


def test_nothing_in_a_bundle_or_an_act_steers_the_terminal(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    evil = "\x1b[2Jevil \u202e"
    path = site.folder / "spring.bundle"
    members = {"card.md": b"[bold]card[/bold]\n"}
    path.write_bytes(site.signer.seal("spring", members))
    assert site("add", path, "--by", evil) == 0
    capsys.readouterr()
    for options in ((), ("--json",)):
        assert site("show", "spring", *options) == 0
        out = capsys.readouterr().out
        assert "evil" in out
        assert "\x1b" not in out
        assert "\u202e" not in out
        assert "[bold]card[/bold]" in out
    assert json.loads(out)["acts"][0]["by"] == evil


def test_a_bundle_in_a_file_judges_a_replay(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    path, _ = site.bundle("spring")
    events = tmp_path / "events.jsonl"
    events.write_text("")
    replay = ("replay", events, "--config", site.config, "--out", tmp_path / "alerts.jsonl")
    assert innerwatch(*replay, "--bundle", path, "--challenger", path) == 0
    bad, _ = site.bundle("bad", features="0" * 64)
    capsys.readouterr()
    assert innerwatch(*replay, "--bundle", bad) == 1
    assert "bad.bundle: bundle bad is refused" in capsys.readouterr().err
    assert innerwatch(*replay, "--bundle", path, "--contexts", site.config) == 1
    assert "name either bundles or that run" in capsys.readouterr().err
