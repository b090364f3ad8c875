"""Back-ups that can't be restored, homes of a fixed size, and commands in one process: without an engine."""

from __future__ import annotations

import hashlib
import io
import json
import sys
import tarfile
from pathlib import Path

import pytest
from containers.engines import ROOT
from containers.volume_stores import running_store

sys.path.insert(0, str(ROOT / "docker" / "manager"))

import backups
import restoring
from bring_up import RESTORING, bring_up
from classroom import Classroom, read_classroom
from commands import Commands
from demo import write_demo
from homes import ask_store, has_store, store_environment
from packed import FORMAT, Manifest, opened_back_up
from trouble import Trouble

TOML = """[cohorts.spring]
organization = "acme"
url = "https://spring.school.example"
learners = "10.177.0.0/22"
staff = "10.178.0.0/24"
"""
PARTS = {
    "roles.sql": b"CREATE ROLE hub_spring;",
    "databases/studyhall.dump": b"tables",
    "databases/hub_spring.dump": b"accounts",
    "volumes/spring.learner.lea.tar": b"work",
}


def written(
    file: Path, *, parts: dict[str, bytes] | None = None, more: dict[str, bytes] | None = None, **changes
) -> Path:
    """Write a back-up as docker/backup does, with other parts or another list of them."""
    said = {
        "made_at": "2026-11-21T10:00:00+00:00",
        "format": FORMAT,
        "databases": ["studyhall", "hub_spring"],
        "tables": "0001_foundation",
        "volumes": {"spring.learner.lea": {"driver": "local", "options": {}, "labels": {}}},
        "sums": {name: hashlib.sha256(part).hexdigest() for name, part in PARTS.items()},
    } | changes
    held = (PARTS if parts is None else parts) | {"home/classroom.toml": TOML.encode()} | (more or {})
    with tarfile.open(file, "w") as packed:
        for name, part in [*held.items(), ("manifest.json", json.dumps(said).encode())]:
            about = tarfile.TarInfo(name)
            about.size = len(part)
            packed.addfile(about, io.BytesIO(part))
    return file


def test_a_whole_back_up_is_read(tmp_path):
    with opened_back_up(written(tmp_path / "b.tar")) as packed:
        assert packed.manifest.databases == ["studyhall", "hub_spring"]
        packed.unpack_home(tmp_path)
        packed.pour("roles.sql", ["sh", "-c", f"cat > {tmp_path}/poured"])
        with pytest.raises(Trouble, match=r"roles.sql can't be put back: no room"):
            packed.pour("roles.sql", ["sh", "-c", "echo no room >&2; exit 1"])
    assert (tmp_path / "home" / "classroom.toml").read_text() == TOML
    assert (tmp_path / "poured").read_bytes() == PARTS["roles.sql"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"format": FORMAT + 1}, "of another version of Studyhall"),
        ({"colour": "green"}, "is damaged"),
        ({"sums": {}}, "does not fit"),
        ({"parts": PARTS | {"roles.sql": b"DROP"}}, r"is damaged: roles\.sql"),
        ({"parts": {"roles.sql": PARTS["roles.sql"]}}, r"is damaged: databases/hub_spring\.dump"),
        ({"more": {"home/../../etc/passwd": b"x"}}, "no back-up of Studyhall: it has home/"),
        ({"more": {"etc/passwd": b"x"}}, "no back-up of Studyhall: it has etc"),
    ],
    ids=str,
)
def test_a_back_up_that_can_t_be_used_is_refused(tmp_path, changes, says):
    with pytest.raises(Trouble, match=says), opened_back_up(written(tmp_path / "b.tar", **changes)):
        pass


@pytest.mark.parametrize("part", [0.0, 0.2, 0.6])
def test_a_file_that_is_cut_off_is_refused(tmp_path, part):
    file = written(tmp_path / "b.tar")
    file.write_bytes(file.read_bytes()[: int(part * 8192)])
    with pytest.raises(Trouble, match="is no back-up of Studyhall"), opened_back_up(file):
        pass


def test_what_is_no_back_up_is_refused(tmp_path):
    file = tmp_path / "b.tar"
    file.write_text("notes " * 1000)
    with pytest.raises(Trouble, match="is no back-up of Studyhall"), opened_back_up(file):
        pass
    with pytest.raises(Trouble, match="There is no"), opened_back_up(tmp_path / "missing.tar"):
        pass


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, "holds no secrets"),
        ({"has_secrets": True, "tables": "0999_future"}, "made by a newer Studyhall"),
        ({"has_secrets": True, "databases": ["studyhall", "hub_autumn"]}, "no cohort of it"),
        ({"has_secrets": True, "volumes": {"studyhall-postgres": {}}}, "no cohort of it"),
    ],
    ids=str,
)
def test_a_restore_that_would_fail_changes_nothing(tmp_path, monkeypatch, changes, says):
    names = {
        *(f"databases/{name}.dump" for name in changes.get("databases", ["studyhall", "hub_spring"])),
        *(f"volumes/{name}.tar" for name in changes.get("volumes", ["spring.learner.lea"])),
        "roles.sql",
    }
    parts = dict.fromkeys(names, b"part")
    sums = {name: hashlib.sha256(part).hexdigest() for name, part in parts.items()}
    file = written(tmp_path / "b.tar", parts=parts, sums=sums, **changes)
    home = tmp_path / "home"
    home.mkdir()
    write_demo(home)
    before = {path.name: path.read_bytes() for path in home.iterdir()}
    for module, name in ((restoring, "require_images"), (restoring, "stop_what_works"), (restoring, "begin")):
        monkeypatch.setattr(module, name, lambda *_, **__: pytest.fail("something was touched"))
    with pytest.raises(Trouble, match=says):
        restoring.restore(home, file, may_go_on=lambda _: True)
    assert {path.name: path.read_bytes() for path in home.iterdir()} == before


