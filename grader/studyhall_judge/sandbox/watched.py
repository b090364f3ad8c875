"""Which parts of the interpreter and its libraries a test relies on, and so must be as they were.

Modules are compared name by name, classes too. A name that is added is of no interest, unless it hides a builtin from
the module's own functions.
"""

from __future__ import annotations

import base64
import builtins
import collections
import ctypes
import gc
import sys
import zipfile
from collections.abc import Iterator
from operator import is_
from types import ModuleType
from typing import Any

from studyhall_judge.sandbox.questions import OURS
from studyhall_judge.sandbox.words import Word, values_of, word_at

_LEANED_ON = (
    "asyncio",
    "base64",
    "bisect",
    "calendar",
    "csv",
    "dataclasses",
    "datetime",
    "difflib",
    "enum",
    "glob",
    "hashlib",
    "heapq",
    "html",
    "os",
    "pathlib",
    "pickle",
    "pprint",
    "random",
    "secrets",
    "shutil",
    "sqlite3",
    "string",
    "struct",
    "textwrap",
    "typing",
    "uuid",
    "zipfile",
)
"""Of the standard library, what tests compare with: digests, dates, random numbers, paths, what files hold."""

MODULES = (
    *_LEANED_ON,
    "builtins",
    "operator",
    "_operator",
    "math",
    "cmath",
    "numbers",
    "functools",
    "itertools",
    "collections",
    "copy",
    "types",
    "inspect",
    "traceback",
    "ast",
    "re",
    "statistics",
    "fractions",
    "decimal",
    "json",
    "contextlib",
    "asyncio.runners",
    "collections.abc",
    "importlib",
    "_frozen_importlib",
    "_frozen_importlib_external",
    "zipimport",
    "linecache",
    "io",
    "posixpath",
    "genericpath",
    "re._compiler",
    "time",
    "unittest",
    "unittest.case",
    "unittest.util",
    "unittest.suite",
    "unittest.runner",
    "unittest.loader",
    "unittest.result",
    "doctest",
    "numpy",
    "numpy.linalg",
    "numpy.testing",
    "numpy.testing._private.utils",
    "numpy._core.numeric",
    "numpy._core.fromnumeric",
    "numpy._core._methods",
    "numpy._core.arrayprint",
    "numpy.fft",
    "numpy.lib._function_base_impl",
    "numpy.lib._nanfunctions_impl",
    "numpy.linalg._linalg",
    "numpy.random",
    "numpy.core.numeric",
    "numpy.core.fromnumeric",
    "numpy.ma.testutils",
    "pandas",
    "pandas.testing",
    "pandas._testing",
    "pandas._testing.asserters",
    "pandas._libs.testing",
    "pandas.io.parsers.readers",
    "pandas.core.dtypes.missing",
    "pandas.core.algorithms",
    "pandas.core.nanops",
    "pandas.core.ops",
    "pandas.core.ops.array_ops",
    "nose.tools",
    "pytest",
    "IPython.core.inputtransformer2",
    "studyhall_judge.sandbox.skipping",
    "studyhall_notebooks.driven",
    "studyhall_notebooks.driven.kernel",
    "studyhall_notebooks.driven.statements",
    "studyhall_notebooks.driven.values",
)

