"""Our manifests: valid for Kubernetes, locked down, and who reaches whom."""

from __future__ import annotations

import ipaddress
import json
import re

import jsonschema
import kubernetes_validate
import pytest
import yaml
from kubernetes.chart_values import VALUES
from kubernetes.conftest import FOLDER
from studyhall.settings import Settings

VERSIONS = ("1.33", "1.35")
"""1.33 is the first that lets a pod with users of its own have a whole /proc without being asked to."""
OF_KEDA = "keda.sh/v1alpha1"
METADATA = ipaddress.ip_address("169.254.169.254")


def pods(documents):
    """Return each template of a pod, with the name of what makes it."""
    for one in documents:
        spec = one.get("spec", {})
        spec = spec.get("jobTemplate", {}).get("spec", spec)
        if "template" in spec:
            yield one["metadata"]["name"], spec["template"]["spec"]


def containers(documents):
    for name, pod in pods(documents):
        for container in [*pod.get("initContainers", ()), *pod["containers"]]:
            yield f"{name}/{container['name']}", pod, container


def named(documents, kind, name):
    (found,) = [one for one in documents if (one["kind"], one["metadata"]["name"]) == (kind, name)]
    return found


@pytest.mark.parametrize("version", VERSIONS)
def test_every_document_is_what_kubernetes_expects(everything, version):
    seen = 0
    for one in everything:
        if one["apiVersion"] != OF_KEDA:
            kubernetes_validate.validate(one, version, strict=True)
            seen += 1
    assert seen > 20


def test_every_container_is_locked_down(everything):
    for name, pod, container in containers(everything):
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["runAsUser"] > 0, name
        assert pod["automountServiceAccountToken"] is False, name
        # Variables of services would be settings of ours: STUDYHALL_SERVICE_HOST.
        assert pod["enableServiceLinks"] is False, name
        assert "hostNetwork" not in pod, name
        security = pod["securityContext"] | container["securityContext"]
        assert security["allowPrivilegeEscalation"] is False, name
        assert security["readOnlyRootFilesystem"] is True, name
        assert security["capabilities"] == {"drop": ["ALL"]}, name
        assert security["seccompProfile"]["type"] in ("RuntimeDefault", "Localhost"), name
        assert {"cpu", "memory"} <= container["resources"]["limits"].keys(), name
        assert container["resources"]["requests"], name


def test_whoever_runs_on_has_probes_and_a_budget(everything):
    for one in everything:
        if one["kind"] != "Deployment":
            continue
        labels = one["spec"]["selector"]["matchLabels"]
        assert any(
            budget["kind"] == "PodDisruptionBudget" and budget["spec"]["selector"]["matchLabels"] == labels
            for budget in everything
        )
        for name, _, container in containers([one]):
            assert {"startupProbe", "livenessProbe"} <= container.keys(), name


def test_no_budget_keeps_a_node_from_being_emptied(everything):
    deployed = {
        one["metadata"]["name"]: one["spec"].get("replicas", 1)
        for one in everything
        if one["kind"] == "Deployment"
    }
    budgets = [one for one in everything if one["kind"] == "PodDisruptionBudget"]
    for one in budgets:
        spare = one["spec"].get("maxUnavailable")
        if spare is None:
            spare = deployed[one["metadata"]["name"]] - one["spec"]["minAvailable"]
        assert spare >= 1, one["metadata"]["name"]


def test_only_the_judge_has_a_profile_of_its_own_and_it_has_no_secret(workers):
    special = [
        (name, container)
        for name, _, container in containers(workers)
        if container["securityContext"].get("procMount") or "seccompProfile" in container["securityContext"]
    ]
    ((name, judge),) = special
    assert name == "studyhall-worker/judge"
    assert judge["restartPolicy"] == "Always", "a sidecar: there before the worker, and after it"
    assert judge["securityContext"]["procMount"] == "Unmasked"
    assert not {"env", "envFrom", "ports"} & judge.keys()
    assert {mount["name"] for mount in judge["volumeMounts"]} == {"socket", "judge-tmp"}
    (pod,) = [pod for name, pod in pods(workers) if name == "studyhall-worker"]
    assert pod["hostUsers"] is False
    assert pod["securityContext"]["runAsUser"] == pod["securityContext"]["runAsGroup"] == 64100


