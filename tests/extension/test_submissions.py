"""A press of Submit is one attempt: through double clicks, lost connections, crashes and refusals."""

import asyncio
import json
import logging
import uuid
from datetime import UTC, datetime

import pytest
from studyhall_extension.service_client import ServiceReply
from studyhall_extension.submissions import outbox, sender
from studyhall_extension.submissions.outbox import Outbox
from studyhall_extension.submissions.policy import PATIENCE, Verdict, delay_before_retry, judge
from studyhall_extension.submissions.snapshot import Snapshot

NOTEBOOK = "values-and-names.ipynb"
PATH = f"python-foundations/values-and-names/{NOTEBOOK}"


async def test_a_submission_is_sent_and_leaves_the_outbox(submit, ask, classroom, solved, key, outbox_files):
    reply = await submit(key)
    assert reply.status == 202
    assert (reply.data["number"], reply.data["status"]) == (1, "queued")
    [request] = classroom.submissions
    assert request.headers["Idempotency-Key"] == key
    assert request.headers["X-Request-ID"] == reply.headers["X-Request-ID"]
    assert request.json == {
        "course": "python-foundations",
        "lesson": "values-and-names",
        "release": 3,
        "notebooks": {"values-and-names": solved.read_text()},
    }
    assert outbox_files() == []
    assert (await ask("GET", "/outbox")).data == []


async def test_the_snapshot_is_on_disk_before_it_is_sent(
    submit, classroom, solved, key, jp_root_dir, outbox_files
):
    classroom.open_gate.clear()
    press = asyncio.ensure_future(submit(key))
    await classroom.until(lambda: classroom.submissions)
    assert outbox_files() == [f"{key}.json"]
    file = jp_root_dir / ".studyhall" / "outbox" / f"{key}.json"
    assert json.loads(file.read_text())["submission"] == classroom.submissions[0].json
    assert file.stat().st_mode & 0o777 == 0o600
    # What the learner types meanwhile belongs to the next attempt.
    solved.write_text("changed while sending")
    classroom.open_gate.set()
    assert (await press).status == 202


async def test_a_double_click_is_one_attempt(submit, classroom, solved, key, outbox_files):
    classroom.open_gate.clear()
    presses = [asyncio.ensure_future(submit(key)) for _ in range(3)]
    presses.append(asyncio.ensure_future(submit(key.upper())))
    await classroom.until(lambda: classroom.submissions)
    assert outbox_files() == [f"{key}.json"]
    classroom.open_gate.set()
    replies = await asyncio.gather(*presses)
    assert len(classroom.submissions) == 1
    assert {reply.data["id"] for reply in replies} == {classroom.attempts[key]["id"]}
    # A late third click gets the same answer, although the notebook has changed since.
    solved.write_text("not json any more")
    assert (await submit(key)).data == replies[0].data
    assert len(classroom.submissions) == 1


async def test_equal_content_under_a_new_key_is_a_new_attempt(submit, classroom, solved):
    numbers = [(await submit()).data["number"] for _ in range(2)]
    assert numbers == [1, 2]


async def test_the_browser_going_away_does_not_stop_the_submission(
    submit, classroom, solved, key, outbox_events
):
    classroom.open_gate.clear()
    press = asyncio.ensure_future(submit(key))
    await classroom.until(lambda: classroom.submissions)
    press.cancel()
    classroom.open_gate.set()
    assert (await outbox_events())["state"] == "sent"
    assert list(classroom.attempts) == [key]


async def test_a_lost_connection_keeps_the_snapshot_and_sends_it_later(
    submit, ask, classroom, solved, key, outbox_events, outbox_files
):
    await classroom.down()
    reply = await submit(key)
    assert reply.status == 202
    assert (reply.data["state"], reply.data["idempotency_key"]) == ("waiting", key)
    assert "sent by itself" in reply.data["message"]
    assert outbox_files() == [f"{key}.json"]
    [entry] = (await ask("GET", "/outbox")).data
    assert set(entry) == {"idempotency_key", "course", "lesson", "created_at", "state", "message"}
    assert (entry["idempotency_key"], entry["state"]) == (key, "waiting")
    assert (await outbox_events())["state"] == "waiting"
    snapshot = solved.read_text()
    solved.write_text("{}")

    await classroom.up()
    event = await outbox_events()
    assert (event["state"], event["attempt"]["id"]) == ("sent", classroom.attempts[key]["id"])
    assert classroom.submissions[0].json["notebooks"] == {"values-and-names": snapshot}
    assert len(classroom.attempts) == 1
    assert outbox_files() == []


