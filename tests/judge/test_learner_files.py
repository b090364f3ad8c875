"""A learner's own data files beside the released ones."""

import base64
import json
import os

import pytest
from studyhall_judge.learner_files import with_learners_files
from studyhall_judge.releases import PreparedRelease, pack_files


def encoded(**files):
    return {path.replace("__", "/"): base64.b64encode(text.encode()).decode() for path, text in files.items()}


def content(descriptor):
    size = int.from_bytes(os.pread(descriptor, 8, 0), "big")
    index = json.loads(os.pread(descriptor, size, 8))
    return {
        path: os.pread(descriptor, length, 8 + size + start).decode()
        for path, (start, length) in index.items()
    }


@pytest.fixture
def release():
    released = {"data.csv": b"released", "more/a.txt": b"also"}
    made = PreparedRelease("hash", {}, frozenset(released), pack_files(released))
    yield made
    made.close()


def test_without_files_of_the_learners_the_releases_own_are_lent(release):
    with with_learners_files(release, {}) as descriptor:
        assert descriptor == release.files


def test_released_files_win_and_the_others_are_beside_them(release):
    with with_learners_files(
        release, encoded(**{"data.csv": "mine", "own__x.txt": "x", "z.txt": ""})
    ) as descriptor:
        assert content(descriptor) == {
            "data.csv": "released",
            "more/a.txt": "also",
            "own/x.txt": "x",
            "z.txt": "",
        }
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)
    assert content(release.files) == {"data.csv": "released", "more/a.txt": "also"}


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../up", "a/../../b", "more", "data.csv/below", "", "a\x00b"]
)
def test_what_cannot_lie_beside_them_is_left_out(release, path):
    files = {path: base64.b64encode(b"x").decode(), "ok.txt": base64.b64encode(b"y").decode()}
    with with_learners_files(release, files) as descriptor:
        assert content(descriptor) == {"data.csv": "released", "more/a.txt": "also", "ok.txt": "y"}


def test_a_file_that_is_no_base64_or_in_anothers_way_costs_only_itself():
    release = PreparedRelease("hash", {}, frozenset(), None)
    files = {"a": base64.b64encode(b"a").decode(), "a/b": base64.b64encode(b"b").decode(), "c": "!"}
    with with_learners_files(release, files) as descriptor:
        assert content(descriptor) == {"a": "a"}
