"""A quiz from the first look to the result, and everything that must not leave the service before it."""

import asyncio
import json
import shutil
import uuid

import pytest
import pytest_asyncio
import yaml
from classrooms import SAMPLE
from sqlalchemy import select, text
from studyhall.db.base import learner_tables
from studyhall.events.models import Event, EventType
from studyhall.permissions import Role
from studyhall.quizzes.models import QuizAttempt, QuizRelease

pytestmark = pytest.mark.asyncio

COURSE = "python-foundations"
QUIZ = "names-quiz"
SOURCE = yaml.safe_load((SAMPLE / "quizzes" / f"{QUIZ}.yaml").read_text())


def answers(*, wrong=(), leave=()):
    """The right answers, but for the questions named."""
    found = []
    for question in SOURCE["questions"]:
        if question["id"] in leave:
            continue
        given = {"question_id": question["id"], "selected_option_id": None, "answer_text": None}
        if question["type"] == "multiple_choice":
            options = [option["id"] for option in question["options"] if option["id"] != question["answer"]]
            given["selected_option_id"] = options[0] if question["id"] in wrong else question["answer"]
        else:
            given["answer_text"] = "no idea" if question["id"] in wrong else question["accepted"][0].upper()
        found.append(given)
    return found


FIRST, LAST = SOURCE["questions"][0]["id"], SOURCE["questions"][-1]["id"]


@pytest_asyncio.fixture
async def lea(classroom):
    return classroom.token("lea")


async def start(room, token, *, quiz=QUIZ):
    return await room.data(
        "POST", f"/quizzes/{quiz}/attempts", token=token, status=201, json={"course": COURSE}
    )


async def show(room, token, *, quiz=QUIZ):
    return await room.data("GET", f"/quizzes/{quiz}", token=token, params={"course": COURSE})


async def submit(room, token, attempt, given):
    return await room.data("POST", f"/quiz-attempts/{attempt}/submit", token=token, json={"answers": given})


async def events(room, kind=EventType.QUIZ_COMPLETED):
    async with room.session() as session:
        return list(await session.scalars(select(Event).where(Event.type == kind.value)))


def assert_no_key(body):
    """Neither an answer's key nor an explanation may be in what a learner gets before handing in."""
    sent = json.dumps(body)
    for question in SOURCE["questions"]:
        explanation = question["explanation"].strip().splitlines()[0]
        assert json.dumps(explanation)[1:-1] not in sent
    for word in ('"answer"', "accepted", "explanation", "correct"):
        assert word not in sent


async def test_a_quiz_is_shown_without_its_keys(classroom, lea):
    quiz = await show(classroom, lea)
    assert_no_key(quiz)
    assert quiz["id"] == QUIZ
    assert quiz["lesson"] == "values-and-names"
    assert quiz["pass_score"] == 70
    assert [question["id"] for question in quiz["questions"]] == [q["id"] for q in SOURCE["questions"]]
    assert set(quiz["questions"][0]) == {"id", "type", "text", "points", "options"}
    assert set(quiz["questions"][0]["options"][0]) == {"id", "text"}
    assert (quiz["attempts"], quiz["best_percent"], quiz["in_progress"]) == ([], None, None)


async def test_answered_handed_in_and_explained(classroom, lea):
    begun = await start(classroom, lea)
    assert_no_key(begun)
    assert begun["answers"] == {}
    result = await submit(classroom, lea, begun["attempt_id"], answers(wrong=[FIRST]))
    total = sum(question["points"] for question in SOURCE["questions"])
    assert result["total_points"] == total
    assert result["score"] == total - SOURCE["questions"][0]["points"]
    assert result["correct_answers"] == len(SOURCE["questions"]) - 1
    assert result["total_questions"] == len(SOURCE["questions"])
    first, *_, last = result["detailed_results"]
    assert first["is_correct"] is False
    assert first["points_earned"] == 0
    assert first["correct_option_id"] == SOURCE["questions"][0]["answer"]
    assert first["accepted_answer"] is None
    assert first["explanation"].startswith("`b = a` ties")
    assert first["your_answer"] not in (None, first["correct_option_id"])
    assert last["is_correct"] is True, "short answers are read without regard to letter case"
    assert last["accepted_answer"] == SOURCE["questions"][-1]["accepted"][0]
    again = await classroom.data("GET", f"/quiz-attempts/{begun['attempt_id']}", token=lea)
    assert again == result
    quiz = await show(classroom, lea)
    assert quiz["in_progress"] is None
    assert quiz["attempts"][0]["id"] == begun["attempt_id"]
    assert quiz["best_percent"] == result["percent"]


async def test_a_finished_quiz_says_so_in_the_same_transaction(classroom, lea):
    begun = await start(classroom, lea)
    result = await submit(classroom, lea, begun["attempt_id"], answers())
    assert result["percent"] == 100
    assert result["passed"] is True
    (event,) = await events(classroom)
    assert event.data["quiz"] == QUIZ
    assert event.data["course"] == COURSE
    assert event.data["percent"] == 100
    assert event.data["passed"] is True
    assert event.data["attempt_id"] == begun["attempt_id"]
    assert event.data["title"] == SOURCE["title"]


