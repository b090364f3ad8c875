"""Which parts of the interpreter and its libraries a test relies on, and so must be as they were.

Modules are compared name by name, classes too. A name that is added is of no interest, unless it hides a builtin from
the module's own functions.
"""

from __future__ import annotations

import builtins
import ctypes
import gc
import re
import sys
from collections.abc import Callable, Iterator
from operator import is_
from types import ModuleType
from typing import Any

from studyhall_judge.sandbox.questions import OURS

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

_MISSING = object()


def version_reader(namespace: Any) -> Callable[[], int] | None:
    """Return a function that reads a dictionary's version, which every change to it raises; None where there is none.

    Comparing names would touch every object that a module holds, and each first touch after a fork copies a page of
    memory. CPython 3.11 and 3.12 count changes in the dictionary itself.
    """
    if sys.implementation.name != "cpython" or not (3, 11) <= sys.version_info[:2] <= (3, 12):
        return None
    if type(namespace) is not dict:  # a class shows its dictionary through a proxy
        found = _dictionaries(namespace)
        if not found:
            return None
        namespace = found[0]
    version = _Version.from_address(id(namespace) + _VERSION_OFFSET)
    return lambda: version.value


def _dictionaries(proxy: Any) -> list[dict[str, Any]]:
    """Return what a class's proxy stands for."""
    return [one for one in gc.get_referents(proxy, OURS) if type(one) is dict]


_modified: Any = ctypes.pythonapi.PyType_Modified
"""Has the interpreter look a class's methods up anew."""
_modified.argtypes, _modified.restype = [ctypes.py_object], None


class _Version(ctypes.c_uint64):
    """A number in memory that is read where it lies. A class of our own: the public one can be patched."""


_VERSION_OFFSET = 24
"""Bytes from a dictionary's start to its version: after reference count, type and number of items."""


_ALL: tuple[type, ...] = (object,)


class Record:
    """One namespace as it was: a module's or a class's. Of values only those of the types ``kept`` are compared.

    Names that are among ``but`` may change.
    """

    __slots__ = (
        *("_but", "_kept", "_keys", "_read_version", "_size", "_size_then", "_there", "_values", "_version"),
        *("name", "namespace", "owner"),
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
        self._but = _RESTLESS | but if but else _RESTLESS
        self._read_version = version_reader(namespace)
        self._version = -1
        self._size_then = -1
        self.take()

    def take(self) -> None:
        """Remember the namespace as it is now."""
        kept = {
            key: value
            for key, value in self.namespace.items()
            if key not in self._but and isinstance(value, self._kept)
        }
        self._keys = tuple(kept)
        self._there = self._keys if self._compares_all else tuple(self.namespace)
        self._values = tuple(kept.values())
        self._size = len(self.namespace)
        self.settle()

    @property
    def _compares_all(self) -> bool:
        return self._kept is _ALL and self._but is _RESTLESS

    def settle(self) -> None:
        """Take the namespace's present version as one that was looked at."""
        if self._read_version is not None:
            self._size_then = len(self.namespace)
            self._version = self._read_version()

    def is_unchanged(self) -> bool:
        """Whether nobody has written to the namespace since it was last looked at; False where that is not known."""
        return self._read_version is not None and self._read_version() == self._version

    def was_put_back(self) -> bool:
        """Whether somebody has written to the namespace, and everything in it is what it was: a patch undone.

        An added name that the interpreter or an import has left there may be all that was written.
        """
        if self._read_version is None or self.is_unchanged():
            return False
        if len(self.namespace) != self._size_then or not self._compares_all:
            return False
        if self.name in _REWRITES_ITSELF or "_" in self.namespace:
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

    def overriding(self) -> list[str]:
        """Return added names that hide something: a builtin from a module's functions, a base class's method."""
        if isinstance(self.owner, type):
            if len(self.namespace) <= self._size:
                return []
            known = set(self._there) | _RESTLESS
            bases = type.mro(self.owner)[1:]
            added = [key for key in self.namespace if key not in known]
            return [key for key in added if any(key in vars(base) for base in bases)]
        if type(self.owner) is type(sys) and self.owner is not builtins:
            known = set(self._there)
            return [key for key in _BUILTIN_NAMES if key not in known and key in self.namespace]
        if not isinstance(self.owner, ModuleType | dict):
            return [key for key in self.namespace if key not in self._keys and hasattr(type(self.owner), key)]
        return []


_RESTLESS = frozenset(
    {"_", "__warningregistry__", "__annotations__", "__abstractmethods__", "_abc_impl", "__doc__"}
    | {"_node", "_last_timestamp", "_USE_CP_SENDFILE"}  # what uuid and shutil have found out
    | {"_backend_mod", "gauss_next", "_firstweekday"}  # what pyplot, random and calendar remember
    | {"displayhook", "excepthook", "unraisablehook", "breakpointhook"}  # for anybody to set, as are:
    | {"showwarning", "formatwarning", "_loggerClass", "_logRecordFactory"}
)
"""Names that change without anybody patching anything."""

_REWRITES_ITSELF = frozenset({"time"})
"""Modules that the interpreter writes to without changing anything: `time` sets its time zone anew for each date."""


def is_librarys_own(record: Record, name: str) -> bool:
    """Whether a library has itself put there what a name stands for now: `doctest` keeps its last runner.

    One with methods of its own would be asked to add up the next runner's failures.
    """
    if record.name != "doctest" or name != "master":
        return False
    runner, kind = record.namespace.get(name), record.namespace.get("DocTestRunner")
    if type(runner) is not kind:
        return False
    own = vars(runner)
    counts = own.get("_name2ft", own.get("_stats"))
    return type(counts) is dict and not any(hasattr(kind, attribute) for attribute in own)


_BUILTIN_NAMES = tuple(name for name in vars(builtins) if not name.startswith("_"))


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
    for name, part in (*TABLES, *OBJECTS):
        found = getattr(sys.modules.get(name), part, None)
        if found is not None and f"{name}.{part}" not in known:
            records.append(Record(f"{name}.{part}", found, found if type(found) is dict else vars(found)))
    return records


def pattern_caches() -> list[Record]:
    """Remember the caches in which `re` looks for a pattern before it makes it."""
    caches = {name: getattr(_re, name, None) for name in ("_cache", "_cache2")}
    return [Record(f"re.{name}", cache, cache) for name, cache in caches.items() if type(cache) is dict]


def forget_false_patterns(caches: list[Record]) -> list[str]:
    """Take patterns out of the caches of `re` that are not what they stand for there; returns those, in words."""
    found = []
    for record in caches:
        if record.is_unchanged():
            continue
        cache = record.namespace
        wrong = [key for key, value in cache.items() if not _is_of(value, key)]
        found += [record.name for key in wrong if cache.pop(key, None) is not None]
        record.settle()
    return found


def _is_of(pattern: Any, key: Any) -> bool:
    if type(pattern) is not re.Pattern or type(key) is not tuple:
        return False
    flags = next((one for one in reversed(key) if isinstance(one, int)), 0)
    return any(one is pattern.pattern for one in key) and not flags & ~pattern.flags


_re: Any = re
