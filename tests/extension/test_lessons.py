"""Opening a lesson brings its files and never touches the learner's work."""

import asyncio
import errno
import json
import os
import time
from pathlib import Path

import pytest
from studyhall_extension import atomic_files
from studyhall_extension.courses.policy import Action, decide, fingerprint
from studyhall_extension.safe_paths import is_safe_name

NOTEBOOK = "values-and-names.ipynb"


def listing(folder):
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


async def test_a_lesson_is_fetched_into_its_own_folder(open_lesson, classroom, folder, make_notebook):
    data = bytes(range(256))
    classroom.publish(
        3, {NOTEBOOK: make_notebook("a = 1", release=3), "data/table.csv": data, "note.txt": "é\r\n"}
    )
    reply = await open_lesson()
    assert reply.status == 200
    assert reply.data == {
        "path": "python-foundations/values-and-names/values-and-names.ipynb",
        "release": 3,
        "files": [
            {"path": NOTEBOOK, "status": "created"},
            {"path": "data/table.csv", "status": "created"},
            {"path": "note.txt", "status": "created"},
        ],
        "message": "“Values and names” is in your folder now.",
    }
    assert (folder / "data" / "table.csv").read_bytes() == data
    assert (folder / "note.txt").read_bytes() == "é\r\n".encode()
    assert listing(folder) == [".studyhall.json", "data/table.csv", "note.txt", NOTEBOOK]
    [request] = classroom.requests
    assert request.path == "/courses/python-foundations/lessons/values-and-names/start"


async def test_opening_again_keeps_edits(open_lesson, classroom, folder, make_notebook):
    classroom.publish(1, {NOTEBOOK: make_notebook("a = 1"), "table.csv": "1,2"})
    await open_lesson()
    (folder / NOTEBOOK).write_text(make_notebook("a = 'my own work'"))
    (folder / "table.csv").unlink()
    reply = await open_lesson()
    assert [file["status"] for file in reply.data["files"]] == ["kept", "created"]
    assert "missing" in reply.data["message"]
    assert "my own work" in (folder / NOTEBOOK).read_text()
    reply = await open_lesson()
    assert reply.data["message"] == "Your files were kept as you left them."


async def test_without_being_asked_nothing_is_updated(open_lesson, classroom, folder, make_notebook):
    classroom.publish(1, {NOTEBOOK: make_notebook("a = 1")})
    await open_lesson()
    classroom.publish(2, {NOTEBOOK: make_notebook("a = 2", release=2)})
    reply = await open_lesson()
    assert [file["status"] for file in reply.data["files"]] == ["kept"]
    assert "release 2; yours is release 1" in reply.data["message"]
    assert "a = 1" in (folder / NOTEBOOK).read_text()


async def test_an_update_replaces_what_was_not_touched(open_lesson, classroom, folder, make_notebook):
    classroom.publish(1, {NOTEBOOK: make_notebook("a = 1"), "table.csv": "1", "gone.txt": "x"})
    await open_lesson()
    classroom.publish(2, {NOTEBOOK: make_notebook("a = 2", release=2), "table.csv": "2", "new.txt": "y"})
    reply = await open_lesson(update=True)
    assert {file["path"]: file["status"] for file in reply.data["files"]} == {
        NOTEBOOK: "updated",
        "table.csv": "updated",
        "new.txt": "created",
    }
    assert "updated to release 2" in reply.data["message"]
    assert "a = 2" in (folder / NOTEBOOK).read_text()
    assert (folder / "gone.txt").read_text() == "x"


async def test_an_update_goes_beside_the_learners_work(open_lesson, classroom, folder, make_notebook):
    classroom.publish(1, {NOTEBOOK: make_notebook("a = 1"), "table.csv": "1"})
    await open_lesson()
    mine = make_notebook("a = 'mine'")
    (folder / NOTEBOOK).write_text(mine)
    (folder / "table.csv").write_text("my own table")
    classroom.publish(3, {NOTEBOOK: make_notebook("a = 3", release=3), "table.csv": "3"})
    reply = await open_lesson(update=True)
    assert reply.data["files"] == [
        {"path": "values-and-names (release 3).ipynb", "status": "beside"},
        {"path": "table (release 3).csv", "status": "beside"},
    ]
    assert reply.data["path"].endswith("values-and-names (release 3).ipynb")
    assert "Your own work was kept" in reply.data["message"]
    assert (folder / NOTEBOOK).read_text() == mine
    assert (folder / "table.csv").read_text() == "my own table"

    # The copy beside is the learner's own from now on.
    beside = folder / "values-and-names (release 3).ipynb"
    beside.write_text(make_notebook("a = 'new work'", release=3))
    reply = await open_lesson(update=True)
    assert reply.data["files"][0] == {"path": beside.name, "status": "beside"}
    assert "new work" in beside.read_text()
    assert len(listing(folder)) == 5