async def test_handing_in_five_times_at_once_is_one_attempt_one_event_and_one_result(classroom, lea):
    begun = await start(classroom, lea)
    results = await asyncio.gather(
        *(submit(classroom, lea, begun["attempt_id"], answers()) for _ in range(5))
    )
    assert all(result == results[0] for result in results)
    late = await submit(classroom, lea, begun["attempt_id"], answers(wrong=[FIRST, LAST]))
    assert late == results[0], "what was handed in first stays"
    assert len(await events(classroom)) == 1


async def test_two_windows_share_the_attempt_under_way(classroom, lea):
    begun = await asyncio.gather(*(start(classroom, lea) for _ in range(5)))
    assert len({one["attempt_id"] for one in begun}) == 1
    await submit(classroom, lea, begun[0]["attempt_id"], answers())
    second = await start(classroom, lea)
    assert second["attempt_id"] != begun[0]["attempt_id"]
    await submit(classroom, lea, second["attempt_id"], answers(wrong=[FIRST]))
    quiz = await show(classroom, lea)
    assert [attempt["number"] for attempt in quiz["attempts"]] == [2, 1]
    assert quiz["best_percent"] == 100, "the best result is kept"


async def test_the_database_itself_allows_one_attempt_under_way(classroom, lea):
    begun = await start(classroom, lea)
    async with classroom.session() as session:
        attempt = (await session.scalars(select(QuizAttempt))).one()
        assert str(attempt.id) == begun["attempt_id"]
        copied = {
            column.name: getattr(attempt, column.name)
            for column in QuizAttempt.__table__.columns
            if column.name != "results"
        }
    with pytest.raises(Exception, match="uq_quiz_attempts_in_progress"):
        async with classroom.session() as session:
            session.add(QuizAttempt(**{**copied, "id": uuid.uuid4(), "number": 2}))


async def test_unanswered_questions_are_named_and_nothing_is_handed_in(classroom, lea):
    begun = await start(classroom, lea)
    error = await classroom.error(
        "POST",
        f"/quiz-attempts/{begun['attempt_id']}/submit",
        token=lea,
        status=422,
        code="validation_error",
        json={"answers": answers(leave=[LAST])},
    )
    assert f"question {len(SOURCE['questions'])}" in error["message"]
    assert [detail["field"] for detail in error["details"]] == [LAST]
    assert await events(classroom) == []
    await classroom.error(
        "GET", f"/quiz-attempts/{begun['attempt_id']}", token=lea, status=409, code="conflict"
    )
    blank = [
        {**answer, "answer_text": "   "} if answer["question_id"] == LAST else answer for answer in answers()
    ]
    await classroom.error(
        "POST",
        f"/quiz-attempts/{begun['attempt_id']}/submit",
        token=lea,
        status=422,
        code="validation_error",
        json={"answers": blank},
    )


async def test_a_draft_survives_and_is_handed_in_with_the_rest(classroom, lea):
    begun = await start(classroom, lea)
    path = f"/quiz-attempts/{begun['attempt_id']}/answers"
    saved = await classroom.data("PUT", path, token=lea, json={"answers": answers(leave=[LAST])})
    assert set(saved["answers"]) == {q["id"] for q in SOURCE["questions"]} - {LAST}
    assert_no_key(saved)
    quiz = await show(classroom, lea)
    assert quiz["in_progress"] == {"attempt_id": begun["attempt_id"], "answers": saved["answers"]}
    assert (await start(classroom, lea))["answers"] == saved["answers"]
    only_last = [answer for answer in answers() if answer["question_id"] == LAST]
    result = await submit(classroom, lea, begun["attempt_id"], only_last)
    assert result["percent"] == 100
    await classroom.error(
        "PUT", path, token=lea, status=409, code="quiz_finished", json={"answers": answers()}
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"question_id": "no-such-question", "answer_text": "x"},
        {"question_id": FIRST, "selected_option_id": "no-such-option"},
        {"question_id": FIRST, "answer_text": "5"},
        {"question_id": LAST, "selected_option_id": "five"},
        {"question_id": LAST, "answer_text": "x" * 3000},
        {"question_id": LAST, "answer_text": "x", "points": 100},
    ],
)
async def test_answers_that_do_not_fit_are_refused(classroom, lea, wrong):
    begun = await start(classroom, lea)
    for method, path in (("PUT", "answers"), ("POST", "submit")):
        error = await classroom.error(
            method,
            f"/quiz-attempts/{begun['attempt_id']}/{path}",
            token=lea,
            status=422,
            code="validation_error",
            json={"answers": [wrong]},
        )
        assert error["details"]
    assert (await show(classroom, lea))["in_progress"]["answers"] == {}


async def test_odd_characters_in_an_answer_are_just_wrong(classroom, lea):
    begun = await start(classroom, lea)
    given = [
        {**answer, "answer_text": "flo\x00at\u202e"} if answer["question_id"] == LAST else answer
        for answer in answers()
    ]
    result = await submit(classroom, lea, begun["attempt_id"], given)
    assert result["detailed_results"][-1]["is_correct"] is False


