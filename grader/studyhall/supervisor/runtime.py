"""Where sockets live: a folder only its owner can enter, with a path short enough for the kernel."""

import hashlib
import os
import stat
import tempfile
from pathlib import Path

from studyhall.supervisor.errors import DataFolderError

LONGEST_SOCKET_PATH = 107
LONGEST_SOCKET_NAME = len("/postgres/.s.PGSQL.5432")


def private_folder(path: Path) -> Path:
    """Make `path` if needed, make sure that it is ours and that nobody else can enter, and return it.

    Raises:
        DataFolderError: it is not a folder, belongs to somebody else, or cannot be written.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise DataFolderError(
                f"{path} is not a folder of yours; move it away or choose another data folder."
            )
        if stat.S_IMODE(found.st_mode) != 0o700:
            path.chmod(0o700)
    except OSError as problem:
        raise DataFolderError(
            f"The folder {path} cannot be used ({problem.strerror}); choose another one or change its "
            "permissions."
        ) from problem
    if not os.access(path, os.W_OK | os.X_OK):
        raise DataFolderError(
            f"The folder {path} cannot be written; choose another one or change its permissions."
        )
    return path


def socket_folder(data: Path) -> Path:
    """Return the private folder for the sockets of the installation in `data`.

    That is `data/run`, or, where paths in there would be too long for a socket, a folder of this user below
    the system's temporary folder, always the same one for the same `data`.

    Raises:
        DataFolderError: the folder cannot be used.
    """
    inside = data.absolute() / "run"
    if len(os.fsencode(inside)) + LONGEST_SOCKET_NAME <= LONGEST_SOCKET_PATH:
        return private_folder(inside)
    name = hashlib.sha256(os.fsencode(data.absolute())).hexdigest()[:12]
    short = Path(tempfile.gettempdir()) / f"studyhall-{os.geteuid()}-{name}"
    if len(os.fsencode(short)) + LONGEST_SOCKET_NAME > LONGEST_SOCKET_PATH:
        short = Path("/tmp") / short.name  # noqa: S108 - private_folder refuses a folder that is not ours alone
    return private_folder(short)
