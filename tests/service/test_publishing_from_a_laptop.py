"""What an author reads when the service refuses a course that they publish from their own machine."""

import io
import json
import urllib.error
import urllib.request

import pytest
from classrooms import SAMPLE
from studyhall.publish import PublishError, publish_over_http, state_of


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
    ("changed", "lessons", "words"),
    [
        (True, ["new", "changed"], "published"),
        (False, ["unchanged", "unchanged"], "unchanged since it was published"),
        (False, ["unchanged", "changed"], "published before; the course is back at it"),
        (False, ["removed"], "published before; the course is back at it"),
    ],
)
def test_going_back_to_a_release_is_not_called_unchanged(changed, lessons, words):
    published = {"changed": changed, "lessons": [{"change": change} for change in lessons]}
    assert state_of(published) == words