CLASSES = (
    *(
        ("builtins", name)
        for name in ("bool", "int", "float", "complex", "str", "bytes", "bytearray", "range")
    ),
    *(("builtins", name) for name in ("list", "tuple", "dict", "set", "frozenset", "type", "object")),
    *(
        ("collections", name)
        for name in ("Counter", "OrderedDict", "deque", "defaultdict", "UserDict", "UserList")
    ),
    *(("datetime", name) for name in ("date", "datetime", "time", "timedelta")),
    *(("unittest.case", name) for name in ("TestCase", "_AssertRaisesContext", "_AssertRaisesBaseContext")),
    *(("unittest.case", name) for name in ("_BaseTestCaseContext", "_Outcome")),
    ("unittest.suite", "TestSuite"),
    ("unittest.result", "TestResult"),
    ("unittest.runner", "TextTestResult"),
    ("unittest.mock", "NonCallableMock"),
    ("unittest.mock", "CallableMixin"),
    *(("_frozen_importlib", name) for name in ("BuiltinImporter", "FrozenImporter", "ModuleSpec")),
    *(
        ("_frozen_importlib_external", name)
        for name in ("PathFinder", "FileFinder", "FileLoader", "SourceLoader")
    ),
    *(("_frozen_importlib_external", name) for name in ("SourceFileLoader", "SourcelessFileLoader")),
    *(("_frozen_importlib_external", name) for name in ("ExtensionFileLoader", "_LoaderBasics")),
    ("doctest", "DocTestRunner"),
    ("doctest", "OutputChecker"),
    ("asyncio.runners", "Runner"),
    ("decimal", "Decimal"),
    ("fractions", "Fraction"),
    ("pathlib", "Path"),
    ("pathlib", "PurePath"),
    ("pathlib", "PosixPath"),
    ("pathlib", "PurePosixPath"),
    ("uuid", "UUID"),
    ("numpy", "ndarray"),
    ("numpy", "generic"),
    ("numpy.polynomial._polybase", "ABCPolyBase"),
    ("_pytest.python_api", "ApproxBase"),
    ("_pytest.python_api", "ApproxScalar"),
    ("_pytest.raises", "RaisesExc"),
    ("pandas.core.groupby.groupby", "GroupBy"),
    ("pandas.core.groupby.generic", "DataFrameGroupBy"),
    ("pandas.core.groupby.generic", "SeriesGroupBy"),
    ("pandas.core.internals.managers", "BlockManager"),
    ("pandas.core.internals.managers", "SingleBlockManager"),
    ("pandas", "DataFrame"),
    ("pandas", "Series"),
    ("pandas", "Index"),
    ("pandas.core.generic", "NDFrame"),
    ("pandas.core.arraylike", "OpsMixin"),
    ("pandas.core.base", "IndexOpsMixin"),
    ("matplotlib.artist", "Artist"),
    ("matplotlib.axes", "Axes"),
    ("matplotlib.axes._base", "_AxesBase"),
    ("matplotlib.figure", "Figure"),
    ("matplotlib.lines", "Line2D"),
    ("matplotlib.patches", "Patch"),
    ("matplotlib.text", "Text"),
    ("IPython.core.interactiveshell", "InteractiveShell"),
    ("IPython.core.compilerop", "CachingCompiler"),
    ("IPython.core.inputtransformer2", "TransformerManager"),
    ("IPython.core.events", "EventManager"),
    ("studyhall_notebooks.driven.kernel", "Checks"),
    ("studyhall_notebooks.driven.kernel", "Statement"),
    ("studyhall_judge.sandbox.shell", "JudgeCompiler"),
    ("studyhall_judge.sandbox.shell", "JudgeShell"),
    ("studyhall_judge.sandbox.shell", "CapturingHook"),
    ("studyhall_judge.sandbox.shell", "CapturingPublisher"),
    ("studyhall_judge.sandbox.shell", "OutputStream"),
    ("studyhall_judge.sandbox.shell", "Outputs"),
)

TABLES = (
    ("copy", "_deepcopy_dispatch"),
    ("copy", "_copy_dispatch"),
    ("copyreg", "dispatch_table"),
)
"""Dictionaries in which a library looks up what to do: what stood there is to stay, more may be added."""

OBJECTS = (
    *(
        ("json", "_default_encoder"),
        ("json", "_default_decoder"),
        ("random", "_inst"),
        ("secrets", "_sysrand"),
    ),
    *(("calendar", "c"), ("unittest", "defaultTestLoader")),
)
"""Objects that a module's functions use: an attribute of their own would come before their class's."""

WITH = {"numpy": ("numpy.testing", "numpy.linalg"), "pandas": ("pandas.testing", "pandas._testing")}
"""Imported beside a preloaded library: what a learner's code could otherwise be the first to import, and patch."""

PRELOADED = (
    *_LEANED_ON,
    "math",
    "cmath",
    "operator",
    "statistics",
    "fractions",
    "decimal",
    "unittest",
    "doctest",
    "numbers",
    "unittest.mock",
    "studyhall_notebooks.driven",
)
"""Imported before the snapshot, so that what tests usually import is watched from the start, and there at all: a test
that uses `check` beside asserts runs inside."""

COUNTS_CHANGES = sys.implementation.name == "cpython" and (3, 11) <= sys.version_info[:2] <= (3, 12)
"""Whether the interpreter counts in a dictionary how often it was changed."""

_MISSING = object()