async def test_a_reply_that_got_lost_makes_no_second_attempt(
    submit, classroom, solved, key, outbox_events, scripted
):
    """The service took the submission and died before answering: the same key comes again and finds its attempt."""
    classroom.open_gate.clear()
    press = asyncio.ensure_future(submit(key))
    await classroom.until(lambda: classroom.submissions)
    classroom.attempts[key] = {"id": "first", "number": 1, "status": "queued"}
    await classroom.down()
    assert (await press).data["state"] == "waiting"
    assert (await outbox_events())["state"] == "waiting"
    classroom.open_gate.set()
    await classroom.up()
    assert (await outbox_events())["attempt"]["id"] == "first"
    assert list(classroom.attempts) == [key]
    assert {request.headers["Idempotency-Key"] for request in classroom.submissions} == {key}


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, "<html>"),
        (502, "<html>Bad gateway</html>"),
        (503, ""),
        (200, "<html>wifi login</html>"),
        (302, ""),
        (400, "no envelope"),
        (413, ""),
    ],
)
async def test_a_troubled_service_is_asked_again(
    status, body, submit, classroom, solved, key, outbox_events, scripted, outbox_files
):
    classroom.script = [scripted(status, body, closes_gate=True), scripted(status, body)]
    assert (await submit(key)).data["state"] == "waiting"
    assert outbox_files() == [f"{key}.json"]
    classroom.open_gate.set()
    states = [(await outbox_events())["state"]]
    while states[-1] != "sent":
        states.append((await outbox_events())["state"])
    assert set(states) == {"waiting", "sent"}
    assert len(classroom.submissions) == 3
    assert list(classroom.attempts) == [key]


async def test_a_login_that_ended_waits_for_a_new_one(
    submit, classroom, solved, key, outbox_events, monkeypatch
):
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "revoked")
    reply = await submit(key)
    assert reply.data["state"] == "waiting"
    assert "Restart your server" in reply.data["message"]
    assert (await outbox_events())["state"] == "waiting"
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "the-learner's-own-hub-token")
    assert (await outbox_events())["state"] == "sent"


async def test_retry_after_is_honoured_even_when_pressed_again(submit, classroom, solved, scripted, refused):
    classroom.script = [
        scripted(429, refused("rate_limited", "Six submissions a minute are enough."), {"Retry-After": "600"})
    ]
    first = await submit()
    assert first.data["message"].startswith("Six submissions a minute are enough. Your submission is saved")
    second = await submit()
    assert second.data["state"] == "waiting"
    assert len(classroom.submissions) == 1


async def test_older_submissions_go_first(submit, classroom, solved, make_notebook, outbox_events):
    await classroom.down()
    keys = [str(uuid.uuid4()) for _ in range(3)]
    for number, key in enumerate(keys[:2]):
        solved.write_text(make_notebook(f"answer = {number}"))
        assert (await submit(key)).data["state"] == "waiting"
    await classroom.up()
    solved.write_text(make_notebook("answer = 2"))
    await submit(keys[2])
    while len(classroom.attempts) < 3:
        await outbox_events()
    assert list(classroom.attempts) == keys
    assert [attempt["number"] for attempt in classroom.attempts.values()] == [1, 2, 3]


async def test_a_snapshot_that_always_fails_does_not_stop_the_others_for_ever(
    submit, ask, classroom, solved, key, outbox_events, monkeypatch
):
    # Patience lasts until both are there, however long the disk takes for the second one.
    monkeypatch.setattr(sender, "PATIENCE", 1_000_000)
    classroom.stumbles_over.add(key)
    assert (await submit(key)).data["message"].startswith("The classroom has a problem right now.")
    other = str(uuid.uuid4())
    assert (await submit(other)).data["state"] == "waiting"
    monkeypatch.setattr(sender, "PATIENCE", PATIENCE)
    while (await outbox_events())["state"] != "sent":
        pass
    assert list(classroom.attempts) == [other]
    assert [entry["idempotency_key"] for entry in (await ask("GET", "/outbox")).data] == [key]
    classroom.stumbles_over.clear()
    while (await outbox_events())["state"] != "sent":
        pass
    assert list(classroom.attempts) == [other, key]


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (403, "not_enrolled", "You are not enrolled in this course."),
        (404, "unknown_assignment", "There is no such assignment."),
        (409, "attempts_used_up", "All 20 attempts are used."),
        (422, "closed", "This lesson closed on 3 May 18:00. Your copy is safe; ask your instructor."),
    ],
)
async def test_a_refused_submission_is_kept_with_its_reason(
    status, code, message, submit, ask, classroom, solved, key, scripted, refused, outbox_files
):
    classroom.script = [scripted(status, refused(code, message))]
    reply = await submit(key)
    assert (reply.status, reply.error["code"], reply.error["message"]) == (status, code, message)
    [entry] = (await ask("GET", "/outbox")).data
    assert (entry["state"], entry["message"]) == ("refused", message)
    assert outbox_files() == [f"{key}.json"]
    # The same press gets the same answer, and nothing is sent again.
    again = await submit(key)
    assert (again.status, again.error["code"], again.error["message"]) == (status, code, message)
    assert len(classroom.submissions) == 1

    assert (await ask("DELETE", f"/outbox/{key}")).status == 204
    assert (await ask("GET", "/outbox")).data == []
    assert outbox_files() == []
    assert (await ask("DELETE", f"/outbox/{key}")).status == 404


