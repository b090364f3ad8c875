"""Local accounts on a real hub, over HTTP, with a mail server: what works, and what attackers try."""

import os
import re
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from accessibility import violations
from playwright.sync_api import expect, sync_playwright
from signing_in import PASSWORD, link_in, quickest, running

MINUTE, HOUR = 60, 3600
NEW = "another four plain words"


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    with running(tmp_path_factory.mktemp("sign-in")) as started:
        yield started


@pytest.fixture(scope="module")
def lea(hub):
    """Lea's mail address; her account is confirmed."""
    return hub.account("lea")


@pytest.fixture
def browser(hub):
    return hub.browser()


def same(page, *typed):
    """Return a page without what differs between any two requests."""
    text = re.sub(r'(_xsrf" value="|xsrf_token: ")[^"]*', r"\1", page.text)
    for word in typed:
        text = text.replace(f'value="{word}"', "").replace(f"<strong>{word}</strong>", "")
    return page.status_code, text


# ---------------------------------------------------------------- the way in


def test_an_account_exists_once_its_mail_is_confirmed_with_its_password(hub, browser):
    assert browser.sign_up("ada", "Ada@School.Example ").status_code == httpx.codes.ACCEPTED
    message = hub.box.wait_for("ada@school.example")
    link = link_in(message)
    assert browser.sign_in("ada").status_code == httpx.codes.FORBIDDEN
    wrong = browser.use(link, password="not what I chose")
    assert wrong.status_code == httpx.codes.FORBIDDEN
    assert "not the password that you chose" in wrong.text
    assert browser.sign_in("ada").status_code == httpx.codes.FORBIDDEN
    assert browser.use(link, password=PASSWORD).headers["Location"] == "/hub/login?done=confirmed"
    assert "Your account is ready" in browser.get("/hub/login?done=confirmed").text
    assert browser.sign_in("Ada").status_code == httpx.codes.FOUND
    assert browser.is_signed_in


def test_a_message_has_plain_text_and_html_and_says_who_sent_it(hub, browser):
    browser.sign_up("emil", "emil@school.example")
    message = hub.box.wait_for("emil@school.example")
    assert message["From"] == "hall@school.example"
    assert message["Auto-Submitted"] == "auto-generated"
    plain, html = (message.get_body((kind,)).get_content() for kind in ("plain", "html"))
    assert "user name emil" in plain
    assert f'<a href="{link_in(message)}">' in html.replace("&amp;", "&")


def test_opening_a_link_uses_nothing_up(hub, browser):
    browser.sign_up("gerd", "gerd@school.example")
    link = link_in(hub.box.wait_for("gerd@school.example"))
    pages = [browser.get(link) for _ in range(2)]
    assert {page.status_code for page in pages} == {httpx.codes.OK}
    assert pages[0].headers["Referrer-Policy"] == "no-referrer"
    assert pages[0].headers["Cache-Control"] == "no-store"
    assert browser.use(link, password=PASSWORD).status_code == httpx.codes.FOUND


def test_a_verification_link_works_once_and_for_a_day(hub, browser):
    browser.sign_up("ida", "ida@school.example")
    link = link_in(hub.box.wait_for("ida@school.example"))
    assert browser.use(link, password=PASSWORD).status_code == httpx.codes.FOUND
    again = browser.use(link, password=PASSWORD)
    assert again.status_code == httpx.codes.GONE
    assert "used already" in again.text
    browser.sign_up("late", "late@school.example")
    link = link_in(hub.box.wait_for("late@school.example"))
    hub.pass_time(24 * HOUR + 1)
    assert browser.use(link, password=PASSWORD).status_code == httpx.codes.GONE
    assert browser.sign_in("late").status_code == httpx.codes.FORBIDDEN


def test_of_two_who_want_a_name_the_first_to_confirm_has_it(hub):
    first, second = hub.browser(), hub.browser()
    first.sign_up("otto", "otto@school.example")
    second.sign_up("otto", "otto.other@school.example", password=NEW)
    mine, theirs = (
        link_in(hub.box.wait_for(mail)) for mail in ("otto@school.example", "otto.other@school.example")
    )
    assert second.use(theirs, password=NEW).status_code == httpx.codes.FOUND
    refused = first.use(mine, password=PASSWORD)
    assert refused.status_code == httpx.codes.CONFLICT
    assert "Sign up again" in refused.text
    assert first.sign_in("otto", PASSWORD).status_code == httpx.codes.FORBIDDEN


