"""Loads the executor's modules where student code does not meet them.

Student code shares the process with the executor. It could patch a module that it can import, or a builtin that the
executor calls. So the modules below are loaded a second time, outside of ``sys.modules`` and over a copy of the
builtins: nothing reachable by import or by name leads to them, and patching ``builtins.len`` does not change theirs.

Nor does the list of all classes, `object.__subclasses__()`: what is defined here is taken out of it.

Two such worlds are made. One is the front, which lies beneath learners' cells and can be reached by walking frames. The
other is everything else, and the two share no module and no builtins.
"""

from __future__ import annotations

import builtins
import ctypes
import importlib.util
import weakref
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from studyhall_judge.sandbox.executor import Executor

_PACKAGE = "studyhall_judge.sandbox"
_FRONT = ("placeholders", "describing", "plain", "driving", "pools", "front")
_BACK = (
    "limits",
    "wire",
    "questions",
    *_FRONT,
    "assertions",
    "iteration",
    "sorts",
    "metaclasses",
    "kinds",
    "threads",
    "insides",
    "view",
    "records",
    "reading",
    "throughout",
    "looks",
    "own_names",
    "telling",
    "values",
    "words",
    "bindings",
    "watched",
    "patterns",
    "harmless",
    "surroundings",
    "heard",
    "audit",
    "lessons_own",
    "libraries",
    "locked_classes",
    "guards",
    "testcell",
    "examiner",
    "seal",
    "packing",
    "executor",
)
"""Each in the order in which they import one another."""


def load_executor() -> Executor:
    """Return a fresh executor whose code cannot be reached by import.

    Raises:
        ImportError: a module's code is not there.
    """
    front, back = _load(_FRONT), _load(_BACK)
    executor: Executor = back["executor"].Executor(front["front"].Front)
    executor.own_code = [*_namespaces(front), *_namespaces(back)]
    return executor


def _namespaces(world: dict[str, ModuleType]) -> list[Any]:
    """Return the builtins, the modules' dictionaries and the classes of one world."""
    spaces = [vars(module) for module in world.values()]
    return [
        spaces[0]["__builtins__"],
        *spaces,
        *(kind for module in world.values() for kind in _classes(module)),
    ]


def _load(modules: tuple[str, ...]) -> dict[str, ModuleType]:
    names = dict(vars(builtins))
    loaded: dict[str, ModuleType] = {}
    real_import = builtins.__import__

    def import_privately(
        name: str, outer: Any = None, inner: Any = None, fromlist: Any = (), level: int = 0
    ) -> ModuleType:
        short = name.removeprefix(f"{_PACKAGE}.")
        if short in loaded and fromlist:
            return loaded[short]
        if name == _PACKAGE and fromlist and all(part in modules for part in fromlist if part != "root"):
            package = ModuleType(name)
            for part in fromlist:
                found = loaded.get(part) or importlib.import_module(f"{_PACKAGE}.{part}")
                setattr(package, part, found)
            return package
        return real_import(name, outer, inner, fromlist, level)

    names["__import__"] = import_privately
    for short in modules:
        name = f"{_PACKAGE}.{short}"
        module = ModuleType(name)
        module.__dict__["__builtins__"] = names
        exec(_code(name), module.__dict__)  # noqa: S102 - our own module, see above
        loaded[short] = module
    for module in loaded.values():
        _unlist_classes(module)
    return loaded


_forget: Any = ctypes.pythonapi._PyWeakref_ClearRef  # noqa: SLF001 - there is no other way to clear a reference
_forget.argtypes, _forget.restype = [ctypes.py_object], None


def _unlist_classes(module: ModuleType) -> None:
    """Take a module's classes out of the lists of subclasses that their bases have.

    A class knows those that inherit from it by weak references. One that is cleared belongs to a class that is gone.
    """
    for kind in _classes(module):
        for reference in weakref.getweakrefs(kind):
            _forget(reference)


def _classes(module: ModuleType) -> list[type]:
    """Return the classes that are defined in a module."""
    values = list(vars(module).values())
    return [one for one in values if isinstance(one, type) and one.__module__ == module.__name__]


def _code(name: str) -> Any:
    spec = importlib.util.find_spec(name)
    loader = None if spec is None else spec.loader
    code = None if loader is None else loader.get_code(name)  # type: ignore[attr-defined]  # source loaders have it
    if code is None:
        raise ImportError(f"{name} has no code")
    return code
