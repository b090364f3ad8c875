"""Which classes a test may believe when their objects are compared.

Trusted are those that were there before any student code ran, and those of installed libraries. Of the learner's own
classes those that the exercise asks for are exempt, since comparing them is the point of the test; any other one that
has a say about comparisons is forged.
"""

from __future__ import annotations

import datetime as dt
import sys
import warnings
from collections.abc import Callable
from decimal import Decimal
from numbers import Number
from types import (
    BuiltinMethodType,
    ClassMethodDescriptorType,
    FunctionType,
    GetSetDescriptorType,
    MappingProxyType,
    MemberDescriptorType,
    MethodDescriptorType,
    WrapperDescriptorType,
)
from typing import Any

from studyhall_judge.sandbox.metaclasses import Metaclasses, Unnameable

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

_CALCULATIONS = frozenset(f"__{name}__" for name in ("abs", "neg", "pos", "float", *_ARITHMETIC)) | frozenset(
    f"__r{name}__" for name in _ARITHMETIC
)
"""What of that decides nothing about a tuple, which is no number."""

ORDERING = _FORGEABLE - _CALCULATIONS
"""What of that decides where a test compares or orders, and calculates nothing."""

EQUALING = ORDERING - {"__lt__", "__le__", "__gt__", "__ge__"}
"""What of that decides where it asks only whether two are equal."""

_FORGEABLE_BY_OBJECTS = _FORGEABLE - {"__len__", "__iter__", "__next__", "__getitem__"}
"""The same for objects that are no subclass of a plain type: being a container decides nothing by itself."""

_DECIDING = frozenset({"__eq__", "__ne__", "__getattribute__", "__class__"})
"""What decides whether an object of a class below the one that a test is about is equal to something."""

_COMPARING = frozenset({"__eq__", "__lt__", "__add__", "__sub__", "__float__"})
"""One of these has a class whose objects compare, or count, by what they hold."""

_VALUES: tuple[type, ...] = (int, float, complex, str, bytes)
"""Plain types whose methods all answer for the value."""

_HARMLESS = frozenset(
    f"__{name}__"
    for name in (
        *(
            "new",
            "init",
            "init_subclass",
            "repr",
            "str",
            "format",
            "doc",
            "hash",
            "module",
            "dict",
            "weakref",
            "slots",
        ),
        *("setattr", "delattr", "dir", "sizeof", "reduce", "reduce_ex", "getnewargs", "class_getitem"),
    )
)
"""What a subclass of these may define without being asked about the value."""

_ALWAYS_FORGED = ("unittest.mock", "_weakref", "weakref", "_pytest", "dirty_equals", "hamcrest", "test")
"""Modules and packages whose trusted types answer comparisons in another object's name, or equal many values."""

_COMPARE_PLAINLY = frozenset({"_Call", "_CallList", "_SentinelObject"})
"""Types of these that compare as the tuples and lists that they are, or by who they are."""

_OF_CLASSES = frozenset(
    {WrapperDescriptorType, MethodDescriptorType, ClassMethodDescriptorType, GetSetDescriptorType}
    | {MemberDescriptorType, BuiltinMethodType, property}
)
"""What stands in the namespaces of classes that are written in C."""

_WRITTEN_IN_PYTHON, _COLLECTED = 1 << 9, 1 << 14
"""Flags of classes: that somebody has made while Python ran, and whose objects the collector follows into others."""

_DELEGATES = frozenset({"UserDict", "UserList", "UserString", "weakproxy", "weakcallableproxy", "ProxyType"})


def all_types() -> frozenset[type]:
    """Return every class that exists now, before any student code has run."""
    seen: dict[int, type] = {id(object): object}
    waiting: list[type] = [object]
    while waiting:
        kind = waiting.pop()
        children: list[type] = type.__subclasses__(kind)
        for child in children:
            if id(child) not in seen:
                seen[id(child)] = child
                waiting.append(child)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # one of `typing` warns when it is compared
        return frozenset(seen.values())