async def test_quizzes_of_others_and_of_other_courses_do_not_exist(classroom, lea):
    begun = await start(classroom, lea)
    liam = classroom.token("liam")
    for method, path, body in (
        ("GET", "", None),
        ("PUT", "/answers", {"answers": []}),
        ("POST", "/submit", {"answers": answers()}),
    ):
        await classroom.error(
            method,
            f"/quiz-attempts/{begun['attempt_id']}{path}",
            token=liam,
            status=404,
            code="not_found",
            json=body,
        )
    stranger = classroom.token("stefan")
    params = {"course": COURSE}
    await classroom.error(
        "GET", f"/quizzes/{QUIZ}", token=stranger, status=403, code="forbidden", params=params
    )
    await classroom.error(
        "POST", f"/quizzes/{QUIZ}/attempts", token=stranger, status=403, code="forbidden", json=params
    )
    await classroom.error(
        "GET", "/quizzes/no-such", token=lea, status=404, code="unknown_quiz", params=params
    )
    await classroom.error("GET", "/quizzes/a%00b", token=lea, status=404, code="unknown_quiz", params=params)
    await classroom.error("GET", f"/quizzes/{QUIZ}", token=lea, status=422, code="validation_error")


async def test_leaving_a_course_ends_the_way_to_its_quizzes(classroom, lea):
    begun = await start(classroom, lea)
    async with classroom.session() as session:
        await session.execute(
            text("DELETE FROM enrolments WHERE user_id = (SELECT id FROM users WHERE hub_username = 'lea')")
        )
    await classroom.error(
        "POST",
        f"/quiz-attempts/{begun['attempt_id']}/submit",
        token=lea,
        status=404,
        code="not_found",
        json={"answers": answers()},
    )


async def test_a_quiz_of_a_locked_lesson_is_refused_with_what_opens_it(classroom, lea):
    error = await classroom.error(
        "GET",
        "/quizzes/loops-quiz",
        token=lea,
        status=403,
        code="lesson_locked",
        params={"course": COURSE},
    )
    assert "70 %" in error["message"]
    await classroom.error(
        "POST",
        "/quizzes/loops-quiz/attempts",
        token=lea,
        status=403,
        code="lesson_locked",
        json={"course": COURSE},
    )


async def test_keys_lie_sealed_in_the_database(classroom, database, postgres):
    with postgres.connect(database=database) as connection:
        rows = connection.execute("SELECT row_to_json(q)::text FROM quiz_releases q").fetchall()
    assert rows
    dump = " ".join(row[0] for row in rows)
    assert "ties" not in dump
    assert "accepted" not in dump
    async with classroom.session() as session:
        release = (
            await session.scalars(select(QuizRelease).where(QuizRelease.title == SOURCE["title"]))
        ).one()
        opened = classroom.context.cipher.open(release.sealed)
    assert opened[FIRST]["answer"] == SOURCE["questions"][0]["answer"]


async def test_a_new_release_does_not_change_a_quiz_under_the_learner(classroom, lea, tmp_path):
    begun = await start(classroom, lea)
    course = tmp_path / "course"
    shutil.copytree(SAMPLE, course)
    changed = {**SOURCE, "title": "Names, corrected", "questions": SOURCE["questions"][:1]}
    (course / "quizzes" / f"{QUIZ}.yaml").write_text(yaml.safe_dump(changed))
    await classroom.publish(course)
    quiz = await show(classroom, lea)
    assert len(quiz["questions"]) == len(SOURCE["questions"]), "she goes on with what she began"
    await submit(classroom, lea, begun["attempt_id"], answers())
    quiz = await show(classroom, lea)
    assert quiz["title"] == "Names, corrected"
    assert len(quiz["questions"]) == 1
    assert quiz["best_percent"] == 100, "the best result outlives a correction"


async def test_publishing_again_adds_nothing_and_brings_quizzes_to_an_old_release(
    classroom, postgres, database
):
    async def stored():
        async with classroom.session() as session:
            return len(list(await session.scalars(select(QuizRelease.id))))

    before = await stored()
    await classroom.publish()
    assert await stored() == before
    with postgres.connect(database=database) as connection:
        connection.execute("DELETE FROM quiz_releases")
        connection.commit()
    await classroom.publish()
    assert await stored() == before


async def test_staff_may_try_a_quiz_with_a_learners_token(classroom):
    ines = classroom.token("ines")
    begun = await start(classroom, ines)
    assert (await submit(classroom, ines, begun["attempt_id"], answers()))["passed"] is True


async def test_attempts_are_behind_row_level_security(classroom, lea, postgres, database):
    assert "quiz_attempts" in learner_tables()
    await start(classroom, lea)
    async with classroom.session(uuid.uuid4()) as session:
        assert list(await session.scalars(select(QuizAttempt.id))) == []
    await classroom.add_person("nina", Role.LEARNER)
    with postgres.connect(database=database) as connection:
        forced = connection.execute(
            "SELECT relrowsecurity AND relforcerowsecurity FROM pg_class WHERE relname = 'quiz_attempts'"
        ).fetchone()
    assert forced == (True,)
