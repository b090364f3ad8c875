"""What an author reads when the service refuses a course that they publish from their own machine."""

import io
import json
import re
import urllib.error
import urllib.request

import pytest
from classrooms import SAMPLE
from studyhall.publish import PublishError, change_of, publish_over_http, state_of


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("not_enrolled", r"do not teach.*“python-foundations”.*operator.*--course"),
        ("not_signed_in", r"STUDYHALL_TOKEN is not accepted.*token page"),
        ("course_invalid", "The course can't be read."),
    ],
)
def test_a_refusal_says_the_authors_way_out(monkeypatch, code, words):
    said = {"error": {"code": code, "message": "The course can't be read."}}

    def refuse(request, timeout):
        body = io.BytesIO(json.dumps(said).encode())
        raise urllib.error.HTTPError(request.full_url, 403, "Forbidden", {}, body)

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    with pytest.raises(PublishError, match=words):
        publish_over_http(SAMPLE, url="http://127.0.0.1:1", token="a token")


def test_an_address_without_its_beginning_is_told_as_that():
    with pytest.raises(PublishError, match=r"lacks its beginning: https://"):
        publish_over_http(SAMPLE, url="hub.example/services/studyhall", token="a token")


@pytest.mark.parametrize(
    ("outcome", "former", "words"),
    [
        ("published", 1, "published"),
        ("unchanged", 2, "unchanged since it was published"),
        ("returned", 3, r"published before; .* back at it from release 3, and grades follow it"),
        ("taken_over", None, "another cohort has; this one has it now, too"),
    ],
)
def test_what_a_publication_did_is_told_in_words(outcome, former, words):
    assert re.search(words, state_of({"outcome": outcome, "former_release": former}))


def test_dates_that_moved_are_told_of_a_lesson_whose_notebooks_stayed():
    assert change_of({"change": "settings"}) == "dates or rules"
    assert change_of({"change": "unchanged"}) == "unchanged"
