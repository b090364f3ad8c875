"""A notebook in an archive, under another ending or in Jupyter's checkpoint is found where there is no other."""

import base64
import gzip
import io
import zipfile

import pytest
from graded_folders import RIGHT, WRONG, sums
from studyhall.offline_grading import last_resorts
from studyhall.offline_grading.course_reader import read_assignment
from studyhall.offline_grading.submission_reader import read_folder
from studyhall_notebooks.parsing import write_notebook

GOOD = write_notebook(sums(answer=RIGHT)).encode()
OLD = write_notebook(sums(answer=WRONG)).encode()


@pytest.fixture
def assignment(course):
    course.source()
    return read_assignment(course.root, "ps1")


def packed(**files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name.replace("__", "/").replace("_dot_", "."), data)
    return buffer.getvalue()


def read(course, assignment, files):
    folder = course.folder("alice")
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return read_folder(folder, assignment)


def is_good(text):
    return "x + x" in text


@pytest.mark.parametrize(
    "name",
    ["sums.ipynb.bak", "sums.ipynb.1", "sums.ipynb~", "sums", "sums.json", "sums.txt", "sums.nb", "SUMS.jpynb",
     "sums.ipynb.swp", "sums.ipynb (1).txt", ".sums.ipynb", ".~sums.ipynb", "sums.ipynb.crdownload", "#sums.ipynb#",
     "sums.ipynb.2.bak", "deep/er/sums.ipynb.orig", "sums.ipynb_", "sums\uff0eipynb"],
)  # fmt: skip
def test_a_notebook_under_another_ending(course, assignment, name):
    found = read(course, assignment, {name: GOOD, "data.csv": b"1"})
    assert is_good(found.notebooks["sums"])
    assert {one.code for one in found.repairs} <= {"other_ending", "moved_notebook"}
    assert any(name.rpartition("/")[2] in one.message for one in found.repairs)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("sums.zip", packed(sums_dot_ipynb=GOOD)),
        ("homework.zip", packed(ann__ps1__sums_dot_ipynb=GOOD)),
        ("sums.ipynb", packed(sums_dot_ipynb=GOOD)),
        ("sums.ipynb.gz", gzip.compress(GOOD)),
        ("sums.ipynb", gzip.compress(GOOD)),
    ],
)
def test_a_packed_notebook(course, assignment, name, data):
    found = read(course, assignment, {name: data})
    assert is_good(found.notebooks["sums"])
    assert [one.code for one in found.repairs] == ["archive"]


def test_what_macs_put_into_archives_is_passed_over(course, assignment):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("__MACOSX/ps1/._sums.ipynb", OLD)
        archive.writestr("ps1/.ipynb_checkpoints/sums-checkpoint.ipynb", OLD)
        archive.writestr("ps1/sums.ipynb", GOOD)
    found = read(course, assignment, {"ps1.zip": data.getvalue(), "._sums.ipynb": b"\x00\x05\x16\x07"})
    assert is_good(found.notebooks["sums"])


def test_the_checkpoint_of_a_notebook_that_is_gone_or_beyond_reading(course, assignment):
    kept = {".ipynb_checkpoints/sums-checkpoint.ipynb": GOOD}
    found = read(course, assignment, kept)
    assert is_good(found.notebooks["sums"])
    assert "checkpoint" in found.repairs[0].message
    found = read(course, assignment, {"sums.ipynb": b"", **kept})
    assert is_good(found.notebooks["sums"])
    found = read(course, assignment, {"sums.ipynb": OLD[: len(OLD) - 40], **kept})
    assert not is_good(found.notebooks["sums"])  # what is left of the newer one counts


@pytest.mark.parametrize(
    "beside", ["sums.ipynb.bak", "sums.zip", ".ipynb_checkpoints/sums-checkpoint.ipynb", "sums"]
)
def test_a_notebook_that_is_there_counts(course, assignment, beside):
    data = packed(sums_dot_ipynb=OLD) if beside.endswith("zip") else OLD
    found = read(course, assignment, {"sums.ipynb": GOOD, beside: data})
    assert is_good(found.notebooks["sums"])
    assert found.repairs == []
    (course.folder("alice") / "sums.ipynb").rename(course.folder("alice") / "mine.ipynb")
    assert is_good(read_folder(course.folder("alice"), assignment).notebooks["mine"])


@pytest.mark.parametrize(
    "data",
    [
        b"PK\x03\x04 no archive",
        b"\x1f\x8b no archive",
        gzip.compress(b"0" * 30_000_000),
        packed(sums_dot_ipynb=b"0" * 30_000_000),
        packed(**{f"a{n}_dot_ipynb": b"{}" for n in range(50)}),
        b"",
        b"\x00" * 100,
        base64.b64encode(b"x" * 100),
    ],
)
def test_archives_that_are_none_or_too_large_cost_nothing(course, assignment, data):
    assert read(course, assignment, {"sums.zip": data}).notebooks == {}


def test_names_are_known_without_what_others_put_around_them():
    for name in (
        "sums.ipynb",
        ".sums.ipynb",
        "x/sums-checkpoint.ipynb",
        "#sums.ipynb#",
        "sums.ipynb.gz",
        "sums",
    ):
        assert last_resorts.stem_of(name) == "sums"
    # An archive may hold names that no folder takes.
    assert last_resorts.stem_of("#" * 60_000 + "\n") is not None


def test_a_notebook_as_it_was_given_gives_way_to_one_of_its_name_that_was_worked_on(course, assignment):
    given = assignment.notebooks["sums"].encode()
    found = read(course, assignment, {"sums.ipynb": given, "final/sums.ipynb": GOOD})
    assert is_good(found.notebooks["sums"])
    assert [one.code for one in found.repairs] == ["moved_notebook"]
    found = read(course, assignment, {"sums.ipynb": GOOD, "final/sums.ipynb": OLD})
    assert is_good(found.notebooks["sums"])
