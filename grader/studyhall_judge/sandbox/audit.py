"""Hears what student code asks the interpreter for, and refuses what only an attack on a test would ask for.

An audit hook cannot be removed once it is there. What it hears goes to the judge through a pipe that only fills:
writing to it cannot be undone, whatever student code does afterwards.

Threats: reading the test's frames and code for expected values (frames, tracebacks, generators, the collector's lists),
patching code objects in place, hooks that run during a test (trace, profile, audit), and native calls that go past
everything (ctypes). Libraries do some of this for honest reasons, so only calls that student code makes itself count.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from types import CodeType, FrameType, FunctionType
from typing import Any

from studyhall_judge.sandbox.placeholders import TEST_FILE

_write = os.write
_get_frame = sys._getframe  # noqa: SLF001 - the interpreter's documented way to see the caller

QUIET, LEARNER, TEST = 0, 1, 2

_FRAME_ATTRIBUTES = frozenset({"tb_frame", "gi_frame", "cr_frame", "ag_frame"})
_CODE_ATTRIBUTES = frozenset({"__code__", "__closure__", "__globals__", "f_code"})
_FRAME_MODULES = (
    "/inspect.py",
    "/traceback.py",
    "/pdb.py",
    "/bdb.py",
    "/cgitb.py",
    "/asyncio/base_tasks.py",
    "/IPython/core/ultratb.py",
    "/IPython/core/debugger.py",
)
_GENERATOR_CODE = frozenset({"gi_code", "cr_code", "ag_code"})
_RESUMED = 0x20 | 0x80 | 0x200
"""Flags of code that makes generators and coroutines: their frames may be kept, and go on within a test."""

_TELLING = frozenset(
    {"format_exc", "print_exc", "format_exception", "print_exception", "format_tb", "print_tb"}
)
"""Functions of ``traceback.py`` that make text of an exception's own traceback, and hand out no frame."""

_READERS = frozenset({"_signature_from_function", "_has_code_flag", "_signature_is_functionlike"})
"""Functions of ``inspect.py`` that look at a function's code for its parameters and flags only."""

_FRAME_FUNCTIONS = frozenset({"currentframe", "<lambda>", "walk_stack", "walk_tb", "stack", "trace"})

_COLLECTOR = frozenset({"gc.get_objects", "gc.get_referrers", "gc.get_referents"})
_MONITOR = "sys.monitoring.register_callback"
_TRACERS = frozenset({"sys.settrace", "sys.setprofile", _MONITOR})
_MAKERS = frozenset({"compile", "code.__new__"})
_PATCHES = frozenset({"object.__setattr__", "object.__delattr__"})
_FRAMES = frozenset({"sys._getframe", "sys._current_frames", "sys._current_exceptions"})
_HOOK = ("audit_hook", "The code tried to add a hook to the interpreter.")
_NEVER = {
    **dict.fromkeys(
        _COLLECTOR, ("searched_memory", "The code searched the interpreter's memory for objects.")
    ),
    "ctypes": ("native_call", "The code tried to call native code directly."),
    "sys.addaudithook": _HOOK,
    "sys.setopencodehook": _HOOK,
}
"""What is refused at any time, with the alarm it raises."""

_HEARD = (
    _COLLECTOR
    | _TRACERS
    | _MAKERS
    | _PATCHES
    | _FRAMES
    | frozenset(
        {
            "object.__getattr__",
            "sys.addaudithook",
            "sys.setopencodehook",
            "ctypes.dlopen",
            "ctypes.dlsym",
            "ctypes.dlsym/handle",
            "ctypes.call_function",
            "ctypes.addressof",
            "ctypes.cdata",
            "ctypes.cdata/buffer",
            "ctypes.string_at",
            "ctypes.wstring_at",
            "ctypes.PyObj_FromPtr",
            "ctypes.get_errno",
            "ctypes.set_errno",
            "ctypes.create_string_buffer",
        }
    )
)


class NotHere(RuntimeError):
    """Raised into student code that asks for something it may not have."""


