"""What is taken from the learner's disk for a submission, and what is refused with a sentence instead."""

import json
import uuid

import pytest

NOTEBOOK = "values-and-names.ipynb"
LESSON_PATH = "python-foundations/values-and-names"


async def sent(submit, classroom, path=NOTEBOOK, **options):
    reply = await submit(path=path if "/" in path else f"{LESSON_PATH}/{path}", **options)
    assert reply.status == 202, reply.body
    return classroom.submissions[-1].json


async def test_all_notebooks_of_the_lesson_go_along(open_lesson, submit, classroom, folder, make_notebook):
    classroom.publish(
        4,
        {
            NOTEBOOK: make_notebook("a", release=4),
            "part-two.ipynb": make_notebook("b", stem="part-two", release=4),
            "part-three.ipynb": make_notebook("c", stem="part-three", release=4),
            "data/example.ipynb": "{}",
            "table.csv": "1",
        },
    )
    await open_lesson()
    (folder / "scratch.ipynb").write_text(make_notebook("private"))
    (folder / "part-three.ipynb").unlink()
    (folder / "part-two.ipynb").write_text(make_notebook("b = 'work'", stem="part-two", release=4))
    body = await sent(submit, classroom)
    assert body["release"] == 4
    assert set(body["notebooks"]) == {"values-and-names", "part-two"}
    assert "work" in body["notebooks"]["part-two"]


async def test_the_copy_beside_is_submitted_as_the_notebook_it_is(
    open_lesson, submit, classroom, folder, make_notebook
):
    for release in (1, 2):
        classroom.publish(
            release,
            {
                NOTEBOOK: make_notebook(f"a{release}", release=release),
                "part-two.ipynb": make_notebook(f"b{release}", stem="part-two", release=release),
            },
        )
        await open_lesson(update=release > 1)
        for file in folder.glob("*.ipynb"):
            file.write_text(file.read_text().replace('"source": "', '"source": "mine '))
    new = await sent(submit, classroom, "values-and-names (release 2).ipynb")
    assert new["release"] == 2
    assert "a2" in new["notebooks"]["values-and-names"]
    assert "b2" in new["notebooks"]["part-two"]
    old = await sent(submit, classroom)
    assert old["release"] == 1
    assert "a1" in old["notebooks"]["values-and-names"]
    assert "b1" in old["notebooks"]["part-two"]


async def test_a_renamed_notebook_is_still_the_one_it_was(
    open_lesson, submit, classroom, folder, make_notebook
):
    classroom.publish(2, {NOTEBOOK: make_notebook("a", release=2)})
    await open_lesson()
    (folder / NOTEBOOK).rename(folder / "my try.ipynb")
    body = await sent(submit, classroom, "my try.ipynb")
    assert set(body["notebooks"]) == {"values-and-names"}
    assert body["release"] == 2


async def test_a_notebook_elsewhere_in_the_home_folder_counts(submit, classroom, jp_root_dir, make_notebook):
    (jp_root_dir / "desk").mkdir()
    (jp_root_dir / "desk" / "copy.ipynb").write_text(make_notebook("a", release=7))
    body = await sent(submit, classroom, "desk/copy.ipynb")
    assert (body["release"], set(body["notebooks"])) == (7, {"values-and-names"})


async def test_lost_metadata_are_taken_from_what_was_fetched(
    open_lesson, submit, classroom, folder, make_notebook
):
    classroom.publish(5, {NOTEBOOK: make_notebook("a", release=5)})
    await open_lesson()
    (folder / NOTEBOOK).write_text('{"cells": [], "metadata": [], "nbformat": 4, "nbformat_minor": 5}')
    body = await sent(submit, classroom)
    assert (body["release"], set(body["notebooks"])) == (5, {"values-and-names"})
    (folder / "other.ipynb").write_text("{}")
    body = await sent(submit, classroom, "other.ipynb")
    assert (body["release"], set(body["notebooks"])) == (5, {"other", "values-and-names"})


async def test_without_any_release_the_lesson_has_to_be_opened(submit, classroom, folder, outbox_files):
    folder.mkdir(parents=True)
    (folder / NOTEBOOK).write_text('{"cells": [], "metadata": {"studyhall": {"release": true}}}')
    reply = await submit()
    assert (reply.status, reply.error["code"]) == (422, "release_unknown")
    assert classroom.requests == []
    assert outbox_files() == []


