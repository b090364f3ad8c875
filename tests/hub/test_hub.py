import json
import os
import signal
from pathlib import Path

import httpx
import pytest

LEARN, GRADE, TEACH, ADMINISTER = (
    f"custom:studyhall:{word}" for word in ("learner", "grade", "teach", "admin")
)
STAFF_SCOPES = {GRADE, TEACH, ADMINISTER}
ENTER = "access:services!service=studyhall"

WHO_AM_I = """
import json, os, urllib.request
asked = urllib.request.Request(
    os.environ["JUPYTERHUB_API_URL"] + "/user", headers={"Authorization": "token " + os.environ["JUPYTERHUB_API_TOKEN"]}
)
print(urllib.request.urlopen(asked).read().decode())
"""


def test_the_right_password_opens_the_door(person):
    answer = person("lea").sign_in()
    assert answer.status_code == httpx.codes.FOUND
    assert answer.headers["location"] == "/hub/spawn"


def test_staff_arrive_at_their_pages(person):
    for name in ("ines", "gabriel"):
        assert person(name).sign_in().headers["location"] == "/services/studyhall/"


@pytest.mark.parametrize("name", ["lea", "nobody", "", "../lea"])
def test_a_wrong_password_is_the_hub_s_own_refusal(person, hub, name):
    lea = person("lea")
    lea.name = name
    answer = lea.sign_in(password="not it")
    assert answer.status_code == httpx.codes.FORBIDDEN
    assert "Invalid username or password" in answer.text


def test_an_empty_password_is_wrong(person):
    assert person("lea").sign_in(password="").status_code == httpx.codes.FORBIDDEN


def test_there_is_no_list_of_accounts_for_strangers(hub):
    assert httpx.get(f"{hub.url}/hub/api/users", timeout=60).status_code == httpx.codes.FORBIDDEN


@pytest.mark.parametrize(
    ("name", "scopes"),
    [("ines", {LEARN, GRADE, TEACH, ADMINISTER}), ("gabriel", {LEARN, GRADE}), ("lea", {LEARN})],
)
def test_a_browser_s_token_has_the_scopes_of_its_person(person, name, scopes):
    somebody = person(name)
    somebody.sign_in()
    seen = somebody.browser.get("/services/studyhall/").json()
    assert seen["name"] == name
    assert {scope for scope in seen["scopes"] if scope.startswith("custom:")} == scopes
    assert ENTER in seen["scopes"]


def test_an_instructor_s_own_server_has_no_staff_scope(person, until):
    ines = person("ines")
    ines.sign_in()
    ines.start_server()
    seen = json.loads(ines.run(WHO_AM_I))
    ines.stop_server()
    assert seen["name"] == "ines"
    assert not STAFF_SCOPES & set(seen["scopes"])
    assert {LEARN, ENTER} <= set(seen["scopes"])
    # The groups are there all the same, which is why a group alone must never grant anything.
    assert sorted(seen["groups"]) == ["cohort:owners", "course:python-foundations:instructors"]
    assert not any("admin" in scope or "list:users" in scope for scope in seen["scopes"])


def test_a_server_s_token_shows_the_service_a_learner(lea):
    seen = json.loads(
        lea.run(
            "import os, urllib.request\n"
            "asked = urllib.request.Request(os.environ['STUDYHALL_SERVICE_URL'] + '/api/v1/me',"
            " headers={'Authorization': 'token ' + os.environ['JUPYTERHUB_API_TOKEN']})\n"
            "print(urllib.request.urlopen(asked).read().decode())"
        )
    )
    assert seen["name"] == "lea"
    assert {scope for scope in seen["scopes"] if scope.startswith("custom:")} == {LEARN}


def test_a_server_knows_no_secret_of_ours(lea, hub):
    environment = lea.run("import os\nfor name, value in os.environ.items(): print(f'{name}={value}')")
    keys = json.loads((hub.data / "secrets.json").read_text())
    for secret in (
        keys["content_key"],
        keys["service_token"],
        keys["proxy_token"],
        *keys["database_passwords"].values(),
    ):
        assert secret not in environment
    assert str(hub.data) not in environment
    assert "HOME=/home/lea" in environment