@pytest.mark.parametrize(
    ("name", "mail", "password", "said"),
    [
        ("x", "x@school.example", PASSWORD, "2 to 31 plain letters"),
        ("github-lea", "x@school.example", PASSWORD, "2 to 31 plain letters"),
        ("google", "x@school.example", PASSWORD, "2 to 31 plain letters"),
        ("lea/../ines", "x@school.example", PASSWORD, "2 to 31 plain letters"),
        ("max", "x@school", PASSWORD, "does not look like a mail address"),
        ("max", "x@school.example\r\nBcc: all@school.example", PASSWORD, "does not look like a mail address"),
        ("max", "x@school.example\nBcc: all@school.example", PASSWORD, "does not look like a mail address"),
        ("max", "x@school.example,all@school.example", PASSWORD, "does not look like a mail address"),
        ("max", '"<script>"@school.example', PASSWORD, "does not look like a mail address"),
        ("max", "x@school.example", "short", "at least 10 characters"),
        ("max", "x@school.example", "1234567890", "one of the first"),
        ("max", "x@school.example", "x@school.example", "one of the first"),
        ("max", "x@school.example", "long" * 20, "too long"),
    ],
)
def test_a_form_that_cannot_be_says_why_and_sends_nothing(hub, browser, name, mail, password, said):
    before = len(hub.box.messages)
    answer = browser.sign_up(name, mail, password)
    assert answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert said in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert password not in answer.text or password == mail
    assert "<script>&#34;" not in answer.text
    assert '"<script>"@' not in answer.text
    assert len(hub.box.messages) == before


def test_nobody_gets_a_name_that_the_hub_s_settings_give_to_staff(hub, browser):
    assert hub.has_person("ines")
    assert browser.sign_up("ines", "mallory@school.example").status_code == httpx.codes.ACCEPTED
    message = hub.box.wait_for("mallory@school.example")
    assert "can't be had" in message.get_body(("plain",)).get_content()
    assert browser.sign_in("ines").status_code == httpx.codes.FORBIDDEN


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_work_with_the_keyboard_and_a_screen_reader(hub, scheme):
    name = f"keys-{scheme}"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"),
            args=["--no-sandbox", "--disable-gpu"],
        )
        page = chromium.new_page(color_scheme=scheme)
        # A bound on waiting: browsers share the machine with all the rest.
        page.set_default_timeout(150_000)
        page.goto(f"{hub.url}/hub/signup")
        expect(page.get_by_label("User name")).to_be_focused()
        expect(page.locator("html")).to_have_attribute("data-bs-theme", scheme)
        assert violations(page) == []

        def fill_in(password):
            for text in (f"{name}@school.example", password, password):
                page.keyboard.press("Tab")
                page.keyboard.type(text)
            page.keyboard.press("Enter")

        page.keyboard.type(name)
        fill_in("1234567890")
        expect(page.get_by_role("alert")).to_contain_text("one of the first")
        expect(page.get_by_label("Password", exact=True)).to_be_focused()
        assert violations(page) == []
        page.get_by_label("User name").focus()
        fill_in(PASSWORD)
        expect(page.get_by_role("heading", name="Look into your mail")).to_be_visible()
        page.goto(link_in(hub.box.wait_for(f"{name}@school.example")))
        expect(page.get_by_label("Password")).to_be_focused()
        page.keyboard.type(PASSWORD)
        assert violations(page) == []
        page.keyboard.press("Enter")
        expect(page.get_by_role("status")).to_contain_text("Your account is ready")
        assert violations(page) == []
        # Not on to a server: these tests need none.
        page.goto(f"{hub.url}/hub/login?next=/hub/token")
        expect(page.get_by_label("User name")).to_be_focused()
        page.keyboard.type(name)
        page.keyboard.press("Tab")
        page.keyboard.type(PASSWORD)
        page.keyboard.press("Enter")
        expect(page).to_have_url(f"{hub.url}/hub/token")
        chromium.close()