def test_who_restores_reads_what_is_lost(tmp_path):
    write_demo(tmp_path)
    (tmp_path / "of").mkdir()
    (tmp_path / "of" / "classroom.toml").write_text(TOML)
    with opened_back_up(written(tmp_path / "b.tar")) as packed:
        said = restoring.what_is_replaced(packed, read_classroom(tmp_path / "of"), tmp_path)
    assert "has the cohorts spring: 2 databases, 1 volumes" in said
    assert "acme-spring, birch-autumn of now is not in it" in said


def test_a_restore_that_was_broken_off_is_finished_first(tmp_path, monkeypatch):
    write_demo(tmp_path)
    (tmp_path / RESTORING).write_text("/backups/b.tar")
    monkeypatch.setattr("bring_up.require_engine", lambda: None)
    with pytest.raises(Trouble, match=r"docker/restore /backups/b\.tar"):
        bring_up(read_classroom(tmp_path))


def test_a_full_disk_leaves_no_half_file(tmp_path, monkeypatch):
    running = {"postgres": {"Id": "x", "State": {"Running": True}}}
    monkeypatch.setattr(backups, "containers_of", lambda _: running)
    monkeypatch.setattr(backups, "tables_of", lambda _: "")
    monkeypatch.setattr(backups, "volumes_of", lambda _: [])

    def fill(_classroom: Classroom, half: Path, _manifest: Manifest, *_: object) -> None:
        half.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(backups, "_pack", fill)
    write_demo(tmp_path)
    file = tmp_path / "b.tar"
    with pytest.raises(Trouble, match=r"can't be written \(No space left on device\); nothing is left"):
        backups.back_up(read_classroom(tmp_path), file, with_secrets=False)
    assert not list(tmp_path.glob("b.tar*"))


def classroom_with(home: Path, store: str) -> Classroom:
    (home / "classroom.toml").write_text(f'{TOML}\n[disk]\nstore = "{store}"\n')
    return read_classroom(home)


def test_homes_get_a_size_where_a_store_answers(tmp_path):
    with running_store(tmp_path / "volumes") as store:
        classroom = classroom_with(tmp_path, str(store))
        assert has_store(classroom)
        given = store_environment(classroom, "998")
        assert given == {
            "STUDYHALL_STORE": "/run/studyhall-volumes/store.sock",
            "STUDYHALL_STORE_FOLDER": str(store.parent),
            "STUDYHALL_STORE_GROUP": "0",
        }
        assert store_environment(classroom, "0")["STUDYHALL_STORE_GROUP"] == "64102"
        made = ask_store(store, "spring.learner.lea", 32)
        assert made == {"device": str(store.parent / "devices" / "spring.learner.lea"), "mebibytes": 32}
        # What is asked again in the smallest size says the size that it has.
        assert ask_store(store, "spring.learner.lea")["mebibytes"] == 32
        with pytest.raises(Trouble, match=r"provide spring\.learner\.lea"):
            ask_store(store, "spring.learner.lea", 1)


def test_a_store_that_is_away_is_no_reason_for_homes_without_a_limit(tmp_path):
    assert not has_store(classroom_with(tmp_path, ""))
    with pytest.raises(Trouble, match=r"classroom\.toml names it\. Start it"):
        has_store(classroom_with(tmp_path, "store.sock"))
    (tmp_path / "classroom.toml").write_text(TOML)
    hub = tmp_path / "cohorts" / "spring" / "hub"
    hub.mkdir(parents=True)
    (hub / "hub.json").write_text(
        json.dumps({"containers": {"volume_store": "/run/studyhall-engine/store.sock"}})
    )
    with pytest.raises(Trouble, match="homes of spring are in it"):
        has_store(read_classroom(tmp_path))


def test_commands_share_a_process(tmp_path):
    (tmp_path / "answering.py").write_text(
        "import os, sys\n"
        "def main():\n"
        "    print(os.getpid(), os.environ.get('WHO', 'nobody'), *sys.argv[1:])\n"
        "    if 'no' in sys.argv: sys.exit('That is refused.')\n"
        "    if 'code' in sys.argv: return 1\n"
    )
    with Commands("none", "answering") as commands:
        commands.words = ["env", f"PYTHONPATH={tmp_path}", sys.executable, *commands.words[5:]]
        first, second = (
            commands.run("a", given={"WHO": "lea"}).split(),
            commands.run("b c", given={"WHO": ""}).split(),
        )
        assert first[0] == second[0]
        assert (first[1:], second[1:]) == (["lea", "a"], ["nobody", "b", "c"])
        with pytest.raises(Trouble, match="It refuses"):
            commands.run("code", what="It refuses:")
        with pytest.raises(Trouble, match="That is refused"):
            commands.run("no", what="It refuses:")