def test_a_server_sees_its_own_home_and_nothing_of_the_installation(lea, hub):
    hidden = [
        hub.data,
        hub.data.parent,
        "/etc/shadow",
        Path(__file__).parents[2] / "course-content",
        "/root/.ssh",
    ]
    seen = lea.run(
        f"""
import os
print(os.listdir("/home"))
for place in {[str(place) for place in hidden]}:
    print(place, os.path.exists(place))
"""
    )
    assert seen.splitlines()[0] == "['lea']"
    assert seen.count("False") == len(hidden)


def test_a_server_sees_no_other_process(lea, hub):
    seen = lea.run(
        """
import pathlib
for folder in pathlib.Path("/proc").iterdir():
    if folder.name.isdigit():
        print((folder / "cmdline").read_bytes().replace(b"\\0", b" ").decode())
"""
    )
    assert "singleuser" in seen
    assert "jupyterhub_config.py" not in seen
    assert "postgres -D" not in seen


def test_a_server_can_change_nothing_but_its_home(lea):
    seen = lea.run(
        """
import os, sys
for place in (sys.prefix + "/x", "/usr/x", "/etc/x", "/home/other", os.path.expanduser("~/mine"), "/tmp/mine"):
    try:
        open(place, "w").close()
        print("wrote", place)
    except OSError as problem:
        print("refused", place)
print(os.getuid(), open("/proc/self/status").read().split("CapEff:")[1].split()[0])
"""
    )
    lines = seen.splitlines()
    assert [line.split()[0] for line in lines[:-1]] == ["refused"] * 4 + ["wrote"] * 2
    assert lines[-1] == "1000 0000000000000000"


def test_one_learner_cannot_enter_another_s_server(lea, person):
    liam = person("liam")
    liam.sign_in()
    answer = liam.browser.get("/user/lea/lab")
    assert answer.status_code in (httpx.codes.FORBIDDEN, httpx.codes.NOT_FOUND)
    assert liam.in_server("GET", "contents").status_code != httpx.codes.OK


def test_kernels_do_not_listen_on_the_network(lea, hub):
    kernel = lea.in_server("POST", "kernels", json={"name": "python3"}).json()["id"]
    runtime = hub.data / "learners" / "lea" / ".local" / "share" / "jupyter" / "runtime"
    connection = json.loads((runtime / f"kernel-{kernel}.json").read_text())
    assert connection["transport"] == "ipc"
    assert lea.in_server("DELETE", f"kernels/{kernel}").status_code == httpx.codes.NO_CONTENT


def test_lab_asks_no_news_of_the_internet(lea):
    answer = lea.browser.get(f"/user/{lea.name}/lab/api/news")
    assert answer.json().get("news", []) == []


def test_a_killed_proxy_is_back_with_its_routes(lea, hub, until):
    os.kill(hub.part("configurable-http-proxy"), signal.SIGKILL)

    def works() -> bool:
        try:
            return lea.in_server("GET", "status").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    until(works, seconds=120, what="Lea's server is reached again")


def test_servers_outlive_the_hub_and_leave_no_token(lea, hub, until):
    token = lea.run("import os; print(os.environ['JUPYTERHUB_API_TOKEN'])").strip()
    old = hub.part("jupyterhub_config.py")
    os.kill(old, signal.SIGKILL)

    def answers() -> bool:
        try:
            return httpx.get(f"{hub.settings['hub_url']}/hub/health").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    until(answers, what="the hub is back")
    assert hub.part("jupyterhub_config.py") != old
    # The new hub has found the server that the old one started, with the work that is open in it.
    until(lambda: hub.model("lea")["servers"].get("", {}).get("ready"), what="the hub knows the server")
    assert lea.in_server("GET", "status").status_code == httpx.codes.OK
    assert hub.ask("GET", "/user", token=token).status_code == httpx.codes.OK

    lea.stop_server()
    assert hub.ask("GET", "/user", token=token).status_code == httpx.codes.FORBIDDEN
    lea.start_server()


def test_the_hub_warns_that_there_are_no_subdomains(hub):
    log = (hub.data / "logs" / "hub.log").read_text()
    assert "gives servers no subdomains of their own" in log


def test_no_secret_is_in_the_logs(hub):
    keys = json.loads((hub.data / "secrets.json").read_text())
    logs = "".join(path.read_text(errors="replace") for path in (hub.data / "logs").iterdir())
    passwords = [account["password"] for account in keys["accounts"]]
    for secret in (
        *passwords,
        *keys["database_passwords"].values(),
        keys["service_token"],
        keys["proxy_token"],
    ):
        assert secret not in logs
