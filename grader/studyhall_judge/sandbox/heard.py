"""What of all that an audit hook hears the judge looks at, and by what words code asks for it."""

from __future__ import annotations

from studyhall_judge.sandbox.announcing import ANNOUNCED_IN, HANDLER, MADE_MODULE, MEMORY, RENAMED
from studyhall_judge.sandbox.announcing import INTERPRETER as OTHER_INTERPRETER
from studyhall_judge.sandbox.surroundings import MOVED, SET

FRAME_ATTRIBUTES = frozenset({"tb_frame", "gi_frame", "cr_frame", "ag_frame"})
CODE_ATTRIBUTES = frozenset({"__code__", "__closure__", "__globals__", "f_code"})
FRAME_MODULES = (
    "/inspect.py",
    "/traceback.py",
    "/pdb.py",
    "/bdb.py",
    "/cgitb.py",
    "/asyncio/base_tasks.py",
    "/IPython/core/ultratb.py",
    "/IPython/core/debugger.py",
)
GENERATOR_CODE = frozenset({"gi_code", "cr_code", "ag_code"})
RESUMED = 0x20 | 0x80 | 0x200
"""Flags of code that makes generators and coroutines: their frames may be kept, and go on within a test."""

TELLING = frozenset(
    {"format_exc", "print_exc", "format_exception", "print_exception", "format_tb", "print_tb"}
)
"""Functions of ``traceback.py`` that make text of an exception's own traceback, and hand out no frame."""

READERS = frozenset({"_signature_from_function", "_has_code_flag", "_signature_is_functionlike"})
"""Functions of ``inspect.py`` that look at a function's code for its parameters and flags only."""

FRAME_FUNCTIONS = frozenset({"currentframe", "<lambda>", "walk_stack", "walk_tb", "stack", "trace"})

COLLECTOR = frozenset({"gc.get_objects", "gc.get_referrers", "gc.get_referents"})
MONITOR = "sys.monitoring.register_callback"
TRACERS = frozenset({"sys.settrace", "sys.setprofile", MONITOR})
MAKERS = frozenset({"compile", "code.__new__", "marshal.loads", "marshal.load", RENAMED})
PATCHES = frozenset({"object.__setattr__", "object.__delattr__"})
FRAMES = frozenset({"sys._getframe", "sys._current_frames", "sys._current_exceptions"})
REFERENTS = "gc.get_referents"
SURROUNDINGS = SET | {MOVED}
HOOK = ("audit_hook", "The code tried to add a hook to the interpreter.")
INTERPRETER = ("other_interpreter", "The code tried to start another interpreter.")
NATIVE = ("native_call", "The code tried to call native code directly.")
NEVER_BY_ANYBODY = {
    "sys.addaudithook": HOOK,
    "sys.setopencodehook": HOOK,
    "cpython.PyInterpreterState_New": INTERPRETER,
    OTHER_INTERPRETER: INTERPRETER,
}
NEVER = {
    **dict.fromkeys(
        COLLECTOR, ("searched_memory", "The code searched the interpreter's memory for objects.")
    ),
    **NEVER_BY_ANYBODY,
}
"""What is refused at any time, with the alarm it raises."""

OWN_QUESTIONS = frozenset({"sys._getframe", "object.__getattr__"})
"""What the hook itself asks for."""

WORDS = {
    "sys._getframe": frozenset(
        {"_getframe", "_get_frame", "get_frame", "currentframe", "stack", "inspect", "getframeinfo"}
    ),
    "code.__new__": frozenset({"CodeType", "replace", "__replace__", "__code__"}),
    RENAMED: frozenset({"_fix_co_filename"}),
    HANDLER: frozenset({"signal", "_set_signal"}),
    "marshal.loads": frozenset({"loads", "_loads"}),
    "__code__": frozenset({"__code__", "_code_of", "_get_code"}),
}
"""By what names code asks for something, where it is not the last part of the event's own."""

ANNOUNCING = ("/signal.py", "/sandbox/announcing.py")
NATIVE_MODULES = frozenset({"ctypes", "_ctypes"})

IMPORT = "import"
MODULES = frozenset({IMPORT, MADE_MODULE})
OF_TESTS = frozenset({"_testcapi", "_testinternalcapi", "_testlimitedcapi"})
"""Modules for the interpreter's own tests, which go past everything."""
HEEDED = ANNOUNCED_IN | OF_TESTS

HEARD = (
    frozenset(NEVER)
    | TRACERS
    | MAKERS
    | PATCHES
    | FRAMES
    | MODULES
    | SURROUNDINGS
    | frozenset(
        {
            "object.__getattr__",
            HANDLER,
            MEMORY,
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