async def test_a_waiting_submission_cannot_be_thrown_away(submit, ask, classroom, solved, key, outbox_files):
    await classroom.down()
    await submit(key)
    reply = await ask("DELETE", f"/outbox/{key}")
    assert (reply.status, reply.error["code"]) == (409, "still_waiting")
    assert outbox_files() == [f"{key}.json"]


def test_what_is_being_refused_is_thrown_away_only_when_its_file_is_written(tmp_path, key, monkeypatch):
    """Thrown away earlier, the file would come back with the refusal."""
    box = Outbox(tmp_path, logging.getLogger(__name__))
    box.add(key, Snapshot(course="c", lesson="l", release=1, notebooks={}), datetime.now(UTC))
    states = []
    monkeypatch.setattr(outbox, "replace_file", lambda *_, **__: states.append(box.get(key).state))
    box.refuse(key, message="No.", code="closed", status=422)
    assert [*states, box.get(key).state] == ["waiting", "refused"]


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["idempotency_key", "path"]),
        ({"idempotency_key": "../../etc/passwd", "path": PATH}, ["idempotency_key"]),
        ({"idempotency_key": 7, "path": PATH}, ["idempotency_key"]),
        ({"idempotency_key": "0d9c34a8-0000-4000-8000-000000000001", "path": ""}, ["path"]),
        ({"idempotency_key": "0d9c34a8-0000-4000-8000-000000000001", "path": ["x"]}, ["path"]),
        ({"idempotency_key": "0d9c34a8-0000-4000-8000-000000000001", "path": "x" * 3000}, ["path"]),
    ],
)
async def test_a_press_names_its_key_and_its_notebook(body, fields, ask, classroom, outbox_files):
    reply = await ask("POST", "/courses/python-foundations/lessons/values-and-names/submissions", body)
    assert (reply.status, reply.error["code"]) == (422, "validation")
    assert [detail["field"] for detail in reply.error["details"]] == fields
    assert classroom.requests == []
    assert outbox_files() == []


@pytest.mark.parametrize(
    ("number", "retry_after", "chance", "seconds"),
    [
        (1, None, 0.0, 1.0),
        (1, None, 1.0, 2.0),
        (3, None, 1.0, 8.0),
        (9, None, 1.0, 300.0),
        (500, None, 0.0, 150.0),
        (1, 60.0, 0.0, 60.5),
        (9, 60.0, 1.0, 210.0),
    ],
)
def test_waiting_doubles_and_respects_the_service(number, retry_after, chance, seconds):
    assert delay_before_retry(2.0, number, retry_after, chance) == seconds


@pytest.mark.parametrize(
    ("status", "error", "verdict", "about_this_one"),
    [
        (202, None, Verdict.ACCEPTED, False),
        (200, None, Verdict.ACCEPTED, False),
        (400, {}, Verdict.REFUSED, False),
        (401, {}, Verdict.WAITING, False),
        (403, {"message": "No."}, Verdict.REFUSED, False),
        (408, {}, Verdict.WAITING, False),
        (413, {}, Verdict.REFUSED, False),
        (425, {}, Verdict.WAITING, False),
        (429, {}, Verdict.WAITING, False),
        (500, {}, Verdict.WAITING, True),
        (503, {}, Verdict.WAITING, False),
        (500, None, Verdict.WAITING, True),
    ],
)
def test_what_an_answer_means(status, error, verdict, about_this_one):
    body = json.dumps({"success": error is None, "data": {}, "meta": {}, "error": error}).encode()
    judgement = judge(ServiceReply(status, body, "r"))
    assert (judgement.verdict, judgement.about_this_one) == (verdict, about_this_one)
    assert bool(judgement.message) is (verdict is not Verdict.ACCEPTED)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"success": "yes"}', b"[" * 100_000])
def test_only_the_services_own_envelope_decides(body):
    for status in (200, 202, 302, 400, 404, 500):
        assert judge(ServiceReply(status, body, "r")).verdict is Verdict.WAITING
