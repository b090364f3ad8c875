"""Kill -9 of one part after another while learners submit: whatever was accepted ends with a report, exactly one."""

import threading
import time
import urllib.error
import uuid
from pathlib import Path

import nbformat
import psutil
import psycopg
from installations import BROKEN_OFF, DEADLINE, call, token_of, wait_for_status

LESSON = "values-and-names"
SOURCE = Path(__file__).parents[2] / "course-content/python-foundations/source" / LESSON / f"{LESSON}.ipynb"
PARTS = {
    "worker": "studyhall.cli worker",
    "service": "studyhall.cli service",
    "database": "bin/postgres -D",
}


def slow_notebook():
    """A right solution that takes its time, so that a kill hits in the middle of grading."""
    notebook = nbformat.reads(SOURCE.read_text(), as_version=4)
    notebook.cells.insert(0, nbformat.v4.new_code_cell("import time\ntime.sleep(0.6)"))
    return nbformat.writes(notebook)


def part(installation, name):
    """Return the running process of a part; a part that is just being restarted is waited for."""
    ends = time.monotonic() + DEADLINE
    while time.monotonic() < ends:
        for process in psutil.Process(installation.process.pid).children(recursive=True):
            try:
                if PARTS[name] in " ".join(process.cmdline()):
                    return process
            except psutil.NoSuchProcess:
                continue
        threading.Event().wait(0.05)
    raise AssertionError(f"no {name} is running")


def send_until_accepted(installation, token, notebook):
    """Send one submission as the extension does: the same key again and again until it is accepted."""
    key = str(uuid.uuid4())
    body = {"course": "python-foundations", "lesson": LESSON, "notebooks": {LESSON: notebook}}
    ends = time.monotonic() + DEADLINE
    while time.monotonic() < ends:
        try:
            answer = call(
                installation,
                "POST",
                "/services/studyhall/api/v1/submissions",
                token=token,
                body=body,
                headers={"Idempotency-Key": key},
            )
            return answer["data"]["id"]
        except urllib.error.HTTPError as error:
            if error.code not in {429, 502, 503, 504}:
                raise AssertionError(error.read()) from error
            threading.Event().wait(min(float(error.headers.get("Retry-After") or 0.3), 3))
        except BROKEN_OFF:
            threading.Event().wait(0.3)
    raise AssertionError("never accepted")


def is_of(installation, token, attempt):
    """Say whether an attempt is this learner's; parts that are being restarted are waited for."""
    ends = time.monotonic() + DEADLINE
    while time.monotonic() < ends:
        try:
            call(installation, "GET", f"/services/studyhall/api/v1/submissions/{attempt}", token=token)
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return False
            if error.code not in {429, 502, 503, 504}:
                raise AssertionError(error.read()) from error
        except BROKEN_OFF:
            pass
        else:
            return True
        threading.Event().wait(0.3)
    raise AssertionError("the service never answered")


def submit_in_background(installation, tokens, notebook, accepted):
    def run(token):
        accepted.append(send_until_accepted(installation, token, notebook))

    threads = [threading.Thread(target=run, args=(token,)) for token in tokens]
    for thread in threads:
        thread.start()
    return threads


def test_every_accepted_submission_ends_with_exactly_one_report(installation):
    tokens = [token_of(installation, name) for name in ("liam", "lucia")]
    notebook = slow_notebook()
    accepted = []
    for name in ("worker", "service", "database"):
        already = len(accepted)
        threads = submit_in_background(installation, [*tokens, *tokens], notebook, accepted)
        ends = time.monotonic() + DEADLINE
        while len(accepted) == already and time.monotonic() < ends:
            threading.Event().wait(0.01)
        victim = part(installation, name)
        victim.kill()
        psutil.wait_procs([victim], timeout=60)
        assert part(installation, name).pid != victim.pid
        for thread in threads:
            thread.join(2 * DEADLINE)
    assert len(accepted) == len(set(accepted)) == 12
    for attempt in accepted:
        (token,) = (token for token in tokens if is_of(installation, token, attempt))
        graded = wait_for_status(installation, token, attempt, {"graded", "internal_error", "refused"})
        assert graded["status"] == "graded", graded
        assert graded["score"] == 20
    with psycopg.connect(installation.database_url()) as connection:
        connection.execute(
            "SELECT set_config('studyhall.cohort_id', id::text, true) FROM cohorts WHERE slug = 'demo'"
        )
        attempts = connection.execute(
            "SELECT count(*), count(DISTINCT idempotency_key) FROM attempts WHERE id = ANY(%s)",
            ([uuid.UUID(attempt) for attempt in accepted],),
        ).fetchone()
        reports = connection.execute(
            "SELECT attempt_id, count(*) FROM reports WHERE attempt_id = ANY(%s) GROUP BY attempt_id",
            ([uuid.UUID(attempt) for attempt in accepted],),
        ).fetchall()
        letters = connection.execute("SELECT count(*) FROM dead_letters").fetchone()
    assert attempts == (12, 12)
    assert sorted(count for _, count in reports) == [1] * 12
    assert letters == (0,)
