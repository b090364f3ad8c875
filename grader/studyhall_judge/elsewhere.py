"""What a learner's code needs only where it was written: modules and magics of Colab and Kaggle, folders of a machine.

Whoever grades by hand passes over a drive that is mounted and reads the lesson's file where it lies. Only the text of
learners' cells is changed, one line for one line, and each change is said. What a lesson itself uses stays.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from studyhall_judge.likeness import compiles

LONGEST_LOOKED_AT = 50_000

_MODULES = (
    "google.colab",
    "kaggle_secrets",
    "kaggle_datasets",
    "piplite",
    "micropip",
    "dbutils",
    "databricks",
    "nest_asyncio",
)
"""Modules that exist in one place only, or are of use there only, and are no part of what a lesson asks for."""

_STAND_IN = (
    "type('Elsewhere', (), {'__getattr__': lambda self, name: self if name[:2] != '__' else object.__getattribute__("
    "self, name), '__call__': lambda self, *a, **k: self, '__await__': lambda self: iter(()), '__iter__': lambda self: "
    "iter(()), '__getitem__': lambda self, name: __import__('pathlib').Path(name).read_bytes()})()"
)
"""An object that lets itself be asked for anything and does nothing; uploaded files are those that are there."""

_RUN_AS_PYTHON = frozenset(
    {"timeit", "prun", "memit", "mprun", "debug", "python", "python3", "writefile", "file"}
)
_LEFT_ALONE = frozenset(
    {
        "time",
        "capture",
        "script",
        "bash",
        "sh",
        "html",
        "HTML",
        "svg",
        "SVG",
        "javascript",
        "js",
        "latex",
        "markdown",
    }
    | {"perl", "ruby", "pypy", "python2", "cmd", "R", "cython", "sql", "skip", "!", "sx", "system", "shell"}
)
"""Cell magics that run a cell as it is, that hold another language, or by which a cell was taken out on purpose."""

_SUSPICIOUS = re.compile(
    # Blanks, never line ends: from each of very many empty lines it would look through all that follow.
    rf"^[^\S\n]*%|{'|'.join(map(re.escape, _MODULES))}|import colab|chdir|Agg|\.home\("
    r"|['\"](?:/|~|[A-Za-z]:|\\\\|file:|dbfs:|\.\.)|\(\d+\)\.\w+['\"]|-Copy| - (?:Copy|Kopie|copia)|_copy|\.txt['\"]"
    r"|\\\w[^'\"\n\\]*\.\w+['\"]",
    re.MULTILINE,
)
_CELL_MAGIC = re.compile(r"\s*%%(\S+)[^\n]*")
_LONE_RETURN = re.compile(r"\r(?!\n)")
_LINE_MAGIC = re.compile(r"^([ \t]*)%[ \t]*(\w+)([^\n]*)$", re.MULTILINE)
_BACK_ENDS = re.compile(
    r"[ \t]+(?:widget|ipympl|qt\d?|tk|gtk\d?|wx|osx|macosx|nbagg|notebook)\b", re.IGNORECASE
)
_WINDOWS = frozenset(
    {"TkAgg", "QtAgg", "Qt5Agg", "Qt4Agg", "MacOSX", "WXAgg", "GTK3Agg", "GTK4Agg", "nbAgg", "WebAgg"}
)
_UNKNOWN_HERE = frozenset(
    {
        "tensorflow_version",
        "autosave",
        "shell",
        "bigquery",
        "connect_info",
        "skip",
        "fs",
        "sh",
        "restart_python",
    }
    | {"nb_black", "debug", "pdb", "conda", "mamba", "qtconsole", "autoindent", "memit", "mprun", "lprun"}
)
"""Line magics of other places, or that need a person, and that change nothing of what a cell works out."""

_ABSOLUTE = re.compile(r"(?:/|~|[A-Za-z]:[\\/]|\\\\|file:|dbfs:|\.\.[\\/])")
_COPY = re.compile(
    r"(?: ?\(\d+\)|-Copy\d*| - (?:Copy|Kopie|copia)|_copy)(?=\.|$)|(?<=\w\.\w{3})\.txt$", re.IGNORECASE
)
_WRITING = re.compile(r"to_|save|write|dump")


@dataclass
class Elsewhere:
    """Reads the learners' cells of one notebook, in their order.

    ``lesson`` holds the lesson's own texts, ``files`` its data files by path, ``own`` the learner's beside them.
    """

    lesson: Iterable[str] = ()
    files: Collection[str] = ()
    own: Collection[str] = ()
    _text: str = field(init=False)
    _folders: dict[str, str] = field(init=False, default_factory=dict)
    """Folders of another machine by the name that a cell gave them."""
    _by_name: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        """Know each of the lesson's files by its last name, where no other one has it."""
        self._text = "\n".join(self.lesson)
        names = [PurePosixPath(path).name.lower() for path in self.files]
        self._by_name = {
            name: path for name, path in zip(names, self.files, strict=True) if names.count(name) == 1
        }

    def at_home(self, source: str, *, answer: bool) -> tuple[str, list[str]]:
        """Return a cell's text as it can run here, and what to tell of it: nothing where nothing was changed.

        A magic around a whole cell is only taken from an ``answer``: in a cell of their own learners mean it.
        """
        if len(source) > LONGEST_LOOKED_AT or not self._is_suspicious(source):
            return source, []
        told: list[str] = []
        text = self._without_cell_magic(source, told) if answer else source
        magics, text = _magics_apart(text)
        if text.lstrip().startswith("%%"):
            return magics + text, told
        text = _LINE_MAGIC.sub(lambda found: self._line_magic(found, told), text)
        text = self._statements(text, told)
        return magics + text, list(dict.fromkeys(told))

    def _is_suspicious(self, source: str) -> bool:
        """Whether there may be something to change: most cells are not even parsed."""
        low = source.lower()
        return _SUSPICIOUS.search(source) is not None or any(
            name in low and source.count(path) < low.count(name) for name, path in self._by_name.items()
        )

    def _without_cell_magic(self, source: str, told: list[str]) -> str:
        found = _CELL_MAGIC.match(source)
        if found is None or found[1] in _LEFT_ALONE or found[0].strip().split()[0] in self._text:
            return source
        body = source[found.end() :]
        if not body.strip() or not compiles(body):
            return source
        if found[1] not in _RUN_AS_PYTHON and not found[1].isidentifier():
            return source
        told.append(
            f"The line %%{found[1]} kept this cell from being run as your answer. The cell was run without it."
        )
        name = found[0].split(maxsplit=1)[1:] if found[1] in ("writefile", "file") else []
        kept = f"get_ipython().run_cell_magic('writefile', {name[0]!r}, {body[1:]!r})" if name else ""
        return kept + body

    def _line_magic(self, found: re.Match[str], told: list[str]) -> str:
        indent, magic, rest = found[1], found[2], found[3]
        if f"%{magic}{rest}".rstrip() in self._text:
            return found[0]
        quiet = f"{indent}pass  # {found[0].strip()}"
        if magic in ("matplotlib", "pylab") and _BACK_ENDS.match(rest):
            told.append(
                "A window for plots was asked for, which there is none of here. Plots were made without it."
            )
            return f"{indent}%matplotlib inline" if magic == "matplotlib" else f"{indent}%pylab inline"
        if magic in ("load_ext", "reload_ext") and rest.strip() not in ("autoreload", "storemagic"):
            call = f"get_ipython().run_line_magic({magic!r}, {rest.strip()!r})"
            told.append(f"Where the extension {rest.strip()[:60]} is not there, the cell went on without it.")
            return f"{indent}with __import__('contextlib').suppress(ImportError): {call}"
        if magic in _UNKNOWN_HERE:
            told.append(f"The line %{magic} belongs to another place than this one. It was left out.")
            return quiet
        if magic == "cd" and _ABSOLUTE.match(rest.strip(" \t\"'")):
            told.append(_FOLDER)
            return quiet
        return found[0]

    # Modules and paths

    def _statements(self, text: str, told: list[str]) -> str:
        """Change statements at their places in the text; a text with magics is read with those lines blank."""
        if _LONE_RETURN.search(text) is not None:  # to Python it ends a line, so that no place would be right
            return text
        try:
            tree = ast.parse(
                _LINE_MAGIC.sub(r"\1pass", re.sub(r"^([ \t]*)!", r"\1pass #", text, flags=re.MULTILINE))
            )
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return text
        changes: list[_Change] = []
        settled: set[int] = set()
        for node in ast.walk(tree):  # what holds others comes before them
            if id(node) in settled:
                continue
            if isinstance(node, ast.Try):
                settled |= {id(one) for one in node.body if isinstance(one, ast.Import | ast.ImportFrom)}
            elif isinstance(node, ast.Assign):
                self._note_folder(node)
            elif isinstance(node, ast.Import | ast.ImportFrom):
                changes += self._import(node, told)
            elif isinstance(node, ast.expr) and (found := self._expression(node, told)):
                changes += found
                settled |= {id(one) for one in ast.walk(node)}
            elif isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Call) and _writes(node)):
                settled |= {id(one) for one in ast.walk(node)}
        return _changed(text, changes)

    def _expression(self, node: ast.expr, told: list[str]) -> list[_Change]:
        if isinstance(node, ast.Call) and (found := _folder(node, told) or _back_end(node, told)):
            return found
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return self._path(node, node.value, told)
        if isinstance(node, ast.BinOp | ast.JoinedStr | ast.Call):
            return self._put_together(node, told)
        return []

    def _import(self, node: ast.Import | ast.ImportFrom, told: list[str]) -> list[_Change]:
        module = node.names[0].name if isinstance(node, ast.Import) else node.module or ""
        place = next((one for one in _MODULES if f"{module}.".startswith(f"{one}.")), None)
        if module == "google" and any(one.name == "colab" for one in node.names):
            place = "google.colab"
        if place is None or place in self._text or (len(node.names) > 1 and isinstance(node, ast.Import)):
            return []
        names = [(one.asname or one.name).partition(".")[0] for one in node.names if one.name != "*"]
        told.append(f"The module {place} is of use only where this was written. The cell went on without it.")
        return [(node, f"{' = '.join(names)} = {_STAND_IN}" if names else "pass")]

    def _known(self, path: str) -> str | None:
        """Return the lesson's file that a path of another machine ends in."""
        name = re.split(r"[\\/]", path)[-1].lower()
        return self._by_name.get(name) or self._by_name.get(_COPY.sub("", name))

    def _path(self, node: ast.expr, path: str, told: list[str]) -> list[_Change]:
        if (
            len(path) > 500
            or not self._by_name
            or path in self.files
            or path in self.own
            or path in self._text
        ):
            return []
        # Windows and macOS find a file whatever the case of its letters.
        beside = (
            "/" not in path and "\\" not in path and (_COPY.search(path) or path.lower() in self._by_name)
        )
        if (known := self._known(path)) is None:
            return []
        windows = "\\" in path and path.replace("\\", "/").removeprefix("./").lower() == known.lower()
        if not (_ABSOLUTE.match(path) or beside or windows):
            return []
        told.append(f"The lesson's file {known} was read where it lies here, and not at {path[:100]}.")
        return [(node, repr(known))]

    def _put_together(self, node: ast.expr, told: list[str]) -> list[_Change]:
        """Find a file's name that is put to a folder of another machine."""
        last: ast.expr | None = None
        if isinstance(node, ast.JoinedStr) and node.values:
            last = node.values[-1]
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Div):
            last = node.right
        elif isinstance(node, ast.Call) and _name_of(node) in ("join", "Path", "joinpath") and node.args:
            last = node.args[-1]
        if not isinstance(last, ast.Constant) or not isinstance(last.value, str) or last is node:
            return []
        known, root = self._known(last.value), self._root(node)
        if known is None or root is None:
            return []
        told.append(f"The lesson's file {known} was read where it lies here, and not in {root[:100]}.")
        is_path = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)
        is_path = is_path or (isinstance(node, ast.Call) and _name_of(node) != "join")
        return [(node, f"__import__('pathlib').Path({known!r})" if is_path else repr(known))]

    def _root(self, node: ast.expr) -> str | None:
        """Return the folder of another machine that a path begins with."""
        while True:
            if isinstance(node, ast.BinOp):
                node = node.left
            elif isinstance(node, ast.JoinedStr) and node.values:
                node = node.values[0]
            elif isinstance(node, ast.FormattedValue):
                node = node.value
            elif isinstance(node, ast.Call) and _name_of(node) == "home":
                return "the home folder"
            elif isinstance(node, ast.Call) and node.args:
                node = node.args[0]
            else:
                break
        if isinstance(node, ast.Name):
            return self._folders.get(node.id)
        path = node.value if isinstance(node, ast.Constant) else None
        return path if isinstance(path, str) and _ABSOLUTE.match(path) else None

    def _note_folder(self, node: ast.Assign) -> None:
        root = self._root(node.value)
        for target in node.targets:
            if isinstance(target, ast.Name):
                self._folders.pop(target.id, None)
                if root is not None:
                    self._folders[target.id] = root


