"""The guard that a test's comparisons look through: values with forged comparisons are seen for what they are.

Threat: a learner's function returns an object whose ``__eq__`` says yes to everything, or a subclass of ``int`` with
such an ``__eq__``, or hides one in a list. The compiled test (see :mod:`studyhall_judge.sandbox.compiler`) hands every
operand to `Guard.see`, which returns trusted types as they are, subclasses of plain types as the plain value, and any
other object with comparisons of its own as a `View` that is equal to nothing. Classes that the exercise itself asks for
are exempt: comparing them is the point of the test.
"""

from __future__ import annotations

import builtins
import collections
import gc
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from types import (
    BuiltinFunctionType,
    FunctionType,
    GeneratorType,
    MappingProxyType,
    MethodType,
    ModuleType,
    NoneType,
    NotImplementedType,
)
from typing import Any

from studyhall_judge.sandbox.placeholders import BUILTIN, OWN

MAX_SCANNED = 200_000
"""Elements of a container that are looked at; a comparison of more is left as it is."""

MAX_DEPTH = 50

_ATOMS: frozenset[type] = frozenset(
    {
        int,
        float,
        complex,
        bool,
        str,
        bytes,
        bytearray,
        NoneType,
        NotImplementedType,
        type(...),
        range,
        slice,
        FunctionType,
        BuiltinFunctionType,
        MethodType,
        ModuleType,
        GeneratorType,
        type,
    }
)
_SEQUENCES: frozenset[type] = frozenset({list, tuple, set, frozenset, collections.deque})
_MAPPINGS: frozenset[type] = frozenset(
    {dict, collections.OrderedDict, collections.defaultdict, collections.Counter}
)
_PLAIN: tuple[type, ...] = (bool, int, float, complex, str, bytes, list, tuple, dict, set, frozenset)

_ARITHMETIC = (
    "add",
    "sub",
    "mul",
    "truediv",
    "floordiv",
    "mod",
    "pow",
    "matmul",
    "divmod",
    "and",
    "or",
    "xor",
)
_FORGEABLE = frozenset(
    f"__{name}__"
    for name in (
        *("eq", "ne", "lt", "le", "gt", "ge", "bool", "contains", "len", "class", "getattribute"),
        *(
            "int",
            "float",
            "complex",
            "index",
            "round",
            "trunc",
            "floor",
            "ceil",
            "abs",
            "neg",
            "pos",
            "invert",
        ),
        *("array", "array_ufunc", "array_function", "array_wrap", "array_priority"),
        *("instancecheck", "subclasscheck", "iter", "next", "getitem"),
        *_ARITHMETIC,
        *(f"r{name}" for name in _ARITHMETIC),
    )
)
"""What a class of the learner's may not decide about a test's operand."""

_FORGEABLE_BY_OBJECTS = _FORGEABLE - {"__len__", "__iter__", "__next__", "__getitem__"}
"""The same for objects that are no subclass of a plain type: being a container decides nothing by itself."""

_ALWAYS_FORGED = ("unittest.mock", "_weakref", "weakref", "_pytest", "dirty_equals", "hamcrest")
"""Modules and packages whose trusted types answer comparisons in another object's name, or equal many values."""

_COMPARE_PLAINLY = frozenset({"_Call", "_CallList"})
"""Types of these that compare as the tuples and lists that they are: what a mock was called with."""


def all_types() -> frozenset[type]:
    """Return every class that exists now, before any student code has run."""
    seen: set[type] = {object}
    waiting: list[type] = [object]
    while waiting:
        kind = waiting.pop()
        children: list[type] = type.__subclasses__(kind)
        for child in children:
            if child not in seen:
                seen.add(child)
                waiting.append(child)
    return frozenset(seen)