def fill_tables() -> None:
    """Have modules make now what they else make when they are first asked for it, and would have changed by that."""
    base64.a85encode(b"")
    base64.b85encode(b"")
    base64.b85decode(b"")
    collections.Counter("a").most_common(1)
    zipfile._ZipDecrypter(b"")  # type: ignore[attr-defined]  # noqa: SLF001 - the only way to its table


def version_of(namespace: Any) -> Word | None:
    """Return a dictionary's version, which every change to it raises; None where there is none.

    Comparing names would touch every object that a module holds, and each first touch after a fork copies a page of
    memory. Where changes are counted, that is not needed.
    """
    if not COUNTS_CHANGES:
        return None
    if type(namespace) is not dict:  # a class shows its dictionary through a proxy
        found = _dictionaries(namespace)
        if not found:
            return None
        namespace = found[0]
    return word_at(id(namespace) + _VERSION_OFFSET)


def _dictionaries(proxy: Any) -> list[dict[str, Any]]:
    """Return what a class's proxy stands for."""
    return [one for one in gc.get_referents(proxy, OURS) if type(one) is dict]


_modified: Any = ctypes.pythonapi.PyType_Modified
"""Has the interpreter look a class's methods up anew."""
_modified.argtypes, _modified.restype = [ctypes.py_object], None


_VERSION_OFFSET = 24
"""Bytes from a dictionary's start to its version: after reference count, type and number of items."""


_ALL: tuple[type, ...] = (object,)


class Record:
    """One namespace as it was: a module's or a class's. Of values only those of the types ``kept`` are compared.

    Names that are among ``but`` may change.
    """

    __slots__ = (
        *("_beneath", "_but", "_kept", "_keys", "_rewritten", "_size", "_size_then"),
        *("_there", "_values"),
        *("count", "name", "namespace", "owner", "version"),
    )

    def __init__(
        self,
        name: str,
        owner: Any,
        namespace: Any,
        kept: tuple[type, ...] = _ALL,
        but: frozenset[str] = frozenset(),
    ) -> None:
        self.name = name
        self.owner = owner
        self.namespace = namespace
        self._kept = kept
        self._rewritten = _REWRITES_ITSELF.get(name, frozenset())
        self._but = _RESTLESS | but if but else _RESTLESS
        self.count = version_of(namespace)
        self.version = -1
        """The namespace's version when it was looked at last."""
        self._size_then = -1
        self._beneath: frozenset[str] | None = None
        self.take()

    def take(self) -> None:
        """Remember the namespace as it is now."""
        kept = {
            key: value
            for key, value in self.namespace.items()
            if key not in self._but and key not in self._rewritten and isinstance(value, self._kept)
        }
        self._keys = tuple(kept)
        self._there = self._keys if self._compares_all else tuple(self.namespace)
        self._values = tuple(kept.values())
        self._size = len(self.namespace)
        self.settle()

    def note_beneath(self) -> None:
        """Remember what a class's bases have: what a library adds to both alike hides nothing that anybody knew."""
        self._beneath = frozenset(key for base in type.mro(self.owner)[1:] for key in vars(base))

    @property
    def _compares_all(self) -> bool:
        return self._kept is _ALL and self._but is _RESTLESS

    def settle(self) -> None:
        """Take the namespace's present version as one that was looked at."""
        if self.count is not None:
            self._size_then = len(self.namespace)
            self.version = self.count.value

    def is_unchanged(self) -> bool:
        """Whether nobody has written to the namespace since it was last looked at; False where that is not known."""
        return self.count is not None and self.count.value == self.version

    def was_put_back(self) -> bool:
        """Whether somebody has written to the namespace, and everything in it is what it was: a patch undone.

        An added name that the interpreter or an import has left there may be all that was written.
        """
        if self.count is None or self.is_unchanged():
            return False
        if len(self.namespace) != self._size_then or not self._compares_all:
            return False
        if self._rewritten or "_" in self.namespace:
            return False
        return self.is_intact()

    def is_intact(self) -> bool:
        """Whether every name is still what it was. Fast: runs before and after every test."""
        return all(map(is_, map(self.namespace.get, self._keys), self._values))

    def put(self, name: str, value: Any) -> None:
        """Put back what a name stood for."""
        if not isinstance(self.owner, type):
            self.namespace[name] = value
            return
        try:
            type.__setattr__(self.owner, name, value)
        except TypeError:  # a class written in C: whoever has changed it has got at its dictionary
            for space in _dictionaries(self.namespace):
                space[name] = value
            _modified(self.owner)

    def remove(self, name: str) -> None:
        """Take away a name that was not there."""
        if not isinstance(self.owner, type):
            self.namespace.pop(name, None)
            return
        try:
            type.__delattr__(self.owner, name)
        except TypeError:
            for space in _dictionaries(self.namespace):
                space.pop(name, None)
            _modified(self.owner)

    def changes(self) -> Iterator[tuple[str, Any]]:
        """Yield (name, former value) of everything that is no longer what it was."""
        get = self.namespace.get
        for key, value in zip(self._keys, self._values, strict=True):
            if get(key, _MISSING) is not value:
                yield key, value

    def was(self, name: str) -> Any:
        """Return what a name stood for; the record itself where that is not kept."""
        return self._values[self._keys.index(name)] if name in self._keys else self

    def overriding(self) -> list[str]:
        """Return added names that hide something: a builtin from a module's functions, a base class's method."""
        if isinstance(self.owner, type):
            if len(self.namespace) <= self._size:
                return []
            known = set(self._there) | _RESTLESS
            added = [key for key in self.namespace if key not in known]
            if self._beneath is not None:
                return [key for key in added if key in self._beneath]
            bases = type.mro(self.owner)[1:]
            return [key for key in added if any(key in vars(base) for base in bases)]
        if type(self.owner) is type(sys) and self.owner is not builtins:
            known, own = set(self._there), self.namespace
            return [
                key
                for key, builtin in BUILTIN_NAMES.items()
                if key not in known and own.get(key, builtin) is not builtin
            ]
        if not isinstance(self.owner, ModuleType | dict):
            return [key for key in self.namespace if key not in self._keys and hasattr(type(self.owner), key)]
        return []


