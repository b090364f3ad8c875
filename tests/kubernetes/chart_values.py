"""Which values Zero-to-JupyterHub's chart knows where ours say something, and of what type each is.

The chart refuses every other name, but only when somebody installs it. It cannot be had in these tests; the names were
read from its `values.schema.yaml` of version 4, in which the sections below are closed as they are here.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]
STRING, NUMBER, FLAG, ANYTHING = {"type": "string"}, {"type": "integer"}, {"type": "boolean"}, {}
LIST, OBJECT = {"type": "array"}, {"type": "object"}
STRINGS = {"type": "object", "additionalProperties": STRING}


def closed(*unused: str, **known: Schema) -> Schema:
    """Return a section that knows these names and no others; of those that we don't use any value will do."""
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": dict.fromkeys(unused, ANYTHING) | known,
    }


def one_of(*words: str) -> Schema:
    return {"enum": list(words)}


IMAGE = closed("pullPolicy", "pullSecrets", name=STRING, tag=STRING) | {"required": ["name", "tag"]}
BUDGET = closed("maxUnavailable", "minAvailable", enabled=FLAG)
POLICY = closed(
    *("ingress", "egress", "interNamespaceAccessLabels", "allowedIngressPorts"),
    enabled=FLAG,
    egressAllowRules=closed(
        cloudMetadataServer=FLAG,
        dnsPortsCloudMetadataServer=FLAG,
        dnsPortsKubeSystemNamespace=FLAG,
        dnsPortsPrivateIPs=FLAG,
        nonPrivateIPs=FLAG,
        privateIPs=FLAG,
    ),
)
PURPOSE = closed(matchNodePurpose=one_of("ignore", "prefer", "require"))

HUB = closed(
    *("revisionHistoryLimit", "config", "extraFiles", "baseUrl", "command", "args", "cookieSecret", "labels"),
    *("initContainers", "extraEnv", "fsGid", "service", "existingSecret", "nodeSelector", "tolerations"),
    *("activeServerLimit", "allowNamedServers", "annotations", "authenticatePrometheus"),
    *("concurrentSpawnLimit", "consecutiveFailureLimit", "deploymentStrategy", "extraContainers"),
    *("livenessProbe", "readinessProbe", "namedServerLimitPerUser", "redirectToServer", "lifecycle"),
    *("services", "loadRoles", "shutdownOnLogout", "templatePaths", "templateVars", "serviceAccount"),
    "extraPodSpec",
    image=IMAGE,
    networkPolicy=POLICY,
    db=closed(
        *("pvc", "upgrade", "url", "password"),
        type=one_of("sqlite-pvc", "sqlite-memory", "mysql", "postgres", "other"),
    ),
    extraConfig=STRINGS,
    pdb=BUDGET,
    podSecurityContext=OBJECT,
    containerSecurityContext=OBJECT,
    extraVolumes=LIST,
    extraVolumeMounts=LIST,
    resources=OBJECT,
)
PROXY = closed(
    *("secretToken", "traefik", "labels", "annotations", "deploymentStrategy", "secretSync"),
    service=closed(
        *("labels", "annotations", "nodePorts", "disableHttpPort", "extraPorts", "loadBalancerIP"),
        "loadBalancerSourceRanges",
        type=one_of("ClusterIP", "NodePort", "LoadBalancer", "ExternalName"),
    ),
    https=closed("type", "letsencrypt", "manual", "secret", "hosts", enabled=FLAG),
    chp=closed(
        *("revisionHistoryLimit", "extraEnv", "nodeSelector", "tolerations", "livenessProbe"),
        *("readinessProbe", "defaultTarget", "errorTarget", "extraPodSpec"),
        image=IMAGE,
        networkPolicy=POLICY,
        pdb=BUDGET,
        containerSecurityContext=OBJECT,
        extraCommandLineFlags=LIST,
        resources=OBJECT,
    ),
)
SINGLE_USER = closed(
    *("podNameTemplate", "cpu", "memory", "image", "initContainers", "profileList", "extraFiles", "extraEnv"),
    *("nodeSelector", "extraTolerations", "extraNodeAffinity", "extraPodAffinity", "extraPodAntiAffinity"),
    *("cmd", "defaultUrl", "events", "extraAnnotations", "extraContainers", "extraLabels", "extraPodConfig"),
    *("extraResource", "fsGid", "lifecycleHooks", "networkTools", "allowPrivilegeEscalation", "uid"),
    networkPolicy=POLICY,
    cloudMetadata=closed("ip", blockWithIptables=FLAG),
    serviceAccountName={"type": ["string", "null"]},
    startTimeout=NUMBER,
    storage=closed(
        *("capacity", "dynamic", "extraLabels", "extraVolumeMounts", "extraVolumes", "homeMountPath"),
        "static",
        type=one_of("dynamic", "static", "none"),
    ),
)
VALUES = closed(
    *("enabled", "fullnameOverride", "nameOverride", "imagePullSecret", "imagePullSecrets", "custom", "rbac"),
    "global",
    hub=HUB,
    proxy=PROXY,
    singleuser=SINGLE_USER,
    scheduling=closed(
        *("podPriority", "userPlaceholder", "corePods"),
        userScheduler=closed(
            *("revisionHistoryLimit", "image", "pdb", "nodeSelector", "tolerations", "labels", "annotations"),
            *("containerSecurityContext", "logLevel", "plugins", "pluginConfig", "resources"),
            *("serviceAccount", "extraPodSpec"),
            enabled=FLAG,
            replicas=NUMBER,
        ),
        userPods=closed("tolerations", nodeAffinity=PURPOSE),
    ),
    ingress=closed(
        *("annotations", "ingressClassName", "pathSuffix", "pathType"), enabled=FLAG, hosts=LIST, tls=LIST
    ),
    prePuller=closed(
        *("revisionHistoryLimit", "labels", "annotations", "resources", "extraTolerations"),
        *("pullProfileListImages", "extraImages", "containerSecurityContext", "pause"),
        hook=closed(
            *("pullOnlyOnChanges", "podSchedulingWaitDuration", "nodeSelector", "tolerations"),
            *("containerSecurityContext", "image", "resources", "serviceAccount"),
            enabled=FLAG,
        ),
        continuous=closed(enabled=FLAG),
    ),
    cull=closed(
        *("users", "adminUsers", "removeNamedServers", "timeout", "every", "concurrency", "maxAge"),
        enabled=FLAG,
    ),
    debug=closed(enabled=FLAG),
)