class Guard:
    """What compiled tests call. ``on_forged`` is told once per forged class."""

    def __init__(
        self, trusted: frozenset[type], prefixes: tuple[str, ...], on_forged: Callable[[str], None]
    ) -> None:
        self._trusted = trusted
        self._prefixes = prefixes
        self._on_forged = on_forged
        self._exempt: frozenset[str] = frozenset()
        self._kinds: dict[type, bool] = {}
        self._told: set[str] = set()
        self._big: dict[int, int] = {}
        self._made: list[Any] = []
        self._namespace: dict[str, Any] = {}
        for name, value in vars(builtins).items():
            setattr(self, BUILTIN + name, value)

    def start(
        self,
        exempt: frozenset[str],
        namespace: dict[str, Any] | None = None,
        own: dict[str, Any] | None = None,
    ) -> None:
        """Begin a test.

        Args:
            exempt: names of the classes that it is about.
            namespace: where it runs.
            own: what names stand for that it reads from here, from the start.
        """
        self._exempt = exempt
        self._kinds = {}
        self._big = {}
        self._made = []
        self._namespace = namespace or {}
        attributes = vars(self)
        for name in [name for name in attributes if name.startswith(OWN)]:
            del attributes[name]
        for name, value in (own or {}).items():
            attributes[OWN + name] = value

    def __getattr__(self, name: str) -> Any:
        """Return a name of the test's own that it has not bound here: as Python would look it up.

        Raises:
            NameError: as for any name that does not exist.
        """
        plain = name.removeprefix(OWN)
        if plain == name:
            raise AttributeError(name)
        if plain in self._namespace:
            return self._namespace[plain]
        found = vars(self).get(BUILTIN + plain, self)
        if found is self:
            raise NameError(f"name '{plain}' is not defined", name=plain)
        return found

    def own(self, name: str) -> Any:
        """Return what the test has bound one of its own names to; the guard itself where it has not."""
        return vars(self).get(OWN + name, self)

    def made(self, value: Any) -> Any:
        """Return a value that the test itself has made to compare with; it is believed from now on."""
        self._made.append(value)
        return value

    def see(self, value: Any) -> Any:
        """Return what a test may compare in place of ``value``."""
        kind = type(value)
        if kind in _ATOMS:
            return value
        if kind in _SEQUENCES:
            return self._see_sequence(value, kind, 0)
        return self._see(value, kind, 0)

    def _see(self, value: Any, kind: type, depth: int) -> Any:
        if kind in _ATOMS or depth > MAX_DEPTH:
            return value
        if kind in _SEQUENCES:
            return self._see_sequence(value, kind, depth)
        if kind in _MAPPINGS:
            return self._see_mapping(value, kind, depth)
        if kind is MappingProxyType:
            return self._see_proxy(value, depth)
        if not self._is_forged(kind) or any(value is one for one in self._made):
            return self._see_array(value, kind, depth)
        return self._unmask(value, kind, depth)

    def _see_sequence(self, value: Any, kind: type, depth: int) -> Any:
        size = len(value)
        if size > MAX_SCANNED or (size > 1000 and self._big.get(id(value)) == size):
            return value
        if size > 1000:
            self._big[id(value)] = size
        kinds = set(map(type, value))
        if kinds <= _ATOMS:
            return value
        seen = [self._see(item, type(item), depth + 1) for item in value]
        if all(map(_is, seen, value)):
            return value
        if kind is collections.deque:
            return collections.deque(seen)
        return kind(seen)

    def _see_mapping(self, value: Any, kind: type, depth: int) -> Any:
        if len(value) > MAX_SCANNED or value is self._namespace:
            return value
        items = list(dict.items(value))
        seen = [(self._see(k, type(k), depth + 1), self._see(v, type(v), depth + 1)) for k, v in items]
        same = all(a is c and b is d for (a, b), (c, d) in zip(items, seen, strict=True))
        return value if same else (dict(seen) if kind is not collections.OrderedDict else kind(seen))

    def _see_proxy(self, value: Any, depth: int) -> Any:
        """A proxy compares as what it stands for."""
        (inner,) = _referents(value)
        seen = self._see(inner, type(inner), depth + 1)
        return value if seen is inner else seen

    def _see_array(self, value: Any, kind: type, depth: int) -> Any:
        """Look into arrays and tables of objects."""
        module = kind.__module__
        if module == "numpy" and kind.__name__ == "ndarray":
            if value.dtype.hasobject and value.size <= MAX_SCANNED:
                self._scan(value.flat, depth)
        elif module.partition(".")[0] == "pandas" and kind.__name__ in ("DataFrame", "Series", "Index"):
            self._strip(value, kind)
            columns = (
                [value] if kind.__name__ != "DataFrame" else [value.iloc[:, n] for n in range(value.shape[1])]
            )
            for column in columns:
                if column.dtype == object and len(column) <= MAX_SCANNED:
                    self._scan(iter(column.array), depth)
        return value

    def _scan(self, items: Iterator[Any], depth: int) -> None:
        for item in islice(items, MAX_SCANNED):
            if self._see(item, type(item), depth + 1) is not item:
                raise TypeError("a value in a table or array compares itself in its own way")

    def _strip(self, value: Any, kind: type) -> None:
        """Remove methods that were put over a table's own."""
        own = getattr(value, "__dict__", None)
        if type(own) is not dict:
            return
        for name in [name for name in own if type(own[name]) is FunctionType and hasattr(kind, name)]:
            del own[name]
            self._tell(f"{kind.__name__}.{name}")

    # Whom to trust

    def _is_forged(self, kind: type) -> bool:
        known = self._kinds.get(kind)
        if known is None:
            known = self._kinds[kind] = self._find_out(kind)
        return known

    def _find_out(self, kind: type) -> bool:
        if kind in self._trusted:
            return _answers_for_others(kind) or kind.__name__ in _DELEGATES
        strangers = [one for one in _mro(kind) if one not in self._trusted and not self._is_librarys(one)]
        if not strangers:
            return _answers_for_others(kind)
        if any(_name(one) in self._exempt for one in strangers):
            return False
        plain = issubclass(kind, _PLAIN)
        forgeable = _FORGEABLE if plain else _FORGEABLE_BY_OBJECTS
        stranger_metaclass = type(kind) not in self._trusted and bool(forgeable & set(_namespace(type(kind))))
        return stranger_metaclass or any(forgeable & set(_namespace(one)) for one in strangers)

    def _is_librarys(self, kind: type) -> bool:
        """Whether a class that came later belongs to an installed library, under its own name."""
        module = sys.modules.get(str(_namespace(kind).get("__module__")))
        path = getattr(getattr(module, "__spec__", None), "origin", None)
        if type(path) is not str or not path.startswith(self._prefixes):
            return False
        found: Any = module
        for part in _qualified_name(kind).split("."):
            found = getattr(found, part, None)
        return found is kind

    def _tell(self, name: str) -> None:
        if name not in self._told:
            self._told.add(name)
            self._on_forged(name)

    def _unmask(self, value: Any, kind: type, depth: int) -> Any:
        self._tell(_name(kind))
        for plain, read in _READERS:
            if issubclass(kind, plain):
                found = read(value)
                return self._see(found, type(found), depth + 1)
        numpy = sys.modules.get("numpy")
        if numpy is not None and issubclass(kind, numpy.ndarray):
            return numpy.ndarray.view(value, numpy.ndarray)
        return View(value, self)