class Records:
    """Records in their order, and which of them have been written to."""

    def __init__(self) -> None:
        self._records: list[Record] = []
        self._words: list[Word] = []
        self._versions: list[int] = []
        """Of each record, as `Record.version`."""

    def __iter__(self) -> Iterator[Record]:
        return iter(self._records)

    def add(self, records: list[Record]) -> None:
        """Keep these, too."""
        self._records += records
        self._words += [NOT_COUNTED if record.count is None else record.count for record in records]
        self._versions += [record.version for record in records]

    def written_to(self) -> Iterator[Record]:
        """Yield those that somebody has written to since they were looked at last, and those where it is not known."""
        now = values_of(self._words)
        if now == self._versions:
            return
        for index, record in enumerate(self._records):
            if now[index] != self._versions[index]:
                yield record
                self._versions[index] = record.version


NOT_COUNTED = Word(0)
"""Stands for the version of a dictionary that has none: it differs from every number that is noted."""

_RESTLESS = frozenset(
    {"_", "__warningregistry__", "__annotations__", "__abstractmethods__", "_abc_impl", "__doc__"}
    | {"gauss_next", "_firstweekday"}  # what random and calendar remember
    | {"displayhook", "excepthook", "unraisablehook", "breakpointhook"}  # for anybody to set, as are:
    | {"_loggerClass", "_logRecordFactory"}
)
"""Names that change without anybody patching anything."""

_REWRITES_ITSELF = {
    "shutil": frozenset({"_USE_CP_SENDFILE"}),
    "time": frozenset({"altzone", "daylight", "timezone", "tzname"}),
    "uuid": frozenset({"_last_timestamp", "_node"}),
}
"""What modules note for themselves: `uuid` and `shutil` what they have found out, `time` the zone that it is in."""

BUILTIN_NAMES = {name: value for name, value in vars(builtins).items() if not name.startswith("_")}


def take_records(known: frozenset[str] = frozenset()) -> list[Record]:
    """Remember every watched namespace that is loaded now, but for those whose names are ``known``."""
    records = []
    for name in MODULES:
        module = sys.modules.get(name)
        if module is not None and name not in known:
            records.append(Record(name, module, vars(module)))
    for name, part in CLASSES:
        owner = getattr(sys.modules.get(name), part, None)
        if isinstance(owner, type) and f"{name}.{part}" not in known:
            records.append(Record(f"{name}.{part}", owner, vars(owner)))
            records[-1].note_beneath()
    for name, part in (*TABLES, *OBJECTS):
        found = getattr(sys.modules.get(name), part, None)
        if found is not None and f"{name}.{part}" not in known:
            records.append(Record(f"{name}.{part}", found, found if type(found) is dict else vars(found)))
    return records
