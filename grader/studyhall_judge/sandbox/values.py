"""The guard that a test's comparisons look through: values with forged comparisons are seen for what they are.

Threat: a learner's function returns an object whose ``__eq__`` says yes to everything, or a subclass of ``int`` with
such an ``__eq__``, or hides one in a list. The compiled test (see :mod:`studyhall_judge.sandbox.compiler`) hands every
operand to `Guard.see`, which returns trusted types as they are, subclasses of plain types as the plain value, and any
other object with comparisons of its own as a `View` that is equal to nothing. Classes that the exercise itself asks for
are exempt: comparing them is the point of the test.
"""

from __future__ import annotations

import collections
import gc
import operator
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from itertools import chain
from types import MappingProxyType, ModuleType
from typing import Any

from studyhall_judge.sandbox.assertions import Hearing
from studyhall_judge.sandbox.emptiness import as_nothing, is_all_missing, is_nothing, matching
from studyhall_judge.sandbox.insides import batches_of, find_inside, is_array, is_masked, items_of
from studyhall_judge.sandbox.iteration import without_end
from studyhall_judge.sandbox.kinds import EQUALING, ORDERING, Kinds, holds_nothing, name_of
from studyhall_judge.sandbox.looks import DEAR, DEAREST, Looks
from studyhall_judge.sandbox.own_names import OwnNames
from studyhall_judge.sandbox.questions import OURS
from studyhall_judge.sandbox.reading import COLLECTIONS, READERS, as_librarys, counter
from studyhall_judge.sandbox.records import Record, record, record_of
from studyhall_judge.sandbox.sorts import ATOMS, FLAT, HASHED, ITEMS, KEYS, MAPPINGS, SEQUENCES, still
from studyhall_judge.sandbox.telling import LENT, Telling
from studyhall_judge.sandbox.throughout import look_through
from studyhall_judge.sandbox.view import MIX, SEE, View, hidden, value_of

MAX_SCANNED = 1_000_000
"""Elements of a container that are looked at one by one; where one of more is forged, none is believed."""

MAX_DEPTH = 50
"""How deep containers are rebuilt where one of their values is forged."""

_FORGED_INSIDE = "a value in a table or array compares itself in its own way"

_CHANGES = frozenset({"remove", "discard", "difference_update", "intersection_update"})
"""Methods that compare and change what they belong to, which so has to be that itself."""


