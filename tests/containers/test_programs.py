"""Programs in containers: the programs' cases once more, and what a container of theirs is, has, and leaves."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from containers.engines import SANDBOX
from containers.test_back_end import containers_of, wait_until
from judge_programs import test_cases as cases
from judge_programs.conftest import ProgramJudge
from studyhall_judge.containers.engine import Engine
from studyhall_judge.program_report import ProgramProgress, ProgramRequest, ProgramTest, Verdict
from studyhall_judge.programs.inside import leftovers

PROBLEMS = {
    "behaviours",
    "broken",
    "even",
    "forged",
    "groups",
    "join",
    "leftovers",
    "numbers",
    "secret",
    "tokens",
}
"""Every verdict, every checker, and every attack, in an interpreted and in a compiled language."""

AVAILABLE = {"python", "c", "cpp"}
"""What the tests' image has the tools for."""

LEFT_OUT = {"secret/template-explosion", "secret/macro-bomb", "behaviours/cpp", "join/cpp"}
"""One of a kind is enough: a compiler that runs out of time, and a compiled language."""


def _language(name):
    return cases.load_case(name)[0]["language"]


NAMES = [
    name
    for name in cases.all_cases()
    if name.partition("/")[0] in PROBLEMS and name not in LEFT_OUT and _language(name) in AVAILABLE
]


@pytest.fixture(scope="module")
def programs(judge):
    """The judge of this folder, seen as one of programs."""
    status = asyncio.run(judge.client.status())
    return ProgramJudge(judge.client, {one.id: one for one in status.languages})


class Ahead:
    """A judge that has been asked already; it answers for the case whose turn it is."""

    def __init__(self, programs, answers):
        self.languages = programs.languages
        self._answers = answers
        self.name = ""

    def run(self, **_request):
        return self._answers[self.name].result()


@pytest.fixture(scope="module")
def ahead(judge, programs):
    with ThreadPoolExecutor(judge.ready["slots"]) as pool:
        yield Ahead(programs, {name: pool.submit(programs.run, **cases.load_case(name)[0]) for name in NAMES})
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("name", NAMES)
def test_case(name, ahead):
    ahead.name = name
    cases.test_case(ahead, name)


def test_every_verdict_is_there(ahead):
    for name in NAMES:
        ahead.name = name
    verdicts = {test.verdict for answer in ahead._answers.values() for test in answer.result()[0].tests}
    assert verdicts == set(Verdict)


def test_a_language_without_tools_is_refused_with_the_reason(programs):
    assert {one.id for one in programs.languages.values() if one.available} == AVAILABLE
    report, _ = programs.run(language="go", code="package main", tests=[ProgramTest(id="a", expected="")])
    assert report.status == "refused"
    assert f"the image {SANDBOX} has no tools for it (go is not installed)" in report.message


# ---------------------------------------------------------------- what a container is


@pytest.fixture(scope="module")
def own(start, tmp_path_factory, in_containers):
    """A judge with one slot, for tests that look at its containers or end them. The last one ends it, too."""
    return start(tmp_path_factory.mktemp("own"), "--slots", "1", "--preload", "", *in_containers)


def run_program(running, code, *tests, language="python", **request):
    given = [ProgramTest(id=str(place), input=one, expected="") for place, one in enumerate(tests or [""])]
    return ProgramJudge(running.client, {}).run(language=language, code=code, tests=given, **request)[0]


def of_programs(engine, running):
    """Return what the engine says of a judge's containers in which programs run."""
    found = [engine.inspect(one) for one in containers_of(engine, running)]
    return [one for one in found if one is not None and "program_inside" in str(one["Config"]["Cmd"])]


def test_tests_share_a_container_and_submissions_and_checkers_do_not(own):
    """Each container has a user number of its own."""
    who = "import os\nprint(os.getuid(), os.getpid() > 1)"
    first, again = run_program(own, who, "a", "b").tests
    assert first.actual == again.actual
    (other,) = run_program(own, who).tests
    assert other.actual != first.actual
    checker = "import os\ndef check(input, expected, actual):\n    return True, f'{os.getuid()} True\\n'"
    report = run_program(own, who, "a", "b", checker={"kind": "custom", "code": checker})
    assert report.verdict is Verdict.accepted
    assert len({test.actual for test in report.tests}) == 1
    assert report.tests[0].staff_message != report.tests[0].actual


