"""The container's file keeps the rules, and its steps, run in a clean folder, give a program that runs alone."""

import re
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.deploy.image import FILE, ROOT, Image, allowed, last, pinned, steps

SETUP = ConfigParser()
SETUP.read(ROOT / "setup.cfg")
VERSION = SETUP["metadata"]["version"]


def test_hadolint_finds_nothing() -> None:
    # DL3059 wants RUN steps joined by a shell, for fewer layers; these are of a stage that is thrown away.
    command = [Path(sys.executable).with_name("hadolint"), "--no-color", "--ignore", "DL3059", FILE]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_base_images_are_pinned_by_version() -> None:
    froms = [step.words.split()[0] for step in steps() if step.name == "FROM"]
    assert len(froms) == 2
    for image in froms:
        assert re.fullmatch(r"python:\d+\.\d+\.\d+-slim-\w+", image)


def test_it_runs_as_nobody_in_particular_and_without_a_shell() -> None:
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", last("USER").words)
    assert last("STOPSIGNAL").words == "SIGTERM"
    assert last("ENTRYPOINT").command == ["/opt/innerwatch/bin/innerwatch"]
    assert last("CMD").command[0] == "run"
    assert '["/opt/innerwatch/bin/innerwatch", "probe"' in last("HEALTHCHECK").words
    for step in steps():
        if step.name == "RUN":
            assert step.stage == 0, "the final image is made of copies alone"
            assert step.command


def test_the_build_sees_what_it_copies_and_no_more() -> None:
    copied = {
        word
        for step in steps()
        if step.name == "COPY" and "--from" not in step.words
        for word in step.words.split()[:-1]
    }
    assert copied == allowed()
    assert all((ROOT / name).exists() for name in allowed())


def test_the_lock_has_every_dependency_in_a_version_that_will_do_with_its_hashes() -> None:
    versions = dict(pinned())
    extra = SETUP["options.extras_require"]["batch"]
    for line in f"{SETUP['options']['install_requires']}\n{extra}".split("\n"):
        if line:
            wanted = Requirement(line)
            assert wanted.name in versions, f"{wanted.name} is missing; run make lock"
            assert versions[wanted.name] in wanted.specifier, (
                f"{line}: {versions[wanted.name]} is locked; run make lock"
            )
    text = "".join(FILE.with_name(name).read_text() for name in ("requirements.txt", "build-requirements.txt"))
    assert len(re.findall(r"^[\w.-]+==\S+ \\\n    --hash=sha256:[0-9a-f]{64}", text, re.MULTILINE)) == len(versions)


@pytest.mark.slow
def test_its_steps_give_a_program_that_runs_alone(image: Image) -> None:
    done = image.run([*last("ENTRYPOINT").command, "--help"])
    assert done.returncode == 0, done.stderr
    assert "doctor" in done.stdout
    asked = "import detector, importlib.metadata as m; print(detector.__file__, m.version('innerwatch'))"
    done = image.run(["/opt/innerwatch/bin/python", "-P", "-c", asked])
    place, version = done.stdout.split()
    assert place.startswith(image.path("/opt/innerwatch/lib/"))
    assert version == VERSION
    assert image.run(["/opt/innerwatch/bin/python", "-m", "pip"]).returncode != 0, "what is not needed is not there"
    assert Path(image.path("/var/lib/innerwatch")).stat().st_mode & 0o777 == 0o700