_Change = tuple[ast.stmt | ast.expr, str]
"""A piece of a cell and the text that takes its place."""

_FOLDER = "A folder of another machine was to be entered. The cell stayed in the lesson's folder."


def _folder(node: ast.Call, told: list[str]) -> list[_Change]:
    path = node.args[0] if node.args else None
    if _name_of(node) != "chdir" or not isinstance(path, ast.Constant) or not isinstance(path.value, str):
        return []
    if not _ABSOLUTE.match(path.value) or path.value.startswith("/tmp"):  # noqa: S108 - a folder that is there
        return []
    told.append(_FOLDER)
    return [(path, "'.'")]


def _back_end(node: ast.Call, told: list[str]) -> list[_Change]:
    name = _name_of(node)
    wanted = node.args[0] if node.args else None
    if (
        name not in ("use", "switch_backend")
        or not isinstance(wanted, ast.Constant)
        or wanted.value not in _WINDOWS
    ):
        return []
    told.append("A window for plots was asked for, which there is none of here. Plots were made without it.")
    return [(wanted, "'Agg'")]


def _name_of(call: ast.Call) -> str:
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _writes(node: ast.Call) -> bool:
    """Whether a file is written: the lesson's own is not to be written over."""
    modes = [*node.args[1:2], *(one.value for one in node.keywords if one.arg == "mode")]
    writes = any(isinstance(one, ast.Constant) and set(str(one.value)) & set("wax+") for one in modes)
    return _WRITING.match(_name_of(node)) is not None or (_name_of(node) == "open" and writes)


def _magics_apart(text: str) -> tuple[str, str]:
    """Return the magics at a cell's beginning that only look on while it runs, and the rest of it."""
    end = 0
    while (found := _CELL_MAGIC.match(text, end)) is not None and found[1] in ("time", "capture"):
        end = found.end()
    return text[:end], text[end:]


def _changed(text: str, changes: list[_Change]) -> str:
    """Put each new text in the place of what it stands for, from the end on; a statement stays on its line."""
    lines = [line.encode() for line in text.split("\n")]
    for node, new in sorted(changes, key=lambda one: (one[0].lineno, one[0].col_offset), reverse=True):
        first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
        rest = lines[last][node.end_col_offset :]
        for number in range(first + 1, last + 1):
            lines[number] = b""
        lines[first] = lines[first][: node.col_offset] + new.encode() + rest
    return b"\n".join(lines).decode()