def test_a_container_that_ends_in_the_middle_costs_nobody_a_verdict(engine, own):
    code = "import time\nprint('one')\ntime.sleep(8)"  # long enough to be met, on a busy machine, too
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run_program, own, code, limits={"time_ms": 10_000})
        used = []

        def busy():
            used[:] = [one for one in of_programs(engine, own) if one["HostConfig"]["Memory"] < 100 * 2**20]
            return used

        wait_until(busy, "no test runs")
        engine.docker("kill", used[0]["Id"])
        report = running.result(300)
    assert report.tests[0].verdict is Verdict.wrong_answer
    assert report.tests[0].actual == "one\n"


def test_leaving_early_ends_the_container(engine, own):
    code = "import time\ntime.sleep(0 if input() == '0' else 10)"
    tests = [ProgramTest(id=str(number), input=str(number), expected="") for number in range(50)]
    limits = {"time_ms": 15_000, "total_ms": 1_000_000}
    request = ProgramRequest(request_id="x", language="python", code=code, tests=tests, limits=limits)

    async def leave():
        events = own.client.run_program(request)
        assert isinstance(await anext(events), ProgramProgress)
        await events.aclose()

    asyncio.run(leave())
    began = time.monotonic()
    assert run_program(own, "print(1)").tests[0].actual == "1\n"
    assert time.monotonic() - began < 200, "49 tests of ten seconds were still to come, and are waited for"

    def only_spares():
        return all(one["HostConfig"]["Memory"] == 128 * 2**20 for one in of_programs(engine, own))

    wait_until(only_spares, "a container goes on although nobody waits for its program")


def test_a_container_is_hardened_has_the_tests_limits_and_ends_with_its_judge(engine, own):
    seen = []

    def look():
        seen[:] = [
            one for one in of_programs(engine, own) if "size=11m" in one["HostConfig"]["Tmpfs"]["/home"]
        ]
        return any(one["HostConfig"]["Memory"] < 100 * 2**20 for one in seen)

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run_program, own, "import time\ntime.sleep(100)", limits={"time_ms": 20_000})
        wait_until(look, "no container has the test's limits")
        about = next(one for one in seen if one["HostConfig"]["Memory"] < 100 * 2**20)
        engine.docker("kill", about["Id"])
        wait_until(lambda: about["Id"] not in engine.containers(), "a killed container is left")
        own.process.terminate()
        assert own.process.wait(120) == 0
        assert running.exception(120) is not None
    host = about["HostConfig"]
    assert 64 * 2**20 < host["Memory"] == host["MemorySwap"]
    assert host["NetworkMode"] == "none"
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    assert host["CapAdd"] is None
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert 50 <= host["PidsLimit"] <= 70
    assert [(mount["Destination"], mount["RW"]) for mount in about["Mounts"]] == [("/judge", False)]
    assert int(about["Config"]["User"].partition(":")[0]) >= 10_000
    wait_until(lambda: not containers_of(engine, own), "containers are left after an orderly end")


# ---------------------------------------------------------------- what is left behind, and what is seen


def test_everything_below_a_folder_goes_and_the_folder_stays(tmp_path):
    for place in ("deep", "closed"):
        current = tmp_path / place
        current.mkdir()
        for _ in range(15):
            (current / "file").write_text("x")
            (current / "link").symlink_to("/etc")
            current = current / ("n" * 200)
            current.mkdir()
    (tmp_path / "closed").chmod(0)
    leftovers.empty(str(tmp_path))
    assert list(tmp_path.iterdir()) == []
    leftovers.empty(str(tmp_path / "absent"))
    assert Path("/etc/hostname").exists()


def test_the_engine_tells_of_memory_that_ran_out(engine):
    """Where the judge cannot look into a container's control group."""
    eats = "kept = bytearray(b'1') * (64 << 20)"
    made = engine.docker(
        *("create", "--memory", "32m", "--memory-swap", "32m", "--network", "none"),
        *(SANDBOX, "python3", "-c", eats),
    ).strip()
    known = Engine(engine.url, SANDBOX, "test")
    assert known.memory_kills(made) == 0
    with pytest.raises(AssertionError):
        engine.docker("start", "--attach", made)
    wait_until(lambda: known.memory_kills(made) > 0, "the engine has noticed nothing")
    known.close()
    engine.docker("rm", made)


# ---------------------------------------------------------------- other kernels


def test_a_kernel_that_the_image_lacks_is_refused_with_the_way_out(in_containers, tmp_path):
    words = ["--socket", str(tmp_path / "s"), "--slots", "1", "--preload", "", *in_containers]
    done = subprocess.run(
        [sys.executable, "-m", "studyhall_judge", *words, "--environment", "r=python3@ir"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert f"The image {SANDBOX} cannot run notebooks of the environment r: " in done.stderr
    assert "its python3 knows no kernel ir" in done.stderr
    assert "STUDYHALL_JUDGE_SANDBOX=namespaces" in done.stderr
    assert not (tmp_path / "s").exists()
