"""The images: which are missing, and making them."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from classroom import IMAGES, OURS
from machine import CHECKOUT, inspect, python, run, say
from trouble import Trouble

PLATFORM = ("hub", "service", "worker", "proxy")
STAGES = {
    "judge": ("judge", ("--target", "judge"), ()),
    "single-user": ("single-user", (), ()),
    "staff": ("staff", (), ("single-user",)),
    **{name: ("platform", ("--target", name), ()) for name in PLATFORM},
}
"""For each image the folder of its Dockerfile, options, and the images that it stands on."""
WHEELHOUSES = {"judge": "judge", "single-user": "single-user", "staff": "single-user", "platform": "platform"}
OTHERS = {"postgres": "PostgreSQL", "valkey": "Valkey", "front": "the front"}


def require_images(images: Mapping[str, str]) -> None:
    """See that all images are there: build ours that are missing, fetch the others.

    Raises:
        Trouble: one can't be had.
    """
    missing = [name for name, image in images.items() if inspect("image", image) is None]
    for name in missing:
        if name in OTHERS:
            say(f"  fetching {images[name]}")
            run(
                *("docker", "pull", "--quiet", images[name]),
                what=f"The image {images[name]} for {OTHERS[name]} is not here and can't be fetched. Where no "
                f"registry is reached, docker/offline/README.md makes one; "
                f"[images] in classroom.toml names it ({name} = …).",
            )
    build([name for name in OURS if name in missing], images)


def build(names: Iterable[str], images: Mapping[str, str] = IMAGES) -> None:
    """Build images from this checkout.

    Raises:
        Trouble: wheels can't be fetched, or an image can't be built.
    """
    wanted = sorted(names, key=list(STAGES).index)
    if not wanted:
        return
    base = os.environ.get("BASE_IMAGE", "python:3.11-slim")
    require_fitting_python(base)
    with tempfile.TemporaryDirectory(prefix="studyhall-wheels-") as name:
        filled: set[str] = set()
        for image in wanted:
            folder, options, _ = STAGES[image]
            wheels = Path(name) / WHEELHOUSES[folder]
            if WHEELHOUSES[folder] not in filled:
                say(f"  wheels for {folder}")
                program = CHECKOUT / "docker" / WHEELHOUSES[folder] / "wheelhouse"
                run(str(program), str(wheels), env={"PYTHON": python()}, what="The wheels can't be made.")
                filled.add(WHEELHOUSES[folder])
            say(f"  building {images[image]}")
            run(
                *("docker", "build", "--quiet", "--network", "none", *options),
                *(
                    "--build-arg",
                    f"BASE_IMAGE={base}",
                    "--build-arg",
                    f"SINGLE_USER_IMAGE={images['single-user']}",
                ),
                *(
                    "--file",
                    str(CHECKOUT / "docker" / folder / "Dockerfile"),
                    "--tag",
                    images[image],
                    str(wheels),
                ),
                env={} if has_buildx() else {"DOCKER_BUILDKIT": "0"},
                what=f"The image {images[image]} can't be built.",
            )


def has_buildx() -> bool:
    """Say whether this client builds by BuildKit."""
    return subprocess.run(["docker", "buildx", "version"], capture_output=True, check=False).returncode == 0


def require_fitting_python(base: str) -> None:
    """See that wheels that this Python fetches fit the images' one.

    Raises:
        Trouble: they are of different versions, or the base image is not to be had.
    """
    if inspect("image", base) is None:
        run(
            *("docker", "pull", "--quiet", base),
            what=f"The base image {base} is not here and can't be fetched. Where no registry is reached, "
            "docker/base-image makes one: BASE_IMAGE=NAME:TAG docker/up then builds on it.",
        )
    version = "import sys; print('%d.%d' % sys.version_info[:2])"
    # Not the entry point that the image may have.
    inside = run(
        "docker", "run", "--rm", "--network", "none", "--entrypoint", "python3", base, "-c", version
    ).strip()
    here = run(python(), "-c", version).strip()
    if inside != here:
        raise Trouble(
            f"The images have Python {inside}, and {python()} is Python {here}: its wheels would not fit. Run it again "
            f"with PYTHON=python{inside} docker/up."
        )