async def test_a_notebook_of_another_lesson_is_refused(
    submit, classroom, folder, make_notebook, outbox_files
):
    folder.mkdir(parents=True)
    (folder / NOTEBOOK).write_text(make_notebook("a", lesson="loops", course="java"))
    reply = await submit()
    assert (reply.status, reply.error["code"]) == (422, "wrong_lesson")
    assert "“loops” of the course “java”" in reply.error["message"]
    assert classroom.requests == []
    assert outbox_files() == []


async def test_a_notebook_with_a_byte_order_mark_or_odd_numbers_is_sent(
    submit, classroom, folder, make_notebook
):
    folder.mkdir(parents=True)
    text = make_notebook("é = float('nan')")
    (folder / NOTEBOOK).write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert (await sent(submit, classroom))["notebooks"]["values-and-names"] == text


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not json",
        b"[]",
        b'"text"',
        b"null",
        b"\xff\xfe\x00",
        b'{"cells": [',
        b"[" * 200_000,
        b'{"a": \x00}',
    ],
)
async def test_a_damaged_notebook_is_refused_and_left_alone(
    content, submit, ask, classroom, folder, outbox_files
):
    folder.mkdir(parents=True)
    (folder / NOTEBOOK).write_bytes(content)
    reply = await submit()
    assert (reply.status, reply.error["code"]) == (422, "notebook_not_json")
    assert "“values-and-names.ipynb” is damaged" in reply.error["message"]
    assert (folder / NOTEBOOK).read_bytes() == content
    assert classroom.requests == []
    assert outbox_files() == []
    assert (await ask("GET", "/outbox")).data == []


@pytest.mark.parametrize("broken", [b"", b"{", b"\xff\xfe\x00", b"null"])
async def test_a_damaged_notebook_beside_the_opened_one_keeps_nobody_from_submitting(
    broken, open_lesson, submit, classroom, folder, make_notebook
):
    parts = {name: make_notebook(name, stem=name) for name in ("part-one", "part-two")}
    classroom.publish(1, {f"{name}.ipynb": text for name, text in parts.items()})
    await open_lesson()
    (folder / "part-two.ipynb").write_bytes(broken)
    body = await sent(submit, classroom, "part-one.ipynb")
    assert json.loads(body["notebooks"]["part-one"]) == json.loads(parts["part-one"])
    assert body["notebooks"]["part-two"] == broken.decode("utf-8", "replace")
    assert (folder / "part-two.ipynb").read_bytes() == broken


def with_outputs(text, megabytes):
    notebook = json.loads(text)
    notebook["cells"][0]["outputs"] = [
        {"output_type": "stream", "name": "stdout", "text": "y" * megabytes * 1_000_000}
    ]
    return json.dumps(notebook)


async def test_outputs_that_make_a_notebook_too_large_stay_on_the_learners_disk(
    submit, classroom, folder, make_notebook
):
    folder.mkdir(parents=True)
    text = with_outputs(make_notebook("answer = 1"), 12)
    (folder / NOTEBOOK).write_text(text)
    body = await sent(submit, classroom)
    assert json.loads(body["notebooks"]["values-and-names"]) == json.loads(make_notebook("answer = 1"))
    assert (folder / NOTEBOOK).read_text() == text


TOO_LARGE_TO_LOOK_INTO = (
    "is 150.0 MB; 10.0 MB can be submitted. Clear its outputs (Edit → Clear Outputs of All Cells), save and "
    "submit again."
)
TOO_LARGE_AT_ANY_RATE = (
    "is 50.0 MB even without its outputs; 10.0 MB can be submitted. Remove what is not an answer, save and "
    "submit again."
)


@pytest.mark.parametrize(
    ("size", "said"), [(150_000_000, TOO_LARGE_TO_LOOK_INTO), (50_000_000, TOO_LARGE_AT_ANY_RATE)]
)
async def test_what_is_too_large_without_outputs_is_refused_before_anything_is_written(
    size, said, submit, classroom, folder, outbox_files
):
    folder.mkdir(parents=True)
    with (folder / NOTEBOOK).open("wb") as file:
        file.truncate(size)
    reply = await submit()
    assert (reply.status, reply.error["code"]) == (413, "notebook_too_large")
    assert reply.error["message"] == f"“values-and-names.ipynb” {said}"
    assert (folder / NOTEBOOK).stat().st_size == size
    assert classroom.requests == []
    assert outbox_files() == []


