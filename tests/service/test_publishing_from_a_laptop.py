"""What an author reads when the service refuses a course that they publish from their own machine."""

import io
import json
import urllib.error
import urllib.request

import pytest
from classrooms import SAMPLE
from studyhall.publish import PublishError, publish_over_http


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("not_enrolled", r"do not teach.*“python-foundations”.*operator"),
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
