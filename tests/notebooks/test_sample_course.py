"""The course that ships with the repository: its solutions earn everything, its stubs nothing."""

import contextlib
import io

import pytest
from studyhall_notebooks.cells import grade_id, tests_of
from studyhall_notebooks.checks import Level, check_notebook
from studyhall_notebooks.course import load_course
from studyhall_notebooks.parsing import read_notebook, write_notebook
from studyhall_notebooks.quiz import quiz_ids
from studyhall_notebooks.release import graded_source, learner_version

LESSONS = ["values-and-names", "choices-and-loops", "tables-of-data"]


@pytest.fixture(scope="module")
def bundle(sample_course):
    return load_course(sample_course)


@pytest.fixture
def run(bundle, tmp_path, monkeypatch):
    """Run a notebook's code cells in order beside the lesson's files; return the grade ids that raised."""
    monkeypatch.setenv("MPLBACKEND", "template")
    monkeypatch.chdir(tmp_path)

    def run_notebook(lesson, notebook):
        for name, content in bundle.lessons[lesson].files.items():
            (tmp_path / name).write_bytes(content)
        names = {"__name__": "__main__"}
        failed = set()
        for cell in notebook.cells:
            if cell.cell_type != "code":
                continue
            try:
                with contextlib.redirect_stdout(io.StringIO()):
                    exec(compile(cell.source, cell.id, "exec"), names)  # noqa: S102 - our own lessons
            except Exception:  # noqa: BLE001 - a lesson may fail in any way, that is the question
                failed.add(grade_id(cell) or cell.id)
        return failed

    return run_notebook


def test_the_course_is_what_its_readers_expect(bundle):
    assert [lesson.slug for lesson in bundle.course.lessons] == LESSONS
    assert len(bundle.course.units) == 2
    assert [lesson.after and lesson.after.lesson for lesson in bundle.course.lessons] == [None, *LESSONS[:2]]
    assert len(bundle.quizzes) == 3
    assert {question.type for quiz in bundle.quizzes.values() for question in quiz.questions} == {
        "multiple_choice",
        "short_answer",
    }


@pytest.mark.parametrize("lesson", LESSONS)
def test_solutions_earn_everything_and_stubs_nothing(bundle, run, lesson):
    source = read_notebook(bundle.lessons[lesson].notebooks[lesson])
    assert run(lesson, source) == set()
    graded = graded_source(source)
    tests = {test.grade_id for test in tests_of(graded, lesson)}
    assert tests <= run(lesson, graded)


@pytest.mark.parametrize("lesson", LESSONS)
def test_every_task_has_a_visible_and_a_hidden_test_with_title_and_hint(bundle, lesson):
    source = read_notebook(bundle.lessons[lesson].notebooks[lesson])
    tests = tests_of(source, lesson)
    assert len(tests) == 8
    assert [test.hidden for test in tests] == [False, True] * 4
    assert all(test.hint and test.title for test in tests)
    assert sum(test.points for test in tests) == 20
    assert len(quiz_ids(source)) == 1


@pytest.mark.parametrize("lesson", LESSONS)
def test_learners_get_no_solution_hidden_test_or_quiz_key(bundle, lesson):
    graded = graded_source(read_notebook(bundle.lessons[lesson].notebooks[lesson]))
    learner = learner_version(graded, course="c", lesson=lesson, release=1, notebook=lesson)
    text = write_notebook(learner)
    assert "BEGIN" not in text
    for quiz in bundle.quizzes.values():
        for question in quiz.questions:
            assert question.explanation not in text
            assert f'"{question.answer}"' not in text


def test_the_starter_for_authors_is_sound(sample_course):
    starters = sample_course.parents[1] / "notebooks" / "starters"
    assert {path.suffix for path in starters.iterdir()} == {".ipynb", ".yaml", ".md"}
    notebook = read_notebook((starters / "lesson-with-tests-and-quiz.ipynb").read_bytes())
    assert [finding for finding in check_notebook(notebook) if finding.level is Level.error] == []
    assert [test.hidden for test in tests_of(notebook, "n")] == [False, True]
    assert quiz_ids(notebook) == ["starter-quiz"]
