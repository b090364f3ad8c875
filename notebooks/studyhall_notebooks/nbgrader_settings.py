"""What an nbgrader course says in ``nbgrader_config.py``, read without running it.

The file is a program. Only plain assignments of constants to ``c.Class.setting`` count; everything else is
left alone and reported, so that nothing of a course folder ever runs where it is published.
"""

import ast
from dataclasses import dataclass, field
from typing import Any, Final

# nbgrader's class and setting → the field of ReleaseOptions it sets.
_OPTION_FIELDS: Final = {
    ("ClearSolutions", "text_stub"): "text_stub",
    ("ClearSolutions", "begin_solution_delimeter"): "begin_solution",
    ("ClearSolutions", "end_solution_delimeter"): "end_solution",
    ("ClearHiddenTests", "begin_test_delimeter"): "begin_hidden",
    ("ClearHiddenTests", "end_test_delimeter"): "end_hidden",
    ("ClearMarkScheme", "begin_mark_scheme_delimeter"): "begin_mark_scheme",
    ("ClearMarkScheme", "end_mark_scheme_delimeter"): "end_mark_scheme",
    ("LockCells", "lock_solution_cells"): "lock_solution_cells",
    ("LockCells", "lock_grade_cells"): "lock_grade_cells",
    ("LockCells", "lock_readonly_cells"): "lock_readonly_cells",
    ("LockCells", "lock_all_cells"): "lock_all_cells",
}
# The same for the fields of NbgraderSettings.
_TEXT_FIELDS: Final = {
    ("IncludeHeaderFooter", "header"): "header",
    ("IncludeHeaderFooter", "footer"): "footer",
    ("CourseDirectory", "course_id"): "course_id",
    ("CourseDirectory", "source_directory"): "source_directory",
    ("CourseDirectory", "submitted_directory"): "submitted_directory",
    ("CourseDirectory", "autograded_directory"): "autograded_directory",
}
# The preprocessor's own name, its base's, and nbclient's: a course may set the time-out through any of them.
_EXECUTORS: Final = ("Execute", "ExecutePreprocessor", "NotebookClient")
_LONGEST_TIMEOUT: Final = 24 * 3600
_FLAGS: Final = frozenset(name for name in _OPTION_FIELDS.values() if name.startswith("lock_"))


@dataclass
class NbgraderSettings:
    """The settings that matter: ``options`` for `ReleaseOptions`, paths relative to the course.

    ``cell_seconds`` is how long nbgrader lets one cell run, None where the course does not say.
    """

    course_id: str = ""
    source_directory: str = "source"
    submitted_directory: str = "submitted"
    autograded_directory: str = "autograded"
    cell_seconds: float | None = None
    header: str = ""
    footer: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    not_understood: list[str] = field(default_factory=list)


def read_nbgrader_settings(text: str) -> NbgraderSettings:
    """Return what an ``nbgrader_config.py`` sets plainly; lines that would have to run are listed."""
    settings = NbgraderSettings()
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        settings.not_understood.append("the whole file, which is not Python")
        return settings
    for statement in tree.body:
        if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
            continue
        name = _setting_name(statement.targets[0])
        if name is None:
            continue
        try:
            value = ast.literal_eval(statement.value)
        except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
            if name in _OPTION_FIELDS or name[0] in (
                "IncludeHeaderFooter",
                "ClearSolutions",
                "CourseDirectory",
                *_EXECUTORS,
            ):
                settings.not_understood.append(f"line {statement.lineno}: {'.'.join(name)}")
            continue
        _apply(settings, name, value)
    return settings


def _setting_name(target: ast.expr) -> tuple[str, str] | None:
    """Return ("Class", "setting") for the target ``c.Class.setting``."""
    if (
        isinstance(target, ast.Attribute)
        and isinstance(target.value, ast.Attribute)
        and isinstance(target.value.value, ast.Name)
        and target.value.value.id == "c"
    ):
        return target.value.attr, target.attr
    return None


def _apply(settings: NbgraderSettings, name: tuple[str, str], value: Any) -> None:
    if name in _OPTION_FIELDS:
        option = _OPTION_FIELDS[name]
        expected = bool if option in _FLAGS else str
        if isinstance(value, expected) and value != "":
            settings.options[option] = value
    elif name == ("ClearSolutions", "code_stub"):
        # The old form is one text for Python.
        stubs = {"python": value} if isinstance(value, str) else value
        if isinstance(stubs, dict) and all(
            isinstance(key, str) and isinstance(stub, str) for key, stub in stubs.items()
        ):
            settings.options["code_stub"] = stubs
    elif name[0] in _EXECUTORS and name[1] == "timeout":
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= _LONGEST_TIMEOUT:
            settings.cell_seconds = float(value)
    elif isinstance(value, str) and value and name in _TEXT_FIELDS:
        setattr(settings, _TEXT_FIELDS[name], value)