# ---------------------------------------------------------------- who has an account


def test_signing_up_answers_the_same_whoever_has_an_account(hub, lea, browser):
    answers = [
        same(browser.sign_up(name, mail), name, mail)
        for name, mail in (
            ("nobody", "nobody@school.example"),
            ("other", lea),
            ("lea", "someone@school.example"),
        )
    ]
    assert answers[0] == answers[1] == answers[2]
    assert "You have one: lea" in hub.box.wait_for(lea, number=2).get_body(("plain",)).get_content()


def test_asking_for_a_new_password_answers_the_same_whoever_has_an_account(hub, lea, browser):
    answers = [
        same(browser.post("/hub/forgot-password", {"mail": mail}), mail)
        for mail in (lea, "who@school.example")
    ]
    assert answers[0] == answers[1]
    assert answers[0][0] == httpx.codes.ACCEPTED
    hub.box.wait_for(lea)
    assert hub.box.number("who@school.example") == 0


def test_signing_in_takes_as_long_and_says_the_same_whoever_has_an_account(hub, lea):
    browser = hub.browser()
    known, unknown, too_long = quickest(
        3,
        lambda number: browser.sign_in("lea", "wrong"),
        lambda number: browser.sign_in("lena", "wrong"),
        lambda number: browser.sign_in("leon", "wrong" * 40),
    )
    # A check of bcrypt at cost 12 takes a quarter of a second or so, anything without it a few milliseconds.
    assert max(known, unknown, too_long) < 3 * min(known, unknown, too_long)
    assert same(browser.sign_in("lea", "wrong"), "lea") == same(browser.sign_in("lena", "wrong"), "lena")
    hub.pass_time(HOUR)


def test_signing_up_takes_as_long_whoever_has_an_account(hub, lea):
    hub.pass_time(2 * HOUR)
    browser = hub.browser()
    free, taken = quickest(
        3,
        lambda number: browser.sign_up(f"free{number}", f"free{number}@school.example"),
        lambda number: browser.sign_up(f"taken{number}", lea),
    )
    assert max(free, taken) < 3 * min(free, taken)


# ---------------------------------------------------------------- failing


def test_five_failures_in_a_quarter_of_an_hour_lock_an_account_for_as_long(hub, lea):
    hub.pass_time(HOUR)
    attacker, owner = hub.browser(), hub.browser()
    for _ in range(5):
        assert attacker.sign_in("lea", "wrong").status_code == httpx.codes.FORBIDDEN
    # Also with the right password, and from elsewhere.
    locked = owner.sign_in("lea")
    assert locked.status_code == httpx.codes.TOO_MANY_REQUESTS
    assert re.search(r"try again at \d\d:\d\d UTC, in 1[45] minutes", locked.text)
    assert 13 * MINUTE < int(locked.headers["Retry-After"]) <= 15 * MINUTE + 1
    hub.pass_time(14 * MINUTE)
    assert owner.sign_in("lea").status_code == httpx.codes.TOO_MANY_REQUESTS
    hub.pass_time(MINUTE + 1)
    assert owner.sign_in("lea").status_code == httpx.codes.FOUND


def test_a_name_that_nobody_has_is_locked_just_so(hub, lea, browser):
    hub.pass_time(HOUR)
    answers = [[same(browser.sign_in(name, "wrong"), name) for _ in range(6)] for name in ("lea", "lara")]
    minutes = [re.sub(r"at \d\d:\d\d UTC, in \d+ minutes", "then", answer[-1][1]) for answer in answers]
    assert minutes[0] == minutes[1]
    assert [[status for status, _ in answer] for answer in answers] == [[403] * 5 + [429]] * 2
    hub.pass_time(HOUR)


def test_a_success_forgets_the_failures_before_it(hub, lea, browser):
    hub.pass_time(HOUR)
    for _ in range(2):
        for _ in range(4):
            assert browser.sign_in("lea", "wrong").status_code == httpx.codes.FORBIDDEN
        assert browser.sign_in("lea").status_code == httpx.codes.FOUND
        browser.client.cookies.clear()