class Kinds:
    """Tells forged classes from honest ones. ``prefixes`` are the folders of trusted code."""

    def __init__(self, trusted: frozenset[type], prefixes: tuple[str, ...]) -> None:
        self._trusted = trusted
        self.metaclasses = Metaclasses(trusted, self._is_librarys_word)
        self._prefixes = prefixes
        self._exempt: frozenset[str] = frozenset()
        self._bound: Callable[[str], Any]
        self._tests: set[type] = set()
        """Classes that tests of the notebook have defined."""
        self.lessons: set[type] = set()
        """Classes that locked cells have defined: what they compare by was written by the author, not what is in it."""
        self._known: dict[type, bool] = {}
        self._comparing: dict[type, bool] = {}
        self._strangers: dict[type, list[type]] = {}

    def start(self, exempt: frozenset[str], bound: Callable[[str], Any]) -> None:
        """Begin a test.

        Args:
            exempt: the names of the classes that it is about.
            bound: returns what a name stands for at the moment.
        """
        self._exempt = exempt
        self._bound = bound
        self._known = {}
        self._comparing = {}
        self._strangers = {}

    def is_forged(self, kind: type) -> bool:
        """Whether comparisons of a class's objects are not to be believed."""
        kind = self.metaclasses.nameable(kind)
        known = self._known.get(kind)
        if known is None:
            known = self._known[kind] = kind is Unnameable or self._find_out(kind)
        return known

    def compares(self, kind: type) -> bool:
        """Whether a library or the lesson has objects of the class compare by what they hold."""
        kind = self.metaclasses.nameable(kind)
        known = self._comparing.get(kind)
        if known is None:
            lessons = kind in self.lessons
            authors = [one for one in mro_of(kind)[:-1] if lessons or self._is_trusted(one)]
            known = (lessons or not self.is_exempt(kind)) and any(
                _COMPARING & set(namespace_of(one)) for one in authors
            )
            self._comparing[kind] = known
        return known

    def strangers(self, kind: type) -> list[type]:
        """Return which of a class and its bases are the learner's own."""
        kind = self.metaclasses.nameable(kind)
        if kind in self._trusted:
            return []
        known = self._strangers.get(kind)
        if known is None:
            known = self._strangers[kind] = [one for one in mro_of(kind) if not self._is_trusted(one)]
        return known

    def is_container(self, kind: type) -> bool:
        """Whether a class is the learner's own, not what the test is about, and hands out elements."""
        if kind in self._trusted:
            return False
        own = self.strangers(kind)
        hands_out = any({"__getitem__", "__iter__"} & set(namespace_of(one)) for one in own)
        return hands_out and not self.is_exempt(kind)

    def is_exempt(self, kind: type) -> bool:
        """Whether a class is one that the test is about, or defines itself: another one of that name is not."""
        return any(one in self._tests or self.is_meant(one) for one in self.strangers(kind))

    def is_meant(self, kind: type) -> bool:
        """Whether the test means this very class: by its name, or what stands for it there makes objects of it."""
        name = name_of(kind)
        if name not in self._exempt:
            return False
        found = self._bound(name)
        if found is kind or found is None:
            return True
        return callable(found) and not issubclass(type(found), type)

    def define(self, kind: type) -> None:
        """Take a class as the running test's own."""
        if self.metaclasses.nameable(kind) is kind:
            self._tests.add(kind)

    def librarys(self, kind: type) -> type:
        """Return the class itself or the first of its bases that is a library's."""
        return next(one for one in mro_of(kind) if self._is_trusted(one))

    def compares_itself(self, kind: type) -> bool:
        """Whether a class of the learner's says itself what its objects are equal to."""
        return any("__eq__" in namespace_of(one) for one in self.strangers(kind))

    def is_record(self, kind: type) -> bool:
        """Whether a class of the learner's is a named tuple's."""
        return issubclass(kind, tuple) and any("_fields" in namespace_of(one) for one in mro_of(kind))

    def decides(self, kind: type, asked: frozenset[str]) -> bool:
        """Whether a class of the learner's says something itself of what is asked."""
        return type(kind) not in self._trusted or any(
            self._own_words(one, asked) for one in self.strangers(kind)
        )

    def is_number(self, kind: type) -> bool:
        """Whether objects of a class are numbers, which a library may calculate with."""
        return issubclass(kind, Number) or issubclass(kind, (dt.date, dt.timedelta))

    def inherits(self, kind: type, base: type) -> bool:
        """Whether a class has another one among its bases, whatever the other one says."""
        return base in mro_of(kind)

    def answers_itself(self, kind: type, librarys: type) -> bool:
        """Whether a class of the learner's has public methods or attributes in the place of its library's base."""
        names = {name for one in self.strangers(kind) for name in namespace_of(one)}
        return any(hasattr(librarys, name) for name in names if not name.startswith("_"))

    def _is_trusted(self, kind: type) -> bool:
        return kind in self._trusted or self._is_librarys(kind)

    def _find_out(self, kind: type) -> bool:
        if kind in self._trusted:
            return _answers_for_others(kind) or kind.__name__ in _DELEGATES
        strangers = self.strangers(kind)
        if not strangers:
            return _answers_for_others(kind)
        strangers = [one for one in strangers if one not in self._tests and not self.is_meant(one)]
        if not strangers:
            return False
        if self.is_exempt(kind) and not issubclass(kind, Number):
            # A class of the learner's below one that the test is about: what it says of comparisons itself is its own.
            return any(_DECIDING & set(namespace_of(one)) for one in strangers)
        if issubclass(kind, Number) and Number not in mro_of(kind) and not issubclass(kind, _VALUES):
            return True  # a number by its own word only: a library's numbers would ask it for its parts
        plain = issubclass(kind, _PLAIN)
        forgeable = _FORGEABLE if plain else _FORGEABLE_BY_OBJECTS
        for base in _VALUES:
            if issubclass(kind, base):
                forgeable |= frozenset(namespace_of(base)) - _HARMLESS
        stranger_metaclass = type(kind) not in self._trusted and bool(
            forgeable & set(namespace_of(type(kind)))
        )
        return stranger_metaclass or any(self._own_words(one, forgeable) for one in strangers)

    def _own_words(self, kind: type, names: frozenset[str]) -> bool:
        """Whether a class says something itself under one of ``names``: enumerations copy some from their library."""
        own = namespace_of(kind)
        bases = [namespace_of(one) for one in mro_of(kind) if self._is_trusted(one)]
        return any(all(base.get(name) is not own[name] for base in bases) for name in names & set(own))

    def _is_librarys_word(self, kind: type, word: Any) -> bool:
        written = type(word) is FunctionType and _code_of(word).co_filename.startswith(self._prefixes)
        return (written or type(word) in _OF_CLASSES) and self._is_librarys(kind)

    def _is_librarys(self, kind: type) -> bool:
        """Whether a class that came later belongs to an installed library, under its own name."""
        name = str(namespace_of(kind).get("__module__"))
        module = sys.modules.get(name)
        path = getattr(getattr(module, "__spec__", None), "origin", None)
        if type(path) is not str or not path.startswith(self._prefixes):
            return False
        package = _package_of(path, name)
        if not all(_is_written_in(package, value) for value in _deciding(kind)):
            return False  # put there by somebody else
        found: Any = module
        for part in _qualified_name(kind).split("."):
            found = getattr(found, part, None)
        return found is kind


