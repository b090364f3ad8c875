"""What is checked, undone and reported between a learner's cells and a test: the ground that the test stands on.

Threat: student code runs first in the same process, and could leave something behind that makes later tests pass:
patched modules, hooks of the shell, trace functions, signal handlers, timers, replaced builtins, shadowing modules.
Everything found is put back and told to the judge. Found after a test, it was done while the test ran, by code that
the test called: then the test does not count as passed.
"""

from __future__ import annotations

import builtins
import gc
import importlib
import os
import sys
import threading
from collections.abc import Iterable
from types import FunctionType, ModuleType
from typing import Any

from studyhall_judge.sandbox import libraries, root
from studyhall_judge.sandbox.arithmetic import restore_decimals
from studyhall_judge.sandbox.bindings import Cells, Touched, reached_from
from studyhall_judge.sandbox.harmless import belong_together, is_harmless, is_mistaken
from studyhall_judge.sandbox.lessons_own import LessonsOwn, says_the_same
from studyhall_judge.sandbox.locked_classes import LockedClasses
from studyhall_judge.sandbox.patterns import forget_false_patterns, pattern_caches
from studyhall_judge.sandbox.surroundings import Surroundings, fingerprint_of
from studyhall_judge.sandbox.watched import Record, Records, take_records
from studyhall_judge.sandbox.words import classes_of

# The C functions behind the module: student code can patch the module's own.
_signal: Any = importlib.import_module("_signal")
_list_folder = os.listdir
_get_status = os.stat
_get_signal = _signal.getsignal
_set_signal = _signal.signal
_set_timer = _signal.setitimer
_get_timer = _signal.getitimer
_set_alarm = _signal.alarm
_get_pending = _signal.sigpending
_get_trace = sys.gettrace
_set_trace = sys.settrace
_get_profile = sys.getprofile
_set_profile = sys.setprofile

_SHELL_LISTS = ("ast_transformers", "input_transformers_post")
_SHELL_PARTS = (
    "display_pub",
    "displayhook",
    "events",
    "compile",
    "display_formatter",
    "input_transformer_manager",
)
_MANAGER_LISTS = ("cleanup_transforms", "line_transforms", "token_transformers")
_SIGNALS = tuple(
    int(number)
    for number in _signal.valid_signals()
    if number not in (_signal.SIGKILL, _signal.SIGSTOP, _signal.SIGINT)
)
_IMPORT_LISTS = ("meta_path", "path_hooks")
_MOST_READ = 4_000_000
"""Bytes of released files that are read before a learner's first cell: more would take time that a test has not."""