def test_the_operator_unlocks_and_lists(hub, lea, browser):
    hub.pass_time(-hub.ahead)  # The command has a clock of its own: the right one.
    for _ in range(5):
        browser.sign_in("lea", "wrong")
    (line,) = [line for line in hub.operator("list").stdout.splitlines() if line.startswith("lea\t")]
    assert re.fullmatch(rf"lea\t{lea}\tlocked, may try again at \d\d:\d\d UTC, in \d+ minutes", line)
    assert "may try again at once" in hub.operator("unlock", "lea").stdout
    assert browser.sign_in("lea").status_code == httpx.codes.FOUND


def test_requests_from_one_network_have_a_limit_that_headers_do_not_get_around(hub, browser):
    hub.pass_time(HOUR)
    statuses = set()
    for number in range(61):
        # What stands before our own proxies' entries, and X-Real-IP, is whatever a caller likes.
        browser.client.headers["X-Forwarded-For"] = f"203.0.113.{number}, 198.51.100.250"
        browser.client.headers["X-Real-IP"] = "198.51.100.251"
        answer = browser.post("/hub/forgot-password", {"mail": f"m{number}@school.example"})
        statuses.add(answer.status_code)
    assert statuses == {httpx.codes.ACCEPTED, httpx.codes.TOO_MANY_REQUESTS}
    assert answer.status_code == httpx.codes.TOO_MANY_REQUESTS
    assert "too many requests from this network" in answer.text


def test_a_mailbox_gets_three_messages_an_hour_whoever_asks(hub):
    hub.pass_time(2 * HOUR)
    for number in range(4):
        answer = hub.browser().sign_up(f"flood{number}", "flood@school.example")
        assert answer.status_code == httpx.codes.ACCEPTED
    hub.box.wait_for("flood@school.example", number=3)
    hub.account("after")  # Its message went out after all of those.
    assert hub.box.number("flood@school.example") == 3


# ---------------------------------------------------------------- a new password


def asked(hub, mail):
    """Ask for a new password and return the link that was mailed."""
    before = hub.box.number(mail)
    assert hub.browser().post("/hub/forgot-password", {"mail": mail}).status_code == httpx.codes.ACCEPTED
    return link_in(hub.box.wait_for(mail, number=before + 1))


def test_a_new_password_ends_all_sessions_and_works_once(hub):
    mail = hub.account("rosa")
    here, elsewhere = hub.browser(), hub.browser()
    for browser in (here, elsewhere):
        browser.sign_in("rosa")
        assert browser.is_signed_in
    made = hub.ask("POST", "/users/rosa/tokens", json={"note": "Server at /user/rosa/"}).json()["token"]
    older, link = asked(hub, mail), asked(hub, mail)
    assert here.use(link, password=NEW, again=NEW).headers["Location"] == "/hub/login?done=changed"
    assert not here.is_signed_in
    assert not elsewhere.is_signed_in
    assert hub.ask("GET", "/user", token=made).status_code == httpx.codes.FORBIDDEN
    for used in (link, older):
        assert here.use(used, password=PASSWORD, again=PASSWORD).status_code == httpx.codes.GONE
    assert here.sign_in("rosa", PASSWORD).status_code == httpx.codes.FORBIDDEN
    assert here.sign_in("rosa", NEW).status_code == httpx.codes.FOUND


def test_a_reset_link_is_good_for_an_hour_and_unlocks(hub):
    mail = hub.account("tom")
    link = asked(hub, mail)
    hub.pass_time(HOUR + 1)
    assert hub.browser().use(link, password=NEW, again=NEW).status_code == httpx.codes.GONE
    browser = hub.browser()
    for _ in range(5):
        browser.sign_in("tom", "wrong")
    link = asked(hub, mail)
    refused = browser.use(link, password="1234567890", again="1234567890")
    assert refused.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert browser.use(link, password=NEW, again=NEW).status_code == httpx.codes.FOUND
    assert browser.sign_in("tom", NEW).status_code == httpx.codes.FOUND