class Watch:
    """The audit hook and its state. ``prefixes`` are the folders of the interpreter and its libraries."""

    def __init__(self, prefixes: tuple[str, ...]) -> None:
        self._alarm = -1
        self._prefixes = (*prefixes, "<frozen ")
        self._bottom: CodeType | None = None
        """The code of the bare frame that the main thread's work begins in."""
        self.mode = QUIET
        self._told: set[tuple[str, str]] = set()

    def install(self, alarm: int) -> None:
        """Add the hook, for good, from the main thread; ``alarm`` is the pipe to the judge."""
        self._alarm = alarm
        frame: FrameType | None = _get_frame(1)
        while frame is not None:
            self._bottom, frame = frame.f_code, frame.f_back
        sys.addaudithook(self._hook())

    def tell(self, code: str, text: str) -> None:
        """Send one alarm to the judge; the same one once."""
        if (code, text) not in self._told:
            self._told.add((code, text))
            line = f"{code} {text}".replace("\n", " ")[:300]
            try:
                _write(self._alarm, line.encode("utf-8", "replace") + b"\n")
            except OSError:
                return  # the pipe is full or closed; the judge sees the latter by itself

    def _hook(self) -> Callable[[str, tuple[Any, ...]], None]:
        heard = _HEARD

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            mode = self.mode
            if mode == QUIET or event not in heard:
                return
            self.mode = QUIET  # what the hook itself does is not to be heard
            try:
                self._consider(event, arguments, mode, _get_frame(1))
            finally:
                self.mode = mode

        return hook

    def _consider(self, event: str, arguments: tuple[Any, ...], mode: int, frame: FrameType) -> None:
        if event in _MAKERS:
            self._consider_code(event, arguments, frame)
        elif event == "object.__getattr__":
            self._consider_attribute(arguments, mode, frame)
        elif event in _PATCHES:
            self._consider_patch(arguments, frame)
        elif event in _FRAMES or event in _TRACERS:
            self._consider_frames(event, mode, frame)
        elif self._is_responsible(frame, through=("/ctypes/",) if event.startswith("ctypes.") else ()):
            self._refuse(*_NEVER.get(event, _NEVER["ctypes"]))

    def _consider_frames(self, event: str, mode: int, frame: FrameType) -> None:
        if event in _TRACERS:
            # A learner may trace their own cells, but not other threads, nor everything the interpreter does.
            own = mode == LEARNER and event != _MONITOR and not frame.f_code.co_name.endswith("_all_threads")
            if not own and self._is_responsible(frame):
                self._refuse("traced_test", "The code tried to trace the running test.")
        elif event != "sys._getframe":
            if self._is_responsible(frame):
                self._refuse("read_frames", "The code looked at the frames of all threads.")
        elif (mode == TEST or self._may_be_resumed(frame)) and self._gives_frame(frame):
            self._refuse("read_frames", "The code looked at the frames of the running test.")

    def _consider_code(self, event: str, arguments: tuple[Any, ...], frame: FrameType) -> None:
        """Code that claims to come from a library's file would pass for a library."""
        name = arguments[1] if len(arguments) > 1 else None
        if type(name) is bytes:
            name = name.decode("utf-8", "replace")
        if type(name) is not str or not (name.startswith(self._prefixes) or name == TEST_FILE):
            return
        if self._is_responsible(_past_the_loader(frame)):
            self._refuse(
                "forged_code", f"The code made code that claims to come from another file ({event})."
            )

    def _consider_attribute(self, arguments: tuple[Any, ...], mode: int, frame: FrameType) -> None:
        target, name = arguments[0], arguments[1]
        if name in _FRAME_ATTRIBUTES:
            if (mode == TEST or _is_kept(target, name)) and self._gives_frame(frame):
                self._refuse("read_frames", "The code looked at the frames of the running test.")
        elif name == "f_code" and type(target) is FrameType and mode == TEST and self._is_students(frame):
            if target.f_code.co_filename in (TEST_FILE, _OWN_FILE):
                self._refuse("read_frames", "The code looked at the code of the running test.")
        elif name in _GENERATOR_CODE and self._is_responsible(frame):
            if getattr(target, name).co_filename == TEST_FILE:
                self._refuse("read_test", "The code looked into a generator of a test.")
        elif name in _CODE_ATTRIBUTES and type(target) is FunctionType and self._is_responsible(frame):
            code, reader = _code_of(target), frame.f_code
            for_parameters = reader.co_filename.endswith("/inspect.py") and reader.co_name in _READERS
            if code.co_filename == TEST_FILE and not for_parameters:
                self._refuse("read_test", "The code looked into a function of a test.")

    def _consider_patch(self, arguments: tuple[Any, ...], frame: FrameType) -> None:
        target = arguments[0]
        is_librarys = type(target) is FunctionType and _code_of(target).co_filename.startswith(self._prefixes)
        if is_librarys and self._is_responsible(frame):
            self._refuse("patched_function", f"The code tried to replace the code of {target.__qualname__}.")

    def _refuse(self, code: str, text: str) -> None:
        self.tell(code, text)
        raise NotHere("This is not available while your work is being graded.")

    # Who asked

    def _is_students(self, frame: FrameType) -> bool:
        name = frame.f_code.co_filename
        ours = name == TEST_FILE or frame.f_code is self._bottom
        return not ours and not name.startswith(self._prefixes)

    def _gives_frame(self, frame: FrameType) -> bool:
        """Whether a frame would reach student code: asked for by itself, or through a function that returns it."""
        if self._is_students(frame):
            return True
        if self._tells_text(frame):
            return False
        outer = frame.f_back
        if outer is None or not self._is_students(outer):
            within = frame.f_code.co_filename.endswith(_FRAME_MODULES)
            return within and self._is_responsible(frame, through=_FRAME_MODULES)
        code = frame.f_code
        return code.co_name in _FRAME_FUNCTIONS or code.co_filename.endswith(_FRAME_MODULES)

    def _may_be_resumed(self, frame: FrameType | None) -> bool:
        """Whether student code here is a generator's or a coroutine's, or was called by one."""
        while frame is not None:
            if frame.f_code.co_flags & _RESUMED and self._is_students(frame):
                return True
            frame = frame.f_back
        return False

    def _tells_text(self, frame: FrameType | None) -> bool:
        """Whether student code has asked ``traceback.py`` for the text of an exception, and no more."""
        asked = None
        while frame is not None and frame.f_code.co_filename.endswith("/traceback.py"):
            asked, frame = frame, frame.f_back
        if asked is None or frame is None or not self._is_students(frame):
            return False
        return asked.f_code.co_name in _TELLING

    def _is_responsible(self, frame: FrameType | None, *, through: tuple[str, ...] = ()) -> bool:
        """Whether student code caused this, not a library that is just being imported.

        With ``through``, only library files of that name may stand in between.
        """
        while frame is not None:
            name = frame.f_code.co_filename
            if self._is_students(frame):
                return True
            if name == TEST_FILE or name.startswith("<frozen importlib"):
                return False
            if through and not any(part in name for part in through):
                return False
            frame = frame.f_back
        return False


