"""A roster as spreadsheets write it: every way of writing the same is read the same, and every mistake has its line."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from studyhall.permissions import Role
from studyhall.rosters.reading import COLUMNS, LARGEST_BYTES, Entry, read_roster

HEADER = "username,display_name,email,course,role"

usernames = st.from_regex(r"[a-z0-9][a-z0-9._@-]{0,15}", fullmatch=True)
names = st.text(
    st.characters(codec="utf-8", exclude_categories=["C", "Z"]) | st.sampled_from(' ,;"'), max_size=20
)
emails = st.from_regex(r"[A-Za-z0-9.+-]{1,8}@[a-z0-9-]{1,8}\.[a-z]{2,5}", fullmatch=True)


@st.composite
def rosters(draw):
    """People with the same name and address on each of their lines, and no two lines for one course."""
    people = draw(
        st.dictionaries(usernames, st.tuples(names.map(str.strip), st.just("") | emails), max_size=6)
    )
    rows = []
    for username, (name, email) in people.items():
        parts = draw(
            st.dictionaries(
                st.sampled_from(["python", "sql", "r"]), st.sampled_from(Role), min_size=0, max_size=3
            )
        )
        rows += [(username, name, email, course, role) for course, role in parts.items()]
        if not parts:
            rows.append((username, name, email, "", Role.LEARNER))
    return draw(st.permutations(rows))


def written(rows, *, delimiter, end, bom, quoting, columns, empty):
    """Write rows, and say on which line each of them is; ``empty`` lines stand before each."""
    out, lines = io.StringIO(newline=""), []
    writer = csv.writer(out, delimiter=delimiter, lineterminator=end, quoting=quoting)
    writer.writerow(columns)
    for number, row in enumerate(rows):
        out.write(end * empty)
        values = dict(zip(COLUMNS, row, strict=True))
        values["role"] = values["role"] if values["course"] else ""
        writer.writerow([values[column] for column in columns])
        lines.append(2 + number * (empty + 1) + empty)
    return (b"\xef\xbb\xbf" if bom else b"") + out.getvalue().encode(), lines


@given(
    rows=rosters(),
    delimiter=st.sampled_from(",;\t"),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    bom=st.booleans(),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    columns=st.permutations(COLUMNS),
    empty=st.integers(0, 2),
)
def test_every_way_of_writing_a_roster_is_read_as_the_same(rows, **way):
    content, lines = written(rows, **way)
    roster = read_roster(content)
    assert roster.problems == []
    assert roster.entries == [Entry(line, *row) for line, row in zip(lines, rows, strict=True)]


@given(rows=rosters(), wrong=st.sets(st.integers(0, 20)))
def test_every_mistake_is_found_at_once_and_on_its_own_line(rows, wrong):
    wrong = {number for number in wrong if number < len(rows)}
    spoilt = [
        (*row[:3], "python", "headmaster") if number in wrong else row for number, row in enumerate(rows)
    ]
    content, lines = written(
        spoilt, delimiter=",", end="\n", bom=False, quoting=csv.QUOTE_MINIMAL, columns=COLUMNS, empty=0
    )
    roster = read_roster(content)
    assert [(found.line, found.column) for found in roster.problems] == [
        (lines[number], "role") for number in sorted(wrong)
    ]
    assert len(roster.entries) == len(rows) - len(wrong)


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: f"{HEADER}\n{text}".encode()))
def test_whatever_is_given_is_read_or_refused_with_a_line(content):
    roster = read_roster(content)
    last = len(content.splitlines()) + 1
    assert all(1 <= problem.line <= last and problem.message for problem in roster.problems)
    for entry in roster.entries:
        assert entry.username
        assert entry.username == entry.username.lower()


@pytest.mark.parametrize(
    ("line", "column", "words"),
    [
        (",Lea,,,", "username", "missing"),
        ("le a,,,,", "username", "no spaces"),
        ("a/b,,,,", "username", "no slashes"),
        ("lea\u200b,,,,", "username", "can't be"),
        ("lea,,lea.school,,", "email", "not a mail address"),
        ("lea,,a@b@c.de,,", "email", "not a mail address"),
        ("lea,,lea@school,,", "email", "not a mail address"),
        ("lea,,,python,headmaster", "role", "learner, grader, instructor"),
        ("lea,,,,grader", "course", "needs a course"),
        (f"lea,{'x' * 201},,,", "display_name", "200 characters"),
        ('lea,"two\nlines",,,', "display_name", "one line"),
        ("lea,Li, Lea,lea@school.example,python,learner", "", "needs quotes"),
        ('lea,"Lea" Li,,,', "", "quotes"),
        ('lea,"Lea,,,', "", "quotes"),
    ],
)
def test_each_kind_of_mistake_is_said(line, column, words):
    roster = read_roster(f"{HEADER}\nben,,,,\n{line}\n".encode())
    assert [(found.line, found.column) for found in roster.problems] == [(3, column)]
    assert words in roster.problems[0].message
    assert [entry.username for entry in roster.entries] == ["ben"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\r\n\r\n", "is empty"),
        (b"display_name;email\nLea;lea@school.example", "username is missing"),
        (b"username,surname\nlea,Li", "no column 'surname'"),
        (b"username,username\nlea,lea", "is there twice"),
        (b"x" * (LARGEST_BYTES + 1), "larger than 10 MB"),
    ],
)
def test_a_file_that_is_no_roster_is_refused_whole(content, words):
    roster = read_roster(content)
    assert roster.entries == []
    assert len(roster.problems) == 1
    assert words in roster.problems[0].message


def test_another_encoding_is_said_with_the_line_where_it_shows():
    roster = read_roster(f"{HEADER}\r\nlea,,,,\r\njörg,,,,\r\n".encode("latin-1"))
    assert [found.line for found in roster.problems] == [3]
    assert "CSV UTF-8" in roster.problems[0].message


def test_a_person_on_several_lines_may_not_contradict_themselves():
    lines = [
        HEADER,
        "lea,Lea Li,lea@a.example,python,learner",
        "",
        "Lea,,,sql,grader",
        "lea,Lea Lo,lea@b.example,r,learner",
        "LEA,,,python,grader",
        "ben,,,,",
        "ben,,,,",
    ]
    problems = read_roster("\n".join(lines).encode()).problems
    assert [(found.line, found.column) for found in problems] == [
        (5, "display_name"),
        (5, "email"),
        (6, "username"),
        (8, "username"),
    ]
    assert "on line 2" in problems[2].message


def test_a_header_may_be_written_as_for_people_and_columns_may_be_missing():
    roster = read_roster(b"Display Name;USERNAME;;\nLi, Lea;Lea;;\n")
    assert roster.problems == []
    assert roster.entries == [Entry(2, "lea", "Li, Lea", "", "", Role.LEARNER)]