def test_what_a_pod_is_told_are_settings_that_exist(everything):
    ours = {f"STUDYHALL_{name.upper()}" for name in Settings.model_fields}
    said = {
        variable["name"]
        for _, _, container in containers(everything)
        for variable in container.get("env", ())
    }
    said |= {
        name
        for one in everything
        if one["kind"] == "ConfigMap"
        for name in one["data"]
        if name.startswith("STUDY")
    }
    assert said <= ours, said - ours
    # Kubernetes would make such variables itself, of a service's name.
    names = [one["metadata"]["name"] for one in everything if one["kind"] == "Service"]
    made = {f"{name.upper().replace('-', '_')}_SERVICE_{part}" for name in names for part in ("HOST", "PORT")}
    assert not made & ours


def test_nobody_in_the_classroom_may_do_what_no_policy_says(classroom):
    policy = named(classroom, "NetworkPolicy", "nothing-by-itself")["spec"]
    assert policy == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_a_learner_s_server_reaches_hub_and_service_and_nothing_else(classroom):
    spec = named(classroom, "NetworkPolicy", "learners-servers")["spec"]
    assert spec["podSelector"] == {"matchLabels": {"studyhall-server": "learner"}}
    assert [(rule["to"], rule["ports"]) for rule in spec["egress"]] == [
        (
            [{"podSelector": {"matchLabels": {"app": "jupyterhub", "component": "hub"}}}],
            [{"port": 8081, "protocol": "TCP"}],
        ),
        (
            [{"podSelector": {"matchLabels": {"app.kubernetes.io/name": "studyhall-service"}}}],
            [{"port": 8015, "protocol": "TCP"}],
        ),
    ]
    # No address by number, so no metadata and no way out; and no other policy adds one.
    for one in classroom:
        if one["kind"] == "NetworkPolicy" and one["metadata"]["name"] not in (
            "learners-servers",
            "nothing-by-itself",
        ):
            chosen = json.dumps(one["spec"]["podSelector"])
            assert chosen != "{}"
            assert "learner" not in chosen


def test_nobody_reaches_a_cloud_s_metadata(everything):
    for one in everything:
        if one["kind"] != "NetworkPolicy":
            continue
        for rule in one["spec"].get("egress", ()):
            for block in (place["ipBlock"] for place in rule["to"] if "ipBlock" in place):
                network = ipaddress.ip_network(block["cidr"])
                apart = [ipaddress.ip_network(part) for part in block.get("except", ())]
                assert METADATA not in network or any(METADATA in part for part in apart), one["metadata"]


def test_a_restart_of_the_service_waits_for_the_tables_with_the_owner_s_role(classroom):
    job = named(classroom, "Job", "studyhall-migrate")
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert container["args"] == ["studyhall", "db", "upgrade"]
    assert [one["name"] for one in container["env"]] == ["STUDYHALL_OWNER_DATABASE_URL"]
    others = [
        text for name, _, one in containers(classroom) if "migrate" not in name for text in [json.dumps(one)]
    ]
    assert not any("studyhall-owner" in text for text in others)


def test_both_scalers_name_the_workers(workers, workers_by_load):
    scaled = named(workers, "ScaledObject", "studyhall-worker")["spec"]
    by_load = named(workers_by_load, "HorizontalPodAutoscaler", "studyhall-worker")["spec"]
    deployment = named(workers, "Deployment", "studyhall-worker")
    assert (
        scaled["scaleTargetRef"]["name"]
        == by_load["scaleTargetRef"]["name"]
        == deployment["metadata"]["name"]
    )
    assert "replicas" not in deployment["spec"], "the scaler says how many"
    assert scaled["minReplicaCount"] == by_load["minReplicas"] == 1
    (trigger,) = scaled["triggers"]
    login = named(workers, "TriggerAuthentication", trigger["authenticationRef"]["name"])
    assert login["spec"]["secretTargetRef"] == [
        {"parameter": "connection", "name": "studyhall-scaler", "key": "connection"}
    ]
    # The judge's container is the one whose processors are watched.
    (metric,) = by_load["metrics"]
    assert metric["containerResource"]["container"] == "judge"