_referents = gc.get_referents
# A class of the learner's may have a metaclass that answers for it: these ask the interpreter's own record.
_name: Callable[[type], str] = type.__dict__["__name__"].__get__
_qualified_name: Callable[[type], str] = type.__dict__["__qualname__"].__get__
_mro: Callable[[type], tuple[type, ...]] = type.__dict__["__mro__"].__get__
_namespace: Callable[[type], MappingProxyType[str, Any]] = type.__dict__["__dict__"].__get__

_DELEGATES = frozenset({"UserDict", "UserList", "UserString", "weakproxy", "weakcallableproxy", "ProxyType"})

_READERS: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (int, int.__pos__),
    (float, float.__pos__),
    (complex, complex.__pos__),
    (str, str.__str__),
    (bytes, lambda value: bytes.__getitem__(value, slice(None))),
    (list, lambda value: list.__getitem__(value, slice(None))),
    (tuple, lambda value: (*tuple.__iter__(value),)),
    (dict, dict.copy),
    (set, lambda value: set(set.__iter__(value))),
    (frozenset, lambda value: frozenset(frozenset.__iter__(value))),
)
"""How to read a plain value out of a subclass without asking the subclass."""


def _answers_for_others(kind: type) -> bool:
    module = kind.__module__
    return (
        module in _ALWAYS_FORGED or module.partition(".")[0] in _ALWAYS_FORGED
    ) and kind.__name__ not in _COMPARE_PLAINLY


def _is(first: Any, second: Any) -> bool:
    return first is second


class View:
    """Stands for a learner's object whose comparisons are not to be believed: equal only to itself."""

    __slots__ = ("_guard", "_value")
    __hash__ = object.__hash__

    def __init__(self, value: Any, guard: Guard) -> None:
        object.__setattr__(self, "_value", value)
        object.__setattr__(self, "_guard", guard)

    def __getattribute__(self, name: str) -> Any:
        if name == "__class__":  # isinstance must see the real class
            return type(object.__getattribute__(self, "_value"))
        if name in ("_value", "_guard"):
            raise AttributeError(name)
        return getattr(object.__getattribute__(self, "_value"), name)

    def __eq__(self, other: object) -> bool:
        mine = object.__getattribute__(self, "_value")
        if type(other) is View:
            theirs = object.__getattribute__(other, "_value")
            # Two objects of the learner's own class: no expected value is involved that could be forged.
            return mine is theirs or (type(mine) is type(theirs) and bool(mine == theirs))
        return False

    def __ne__(self, other: object) -> bool:
        return not View.__eq__(self, other)

    def __bool__(self) -> bool:
        return True

    def __len__(self) -> int:
        return len(object.__getattribute__(self, "_value"))

    def __iter__(self) -> Iterator[Any]:
        guard = object.__getattribute__(self, "_guard")
        return (guard.see(item) for item in object.__getattribute__(self, "_value"))

    def __contains__(self, item: object) -> bool:
        return any(item is one or item == one for one in View.__iter__(self))

    def __getitem__(self, key: Any) -> Any:
        guard = object.__getattribute__(self, "_guard")
        return guard.see(object.__getattribute__(self, "_value")[key])

    def __call__(self, *arguments: Any, **named: Any) -> Any:  # noqa: D102 - stands for the learner's own
        return object.__getattribute__(self, "_value")(*arguments, **named)

    def __str__(self) -> str:
        return str(object.__getattribute__(self, "_value"))

    def __repr__(self) -> str:
        return repr(object.__getattribute__(self, "_value"))