def test_a_link_is_good_for_its_own_purpose_and_person_only(hub, browser):
    mail = hub.account("uwe")
    hub.account("vera")
    browser.sign_up("wim", "wim@school.example")
    verify, reset = link_in(hub.box.wait_for("wim@school.example")), asked(hub, mail)
    swapped = verify.replace("/confirm", "/new-password")
    assert browser.use(swapped, password=NEW, again=NEW).status_code == httpx.codes.GONE
    swapped = reset.replace("/new-password", "/confirm")
    assert browser.use(swapped, password=PASSWORD).status_code == httpx.codes.GONE
    # Other names in the form change nothing.
    assert browser.use(reset, password=NEW, again=NEW, username="vera", name="vera").status_code == 302
    assert browser.sign_in("vera", NEW).status_code == httpx.codes.FORBIDDEN
    assert browser.sign_in("uwe", NEW).status_code == httpx.codes.FOUND


def test_links_name_the_hub_as_its_settings_do_and_not_as_a_request_does(hub):
    mail = hub.account("xaver")
    browser = hub.browser()
    form = browser.get("/hub/forgot-password")
    token = re.search(r'name="_xsrf" value="([^"]+)"', form.text)[1]
    browser.client.post(
        "/hub/forgot-password",
        data={"_xsrf": token, "mail": mail},
        headers={"Host": "evil.example", "X-Forwarded-Host": "evil.example"},
    )
    message = hub.box.wait_for(mail, number=2)
    assert link_in(message).startswith(f"{hub.url}/hub/new-password?token=")


# ---------------------------------------------------------------- forgery, redirects, logs


@pytest.mark.parametrize(
    ("page", "fields"),
    [
        (
            "/hub/signup",
            {"name": "forged", "mail": "forged@school.example", "password": PASSWORD, "again": PASSWORD},
        ),
        ("/hub/confirm", {"token": "x", "password": PASSWORD}),
        ("/hub/forgot-password", {"mail": "forged@school.example"}),
        ("/hub/new-password", {"token": "x", "password": NEW, "again": NEW}),
        ("/hub/login", {"username": "lea", "password": PASSWORD}),
    ],
)
def test_a_form_of_another_site_is_refused(hub, lea, browser, page, fields):
    browser.get(page)
    for forged in (fields, {**fields, "_xsrf": "made-up"}):
        answer = browser.client.post(page, data=forged)
        assert answer.status_code == httpx.codes.FORBIDDEN
    assert not browser.is_signed_in
    assert hub.box.number("forged@school.example") == 0


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example/", "//evil.example/", "/\\evil.example", "///evil.example", "javascript:alert(1)"],
)
def test_signing_in_leads_nowhere_else(hub, lea, browser, elsewhere):
    place = browser.sign_in("lea", next_page=elsewhere).headers["Location"]
    assert urlsplit(place).netloc == ""
    assert not place.startswith(("//", "/\\", "javascript"))


def test_passwords_and_tokens_are_in_no_log(hub, lea, browser):
    secret = "Sehr geheim 4711"
    browser.sign_in("lea", secret)
    browser.sign_in(secret, "typed into the wrong field")
    browser.sign_up("yara", "yara@school.example", secret)
    link = link_in(hub.box.wait_for("yara@school.example"))
    browser.get(link)
    browser.use(link, password=secret)
    assert browser.sign_in("yara", secret).status_code == httpx.codes.FOUND
    log = hub.log()
    assert "User logged in: yara" in log
    assert secret not in log
    assert parse_qs(urlsplit(link).query)["token"][0] not in log
    assert "yara@school.example" not in log


def test_a_deleted_person_leaves_nothing_behind(hub):
    mail = hub.account("zoe")
    browser = hub.browser()
    browser.sign_in("zoe")
    link = asked(hub, mail)
    assert hub.ask("DELETE", "/users/zoe").status_code == httpx.codes.NO_CONTENT
    assert browser.use(link, password=NEW, again=NEW).status_code == httpx.codes.GONE
    assert browser.sign_in("zoe").status_code == httpx.codes.FORBIDDEN
    assert "zoe" not in hub.operator("list").stdout