def test_no_file_names_a_registry_or_a_password():
    for file in FOLDER.rglob("*"):
        if file.is_file():
            text = file.read_text()
            assert not re.search(r"image:.*\w\.\w+/", text), file
            assert not re.search(r"^kind: Secret$", text, re.MULTILINE), file


@pytest.fixture
def values():
    return yaml.safe_load((FOLDER / "hub" / "values.yaml").read_text())


def test_the_chart_knows_every_value(values):
    jsonschema.validate(values, VALUES, jsonschema.Draft7Validator)


@pytest.mark.parametrize(
    ("section", "name", "value"),
    [((), "singleUser", {}), (("hub",), "podSecurity", {}), (("cull",), "enabled", "no")],
)
def test_a_value_that_the_chart_does_not_know_is_told_by_its_name(values, section, name, value):
    place = values
    for part in section:
        place = place[part]
    place[name] = value
    with pytest.raises(jsonschema.ValidationError) as refused:
        jsonschema.validate(values, VALUES, jsonschema.Draft7Validator)
    assert name in str(refused.value)


def test_one_hub_and_one_proxy_have_no_budget(values):
    assert values["hub"]["pdb"] == values["proxy"]["chp"]["pdb"] == {"enabled": False}


def test_what_the_chart_hands_to_pods_is_what_kubernetes_expects(values):
    """The chart passes these on as they are."""
    for part in (values["hub"], values["proxy"]["chp"]):
        pod = {
            "securityContext": part.get("podSecurityContext", {}),
            "volumes": part.get("extraVolumes", []),
            "containers": [
                {
                    "name": "only",
                    "image": "any",
                    "securityContext": part["containerSecurityContext"],
                    "resources": part["resources"],
                    "volumeMounts": part.get("extraVolumeMounts", []),
                }
            ],
        }
        about = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "any"}, "spec": pod}
        for version in VERSIONS:
            kubernetes_validate.validate(about, version, strict=True)


def test_the_chart_s_values_leave_the_walls_to_the_hub_s_settings(values):
    assert 'configure(c, "/etc/studyhall/hub.toml")' in values["hub"]["extraConfig"]["studyhall"]
    assert values["singleuser"]["networkPolicy"]["enabled"] is False
    # The chart's own way would put a privileged container into every pod.
    assert values["singleuser"]["cloudMetadata"]["blockWithIptables"] is False
    assert values["singleuser"]["storage"]["type"] == "none"
    for part in (values["hub"], values["proxy"]["chp"]):
        security = part["containerSecurityContext"]
        assert security["runAsUser"] > 0
        assert security["readOnlyRootFilesystem"] is True
        assert security["capabilities"] == {"drop": ["ALL"]}


def test_every_file_is_one_that_a_kustomization_names():
    named = {
        (file.parent / name).resolve()
        for file in FOLDER.glob("*/kustomization.yaml")
        for name in yaml.safe_load(file.read_text())["resources"]
    }
    found = {file.resolve() for file in FOLDER.glob("*/*.yaml") if file.parent.name != "hub"}
    assert {file for file in found if file.name != "kustomization.yaml"} <= named


def test_images_that_a_kustomization_renames_are_there(everything):
    used = {container["image"].partition(":")[0] for _, _, container in containers(everything)}
    renamed = {
        image["name"]
        for file in FOLDER.glob("*/kustomization.yaml")
        for image in yaml.safe_load(file.read_text()).get("images", ())
    }
    assert used == renamed