async def test_a_file_of_the_learners_that_has_the_name_beside_is_kept(
    open_lesson, classroom, folder, make_notebook
):
    classroom.publish(1, {NOTEBOOK: make_notebook("a = 1")})
    await open_lesson()
    (folder / NOTEBOOK).write_text("mine")
    (folder / "values-and-names (release 2).ipynb").write_text("also mine")
    classroom.publish(2, {NOTEBOOK: make_notebook("a = 2", release=2)})
    reply = await open_lesson(update=True)
    assert reply.data["files"][0]["path"] == "values-and-names (release 2, 2).ipynb"
    assert (folder / "values-and-names (release 2).ipynb").read_text() == "also mine"


async def test_an_own_file_from_before_is_never_replaced(open_lesson, classroom, folder, make_notebook):
    folder.mkdir(parents=True)
    (folder / NOTEBOOK).write_text("written before the lesson was ever opened")
    classroom.publish(1, {NOTEBOOK: make_notebook("a = 1")})
    reply = await open_lesson()
    assert reply.data["files"] == [{"path": NOTEBOOK, "status": "kept"}]
    reply = await open_lesson(update=True)
    assert reply.data["files"][0]["status"] == "beside"
    assert (folder / NOTEBOOK).read_text() == "written before the lesson was ever opened"


async def test_a_notebook_that_lab_only_saved_is_not_work(open_lesson, classroom, folder, make_notebook):
    classroom.publish(1, {NOTEBOOK: make_notebook("a = 1\nb = 2")})
    await open_lesson()
    saved = json.loads((folder / NOTEBOOK).read_text())
    saved["cells"][0]["source"] = ["a = 1\n", "b = 2"]
    saved["metadata"]["language_info"] = {"name": "python", "version": "3.11"}
    saved["cells"][0]["metadata"]["trusted"] = True
    (folder / NOTEBOOK).write_text(json.dumps(saved, indent=1))
    classroom.publish(2, {NOTEBOOK: make_notebook("a = 3", release=2)})
    assert (await open_lesson(update=True)).data["files"][0]["status"] == "updated"


async def test_a_release_that_changes_nothing_in_a_file_puts_nothing_beside_it(
    open_lesson, classroom, folder, make_notebook
):
    classroom.publish(1, {NOTEBOOK: make_notebook("a = 1"), "table.csv": "1"})
    await open_lesson()
    (folder / NOTEBOOK).write_text(make_notebook("a = 'mine'"))
    (folder / "table.csv").write_text("mine")
    classroom.publish(2, {NOTEBOOK: make_notebook("a = 1", release=2), "table.csv": "1"})
    reply = await open_lesson(update=True)
    assert {file["status"] for file in reply.data["files"]} == {"kept"}
    manifest = json.loads((folder / ".studyhall.json").read_text())
    assert {file["release"] for file in manifest["files"].values()} == {2}
    assert "newer version" not in (await open_lesson()).data["message"]


@pytest.mark.parametrize(
    "content", ["", "not json", "[]", '{"release": 1}', '{"release": 1, "files": {"a": 1}}']
)
async def test_a_broken_manifest_makes_everything_the_learners(
    content, open_lesson, classroom, folder, make_notebook
):
    classroom.publish(1, {NOTEBOOK: make_notebook("a = 1")})
    await open_lesson()
    (folder / ".studyhall.json").write_text(content)
    classroom.publish(2, {NOTEBOOK: make_notebook("a = 2", release=2)})
    assert (await open_lesson(update=True)).data["files"][0]["status"] == "beside"
    assert "a = 1" in (folder / NOTEBOOK).read_text()


