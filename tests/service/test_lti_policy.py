"""Pure rules of learning platforms, over all kinds of words, addresses and moments."""

from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lti_platform.simulator import MEMBERSHIP
from studyhall.lti import policy
from studyhall.permissions import Role
from studyhall_hub.sign_in.lti.claims import name_of as name_at_hub

MOMENTS = st.integers(0, 10**14).map(
    lambda passed: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(microseconds=passed)
)
ROLES = st.none() | st.sampled_from(list(Role))


@given(st.text(max_size=40), st.text(max_size=40))
def test_hub_and_service_call_people_the_same(issuer, subject):
    assert policy.name_of(issuer, subject) == name_at_hub(issuer, subject)


@given(st.lists(st.tuples(MOMENTS, MOMENTS), min_size=1, max_size=10))
def test_moments_only_grow_whatever_the_clock_says(clock):
    last = None
    for now, _ in clock:
        at = policy.later(now, last)
        assert last is None or at - last >= timedelta(milliseconds=1)
        assert at.microsecond % 1000 == 0
        last = at


@given(st.integers(1, 10_000), st.none() | st.floats(0, 1e12), st.floats(0, 1))
def test_a_pause_is_never_endless_and_never_shorter_than_asked(tries, asked, chance):
    seconds = policy.pause(tries, asked=asked, chance=chance)
    assert 0 < seconds <= policy.LONGEST_PAUSE
    assert asked is None or seconds >= min(asked, policy.LONGEST_PAUSE)


@given(ROLES, ROLES, ROLES)
def test_the_platform_gives_no_more_than_it_says_and_takes_nothing_that_was_given_here(here, before, there):
    after = policy.next_role(here=here, before=before, there=there)
    assert after in (here, there)
    if here is not before:
        assert policy.RANK[after] >= policy.RANK[here]


@given(
    st.lists(st.text(max_size=30) | st.just("http://purl.imsglobal.org/vocab/lis/v2/system/person#SysAdmin"))
)
def test_what_is_no_role_in_the_course_is_nothing(words):
    assert policy.role_of([word for word in words if not word.startswith(("Learner", "Instructor"))]) is None


@pytest.mark.parametrize(
    ("words", "role"),
    [
        ([MEMBERSHIP + "Learner"], Role.LEARNER),
        ([MEMBERSHIP + "Instructor"], Role.INSTRUCTOR),
        ([MEMBERSHIP + "Instructor", MEMBERSHIP[:-1] + "/Instructor#TeachingAssistant"], Role.GRADER),
        ([MEMBERSHIP + "Learner", MEMBERSHIP + "Instructor"], Role.INSTRUCTOR),
        (["Learner"], Role.LEARNER),
        ([MEMBERSHIP + "Administrator"], None),
        (["http://purl.imsglobal.org/vocab/lis/v2/institution/person#Instructor"], None),
        (["http://evil.example/vocab/lis/v2/membership#Instructor"], None),
    ],
)
def test_roles_in_the_platform_s_words(words, role):
    assert policy.role_of(words) is role


@pytest.mark.parametrize(
    ("column", "scores"),
    [
        (
            "https://m.example/lineitems/7/lineitem?type_id=3",
            "https://m.example/lineitems/7/lineitem/scores?type_id=3",
        ),
        (
            "https://c.example/api/lti/courses/1/line_items/2",
            "https://c.example/api/lti/courses/1/line_items/2/scores",
        ),
        ("https://c.example/line_items/2/", "https://c.example/line_items/2/scores"),
    ],
)
def test_scores_go_below_the_path_and_before_the_query(column, scores):
    assert policy.scores_url(column) == scores


PAGE = "https://lms.example/items?page=1"


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (None, None),
        ('<https://lms.example/items?page=2>; rel="next"', "https://lms.example/items?page=2"),
        (
            '<https://lms.example/a>; rel="current",</items?page=2>; rel=next',
            "https://lms.example/items?page=2",
        ),
        ('<https://lms.example/items?page=9>; rel="last"', None),
        ('<https://lms.example/items?a=1,2>; title="x, y"; rel="next"', "https://lms.example/items?a=1,2"),
    ],
)
def test_the_next_page_is_found(header, found):
    assert policy.next_page(header, of=PAGE) == found


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/items",
        "//evil.example/items",
        "http://lms.example/items",
        "https://lms.example:8443/",
        "https://lms.example@evil.example/",
        "file:///etc/passwd",
    ],
)
def test_a_next_page_elsewhere_is_refused(target):
    with pytest.raises(ValueError, match=r".+"):
        policy.next_page(f'<{target}>; rel="next"', of=PAGE)


@given(st.text(max_size=60))
def test_whatever_a_platform_names_only_addresses_outside_are_called(url):
    if policy.is_callable(url, token_url="https://lms.example/token"):
        assert urlsplit(url).scheme == "https"


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/x",
        "https://[::1]/x",
        "https://192.168.1.1/",
        "https://metadata/",
        "https://a.internal/x",
        "https://a.internal./x",
        "https://localhost./x",
        "https://127.1/x",
        "https://0x7f.1/x",
        "https://2130706433/x",
        "https://[::ffff:127.0.0.1]/x",
        "https://me@127.0.0.1/x",
    ],
)
def test_inner_addresses_are_not_called(url):
    assert not policy.is_callable(url, token_url="https://lms.example/token")


def test_canvas_says_403_where_others_say_429():
    assert policy.is_busy(403, rate_left="0.0")
    assert not policy.is_busy(403, rate_left="12.5")
    assert not policy.is_busy(403, rate_left=None)
    assert not policy.is_busy(403, rate_left="?")
    assert all(policy.is_busy(status, rate_left=None) for status in (429, 500, 502, 503, 504))