class Guard(OwnNames, Hearing, Telling):
    """What compiled tests call. ``on_forged`` is told once per forged class."""

    def __init__(
        self, trusted: frozenset[type], prefixes: tuple[str, ...], on_forged: Callable[[str], None]
    ) -> None:
        OwnNames.__init__(self)
        Hearing.__init__(self, prefixes)
        Telling.__init__(self, Kinds(trusted | {View, Record}, prefixes), on_forged)
        self._kind_of = self._kinds.metaclasses.kind_of
        self._kinds_of = self._kinds.metaclasses.kinds_of
        self._atoms = set(ATOMS)
        """Types of plain values: those above, and of the libraries' what this guard has met."""
        self._atom_ids = set(map(id, ATOMS))
        """The same, told apart by who they are, which costs less than `kind_of`."""
        self._believed: set[type] = set()
        """Classes of which this test has met objects, and takes them as they are."""
        self._arrays: dict[type, bool] = {}
        self._looks = Looks()
        self._made: list[Any] = []

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
        self._kinds.start(exempt, self.bound)
        self.start_hearing()
        self._looks = Looks()
        self._asked = None
        self._believed = set()
        self._arrays = {}
        self._made = []
        self.start_names(namespace or {}, own or {})

    def note_lessons(self, kinds: Iterable[type]) -> None:
        """Take classes as the lesson's own: their objects are looked into although tests name them."""
        self._kinds.lessons.update(kinds)

    def defined(self, kind: Any) -> Any:
        """Return a class that the test has just defined; how its objects compare is the test's own affair."""
        if issubclass(type(kind), type):
            self._kinds.define(kind)
        return kind

    def made(self, value: Any) -> Any:
        """Return a value that the test itself has made to compare with; it is believed from now on."""
        self._made.append(value)
        return value

    matching, without_end = staticmethod(matching), staticmethod(without_end)

    def see(self, value: Any) -> Any:
        """Return what a test may compare in place of ``value``."""
        kind = type(value)
        if id(kind) in self._atom_ids:
            return value
        if type(kind) is not type:
            kind = self._kind_of(value)
        if kind in self._believed:
            return value
        if kind in SEQUENCES:
            return self._see_sequence(value, kind, 0)
        return self._see(value, kind, 0)

    def _see(self, value: Any, kind: type, depth: int) -> Any:  # noqa: PLR0911 - one for each sort of value
        if kind in self._atoms or kind in self._believed or kind in (View, Record) or is_nothing(kind):
            return value
        if depth > MAX_DEPTH:
            return self._see_deep(value)
        if kind in SEQUENCES:
            return self._see_sequence(value, kind, depth)
        if kind in MAPPINGS:
            return self._see_mapping(value, kind, depth)
        if kind is MappingProxyType or kind in KEYS or kind in ITEMS:
            return self._see_proxy(value, kind, depth)
        if any(value is one for one in self._made) or (
            issubclass(kind, type) and self._kinds.is_meant(value)
        ):
            return value
        if self._kinds.is_forged(kind):
            return self._unmask(value, kind, depth)
        if self._is_array(kind):
            return self._see_array(value, kind, depth)
        return self._see_librarys(value, kind, depth)

    def _see_librarys(self, value: Any, kind: type, depth: int) -> Any:
        """Look into an object of a library's class, or of one that says nothing of comparisons."""
        if holds_nothing(kind):
            self._atoms.add(kind)
            self._atom_ids.add(id(kind))
            return value
        if not self._kinds.compares(kind):
            self._believed.add(kind)
            return value
        much = self._looks.parts_left > 0
        inside, looked_at = find_inside(value, self._kinds.is_forged, self._kinds.compares, much=much)
        self._looks.parts_left -= looked_at
        if inside is None:
            return value
        if issubclass(kind, COLLECTIONS):
            return self._read(value, kind, depth)
        return self._view(value, inside)

    def _is_array(self, kind: type) -> bool:
        known = self._arrays.get(kind)
        if known is None:
            known = self._arrays[kind] = is_array(kind)
        return known

    def _see_sequence(self, value: Any, kind: type, depth: int) -> Any:
        value = still(value, kind)
        size = len(value)
        if (known := self._looks.recall(value, size, value)) is not None:
            return known
        self._looks.left -= size
        known = self._are_atoms(value) or self._kinds_of(value) - self._atoms <= self._believed
        if known or (not depth and self._holds_only_known(value)):
            return self._looks.remember(value, size, value)
        if size > MAX_SCANNED:
            return self._see_deep(value)
        self._looks.left -= size * DEAR
        seen = [self._see(item, self._kind_of(item), depth + 1) for item in value]
        if all(map(_is, seen, value)):
            return self._looks.remember(value, size, value)
        return self._looks.remember(value, size, kind(seen))

    def _are_atoms(self, values: Iterable[Any]) -> bool:
        return set(map(id, map(type, values))) <= self._atom_ids

    def _holds_only_known(self, value: Any) -> bool:
        """Whether a container holds nothing at any depth but what is taken as it is; costs what it looked at."""
        looked = look_through(value, self._is_taken)
        self._looks.left -= looked
        return bool(looked)

    def _is_taken(self, one: Any) -> bool:
        """Whether objects of a class are taken as they are, as ``one`` of them shows."""
        kind = self._kind_of(one)
        if kind not in self._atoms and kind not in self._believed and not self._kinds.is_forged(kind):
            self._see(one, kind, 1)
        return kind in self._atoms or kind in self._believed

    def _see_mapping(self, value: Any, kind: type, depth: int) -> Any:
        if value is self._namespace:
            return value
        value = still(value, kind)
        size = len(value)
        if (known := self._looks.recall(value, size, chain(value, dict.values(value)))) is not None:
            return known
        self._looks.left -= 2 * size
        plain = self._are_atoms(dict.keys(value)) and self._are_atoms(dict.values(value))
        if plain or (not depth and self._holds_only_known(value)):
            return self._looks.remember(value, size, value)
        if size > MAX_SCANNED:
            return self._see_deep(value)
        self._looks.left -= 2 * size * DEAR
        ordered = kind is collections.OrderedDict
        items = list(collections.OrderedDict.items(value) if ordered else dict.items(value))
        seen = [tuple(self._see(one, self._kind_of(one), depth + 1) for one in item) for item in items]
        if all(a is c and b is d for (a, b), (c, d) in zip(items, seen, strict=True)):
            return self._looks.remember(value, size, value)
        made = kind(seen) if ordered else dict(seen)
        if kind is collections.Counter:
            made = counter(made)
        return self._looks.remember(value, size, made, dict.values(value))

    def _see_deep(self, value: Any) -> Any:
        """See what lies too deep to be rebuilt, or is too much: believed as it is, or not at all."""
        known: set[int] = set()
        waiting = [value]
        while waiting:
            part = waiting.pop()
            kind = self._kind_of(part)
            if kind in self._atoms or id(part) in known:
                continue
            known.add(id(part))
            if kind in SEQUENCES:
                waiting += part
            elif kind in MAPPINGS:
                waiting += (*dict.keys(part), *dict.values(part))
            elif self._kinds.is_forged(kind):
                return self._view(value, kind)
        return value

    def _see_proxy(self, value: Any, kind: type, depth: int) -> Any:
        """A proxy compares as what it stands for, and what a dictionary shows of itself as a set of it."""
        (inner,) = _referents(value, OURS)
        seen = self._see(inner, self._kind_of(inner), depth + 1)
        if seen is inner:
            return value
        if kind is MappingProxyType:
            return seen
        return seen.keys() if kind in KEYS else seen.items()

    def _see_array(self, value: Any, kind: type, depth: int) -> Any:
        """Look into arrays and tables of objects; one of a class of the learner's becomes one of the library's."""
        librarys = self._kinds.librarys(kind)
        if librarys is not kind and not self._kinds.is_exempt(kind):
            if self._kinds.answers_itself(kind, librarys):
                self._tell(name_of(kind))
            value = as_librarys(value, librarys)
        value = still(value, librarys)
        self._strip(value, librarys)
        size = value.size if hasattr(value, "size") else 0
        if (known := self._looks.recall(value, size, ())) is not None:
            return known
        left = MAX_SCANNED
        for batch in batches_of(value, self._kinds.is_forged):
            shared = type(batch) is not list
            if shared and self._looks.knows(batch):
                continue
            items = items_of(batch) if shared else batch
            self._looks.left -= 2 * len(items) if shared else len(items)
            if not self._are_atoms(items):
                self._look_into(items[:left], depth)
                if (rest := items[left:]) and self._see_deep(rest) is not rest:
                    raise TypeError(_FORGED_INSIDE)
                left = max(0, left - len(items))
            if shared:
                self._looks.note(batch)
        return self._looks.remember(value, size, value)

    def _look_into(self, items: list[Any], depth: int) -> None:
        """Look into what an array or table holds.

        Raises:
            TypeError: one of its values is forged.
        """
        self._looks.left -= len(items) * DEAR
        for item in items:
            if self._see(item, self._kind_of(item), depth + 1) is not item:
                self._tell(name_of(type(item)))
                raise TypeError(_FORGED_INSIDE)

    def _strip(self, value: Any, kind: type) -> None:
        """Remove methods that were put over a table's own."""
        own = getattr(value, "__dict__", None)
        if type(own) is not dict:
            return
        for name in [one for one in own if callable(own[one]) and _is_method(getattr(kind, one, None))]:
            del own[name]
            self._tell(f"{kind.__name__}.{name}")

    def _unmask(self, value: Any, kind: type, depth: int) -> Any:
        if self._kinds.is_record(kind):
            self._tell_of(kind, ORDERING)
        elif any(issubclass(kind, plain) for plain, _read in READERS):
            self._tell_of(kind)
        return self._read(value, kind, depth)

    def _read(self, value: Any, kind: type, depth: int) -> Any:
        """Return what an object of a learner's class holds, without asking the class; else what stands for it."""
        if self._kinds.is_record(kind):
            parts = self._see_sequence((*tuple.__iter__(value),), tuple, depth)
            return record(value, parts, hidden(self._answer))
        for plain, read in READERS:
            if issubclass(kind, plain) and (found := read(value)) is not None:
                return self._see(found, self._kind_of(found), depth + 1)
        numpy = sys.modules.get("numpy")
        if numpy is not None and issubclass(kind, numpy.ndarray):
            self._tell(name_of(kind))
            return self._see_array(numpy.ndarray.view(value, numpy.ndarray), numpy.ndarray, depth)
        return self._opened(value, kind)

    def _opened(self, value: Any, kind: type) -> Any:
        """Return what an object of the learner's holds where a library compares it by that, else what stands for it."""
        for base, plain in ((Mapping, dict), (AbstractSet, set)):
            if self._kinds.inherits(kind, base) and not self._kinds.compares_itself(kind):
                return self.see(plain(value))
        return self._stand_in(value)

    def _view(self, value: Any, forged: type) -> View:
        """Return what stands for a value that is to be believed no more than its part of a forged class."""
        self._tell(name_of(forged))
        return self._stand_in(value, mixed=True)

    def _stand_in(self, value: Any, *, mixed: bool = False) -> View:
        self._looks.left -= DEAREST
        return View(value, hidden(self._answer), mixed=mixed)

    def _answer(self, asked: tuple[int, Any]) -> Any:
        question, value = asked
        if question == SEE:
            return self.see(value)
        return self._mix(value) if question == MIX else self._tell(name_of(value))

    def _mix(self, value: Any) -> Any:
        """Return what came of a learner's object and a value of the test's: nothing that it says counts."""
        seen = self.see(value)
        if type(seen) in (View, Record) or self._kinds.strangers(self._kind_of(seen)):
            return self._stand_in(self.itself(value), mixed=True)
        return seen

    # What else a test asks

    def equal(self, value: Any) -> Any:
        """Return what a test may ask whether it is equal to something."""
        if id(type(value)) in self._atom_ids:
            return value
        return as_nothing(self._about(EQUALING, self._lend, value))

    def sought(self, value: Any) -> Any:
        """Return what a test may look for in something, or ask only what it holds."""
        known = id(type(value)) in self._atom_ids or self._kind_of(value) in self._believed
        return value if known else self._about(EQUALING, self.see, value)

    def ordered(self, value: Any) -> Any:
        """Return what a test may ask whether it comes before something."""
        if id(type(value)) in self._atom_ids:
            return value
        return as_nothing(self._about(ORDERING, self._lend, value))

    def operand(self, value: Any) -> Any:
        """Return what a test may calculate with: of plain containers what they hold has no say in that."""
        if id(type(value)) in self._atom_ids:
            return value
        kind = self._kind_of(value)
        plain = kind in SEQUENCES or kind in MAPPINGS
        return as_nothing(self._about(EQUALING, self.see, value) if plain else self.see(value))

    def handed(self, value: Any) -> Any:
        """Return what a builtin may take that calculates nothing."""
        known = id(type(value)) in self._atom_ids or self._kind_of(value) in self._believed
        return value if known else self._about(ORDERING, self.see, value)

    def lend(self, value: Any) -> Any:
        """Return what a library's function may take."""
        return value if id(type(value)) in self._atom_ids else self._about(LENT, self._lend, value)

    def _lend(self, value: Any) -> Any:
        """Return what a library may compare: it may look at what the value hands out."""
        seen, kind = self.see(value), self._kind_of(value)
        return self._opened(value, kind) if seen is value and self._kinds.is_container(kind) else seen

    def outside(self, value: Any) -> Any:
        """Return what a test may ask how long it is, or for its elements: each is looked at when its turn comes."""
        kind = self._kind_of(value)
        if (
            kind in SEQUENCES
            or kind in MAPPINGS
            or (self._is_array(kind) and self._kinds.librarys(kind) is kind)
        ):
            return value
        return self.sought(value)

    def truth(self, value: Any) -> Any:
        """Return what a test may ask whether it is true: a plain container is by how many elements it has."""
        kind = self._kind_of(value)
        return value if kind in SEQUENCES or kind in MAPPINGS else self.sought(value)

    def iterated(self, value: Any) -> Any:
        """Return what a test goes through: a list, a text or a mapping of a learner's class hands out what it holds."""
        kind = self._kind_of(value)
        if kind in self._atoms or kind in SEQUENCES or kind in MAPPINGS:
            return value
        plain = any(issubclass(kind, one) for one, _read in READERS)
        return self.sought(value) if plain and self._kinds.is_forged(kind) else value

    def itself(self, value: Any) -> Any:
        """Return what a test asks who it is."""
        if type(value) is Record:
            return record_of(value)
        return value_of(value) if type(value) is View else value

    def compared(self, value: Any) -> Any:
        """Return what an assertion of a library's may take: one with masked elements would be equal to anything."""
        seen = self.lend(value)
        return self._view(seen, type(seen)) if is_masked(seen) else seen

    def within(self, value: Any) -> Any:
        """Return what a test may look for something in."""
        if self._kind_of(value) in FLAT:
            return value
        seen = self.equal(value)
        if seen is value and isinstance(value, Iterator) and not self._kinds.strangers(self._kind_of(value)):
            return map(self.see, value)
        return seen

    def place(self, sought: Any, value: Any) -> Any:
        """Return what a test may look for ``sought`` in: as `within`, and as it is where a hash finds a plain value."""
        return value if self._kind_of(value) in HASHED and self._is_plain(sought) else self.within(value)

    def _is_plain(self, value: Any) -> bool:
        return id(type(value)) in self._atom_ids or (type(value) is tuple and self._are_atoms(value))

    def receiver(self, value: Any, name: str) -> Any:
        """Return what a test may ask for ``name``: no class of a learner's where a plain value or a library has it."""
        kind = self._kind_of(value)
        if kind in self._atoms or kind in SEQUENCES or kind in MAPPINGS or not self._kinds.strangers(kind):
            return value
        is_value = issubclass(kind, (int, float, complex, str, bytes))
        librarys = is_value or (self._is_array(kind) and not self._kinds.is_exempt(kind))
        if librarys and hasattr(self._kinds.librarys(kind), name):
            return self._about(EQUALING | {name}, self.see, value)
        return value

    def ask(self, value: Any, name: str, /, *arguments: Any, **named: Any) -> Any:
        """Call a method that only compares, such as ``count``; a learner's own one gets its arguments untouched."""
        kind = self._kind_of(value)
        by_hash = name == "get" and kind in HASHED and all(map(self._is_plain, arguments[:1]))
        if by_hash or kind in FLAT or issubclass(kind, (type, ModuleType)):
            return getattr(value, name)(*arguments, **named)
        if kind in SEQUENCES or kind in MAPPINGS:
            if any(map(self._is_own, arguments)) and all(map(self._is_own, value)):
                return getattr(value, name)(*arguments, **named)  # among the learner's own
            asked = value if name in _CHANGES else self.handed(value)
            return getattr(asked, name)(*map(self.handed, arguments), **named)
        if name == "all" and is_all_missing(value):
            value = value.notna()
        if self._kinds.strangers(kind) and not self._is_array(kind):
            if any(is_array(type(one)) for one in arguments) and not self._kinds.is_exempt(kind):
                self._tell(name_of(kind))  # it passes for a table
                return False
            return getattr(self.receiver(value, name), name)(*arguments, **named)
        return getattr(self.see(value), name)(*map(self.see, arguments), **named)

    def item(self, value: Any, key: Any) -> Any:
        """Return what a container has under a key."""
        kind = self._kind_of(value)
        if (
            id(type(key)) in self._atom_ids
            or not (kind in SEQUENCES or kind in MAPPINGS)
            or self._is_own(key)
        ):
            return value[key]
        return value[self.sought(key)]

    def _is_own(self, value: Any) -> bool:
        """Whether a value is an object of a class of the learner's that is no plain value."""
        kind = self._kind_of(value)
        if kind in self._atoms or issubclass(kind, (int, float, complex, str, bytes)):
            return False
        return bool(self._kinds.strangers(kind))


def _is_method(value: Any) -> bool:
    return callable(value) and not isinstance(value, type)


_referents = gc.get_referents
_is = operator.is_
