"""A person's pod, field by field, as kubespawner makes it with our configuration after the chart's."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import kubernetes_validate
import pytest
from jupyterhub import orm
from kubernetes.conftest import FOLDER
from kubernetes_asyncio.client import ApiClient
from kubespawner import KubeSpawner
from pydantic import ValidationError
from studyhall_hub import configure, permissions
from studyhall_hub.container_servers import quiet as quiet_module
from studyhall_hub.container_servers.settings import CullingSettings
from studyhall_hub.kubernetes_servers import spawner as spawner_module
from studyhall_hub.kubernetes_servers.policy import NOWHERE, pod_config
from studyhall_hub.kubernetes_servers.settings import KubernetesSettings
from studyhall_hub.settings import HubSettingsError, load_settings
from traitlets.config import Config

COURSE = "python-foundations"
ADDRESSES = {"hub": ["10.96.0.7"], "studyhall-service": ["10.96.0.8"], "postgres.example": ["192.0.2.10"]}
SETTINGS = {
    "profile": "kubernetes",
    "bind_url": "https://hub.example/",
    "hub_url": "http://hub:8081",
    "subdomain_host": "https://hub.example",
    "database_url": "postgresql+psycopg://hub:pw@postgres.example/hub",
    "cookie_secret_file": "/tmp/cookie_secret",
    "proxy": {"api_url": "http://proxy-api:8001", "token": "proxy-token"},
    "service": {"url": "http://studyhall-service:8015", "token": "service-token"},
    "courses": [COURSE],
    "kubernetes": {
        "name": "spring",
        "learners": {"image": "registry/learners:1", "memory_mebibytes": 512, "disk_mebibytes": 2048},
        "staff": {"image": "registry/staff:1", "names": ["postgres.example"]},
    },
}


@pytest.fixture
def configured(tmp_path):
    """The hub's configuration, after what Zero-to-JupyterHub's own would have said of servers."""
    accounts = tmp_path / "accounts.json"
    accounts.write_text("{}")
    accounts.chmod(0o600)
    file = tmp_path / "hub.json"
    file.write_text(json.dumps(SETTINGS | {"accounts": {"file": str(accounts)}}))
    c = Config()
    c.KubeSpawner.namespace = "studyhall"
    c.KubeSpawner.common_labels = {"app": "jupyterhub", "release": "jupyterhub"}
    # What somebody may have left in the values does not open a wall.
    c.KubeSpawner.privileged = True
    c.KubeSpawner.uid = 0
    c.KubeSpawner.service_account = "powerful"
    c.KubeSpawner.automount_service_account_token = True
    c.KubeSpawner.container_security_context = {"privileged": True}
    c.KubeSpawner.init_containers = [
        {"name": "root", "image": "anything", "securityContext": {"privileged": True}}
    ]
    c.KubeSpawner.extra_pod_config = {"hostNetwork": True}
    configure(c, file)
    return c


@pytest.fixture
def spawner(configured, monkeypatch):
    """Make the spawner of somebody in some groups; no cluster is asked."""
    monkeypatch.setattr(spawner_module, "addresses_of", lambda name: ADDRESSES[name])
    monkeypatch.setattr("kubespawner.spawner.load_config", lambda **_: None)
    monkeypatch.setattr("kubespawner.spawner.shared_client", lambda *_: None)

    def make(*groups: str):
        user = SimpleNamespace(
            name="lea",
            id=1,
            url="/user/lea/",
            orm_user=SimpleNamespace(groups=[SimpleNamespace(name=group) for group in groups]),
        )
        hub = SimpleNamespace(
            public_host="https://hub.example",
            url="http://hub:8081/hub/",
            base_url="/hub/",
            api_url="http://hub/hub/api",
        )
        made = configured.JupyterHub.spawner_class(config=configured, user=user, hub=hub, _mock=True)
        made.orm_spawner = orm.Spawner(name="", user_options={})
        return made

    return make


def pod_of(spawner, **options):
    """Return the pod and the claim of a start, as the API would get them."""

    async def make():
        spawner.decide(options)
        pod = await spawner.get_pod_manifest()
        async with ApiClient() as client:
            return [client.sanitize_for_serialization(one) for one in (pod, spawner.get_pvc_manifest())]

    return asyncio.run(make())


def test_a_learner_s_pod_is_locked_down(spawner):
    pod, _ = pod_of(spawner())
    spec = pod["spec"]
    (container,) = spec["containers"]
    assert not spec.get("initContainers")
    assert container["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 1000,
        "runAsGroup": 1000,
        "allowPrivilegeEscalation": False,
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert spec["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 1000,
        "runAsGroup": 1000,
        "fsGroup": 1000,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert spec["automountServiceAccountToken"] is False
    assert "serviceAccountName" not in spec
    assert spec["enableServiceLinks"] is False
    assert spec["restartPolicy"] == "Never"
    assert not {"hostNetwork", "hostPID", "hostIPC"} & {name for name, value in spec.items() if value}


@pytest.mark.parametrize("version", ["1.33", "1.35"])
def test_the_pod_and_its_claim_are_what_kubernetes_expects(spawner, version):
    for one in pod_of(spawner()):
        kubernetes_validate.validate(one, version, strict=True)


def test_its_limits_and_its_disk_are_those_of_the_settings(spawner):
    pod, claim = pod_of(spawner())
    resources = pod["spec"]["containers"][0]["resources"]
    assert (int(resources["limits"]["memory"]), float(resources["limits"]["cpu"])) == (512 * 1024 * 1024, 1.0)
    assert int(resources["requests"]["memory"]) == 160 * 1024 * 1024
    assert claim["spec"]["resources"]["requests"]["storage"] == "2048Mi"
    assert claim["spec"]["accessModes"] == ["ReadWriteOnce"]


def test_it_writes_in_its_home_and_in_memory_only(spawner):
    pod, claim = pod_of(spawner())
    volumes = {one["name"]: one for one in pod["spec"]["volumes"]}
    assert volumes["home"]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    assert [volumes[name]["emptyDir"]["medium"] for name in ("tmp", "run")] == ["Memory", "Memory"]
    assert all(volumes[name]["emptyDir"]["sizeLimit"] for name in ("tmp", "run"))
    assert {mount["mountPath"] for mount in pod["spec"]["containers"][0]["volumeMounts"]} == {
        "/home/learner",
        "/tmp",
        "/run",
    }


def test_it_looks_up_nothing_and_knows_its_few_addresses(spawner):
    pod, _ = pod_of(spawner())
    spec = pod["spec"]
    assert spec["dnsPolicy"] == "None"
    assert spec["dnsConfig"] == {"nameservers": [NOWHERE]}
    assert spec["hostAliases"] == [
        {"ip": "10.96.0.7", "hostnames": ["hub"]},
        {"ip": "10.96.0.8", "hostnames": ["studyhall-service"]},
    ]
    environment = {one["name"]: one.get("value") for one in spec["containers"][0]["env"]}
    assert environment["STUDYHALL_SERVICE_URL"] == "http://studyhall-service:8015/services/studyhall"
    assert not [name for name in environment if "PASSWORD" in name or "DATABASE" in name]


def test_network_policies_find_it_by_the_labels_that_they_name(spawner, classroom):
    (spec,) = [one["spec"] for one in classroom if one["metadata"]["name"] == "learners-servers"]
    pod, _ = pod_of(spawner())
    assert spec["podSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    assert pod["metadata"]["labels"]["app"] == "jupyterhub", "the chart's own labels stay"


def test_a_staff_server_is_for_staff_and_has_a_volume_of_its_own(spawner):
    gabriel = spawner(permissions.graders(COURSE))
    learner, home = pod_of(gabriel)
    staff, staff_home = pod_of(gabriel, server="staff")
    assert staff["spec"]["containers"][0]["image"] == "registry/staff:1"
    assert staff["metadata"]["labels"]["studyhall-server"] == "staff"
    assert learner["metadata"]["labels"]["studyhall-server"] == "learner"
    names = [one["metadata"]["name"] for one in (learner, staff, home, staff_home)]
    assert names == ["spring-learner-lea", "spring-staff-lea"] * 2
    assert {"ip": "192.0.2.10", "hostnames": ["postgres.example"]} in staff["spec"]["hostAliases"]
    environment = {one["name"]: one.get("value") for one in staff["spec"]["containers"][0]["env"]}
    assert environment["STUDYHALL_PUBLIC_URL"] == "https://studyhall--service.hub.example/services/studyhall"


@pytest.mark.parametrize("options", [{"server": "staff"}, {"image": "anything"}, {"profile": "big"}])
def test_nothing_that_a_learner_sends_changes_their_pod(spawner, options):
    lea = spawner()
    lea.db = SimpleNamespace(commit=lambda: None)
    with pytest.raises(spawner_module.Refusal) as refused:
        lea.decide(options)
    assert refused.value.status_code in (400, 403)


def test_a_hub_that_was_restarted_knows_which_kind_runs(spawner):
    before = spawner(permissions.graders(COURSE))
    pod, _ = pod_of(before, server="staff")
    after = spawner(permissions.graders(COURSE))
    after.load_state(before.get_state())
    assert (after.kind, after.pod_name) == ("staff", pod["metadata"]["name"])


def test_a_pod_tells_what_happens_in_it_as_often_as_a_container_does(spawner):
    pod, _ = pod_of(spawner())
    environment = {one["name"]: one.get("value") for one in pod["spec"]["containers"][0]["env"]}
    assert environment["JUPYTERHUB_ACTIVITY_INTERVAL"] == str(CullingSettings().report_seconds)
    # Its notes of itself have room when the volume is full.
    assert environment["JUPYTER_RUNTIME_DIR"].startswith("/tmp/")


@pytest.mark.parametrize(
    ("quiet", "stopped"), [(timedelta(minutes=59), False), (timedelta(minutes=61), True)]
)
@pytest.mark.parametrize("taken_up", [False, True], ids=["started here", "taken up"])
def test_a_pod_that_nobody_needs_is_stopped_as_a_container_is(spawner, monkeypatch, quiet, stopped, taken_up):
    asked = []

    async def runs(_):
        return None

    async def stop(*_):
        asked.append("stop")

    monkeypatch.setattr(KubeSpawner, "poll", runs)
    monkeypatch.setattr(KubeSpawner, "stop", stop)
    lea = spawner()
    monkeypatch.setattr(type(lea), "ready", True)
    assert lea.culling == CullingSettings()
    now = datetime.now(UTC).replace(tzinfo=None)
    lea.orm_spawner.started = now - timedelta(hours=3)
    lea.orm_spawner.last_activity = now - quiet
    if taken_up:
        # What happened while no hub listened nobody knows.
        lea.load_state(lea.get_state())
        stopped = False
    assert asyncio.run(lea.poll()) == (0 if stopped else None)
    assert asked == ["stop"] * stopped


def test_a_hub_that_takes_long_to_start_gives_a_pod_its_time_from_when_it_listens(spawner, monkeypatch):
    async def runs(_):
        return None

    monkeypatch.setattr(KubeSpawner, "poll", runs)
    monkeypatch.setattr(KubeSpawner, "stop", runs)
    lea = spawner()
    now = datetime.now(UTC)
    lea.orm_spawner.started = lea.orm_spawner.last_activity = now.replace(tzinfo=None) - timedelta(hours=3)
    monkeypatch.setattr(quiet_module, "utcnow", lambda: now - timedelta(hours=2))
    lea.load_state(lea.get_state())
    monkeypatch.setattr(quiet_module, "utcnow", lambda: now)
    monkeypatch.setattr(type(lea), "ready", True)
    assert asyncio.run(lea.poll()) is None
    monkeypatch.setattr(quiet_module, "utcnow", lambda: now + timedelta(minutes=61))
    assert asyncio.run(lea.poll()) == 0, "no later look is the first one"


def test_how_long_a_pod_may_be_quiet_is_a_setting():
    settings = KubernetesSettings.model_validate({"name": "spring", "culling": {"idle_minutes": 20}})
    assert settings.culling == CullingSettings(idle_minutes=20)


def test_no_pod_is_made_while_the_hub_finds_no_service(spawner, monkeypatch):
    def nowhere(name):
        raise OSError(name)

    lea = spawner()
    monkeypatch.setattr(spawner_module, "addresses_of", nowhere)
    with pytest.raises(spawner_module.Refusal) as refused:
        pod_of(lea)
    assert refused.value.status_code == 503


def test_two_names_at_one_address_are_one_entry():
    assert pod_config({"b": ["10.0.0.1"], "a": ["10.0.0.1", "10.0.0.2"]})["hostAliases"] == [
        {"ip": "10.0.0.1", "hostnames": ["a", "b"]},
        {"ip": "10.0.0.2", "hostnames": ["a"]},
    ]


def test_a_limit_that_no_pod_can_have_is_no_setting():
    with pytest.raises(ValidationError, match="processes"):
        KubernetesSettings.model_validate({"name": "spring", "learners": {"processes": 256}})


def test_the_settings_file_that_we_ship_configures_a_hub():
    c = Config()
    settings = configure(c, FOLDER / "hub" / "hub.toml")
    assert settings.profile == "kubernetes"
    assert c.JupyterHub.spawner_class.__name__ == "KubernetesServerSpawner"


@pytest.mark.parametrize("profile", ["kubernetes", "swarm"])
def test_a_hub_without_subdomains_does_not_start(tmp_path, profile):
    doors = {"doors": ["hub"], "hub_url": "http://hub:8081", "service_url": "http://service:8015"}
    swarm = {"name": "spring", "learners": doors, "staff": doors}
    said = {**SETTINGS, "profile": profile, "swarm": swarm, "subdomain_host": ""}
    file = tmp_path / "hub.json"
    file.write_text(json.dumps(said | {"accounts": {"file": "/nowhere"}}))
    with pytest.raises(HubSettingsError, match="subdomain_host"):
        load_settings(file)
