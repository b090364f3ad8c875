"""`python3 -m studyhall_hub.engine_door`: starts the door of one cohort, or asks whether it is open."""

import argparse
import logging
import sys
import threading
from pathlib import Path

from studyhall_hub.engine_door.door import EngineDoor, StoreDoor, ask
from studyhall_hub.engine_door.policy import Rules

FOLDER = Path("/run/studyhall-engine")

log = logging.getLogger(__name__)


def parser() -> argparse.ArgumentParser:
    """Return what the command line may say."""
    words = argparse.ArgumentParser(
        prog="python3 -m studyhall_hub.engine_door",
        description="Lets a hub ask the Docker engine for its people's servers, and for nothing else.",
    )
    words.add_argument("--folder", type=Path, default=FOLDER, help="where its sockets are")
    words.add_argument(
        "--check", action="store_true", help="ask the door whether the engine answers, and end"
    )
    words.add_argument("--engine", default="/run/docker.sock", help="the engine's own socket")
    words.add_argument("--store", default="", help="socket of docker/volume-store, where it is used")
    words.add_argument("--devices", default="", help="its folder of devices, as the host has it")
    words.add_argument("--name", default="", help="what names of containers and volumes begin with")
    for kind in ("learner", "staff"):
        words.add_argument(f"--{kind}-image", default="", help=f"image of servers of the kind {kind}")
        words.add_argument(f"--{kind}-network", default="", help="their network")
    return words


def main() -> int:
    """Open the door and keep it open; return the exit code."""
    given = parser().parse_args()
    here = given.folder / "docker.sock"
    if given.check:
        try:
            return int(ask(str(here), "GET", "/_ping", {}, None)[0] != 200)
        except OSError:
            return 1
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.INFO, stream=sys.stderr)
    rules = Rules(
        name=given.name,
        images={"learner": given.learner_image, "staff": given.staff_image},
        networks={"learner": given.learner_network, "staff": given.staff_network},
        devices=given.devices if given.store else "",
    )
    if not all((rules.name, *rules.images.values(), *rules.networks.values())):
        sys.stderr.write("The door needs a cohort's name, both images and both networks.\n")
        return 2
    if given.store:
        store = StoreDoor(given.folder / "store.sock", store=given.store, rules=rules)
        threading.Thread(target=store.serve_forever, daemon=True).start()
    with EngineDoor(here, engine=given.engine, rules=rules) as door:
        log.info("open for %s", rules.name)
        door.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
