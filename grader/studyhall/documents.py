"""Tables of the documentation that are made from the code: ``python -m studyhall.documents docs``.

A document holds the mark ``<!-- made from the code: NAME -->`` and, further down, ``<!-- end -->``; what stands between
them is written here, everything else by hand. With ``--check`` nothing is written and a stale document is an error,
so that no setting, permission, route or error code is ever missing from the documentation.
"""

import argparse
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from studyhall.app import documented_routes
from studyhall.errors import ErrorCode, StudyhallError
from studyhall.permissions import NEEDS, Permission
from studyhall.settings import Settings
from studyhall.web.openapi import STATUS_OF

PART = re.compile(
    r"(?P<begin><!-- made from the code: (?P<name>\w+) -->\n).*?(?P<end><!-- end -->)", re.DOTALL
)

KINDS: dict[Any, str] = {
    Path: "path",
    SecretStr: "secret",
    bool: "yes or no",
    float: "number",
    int: "whole number",
    str: "text",
}


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a markdown table; a bar inside of a cell is escaped."""
    lines = [headings, ["---"] * len(headings), *rows]
    escaped = ([cell.replace("|", "\\|") for cell in line] for line in lines)
    return "".join(f"| {' | '.join(line)} |\n" for line in escaped)


def code(text: str) -> str:
    """Return a text as code, or nothing for nothing."""
    return f"`{text}`" if text else ""


# ---------------------------------------------------------------- settings


def settings_table() -> str:
    """Return every setting of the service and its workers with its variable, kind, default and meaning."""
    prefix = Settings.model_config.get("env_prefix", "")
    return table(
        ("variable", "kind", "default", "meaning"),
        (
            (code(f"{prefix}{name}".upper()), kind_of(field), default_of(field), field.description or "")
            for name, field in Settings.model_fields.items()
        ),
    )


def kind_of(field: FieldInfo) -> str:
    """Return what kind of value a setting takes, in words."""
    kind = field.annotation
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(code(str(choice)) for choice in get_args(kind))
    if isinstance(kind, UnionType):
        kind = next(choice for choice in get_args(kind) if choice is not type(None))
    return KINDS[kind]


def default_of(field: FieldInfo) -> str:
    """Return a setting's default as it would be written in the environment."""
    value = field.default
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, bool):
        return code(str(value).lower())
    return code(f"{value:g}" if isinstance(value, float) else str(value)) or "none"


# ---------------------------------------------------------------- permissions and routes


def permissions_table() -> str:
    """Return what each permission needs of token and role, and the routes that ask for it."""
    routes: dict[Permission, list[str]] = {permission: [] for permission in Permission}
    for route in documented_routes():
        routes[route.permission].append(code(f"{route.method} {route.path}"))
    return table(
        ("permission", "one of these scopes on the token", "one of these roles", "routes"),
        [
            *(
                (
                    code(permission.value),
                    in_order(scope.value for scope in scopes),
                    in_order(role.value for role in roles) or "anybody signed in",
                    "<br>".join(routes[permission]),
                )
                for permission, (scopes, roles) in NEEDS.items()
            ),
            (
                code(Permission.HUB.value),
                "none: the hub's own token",
                "none: no person",
                "<br>".join(routes[Permission.HUB]),
            ),
        ],
    )


def in_order(names: Iterable[str]) -> str:
    """Return names as code, in alphabetical order."""
    return ", ".join(code(name) for name in sorted(names))


def routes_table() -> str:
    """Return every route of the API with what it does, the permission that it asks for and its own error codes."""
    return table(
        ("route", "what it does", "permission", "errors of its own"),
        (
            (
                code(f"{route.method} {route.path}"),
                route.summary,
                code(route.permission.value),
                in_order(error.value for error in route.errors),
            )
            for route in documented_routes()
        ),
    )


# ---------------------------------------------------------------- errors


def errors_table() -> str:
    """Return every error code with its HTTP status and the sentence that people read unless another one fits better."""
    said: dict[ErrorCode, str] = {}
    for error in error_classes(StudyhallError):
        if "code" in vars(error):
            said.setdefault(error.code, (error.__doc__ or "").strip().splitlines()[0])
    return table(
        ("code", "status", "what people read"),
        ((code(each.value), str(STATUS_OF[each]), said.get(each, "")) for each in ErrorCode),
    )


def error_classes(base: type[StudyhallError]) -> Iterator[type[StudyhallError]]:
    """Yield the product's error classes, each base before its subclasses."""
    if base.__module__.startswith("studyhall."):
        yield base
    for error in base.__subclasses__():
        yield from error_classes(error)


# ---------------------------------------------------------------- documents

PARTS: dict[str, Callable[[], str]] = {
    "settings": settings_table,
    "permissions": permissions_table,
    "routes": routes_table,
    "errors": errors_table,
}


def renewed(text: str) -> str:
    """Return a document with its marked parts made anew.

    Raises:
        KeyError: a mark names a part that is not known.
    """
    return PART.sub(lambda found: f"{found['begin']}\n{PARTS[found['name']]()}\n{found['end']}", text)


def stale(folder: Path) -> dict[Path, str]:
    """Return the documents of a folder that are not what the code makes, with what they should be."""
    found = {}
    for path in sorted(folder.glob("*.md")):
        text = path.read_text(encoding="utf-8")
        fresh = renewed(text)
        if fresh != text:
            found[path] = fresh
    return found


def main(words: Sequence[str] | None = None) -> int:
    """Renew the documents of a folder, or say which ones are stale; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m studyhall.documents", description="Make the documentation's tables from the code."
    )
    parser.add_argument("folder", type=Path, nargs="?", default=Path("docs"))
    parser.add_argument("--check", action="store_true", help="write nothing; a stale document is an error")
    options = parser.parse_args(words)
    found = stale(options.folder)
    for path, text in found.items():
        if options.check:
            sys.stderr.write(f"{path} is not what the code says. Run `make docs`.\n")
        else:
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"renewed: {path}\n")
    return int(options.check and bool(found))


if __name__ == "__main__":
    sys.exit(main())