@pytest.mark.parametrize(
    "path",
    [
        "../escape.txt",
        "a/../../escape.txt",
        "/etc/cron.d/escape",
        "a//b.txt",
        "./a.txt",
        "",
        ".",
        "..",
        "a\\b.txt",
        "..\\escape.txt",
        "C:escape.txt",
        "nul\x00.txt",
        "line\nbreak.txt",
        ".bashrc",
        ".ipython/profile_default/startup/00.py",
        "a/.git/hooks/post-checkout",
        ".studyhall.json",
        "con",
        "NUL.ipynb",
        "a/Lpt1.txt",
        "ends.",
        "ends ",
        "x" * 300 + ".txt",
        "/".join("abcdefghij"),
        "bad\ud800.txt",
        'quo"te.txt',
    ],
)
async def test_a_dangerous_name_stops_the_whole_lesson(
    path, open_lesson, classroom, folder, jp_root_dir, make_notebook
):
    classroom.publish(1, {NOTEBOOK: make_notebook("a = 1")})
    classroom.lessons["python-foundations", "values-and-names"]["files"].append(
        {
            "path": path,
            "encoding": "text",
            "content": "",
            "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        }
    )
    reply = await open_lesson()
    assert (reply.status, reply.error["code"]) == (502, "lesson_unsafe")
    assert "Nothing was written" in reply.error["message"]
    assert not folder.exists()
    assert list(jp_root_dir.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["a", "Problem 1.ipynb", "δέλτα.csv", "x (release 3).ipynb", "console", "a-b_c.d"]
)
def test_ordinary_names_are_fine(name):
    assert is_safe_name(name)


async def test_two_files_of_one_name_stop_the_lesson(open_lesson, classroom, folder):
    classroom.publish(1, {"Data.csv": "1", "data.csv": "2"})
    assert (await open_lesson()).error["code"] == "lesson_unsafe"
    assert not folder.exists()


@pytest.mark.parametrize(
    "change",
    [
        {"sha256": "0" * 64},
        {"encoding": "base64", "content": "!!"},
        {"content": None},
        {"path": None},
        {"path": 7},
    ],
)
async def test_a_damaged_lesson_is_not_stored(change, open_lesson, classroom, folder, make_notebook):
    classroom.publish(1, {NOTEBOOK: make_notebook("a = 1"), "table.csv": "1"})
    classroom.lessons["python-foundations", "values-and-names"]["files"][1].update(change)
    assert (await open_lesson()).error["code"] == "lesson_damaged"
    assert not folder.exists()


@pytest.mark.parametrize(
    "body", [{}, None, {"files": [], "title": "x", "release": 1}, {"files": 3, "title": "x", "release": 1}]
)
async def test_an_answer_without_a_lesson_is_damaged(body, open_lesson, classroom, folder, scripted):
    classroom.script = [scripted(200, {"success": True, "data": body, "meta": {}, "error": None})]
    assert (await open_lesson()).error["code"] == "lesson_damaged"
    assert not folder.exists()


class TestLinks:
    """Links in the learner's folder lead nowhere outside it."""

    @pytest.fixture
    def outside(self, tmp_path):
        outside = tmp_path / "outside"
        outside.mkdir()
        (outside / "precious.ipynb").write_text("precious")
        return outside

    async def test_a_lesson_folder_that_leads_outside_is_refused(
        self, open_lesson, classroom, jp_root_dir, outside, make_notebook
    ):
        (jp_root_dir / "python-foundations").symlink_to(outside)
        classroom.publish(1, {NOTEBOOK: make_notebook("a = 1")})
        reply = await open_lesson()
        assert (reply.status, reply.error["code"]) == (409, "folder_blocked")
        assert listing(outside) == ["precious.ipynb"]

    async def test_a_folder_in_the_lesson_that_leads_outside_is_refused(
        self, open_lesson, classroom, folder, outside, make_notebook
    ):
        folder.mkdir(parents=True)
        (folder / "data").symlink_to(outside)
        classroom.publish(1, {NOTEBOOK: make_notebook("a = 1"), "data/precious.ipynb": "replaced"})
        assert (await open_lesson()).error["code"] == "folder_blocked"
        assert (outside / "precious.ipynb").read_text() == "precious"
        assert not (folder / NOTEBOOK).exists()

    @pytest.mark.parametrize("update", [False, True])
    async def test_a_file_that_leads_outside_is_kept_and_never_written_through(
        self, update, open_lesson, classroom, folder, outside, make_notebook
    ):
        folder.mkdir(parents=True)
        (folder / NOTEBOOK).symlink_to(outside / "precious.ipynb")
        (folder / "table.csv").symlink_to(outside / "does-not-exist")
        classroom.publish(1, {NOTEBOOK: make_notebook("a = 1"), "table.csv": "1"})
        reply = await open_lesson(update=update)
        assert {file["status"] for file in reply.data["files"]} == {"beside" if update else "kept"}
        assert listing(outside) == ["precious.ipynb"]
        assert (outside / "precious.ipynb").read_text() == "precious"

    async def test_a_manifest_that_leads_outside_is_replaced_not_followed(
        self, open_lesson, classroom, folder, outside, make_notebook
    ):
        folder.mkdir(parents=True)
        (folder / ".studyhall.json").symlink_to(outside / "precious.ipynb")
        classroom.publish(1, {NOTEBOOK: make_notebook("a = 1")})
        assert (await open_lesson()).status == 200
        assert (outside / "precious.ipynb").read_text() == "precious"
        assert not (folder / ".studyhall.json").is_symlink()


async def test_a_file_where_the_folder_should_be_is_kept(open_lesson, classroom, jp_root_dir, make_notebook):
    (jp_root_dir / "python-foundations").write_text("my notes")
    classroom.publish(1, {NOTEBOOK: make_notebook("a = 1")})
    reply = await open_lesson()
    assert (reply.status, reply.error["code"]) == (409, "folder_blocked")
    assert "'python-foundations'" in reply.error["message"]
    assert (jp_root_dir / "python-foundations").read_text() == "my notes"


async def test_a_folder_where_a_file_should_be_is_kept(open_lesson, classroom, folder, make_notebook):
    (folder / NOTEBOOK).mkdir(parents=True)
    classroom.publish(1, {NOTEBOOK: make_notebook("a = 1")})
    assert (await open_lesson()).data["files"] == [{"path": NOTEBOOK, "status": "kept"}]


async def test_a_refused_lesson_says_why(open_lesson, ask, classroom, folder, scripted, refused):
    classroom.script = [scripted(409, refused("locked", "After Loops, 70 %."))]
    reply = await open_lesson()
    assert (reply.status, reply.error["code"], reply.error["message"]) == (
        409,
        "locked",
        "After Loops, 70 %.",
    )
    assert not folder.exists()
    assert (await open_lesson(lesson="unknown")).status == 404
    assert (await ask("POST", "/courses/c/lessons/con/open", {})).status == 404


async def test_a_lesson_that_cannot_be_fetched_changes_nothing(open_lesson, classroom, folder):
    await classroom.down()
    assert (await open_lesson()).error["code"] == "service_unavailable"
    assert not folder.exists()


async def test_update_is_true_or_false(ask, classroom):
    reply = await ask("POST", "/courses/c/lessons/l/open", {"update": "yes"})
    assert (reply.status, reply.error["details"][0]["field"]) == (422, "update")
    assert classroom.requests == []


async def test_two_windows_opening_at_once_agree(open_lesson, classroom, folder, make_notebook):
    classroom.publish(1, {NOTEBOOK: make_notebook("a = 1"), "table.csv": "1"})
    replies = await asyncio.gather(*(open_lesson(update=True) for _ in range(5)))
    assert {reply.status for reply in replies} == {200}
    assert listing(folder) == [".studyhall.json", "table.csv", NOTEBOOK]


async def test_of_two_windows_the_later_answer_is_stored_last(
    open_lesson, ask, classroom, folder, make_notebook
):
    """An older release that comes late must not take the place of a newer one."""
    classroom.publish(1, {NOTEBOOK: make_notebook("a = 1")})
    classroom.open_gate.clear()
    windows = [asyncio.ensure_future(open_lesson(update=True)) for _ in range(3)]
    await classroom.until(lambda: classroom.requests)
    # An answer that needs no service shows that the server has taken the requests before it.
    await ask("GET", "/outbox")
    assert len(classroom.requests) == 1
    classroom.open_gate.set()
    await windows[0]
    classroom.publish(2, {NOTEBOOK: make_notebook("a = 2", release=2)})
    await asyncio.gather(*windows[1:], open_lesson(update=True))
    assert "a = 2" in (folder / NOTEBOOK).read_text()


@pytest.mark.parametrize(
    ("number", "status", "code"), [(errno.ENOSPC, 507, "disk_full"), (errno.EACCES, 500, "disk_unusable")]
)
async def test_a_full_disk_leaves_no_half_written_file(
    number, status, code, open_lesson, classroom, folder, make_notebook, monkeypatch
):
    classroom.publish(1, {NOTEBOOK: make_notebook("a = 1")})
    await open_lesson()
    before = (folder / NOTEBOOK).read_bytes()
    classroom.publish(2, {NOTEBOOK: make_notebook("a = 2", release=2)})

    def fail(_descriptor):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(atomic_files.os, "fsync", fail)
    reply = await open_lesson(update=True)
    assert (reply.status, reply.error["code"]) == (status, code)
    assert (folder / NOTEBOOK).read_bytes() == before
    assert listing(folder) == [".studyhall.json", NOTEBOOK]


def test_files_are_created_only_where_nothing_is(tmp_path, monkeypatch):
    target = tmp_path / "file"
    assert atomic_files.create_file(target, b"1")
    assert not atomic_files.create_file(target, b"2")

    def no_links(*_args, **_options):
        raise PermissionError(errno.EPERM, "no hard links here")

    monkeypatch.setattr(atomic_files.os, "link", no_links)
    assert not atomic_files.create_file(target, b"3")
    assert atomic_files.create_file(tmp_path / "other", b"4")
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {"file": b"1", "other": b"4"}


def test_what_a_crash_left_behind_is_removed(tmp_path):
    left, written_now = (tmp_path / f".{name}{atomic_files.TEMPORARY_SUFFIX}" for name in ("abc", "def"))
    for file in (left, written_now, tmp_path / "mine"):
        file.write_text("half")
    long_ago = time.time() - atomic_files.LEFT_OVER_AFTER - 1
    for file in (left, tmp_path / "mine"):
        os.utime(file, (long_ago, long_ago))
    atomic_files.remove_left_over(tmp_path)
    assert not left.exists()
    assert written_now.exists()
    assert (tmp_path / "mine").exists()


@pytest.mark.parametrize(
    ("exists", "same", "untouched", "known", "update", "action"),
    [
        (False, False, False, False, False, Action.CREATE),
        (False, False, False, True, True, Action.CREATE),
        (True, True, False, False, True, Action.KEEP),
        (True, False, True, False, False, Action.KEEP),
        (True, False, True, True, True, Action.REPLACE),
        (True, False, True, False, True, Action.REPLACE),
        (True, False, False, True, True, Action.KEEP),
        (True, False, False, False, True, Action.BESIDE),
        (True, False, False, False, False, Action.KEEP),
    ],
)
def test_the_rules(exists, same, untouched, known, update, action):
    assert decide(exists=exists, same=same, untouched=untouched, known=known, update=update) is action


@pytest.mark.parametrize(
    "content", [b"", b"[]", b'{"cells": 1}', b'{"cells": [1]}', b'{"cells": [{}]}', b"\xff"]
)
def test_other_files_have_no_fingerprint(content):
    assert fingerprint(content) is None


def test_results_of_running_are_the_learners(make_notebook):
    plain = make_notebook("1 + 1").encode()
    run = json.loads(plain)
    run["cells"][0]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["2\n"]}]
    assert fingerprint(json.dumps(run).encode()) != fingerprint(plain)
    joined = json.loads(json.dumps(run))
    joined["cells"][0]["outputs"][0]["text"] = "2\n"
    assert fingerprint(json.dumps(joined).encode()) == fingerprint(json.dumps(run).encode())


def test_the_folder_is_below_the_servers_root(jp_root_dir, folder):
    assert Path(jp_root_dir) in folder.parents