def _is_kept(target: Any, name: str) -> bool:
    """Whether a frame that a traceback or generator holds could be looked at within a test, or leads there already."""
    frame = getattr(target, name, None)
    return (frame is not None and bool(frame.f_code.co_flags & _RESUMED)) or _leads_to_us(target, name)


def _past_the_loader(frame: FrameType | None) -> FrameType | None:
    """Return who had code made: the interpreter's loader is passed over, unless it imports a module."""
    first = frame
    while frame is not None and frame.f_code.co_filename.startswith("<frozen importlib"):
        if frame.f_code.co_name == "_find_and_load":
            return first
        frame = frame.f_back
    return frame


def _leads_to_us(target: Any, name: str) -> bool:
    """Whether a traceback or generator holds a frame of this module, of a test, or one that leads to a test.

    Tracebacks of what was refused here begin with our own frames; those of a test's exception lead into the test.
    """
    frame = getattr(target, name, None)
    while frame is not None:
        code = frame.f_code
        if code.co_filename in (TEST_FILE, _OWN_FILE, _VIEW_FILE):
            return True
        frame = frame.f_back
    return False


def _code_of(function: Any) -> CodeType:
    code: CodeType = _get_code(function)
    return code


_get_code: Callable[[Any], Any] = FunctionType.__dict__["__code__"].__get__
_OWN_FILE = _leads_to_us.__code__.co_filename
_VIEW_FILE = os.path.join(os.path.dirname(_OWN_FILE), "view.py")