def holds_nothing(kind: type) -> bool:
    """Whether a class is written in C, and its objects lead to no others.

    From Python 3.13 on that of decimal numbers looks as if they did.
    """
    return kind is Decimal or not _flags_of(kind) & (_WRITTEN_IN_PYTHON | _COLLECTED)


def _deciding(kind: type) -> list[Any]:
    """Return what a class itself says of comparisons."""
    own = namespace_of(kind)
    return [own[name] for name in _FORGEABLE_BY_OBJECTS & set(own)]


def _package_of(path: str, name: str) -> str:
    """Return the folder of a module's outermost package, or the file of one that is in none.

    What decorates a method may stand in another module of the package, as in sympy.
    """
    above = name.count(".") + path.endswith("/__init__.py")
    for _ in range(above):
        path = path.rpartition("/")[0]
    return f"{path}/" if above else path


def _is_written_in(place: str, value: Any) -> bool:
    """Whether a method comes from a file or folder, or from C as an interpreter makes it for a class."""
    if type(value) is FunctionType:
        return bool(_code_of(value).co_filename.startswith(place))
    return type(value) in _OF_CLASSES or value is None


def _answers_for_others(kind: type) -> bool:
    module = kind.__module__
    return (
        module in _ALWAYS_FORGED or module.partition(".")[0] in _ALWAYS_FORGED
    ) and kind.__name__ not in _COMPARE_PLAINLY


# A class of the learner's may have a metaclass that answers for it: these ask the interpreter's own record.
_code_of: Callable[[Any], Any] = FunctionType.__dict__["__code__"].__get__
name_of: Callable[[type], str] = type.__dict__["__name__"].__get__
_qualified_name: Callable[[type], str] = type.__dict__["__qualname__"].__get__
mro_of: Callable[[type], tuple[type, ...]] = type.__dict__["__mro__"].__get__
_flags_of: Callable[[type], int] = type.__dict__["__flags__"].__get__
namespace_of: Callable[[type], MappingProxyType[str, Any]] = type.__dict__["__dict__"].__get__
