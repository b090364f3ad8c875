"""What Kubernetes would be told, as documents."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

FOLDER = Path(__file__).parents[2] / "docker" / "kubernetes"
KNOWN = {"apiVersion", "kind", "namespace", "labels", "resources", "images"}


def documents(folder: Path) -> list[dict]:
    """Return what `kubectl apply --kustomize` would apply of a folder, of the few things that ours say."""
    said = yaml.safe_load((folder / "kustomization.yaml").read_text())
    assert set(said) <= KNOWN, folder
    made = []
    for name in said["resources"]:
        place = folder / name
        made += documents(place) if place.is_dir() else list(yaml.safe_load_all(place.read_text()))
    for one in made:
        if one["kind"] == "Namespace":
            assert one["metadata"]["name"] == said["namespace"]
        else:
            one["metadata"]["namespace"] = said["namespace"]
        for added in said.get("labels", ()):
            assert set(added) == {"pairs"}, "labels that selectors go by cannot be changed afterwards"
            one["metadata"].setdefault("labels", {}).update(added["pairs"])
    for image in said.get("images", ()):
        for container in containers_in(made):
            if container["image"] == image["name"]:
                container["image"] += f":{image['newTag']}"
    return made


def containers_in(part) -> list[dict]:
    """Return what names an image, anywhere in a document."""
    if isinstance(part, list):
        return [found for one in part for found in containers_in(one)]
    if not isinstance(part, dict):
        return []
    here = [part] if isinstance(part.get("image"), str) else []
    return here + containers_in(list(part.values()))


@pytest.fixture(scope="session")
def classroom():
    return documents(FOLDER / "classroom")


@pytest.fixture(scope="session")
def workers():
    return documents(FOLDER / "workers")


@pytest.fixture(scope="session")
def workers_by_load():
    return documents(FOLDER / "workers-by-load")


@pytest.fixture(scope="session")
def everything(classroom, workers, workers_by_load):
    return [*classroom, *workers, *workers_by_load]