class TestWithASmallLimit:
    @pytest.fixture
    def extension_settings(self):
        return {"max_notebook_bytes": 2000}

    async def test_all_notebooks_together_have_a_limit_too(
        self, open_lesson, submit, classroom, folder, make_notebook, outbox_files
    ):
        names = [f"part-{number}" for number in range(3)]
        classroom.publish(1, {f"{name}.ipynb": make_notebook("x" * 1500, stem=name) for name in names})
        await open_lesson()
        reply = await submit(path=f"{LESSON_PATH}/part-0.ipynb")
        assert (reply.status, reply.error["code"]) == (413, "notebook_too_large")
        assert "even without outputs" in reply.error["message"]
        assert outbox_files() == []

    async def test_their_outputs_are_left_out_together(
        self, open_lesson, submit, classroom, folder, make_notebook
    ):
        names = [f"part-{number}" for number in range(3)]
        classroom.publish(1, {f"{name}.ipynb": make_notebook(name, stem=name) for name in names})
        await open_lesson()
        for name in names:
            notebook = json.loads((folder / f"{name}.ipynb").read_text())
            notebook["cells"][0]["outputs"] = [
                {"output_type": "stream", "name": "stdout", "text": "y" * 1500}
            ]
            (folder / f"{name}.ipynb").write_text(json.dumps(notebook))
        body = await sent(submit, classroom, "part-0.ipynb")
        assert set(body["notebooks"]) == set(names)
        for name in names:
            (cell,) = json.loads(body["notebooks"][name])["cells"]
            assert (cell["source"], cell["outputs"]) == (name, [])


class TestTheEnvironmentsLimit:
    @pytest.fixture(params=["300", "many"])
    def extension_settings(self, request, monkeypatch):
        monkeypatch.setenv("STUDYHALL_MAX_NOTEBOOK_BYTES", request.param)
        return {}

    async def test_is_used_when_it_is_a_number(self, extension, extension_settings):
        assert extension.max_notebook_bytes in (300, 10_000_000)
        assert extension.sender.limits.notebook == extension.max_notebook_bytes


@pytest.mark.parametrize(
    "path",
    [
        "../outside.ipynb",
        "python-foundations/../../outside.ipynb",
        "/etc/passwd",
        "missing.ipynb",
        "link.ipynb",
        "loop.ipynb",
        "folder.ipynb",
        "text.txt",
        "nul\x00.ipynb",
        "x" * 400 + ".ipynb",
    ],
)
async def test_only_notebooks_below_the_root_are_read(
    path, submit, classroom, jp_root_dir, make_notebook, outbox_files
):
    (jp_root_dir.parent / "outside.ipynb").write_text(make_notebook("secret"))
    (jp_root_dir / "link.ipynb").symlink_to(jp_root_dir.parent / "outside.ipynb")
    (jp_root_dir / "loop.ipynb").symlink_to(jp_root_dir / "loop.ipynb")
    (jp_root_dir / "folder.ipynb").mkdir()
    (jp_root_dir / "text.txt").write_text(make_notebook("text"))
    reply = await submit(path=path)
    assert (reply.status, reply.error["code"]) == (404, "notebook_not_found")
    assert classroom.requests == []
    assert outbox_files() == []


async def test_a_manifest_cannot_name_files_outside_the_root(
    open_lesson, submit, classroom, folder, jp_root_dir, make_notebook
):
    classroom.publish(1, {NOTEBOOK: make_notebook("a")})
    await open_lesson()
    (jp_root_dir.parent / "outside.ipynb").write_text(make_notebook("secret", stem="outside"))
    manifest = json.loads((folder / ".studyhall.json").read_text())
    manifest["files"]["../../../outside.ipynb"] = {**manifest["files"][NOTEBOOK], "notebook": "outside"}
    (folder / ".studyhall.json").write_text(json.dumps(manifest))
    assert set((await sent(submit, classroom))["notebooks"]) == {"values-and-names"}


async def test_a_full_disk_is_said_and_nothing_is_sent(
    submit, classroom, folder, make_notebook, monkeypatch, outbox_files
):
    import errno

    from studyhall_extension import atomic_files

    folder.mkdir(parents=True)
    (folder / NOTEBOOK).write_text(make_notebook("a"))

    def full(_descriptor):
        raise OSError(errno.EDQUOT, "quota")

    monkeypatch.setattr(atomic_files.os, "fsync", full)
    key = str(uuid.uuid4())
    reply = await submit(key)
    assert (reply.status, reply.error["code"]) == (507, "disk_full")
    assert classroom.requests == []
    assert outbox_files() == []
    monkeypatch.undo()
