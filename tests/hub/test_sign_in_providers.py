"""People of GitHub and Google on a real hub, with a provider that plays both; and a hub that sends no mail."""

import re
from urllib.parse import urlsplit

import httpx
import pytest
from signing_in import PASSWORD, running


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """A hub without a mail server."""
    with running(tmp_path_factory.mktemp("providers"), mail=False) as started:
        yield started


@pytest.fixture
def browser(hub):
    hub.provider.organizations = {"school"}
    return hub.browser()


def come(browser, provider, *, next_page="/hub/token"):
    """Go to the provider and back; return the hub's answer."""
    leaves = browser.get(f"/hub/{provider}/oauth_login", params={"next": next_page})
    assert leaves.status_code == httpx.codes.FOUND
    returns = browser.get(leaves.headers["Location"])
    return browser.get(returns.headers["Location"])


def signed_in_as(browser):
    return re.search(r'user: "([^"]*)"', browser.get("/hub/token").text)[1]


def test_the_sign_in_page_offers_what_there_is(browser):
    page = browser.get("/hub/login").text
    assert "Sign in with GitHub" in page
    assert "Sign in with Google" in page
    assert "Forgot your password?" in page
    assert "Make an account" not in page


def test_a_member_of_the_organisation_comes_in_by_github(hub, browser):
    hub.provider.person = {"id": 11, "login": "Lea-K", "email": None}
    answer = come(browser, "github")
    assert answer.status_code == httpx.codes.FOUND
    assert answer.headers["Location"] == "/hub/token"
    assert signed_in_as(browser) == "github-lea-k"
    assert "/api/v3/orgs/school/members/Lea-K" in hub.provider.asked


def test_others_of_github_stay_outside_and_leave_no_trace(hub, browser):
    hub.provider.person = {"id": 12, "login": "stranger", "email": None}
    hub.provider.organizations = set()
    answer = come(browser, "github")
    assert answer.status_code == httpx.codes.FORBIDDEN
    assert "does not belong to an organisation" in answer.text
    assert not browser.is_signed_in
    assert not hub.has_person("github-stranger")


def test_a_login_that_was_given_up_and_taken_by_another_is_another_person(hub, browser):
    hub.provider.person = {"id": 21, "login": "mia", "email": None}
    come(browser, "github")
    hub.provider.person = {"id": 21, "login": "mia-renamed", "email": None}
    renamed = hub.browser()
    come(renamed, "github")
    assert signed_in_as(renamed) == "github-mia"
    hub.provider.person = {"id": 22, "login": "mia", "email": None}
    other = hub.browser()
    come(other, "github")
    assert signed_in_as(other) == "github.22"


def test_google_lets_its_domain_in(hub, browser):
    hub.provider.person = {
        "id": "31",
        "email": "Lea.K@school.example",
        "verified_email": True,
        "hd": "school.example",
    }
    assert come(browser, "google").headers["Location"] == "/hub/token"
    assert signed_in_as(browser) == "google-lea.k"


@pytest.mark.parametrize(
    "changed",
    [
        {"hd": "other.example", "email": "eve@other.example"},
        {"hd": "other.example"},
        {"hd": ""},
        {"verified_email": False},
    ],
)
def test_google_lets_nobody_else_in(hub, browser, changed):
    person = {"id": "41", "email": "eve@school.example", "verified_email": True, "hd": "school.example"}
    hub.provider.person = person | changed
    assert come(browser, "google").status_code == httpx.codes.FORBIDDEN
    assert not browser.is_signed_in
    assert not hub.has_person("google-eve")


def test_an_account_here_and_people_from_elsewhere_are_never_the_same(hub, browser):
    made = hub.operator("new", "jon", "--mail", "jon@school.example")
    link = made.stdout.splitlines()[1]
    browser.use(link, password=PASSWORD, again=PASSWORD)
    hub.provider.person = {"id": 51, "login": "jon", "email": "jon@school.example"}
    come(browser, "github")
    assert signed_in_as(browser) == "github-jon"
    refused = hub.operator("new", "github-jon")
    assert refused.returncode == 1
    assert "cannot be a user name" in refused.stderr


def test_an_answer_counts_for_the_browser_and_the_provider_that_it_was_asked_for(hub, browser):
    hub.provider.person = {"id": 61, "login": "kim", "email": None}
    leaves = browser.get("/hub/github/oauth_login")
    returns = browser.get(leaves.headers["Location"]).headers["Location"]
    somebody_else = hub.browser()
    assert somebody_else.get(returns).status_code == httpx.codes.BAD_REQUEST
    assert browser.get(returns.replace("/github/", "/google/")).status_code == httpx.codes.BAD_REQUEST
    assert not somebody_else.is_signed_in
    assert not browser.is_signed_in


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/", "/\\evil.example"])
def test_coming_back_leads_nowhere_else(hub, browser, elsewhere):
    hub.provider.person = {"id": 71, "login": "nele", "email": None}
    place = come(browser, "github", next_page=elsewhere).headers["Location"]
    assert urlsplit(place).netloc == ""
    assert not place.startswith(("//", "/\\"))


# ---------------------------------------------------------------- without mail


@pytest.mark.parametrize(
    ("page", "said"), [("/hub/signup", "Sign-up is closed"), ("/hub/forgot-password", "sends no mail")]
)
def test_without_mail_the_pages_say_whom_to_ask(browser, page, said):
    form = {"mail": "x@school.example", "name": "xa", "password": PASSWORD, "again": PASSWORD}
    token = re.search(r'name="_xsrf" value="([^"]+)"', browser.get("/hub/login").text)[1]
    for answer in (browser.get(page), browser.client.post(page, data={"_xsrf": token, **form})):
        assert answer.status_code == httpx.codes.FORBIDDEN
        assert said in answer.text
        assert "Ask the people who run" in answer.text


def test_the_operator_makes_accounts_and_links_instead(hub, browser):
    made = hub.operator("new", "Ines", "--mail", "ines@school.example")
    assert made.returncode == 0, made.stderr
    link = made.stdout.splitlines()[1]
    assert browser.sign_in("ines").status_code == httpx.codes.FORBIDDEN
    assert browser.use(link, password=PASSWORD, again=PASSWORD).status_code == httpx.codes.FOUND
    assert browser.sign_in("ines").status_code == httpx.codes.FOUND
    again = hub.operator("new", "ines")
    assert again.returncode == 1
    assert "studyhall account reset ines" in again.stderr
    link = hub.operator("reset", "ines").stdout.splitlines()[1]
    assert browser.use(link, password="quite another one", again="quite another one").status_code == 302
    assert not browser.is_signed_in
    assert browser.sign_in("ines", "quite another one").status_code == httpx.codes.FOUND
    assert "ines\tines@school.example" in hub.operator_s_terminal("list").stdout


@pytest.mark.parametrize("command", ["reset", "unlock"])
def test_the_operator_is_told_when_there_is_no_such_account(hub, command):
    answer = hub.operator(command, "nobody")
    assert answer.returncode == 1
    assert answer.stderr == "There is no account nobody. See all of them with: studyhall account list\n"
