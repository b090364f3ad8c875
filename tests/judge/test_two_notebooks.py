"""Each notebook's process has given up all its rights, whichever was made first, last or in advance."""

from __future__ import annotations

import json

import pytest
from studyhall_judge.report import Limits

LOOK = """
def {name}(x):
    return {value}

def look():
    import json, os
    with open("/proc/self/status") as file:
        fields = dict(line.rstrip().split(":", 1) for line in file)
    def may_open(path):
        try:
            open(path, "rb").close()
        except OSError:
            return False
        return True
    others = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    others = [pid for pid in others if pid not in (1, os.getpid())]
    print(json.dumps({{
        "rights": [int(fields[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")],
        "no_new_privileges": fields["NoNewPrivs"].strip(),
        "filters": fields["Seccomp"].strip(),
        "ended_first": open("/proc/self/oom_score_adj").read().strip(),
        "opens": [may_open(f"/proc/{{pid}}/mem") for pid in (1, *others)],
        "others": len(others),
        "descriptors": sorted(int(name) for name in os.listdir("/proc/self/fd"))[:-1],
        "users": open("/proc/self/uid_map").read().split()[0],
    }}))

look()
"""
ANSWERS = {
    "double": LOOK.format(name="double", value="2 * x"),
    "half": LOOK.format(name="half", value="x / 2"),
}


@pytest.fixture(scope="module")
def single(start, tmp_path_factory):
    """A judge with one slot: what comes next meets what was made in advance for it."""
    return start(tmp_path_factory.mktemp("single"), "--slots", "1", "--preload", "")


def seen(report):
    """What each notebook's process has printed of itself."""
    found = []
    for text in report.executed_notebooks.values():
        outputs = [one for cell in json.loads(text)["cells"] for one in cell.get("outputs", [])]
        found += [
            json.loads("".join(one["text"]))
            for one in outputs
            if one["output_type"] == "stream" and "".join(one["text"]).startswith('{"rights"')
        ]
    return found


@pytest.mark.parametrize("number", [1, 2, 3])
def test_no_process_has_any_rights_or_can_reach_another(single, assignment, submit, number):
    # The first time the second notebook's process is made while the first one runs, later at once with it.
    pair = assignment("pair")
    graded = single.grade(pair.release, submit(pair, {"answers": ANSWERS}))
    assert not graded.report.flags, number
    assert graded.report.score == graded.report.max_score
    first, second = seen(graded.report)
    for one in (first, second):
        assert one["rights"] == [0] * 5
        assert one["no_new_privileges"] == "1"
        assert one["filters"] == "2"
        assert one["ended_first"] == "1000"
        assert not any(one["opens"])
        assert one["users"] == "1000"
    assert first["descriptors"] == second["descriptors"]
    assert second["others"] == 0
    if number > 1:
        assert first["others"] == 1, "the second notebook's process was not there from the start"


def test_a_process_that_waits_for_a_notebook_that_does_not_come_is_nobodys_fault(single, assignment, submit):
    pair, squares = assignment("pair"), assignment("squares")
    for _ in range(2):
        assert single.grade(pair.release, submit(pair, {"answers": ANSWERS})).report.flags == []
        alone = single.grade(squares.release, submit(squares, {}))
        assert alone.report.score == 15
        assert alone.report.flags == []


def test_the_private_storage_has_the_size_that_this_submission_was_given(single, assignment, submit):
    squares = assignment("squares")
    writes = "def squares(n):\n    with open('big', 'wb') as file:\n        file.write(bytes({size} << 20))\n"
    writes += "    return [i ** 2 for i in range(1, n + 1)]\n"
    for room, size, fits in ((8, 6, True), (8, 12, False), (32, 12, True), (8, 12, False)):
        limits = Limits(disk_mb=room)
        answers = {"answers": {"squares": writes.format(size=size)}}
        graded = single.grade(squares.release, submit(squares, answers), limits=limits)
        assert (graded.points()["test_squares"] > 0) is fits, (room, size)


def test_two_notebooks_do_not_draw_the_same_numbers(single, assignment, submit):
    pair = assignment("pair")
    draws = "import random\nprint('drawn', random.random())\ndef {name}(x):\n    return {value}\n"
    answers = {
        "double": draws.format(name="double", value="2 * x"),
        "half": draws.format(name="half", value="x / 2"),
    }
    drawn = []
    for _ in range(2):
        report = single.grade(pair.release, submit(pair, {"answers": answers})).report
        for text in report.executed_notebooks.values():
            outputs = [one for cell in json.loads(text)["cells"] for one in cell.get("outputs", [])]
            drawn += ["".join(one["text"]) for one in outputs if "drawn" in "".join(one.get("text", ""))]
    assert len(drawn) == 4
    assert len(set(drawn)) == 4
