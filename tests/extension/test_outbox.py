"""What lies in the outbox: after a crash, put there by others, taken away, unreadable, or when a server stops."""

import asyncio
import json
import os
import threading
import uuid

import pytest
from studyhall_extension.submissions.outbox import Outbox


def leave_in_outbox(
    root, key, created_at="2026-01-01T10:00:00+00:00", text="left", state="waiting", **changes
):
    """What an earlier run of the server left behind."""
    folder = root / ".studyhall" / "outbox"
    folder.mkdir(parents=True, exist_ok=True)
    document = {
        "version": 1,
        "entry": {
            "idempotency_key": key,
            "course": "python-foundations",
            "lesson": "values-and-names",
            "created_at": created_at,
            "state": state,
            "message": "",
            "code": "",
            "status": 0,
        },
        "submission": {
            "course": "python-foundations",
            "lesson": "values-and-names",
            "release": 3,
            "notebooks": {"values-and-names": text},
        },
    }
    document.update(changes)
    (folder / f"{key}.json").write_text(json.dumps(document))


class TestAfterACrash:
    """The server was killed between snapshot and answer; the files are what it left."""

    @pytest.fixture
    def left(self, jp_root_dir):
        keys = [str(uuid.uuid4()) for _ in range(2)]
        leave_in_outbox(jp_root_dir, keys[0], "2026-01-01T10:00:01+00:00", "second")
        leave_in_outbox(jp_root_dir, keys[1], "2026-01-01T10:00:00+00:00", "first")
        half = jp_root_dir / ".studyhall" / "outbox" / ".0123.studyhall-tmp"
        half.write_text('{"half": ')
        os.utime(half, (0, 0))
        return keys

    @pytest.fixture
    def slow_disk(self, monkeypatch):
        """Opens when the test says so; until then what was left is being read."""
        gate = threading.Event()
        load = Outbox.load

        def load_behind_gate(outbox):
            gate.wait(60)
            load(outbox)

        monkeypatch.setattr(Outbox, "load", load_behind_gate)
        yield gate
        gate.set()

    async def test_snapshots_are_sent_at_start_in_order(self, left, extension, classroom, outbox_files):
        await classroom.until(lambda: len(classroom.submissions) == 2)
        assert [request.json["notebooks"]["values-and-names"] for request in classroom.submissions] == [
            "first",
            "second",
        ]
        assert list(classroom.attempts) == [left[1], left[0]]
        await extension.sender.stop()
        assert ".0123.studyhall-tmp" not in outbox_files()

    async def test_pressing_again_with_the_same_key_sends_the_old_snapshot(
        self, left, submit, classroom, solved, outbox_files
    ):
        reply = await submit(left[1])
        assert reply.data["id"] == classroom.attempts[left[1]]["id"]
        assert classroom.submissions[0].json["notebooks"] == {"values-and-names": "first"}

    async def test_a_press_before_they_are_read_comes_after_them(
        self, slow_disk, left, submit, ask, classroom, solved, key
    ):
        press = asyncio.ensure_future(submit(key))
        listed = asyncio.ensure_future(ask("GET", "/outbox"))
        # An answer that needs no outbox shows that the server has taken the requests before it.
        await ask("GET", "/me")
        assert not classroom.submissions
        slow_disk.set()
        assert (await press).status == 202
        assert list(classroom.attempts) == [left[1], left[0], key]
        assert (await listed).status == 200


class TestStrangeFilesInTheOutbox:
    @pytest.fixture
    def strange(self, jp_root_dir):
        keys = [str(uuid.uuid4()) for _ in range(8)]
        leave_in_outbox(jp_root_dir, keys[0], version=9)
        leave_in_outbox(jp_root_dir, keys[1], state="odd")
        leave_in_outbox(jp_root_dir, keys[2], created_at="yesterday")
        leave_in_outbox(jp_root_dir, keys[3], submission={"course": "other", "lesson": "x"})
        leave_in_outbox(jp_root_dir, "not-a-uuid")
        leave_in_outbox(jp_root_dir, keys[4], state="refused")
        outbox = jp_root_dir / ".studyhall" / "outbox"
        (outbox / f"{keys[5]}.json").write_text("[")
        (outbox / f"{keys[6]}.json").write_text("[]")
        (outbox / f"{keys[7]}.json").write_bytes(b"\xff")
        leave_in_outbox(jp_root_dir, str(uuid.uuid4()), text="good")
        return keys

    async def test_are_left_alone(self, strange, ask, classroom, extension, outbox_files):
        before = len(outbox_files())
        await classroom.until(lambda: classroom.submissions)
        assert [request.json["notebooks"] for request in classroom.submissions] == [
            {"values-and-names": "good"}
        ]
        assert [
            entry["idempotency_key"]
            for entry in (await ask("GET", "/outbox")).data
            if entry["state"] == "refused"
        ] == [strange[4]]
        await extension.sender.stop()
        assert len(outbox_files()) >= before - 1


async def test_a_snapshot_removed_by_hand_is_forgotten(
    submit, ask, classroom, solved, key, jp_root_dir, outbox_events
):
    await classroom.down()
    await submit(key)
    (jp_root_dir / ".studyhall" / "outbox" / f"{key}.json").unlink()
    while (await outbox_events())["state"] != "removed":
        pass
    assert (await ask("GET", "/outbox")).data == []


async def test_a_snapshot_that_cannot_be_read_waits(
    submit, ask, classroom, solved, key, jp_root_dir, outbox_events
):
    await classroom.down()
    await submit(key)
    file = jp_root_dir / ".studyhall" / "outbox" / f"{key}.json"
    whole, unreadable = file.with_suffix(".whole"), file.with_suffix(".unreadable")
    whole.write_bytes(file.read_bytes())
    unreadable.symlink_to(file.name)
    # In one step each, since it is read all the time: a link to itself, and what was there before.
    unreadable.replace(file)
    while "could not be read" not in (await outbox_events())["message"]:
        pass
    whole.replace(file)
    await classroom.up()
    while (await outbox_events())["state"] != "sent":
        pass
    assert list(classroom.attempts) == [key]


async def test_stopping_the_server_keeps_what_waits(submit, extension, classroom, solved, key, outbox_files):
    classroom.open_gate.clear()
    press = asyncio.ensure_future(submit(key))
    await classroom.until(lambda: classroom.submissions)
    await extension.sender.stop()
    assert outbox_files() == [f"{key}.json"]
    press.cancel()