class Guards:
    """A snapshot of the process before any student code, and how to get back to it."""

    def __init__(self, shell: Any, touched: Touched) -> None:
        self._shell = shell
        self._touched = touched
        self._surroundings = Surroundings(touched.heard)
        self._secret: frozenset[str] = frozenset()
        self._cells = Cells()
        self._own = LessonsOwn(self._cells, touched)
        self.released_files: frozenset[str] = frozenset()
        self._files: dict[str, tuple[int, ...]] = {}
        self._contents: dict[str, tuple[bytes, int]] = {}
        self._records = Records()
        self._records.add(take_records())
        self._known = {id(record.owner) for record in self._records}
        self._note_cells(self._records)
        self._cells.seal()
        libraries.note_classes(self._records)
        self._pattern_caches = pattern_caches()
        self._loaded = Record("sys.modules", sys, sys.modules)
        owners: dict[str, Any] = {
            one.name: one.owner for one in self._records if not isinstance(one.owner, type | dict)
        }
        self._modules: dict[str, Any] = {
            name: owner for name, owner in owners.items() if sys.modules.get(name) is owner
        }
        self._kinds = {name: (owner, type(owner)) for name, owner in owners.items()}
        self._kinds_were = classes_of(list(owners.values()))
        self._shell_lists = {name: list(getattr(shell, name)) for name in _SHELL_LISTS}
        manager = shell.input_transformer_manager
        self._manager = manager
        self._manager_lists = {name: list(getattr(manager, name)) for name in _MANAGER_LISTS}
        self._shell_own = frozenset(vars(shell))
        self._parts = {name: getattr(shell, name) for name in _SHELL_PARTS}
        self._class_methods = {
            name for name in dir(type(shell)) if callable(getattr(type(shell), name, None))
        }
        self._import_lists = {name: list(getattr(sys, name)) for name in _IMPORT_LISTS}
        self._path = list(sys.path)
        self._handlers = {number: _get_signal(number) for number in _SIGNALS}
        self._libraries = frozenset(sys.stdlib_module_names) | {
            name.partition(".")[0] for name in sys.modules
        }
        self._allowed_names: frozenset[str] = frozenset()
        self._imports: dict[str, Any] = {}
        self._helpers: dict[str, Any] = {}
        self.locked_classes = LockedClasses()
        self._namespace = shell.user_ns
        self._found: list[str] = []

    def restore(self, allowed: frozenset[str] = frozenset(), *, after_test: bool = False) -> list[str]:
        """Put everything back; returns what had changed, in words. ``allowed`` names may have changed."""
        self._found = []
        self._allowed_names = allowed
        self._found += forget_false_patterns(self._pattern_caches)
        self._restore_kinds()
        self._restore_modules()
        self._found += self._cells.put_back() + self._touched.put_back() + self._own.put_back_parts()
        self._restore_shell()
        self._restore_interpreter()
        self._restore_signals()
        if "executable" not in allowed:
            self._found += self._surroundings.restore(self.released_files, after_test=after_test)
        return self._found

    def accept(self) -> None:
        """Take what an author's cell has changed as the new ground."""
        for record in self._records.written_to():
            if not record.is_unchanged() and not record.is_intact():
                record.take()
        self._watch(take_records(frozenset(record.name for record in self._records)))
        self._path = list(sys.path)

    def note_imports(self, names: frozenset[str]) -> None:
        """Remember what an author's cell has just imported under ``names``."""
        namespace = self._shell.user_ns
        new = {name: namespace[name] for name in names if name in namespace}
        self._imports.update(new)
        self._watch(libraries.take_records_of(new.values(), self._known))

    def note_libraries(self, wanted: list[list[str]]) -> None:
        """Remember the modules that tests import, as they are before any cell runs, and the names taken from them."""
        if not wanted:
            return
        modules, records = libraries.records_of(wanted, self._known)
        self._modules.update(modules)
        self._watch(records)
        self._loaded.settle()

    def note_own(self, told: dict[str, Any], file: str) -> list[type]:
        """Remember what an author's cell has just bound (`LessonsOwn.note`); returns all of the lesson's classes."""
        self._own.note(self._shell.user_ns, told, file)
        return self._own.classes()

    def replaced_own(self, names: list[str]) -> list[tuple[str, str]]:
        """Return which of these names, that an author's cell has bound, are something else by now."""
        return list(self._own.replaced(self._shell.user_ns, names))

    def _watch(self, records: list[Record]) -> None:
        self._records.add(records)
        self._known.update(id(record.owner) for record in records)
        self._note_cells(records)

    def _note_cells(self, records: Iterable[Record]) -> None:
        for record in records:
            reached = list(reached_from(record.namespace.values()))
            self._cells.note(reached)
            if libraries.is_lessons(record.owner):
                self._touched.own.update(map(id, reached))

    def imports(self, names: list[str]) -> dict[str, Any]:
        """Return what these names were imported as by an author's cell."""
        return {name: self._imports[name] for name in names if name in self._imports}

    def note_helpers(self, names: list[str]) -> None:
        """Remember what an author's cell has just defined under ``names``."""
        namespace = self._shell.user_ns
        for name in names:
            if name in namespace:
                self._helpers[name] = namespace[name]
                if isinstance(namespace[name], type):
                    self.locked_classes.note(name, namespace[name])

    def replaced_helpers(self, names: list[str]) -> list[tuple[str, str]]:
        """Return which of the author's definitions are something else by now. A test has its own copies of them."""
        found, missing = self._shell.user_ns, object()
        replaced = [
            name
            for name in names
            if self._helpers.get(name, missing) is not missing
            and found.get(name) is not self._helpers[name]
            and not says_the_same(self._helpers[name], found.get(name))
        ]
        return [("replaced_helper", name) for name in replaced + self.locked_classes.put_back(names)]

    def restore_imports(self, names: frozenset[str]) -> list[tuple[str, str]]:
        """Give a test back the imported names it uses; returns those that were something else, and not by mistake.

        A module and its part of that name both stay where learners' functions look: a test reads its own names.
        """
        namespace = self._shell.user_ns
        changed = []
        for name in names & self._imports.keys():
            was, found = self._imports[name], namespace.get(name)
            if found is was or belong_together(self._records, name, was, found):
                continue
            if name in namespace and not is_mistaken(self._records, name, found):
                changed.append(("replaced_import", name))
            namespace[name] = was
        return changed

    def _report(self, what: str) -> None:
        self._found.append(what)

    def put_back(self, allowed: frozenset[str]) -> list[str]:
        """Return what has been changed since it was looked at last, and is what it was again.

        A test may do so itself with the ``allowed`` names. Where the interpreter does not count changes, none is seen.
        """
        return [
            record.name
            for record in self._records.written_to()
            if record.was_put_back() and not any(name in record.namespace for name in allowed)
        ]

    def _restore_modules(self) -> None:
        for record in self._records.written_to():
            if record.is_unchanged():
                continue
            if not record.is_intact():
                self._restore_record(record)
            self._remove_overriding(record)
            record.settle()
        if self._loaded.is_unchanged():
            return
        for name, original in self._modules.items():
            if sys.modules.get(name) is not original:
                sys.modules[name] = original
                self._report(f"sys.modules[{name}]")
        self._loaded.settle()

    def _remove_overriding(self, record: Record) -> None:
        for name in record.overriding():
            if name in self._allowed_names:
                continue
            record.remove(name)
            self._report(f"{record.name}.{name}")

    def _restore_record(self, record: Record) -> None:
        for name, value in list(record.changes()):
            if name in self._allowed_names:
                continue
            if not is_harmless(record, name):
                self._report(f"{record.name}.{name}")
            record.put(name, value)

    def _restore_kinds(self) -> None:
        """A module or object given another class answers for its names in its own way."""
        if self._kinds_were.is_intact():
            return
        for name, (owner, kind) in self._kinds.items():
            if type(owner) is not kind and type(owner) is not ModuleType:
                object.__setattr__(owner, "__class__", kind)
                self._report(f"the class of {name}")

    def _restore_shell(self) -> None:
        shell = self._shell
        own = vars(shell)
        if shell.user_ns is not self._namespace:
            (own if "user_ns" in own else shell._trait_values)["user_ns"] = self._namespace  # noqa: SLF001 - as below
            self._report("shell.user_ns")
        for name in [name for name in own if name in self._class_methods and name not in self._shell_own]:
            del own[name]
            self._report(f"shell.{name}")
        for name, part in self._parts.items():
            if getattr(shell, name, None) is not part:
                place = own if name in own else shell._trait_values  # noqa: SLF001 - past the learner's validators
                place[name] = part
                self._report(f"shell.{name}")
        for name, kept in self._shell_lists.items():
            self._restore_list(getattr(shell, name), kept, f"shell.{name}")
        for name, kept in self._manager_lists.items():
            self._restore_list(getattr(self._manager, name), kept, f"shell.input_transformer_manager.{name}")
        self._restore_events()
        namespace = shell.user_ns
        if namespace.get("__builtins__") is not builtins:
            if "__builtins__" in namespace and namespace["__builtins__"] is not vars(builtins):
                self._report("__builtins__")
            namespace["__builtins__"] = builtins

    def _restore_list(self, found: Any, kept: list[Any], name: str) -> None:
        if type(found) is not list:
            return
        if len(found) != len(kept) or any(one is not other for one, other in zip(found, kept, strict=True)):
            list.clear(found)
            list.extend(found, kept)
            self._report(name)

    def _restore_events(self) -> None:
        callbacks = self._shell.events.callbacks
        if type(callbacks) is not dict:
            return
        for event, functions in callbacks.items():
            for function in list(functions):
                if self._is_learners(function):
                    functions.remove(function)
                    self._report(f"shell.events.{event}")

    def _is_learners(self, function: Any) -> bool:
        function = getattr(function, "__func__", function)
        if type(function) is not FunctionType:
            return False
        module = sys.modules.get(function.__module__ or "")
        return (
            module is None
            or module is sys.modules.get("__main__")
            or function.__globals__ is not vars(module)
        )

    def _restore_interpreter(self) -> None:
        for name, kept in self._import_lists.items():
            self._restore_list(getattr(sys, name), kept, f"sys.{name}")
        if _get_trace() is not None:
            _set_trace(None)
            self._report("sys.settrace")
        if _get_profile() is not None:
            _set_profile(None)
            self._report("sys.setprofile")
        threading._trace_hook = threading._profile_hook = None  # type: ignore[attr-defined]  # noqa: SLF001 - as settrace(None)
        if gc.callbacks:
            gc.callbacks.clear()
            self._report("gc.callbacks")
        self._found += restore_decimals()
        self._restore_path()

    def _restore_path(self) -> None:
        """The libraries come first, whatever was put in front of them; added folders stay, at the end."""
        path = sys.path
        if type(path) is list and path[: len(self._path)] == self._path:
            return
        added = [entry for entry in path if type(entry) is str and entry not in self._path]
        sys.path[:] = self._path + added

    def note_files(self, names: frozenset[str], secret: frozenset[str]) -> None:
        """Remember the released files beside the notebook as they are, before any cell runs.

        No answer is about those that are ``secret``: learners are not told of them.
        """
        self._surroundings.begin()
        self._loaded.settle()
        self.released_files = names
        self._secret = secret
        self._files = {name: _state_of(name) for name in names}
        left = _MOST_READ
        for name in sorted(names - secret):
            if (content := fingerprint_of(os.path.join(root.WORK, name), left)) is not None:
                self._contents[name] = content
                left -= content[1]

    def changed_files(self, *, after_test: bool = False) -> list[str]:
        """Return released files that are no longer what they were; each is told of once.

        An answer that a test calls may be meant to write to a file that learners know.
        """
        names = self._secret if after_test else self.released_files
        touched = [name for name in names if _state_of(name) != self._files[name]]
        for name in touched:
            self._files[name] = _state_of(name)
        return sorted(name for name in touched if not self._is_as_it_was(name))

    def _is_as_it_was(self, name: str) -> bool:
        """Whether a file that was written to holds what it held: a table was read and saved again, for instance."""
        content = self._contents.get(name)
        return content is not None and fingerprint_of(os.path.join(root.WORK, name), _MOST_READ) == content

    def shadowing_files(self) -> list[str]:
        """Return modules beside the notebook that would hide a library, did their folder not come last."""
        found: list[str] = []
        try:
            names = _list_folder(root.WORK)
        except OSError:
            return found
        for name in names:
            stem = name.removesuffix(".py")
            if name in self.released_files or (stem == name and not _is_package(name)):
                continue
            if stem in self._libraries or stem in ("sitecustomize", "usercustomize"):
                found.append(name)
        return found

    def _restore_signals(self) -> None:
        for timer in (_signal.ITIMER_REAL, _signal.ITIMER_VIRTUAL, _signal.ITIMER_PROF):
            if _get_timer(timer)[0]:
                _set_timer(timer, 0)
                self._report("a timer")
        _set_alarm(0)
        for number, handler in self._handlers.items():
            if _get_signal(number) != handler:
                _set_signal(number, handler if handler is not None else _signal.SIG_DFL)
                self._report(f"the handler of signal {number}")
        for (
            number
        ) in _get_pending():  # sent to a handler that is gone: left to itself it would end the process
            before = _get_signal(number)
            _set_signal(number, _signal.SIG_IGN)  # which makes the kernel drop it
            _set_signal(number, _signal.SIG_DFL if before is None else before)


def _is_package(name: str) -> bool:
    try:
        return "__init__.py" in _list_folder(f"{root.WORK}/{name}")
    except OSError:
        return False


def _state_of(name: str) -> tuple[int, ...]:
    """Return what changes with a file's content. The time of its last change of status nobody can set."""
    try:
        about = _get_status(os.path.join(root.WORK, name))
    except OSError:
        return ()
    return about.st_ino, about.st_size, about.st_ctime_ns
