"""Reading a roster: a CSV file as spreadsheets write it becomes rows, and all its mistakes are found at once. Pure."""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from studyhall.permissions import Role

COLUMNS: Final = ("username", "display_name", "email", "course", "role")
LARGEST_BYTES: Final = 10_000_000
LONGEST_NAME: Final = 200
LONGEST_EMAIL: Final = 254
DELIMITERS: Final = ",;\t"

_EMAIL = re.compile(r"[^@\s,;<>\"]+@[^@\s.,;<>\"]+(?:\.[^@\s.,;<>\"]+)+")


@dataclass(frozen=True)
class Entry:
    """One line of a roster: a person, and at most one part in one course."""

    line: int
    """Where it begins in the file, counted from 1."""
    username: str
    display_name: str
    """Empty where the file says nothing; so is ``email``."""
    email: str
    course: str
    """Slug; empty for somebody who is in the cohort and in no course."""
    role: Role


@dataclass(frozen=True)
class Problem:
    """A mistake and where it is."""

    line: int
    column: str
    """Name of the column; empty when it concerns the whole line."""
    message: str

    def __str__(self) -> str:
        place = f"Line {self.line}, {self.column}" if self.column else f"Line {self.line}"
        return f"{place}: {self.message}"


@dataclass
class Roster:
    """What a file says, and what is wrong with it."""

    entries: list[Entry] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)
    """Whom each line is about, also one with a mistake in it."""


def read_roster(content: bytes) -> Roster:
    """Return what a CSV file says.

    Commas, semicolons or tabs separate; a byte order mark, any line ends, quoted fields and empty lines are as
    spreadsheets write them. The first line names the columns, in any order and letter case.
    """
    roster = Roster()
    if len(content) > LARGEST_BYTES:
        roster.problems.append(Problem(1, "", f"The file is larger than {LARGEST_BYTES / 1_000_000:g} MB."))
        return roster
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = len((content[: error.start] + b".").splitlines())
        roster.problems.append(
            Problem(line, "", "This is not UTF-8. Save the file as “CSV UTF-8” and give it again.")
        )
        return roster
    records = _records(text, _delimiter(text), roster.problems)
    header = next(records, None)
    if header is None:
        if not roster.problems:
            roster.problems.append(
                Problem(1, "", f"The file is empty. Its first line has to be: {','.join(COLUMNS)}")
            )
        return roster
    columns = _columns(header, roster.problems)
    if columns is None:
        return roster
    for line, fields in records:
        entry = _entry(line, fields, columns, roster)
        if entry is not None:
            roster.entries.append(entry)
    _compare(roster)
    roster.problems.sort(key=lambda problem: problem.line)
    return roster


def _delimiter(text: str) -> str:
    """Return what separates the columns: whatever is most often in the first line with something in it."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    return max(DELIMITERS, key=first.count)


def _records(text: str, delimiter: str, problems: list[Problem]) -> Iterator[tuple[int, list[str]]]:
    """Yield the records that are not empty, each with its first line; broken quotes end it with a problem."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    while True:
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error:
            problems.append(
                Problem(
                    line,
                    "",
                    "The quotes can't be right from here on: a field that begins with a quote ends with one, and a "
                    'quote in it is doubled (""). Nothing after it was read.',
                )
            )
            return
        fields = [part.strip() for part in fields]
        if any(fields):
            yield line, fields
        line = reader.line_num + 1


def _columns(header: tuple[int, list[str]], problems: list[Problem]) -> dict[str, int] | None:
    """Return the place of each column; None when it can't be told what the columns are."""
    line, names = header
    lowered = [name.lower().replace(" ", "_") for name in names]
    before = len(problems)
    for name in dict.fromkeys(lowered):
        if name and name not in COLUMNS:
            problems.append(
                Problem(line, "", f"There is no column {name!r}. There are: {', '.join(COLUMNS)}.")
            )
        elif name and lowered.count(name) > 1:
            problems.append(Problem(line, name, "The column is there twice."))
    if "username" not in lowered:
        problems.append(
            Problem(
                line, "", f"The column username is missing. The first line has to be: {','.join(COLUMNS)}"
            )
        )
    return {name: place for place, name in enumerate(lowered) if name} if len(problems) == before else None


def _entry(line: int, fields: list[str], columns: dict[str, int], roster: Roster) -> Entry | None:
    """Return a line as an entry; None when something is wrong with it."""
    problems = roster.problems
    before = len(problems)
    if any(part for place, part in enumerate(fields) if place not in columns.values()):
        problems.append(
            Problem(
                line,
                "",
                f"There are {len(fields)} fields for {len(columns)} columns. A field with a separator in it needs "
                "quotes around it.",
            )
        )
        return None
    values = {
        name: fields[place] if place < len(fields) else "" for name, place in columns.items()
    } | dict.fromkeys(COLUMNS - columns.keys(), "")
    # The hub knows its people by small letters only.
    username, course = values["username"].lower(), values["course"].lower()
    roster.names[line] = username[:LONGEST_NAME]
    if not username:
        problems.append(Problem(line, "username", "It is missing."))
    elif not _is_username(username):
        problems.append(
            Problem(line, "username", f"{username!r} can't be a name at the hub: no spaces, no slashes.")
        )
    if not _is_name(values["display_name"]):
        problems.append(
            Problem(line, "display_name", f"A name is one line of at most {LONGEST_NAME} characters.")
        )
    email = values["email"]
    if email and (len(email) > LONGEST_EMAIL or not email.isprintable() or not _EMAIL.fullmatch(email)):
        problems.append(Problem(line, "email", f"{email!r} is not a mail address."))
    role = Role.LEARNER
    try:
        role = Role(values["role"].lower() or Role.LEARNER)
    except ValueError:
        problems.append(
            Problem(line, "role", f"There is no role {values['role']!r}. There are: {', '.join(Role)}.")
        )
    if values["role"] and not course:
        problems.append(Problem(line, "course", "A role needs a course that it is for."))
    if len(problems) > before:
        return None
    return Entry(line, username, values["display_name"], _lowered_domain(email), course, role)


def _is_username(text: str) -> bool:
    return (
        len(text) <= LONGEST_NAME
        and text.isprintable()
        and not any(each.isspace() or each == "/" for each in text)
    )


def _is_name(text: str) -> bool:
    return len(text) <= LONGEST_NAME and (not text or text.isprintable())


def _lowered_domain(email: str) -> str:
    """Return a mail address with its domain in small letters; before the @ they may matter."""
    name, at, domain = email.rpartition("@")
    return f"{name}{at}{domain.lower()}"


def _compare(roster: Roster) -> None:
    """Find lines that say the same twice, or different things of one person."""
    parts: dict[tuple[str, str], int] = {}
    said: dict[tuple[str, str], tuple[str, int]] = {}
    for entry in roster.entries:
        first = parts.setdefault((entry.username, entry.course), entry.line)
        if first != entry.line:
            where = f"in {entry.course}" if entry.course else "in the file"
            roster.problems.append(
                Problem(entry.line, "username", f"{entry.username} is {where} already, on line {first}.")
            )
        for column in ("display_name", "email"):
            value = getattr(entry, column)
            if not value:
                continue
            known, line = said.setdefault((entry.username, column), (value, entry.line))
            if known != value:
                roster.problems.append(
                    Problem(entry.line, column, f"On line {line} {entry.username} has {known!r} there.")
                )
