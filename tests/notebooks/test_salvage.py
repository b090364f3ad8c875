"""What is left of a learner's broken file is read, and an author's is refused."""

import base64
import contextlib
import html
import json
import random
import time

import pytest
from studyhall_notebooks.conflicts import sides
from studyhall_notebooks.errors import NotebookError
from studyhall_notebooks.parsing import parse_notebook

SOURCES = ["# Title", "def f(x):\n    return [x, 'it\\'s', \"y\"]", "total = 1  # ä", "assert f(1)"]


def notebook():
    cells = [
        {
            "cell_type": "code" if number else "markdown",
            "id": f"c{number}",
            "metadata": {"nbgrader": {"grade_id": f"g{number}"}},
            "source": text.splitlines(keepends=True),
        }
        | ({"execution_count": None, "outputs": []} if number else {})
        for number, text in enumerate(SOURCES)
    ]
    kernel = {"name": "python3", "display_name": "Python 3"}
    return {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


PRETTY = json.dumps(notebook(), indent=1, ensure_ascii=False)
FLAT = json.dumps(notebook())


def sources(text):
    return [cell.source for cell in parse_notebook(text, salvaging=True).notebook.cells]


def conflict(text, part, ours, theirs):
    return text.replace(part, f"<<<<<<< HEAD\n{ours}\n=======\n{theirs}\n>>>>>>> theirs\n", 1)


WAYS = {
    "base64": base64.encodebytes(PRETTY.encode()).decode(),
    "data address": "data:application/json;base64," + base64.b64encode(PRETTY.encode()).decode(),
    "quoted": json.dumps(PRETTY),
    "html": html.escape(PRETTY),
    "page": f"<pre>{html.escape(PRETTY)}</pre>",
    "fenced": f"```json\n{PRETTY}\n```",
    "mail": f"From: a\nTo: b\n\n{PRETTY}",
    "quoted mail": "\n".join(f"> {line}" for line in PRETTY.split("\n")),
    "difference": "\n".join(f"+{line}" for line in PRETTY.split("\n")),
    "invisible": "\u200b" + PRETTY,
    "comments": f"// saved\n{PRETTY}/* end */",
    "python": repr(notebook()),
    "commas": PRETTY.replace("\n  }", ",\n  }").replace("\n ]", ",\n ]"),
    "contents": json.dumps({"type": "notebook", "name": "a.ipynb", "content": notebook()}),
    "contents as text": json.dumps({"name": "a.ipynb", "content": FLAT}),
    "list of one": json.dumps([notebook()]),
    "cells alone": json.dumps(notebook()["cells"]),
    "cells by number": json.dumps(notebook() | {"cells": dict(enumerate(notebook()["cells"]))}),
    "curly quotes": json.dumps(notebook() | {"cells": [notebook()["cells"][0]] * 4}).replace('"', "\u201d"),
    "conflict": conflict(PRETTY, ' "nbformat_minor": 5\n', ' "nbformat_minor": 5', ' "nbformat_minor": 4'),
    "zeros": PRETTY.replace("\n", "\n\x00"),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_notebook_that_was_wrapped_or_written_otherwise_is_read(way):
    parsed = parse_notebook(WAYS[way], salvaging=True)
    assert len(parsed.notebook.cells) == len(SOURCES)
    if way != "curly quotes":
        assert [cell.source for cell in parsed.notebook.cells] == SOURCES
    assert parsed.repairs[0].code == "damaged_file"
    with pytest.raises(NotebookError):
        parse_notebook(WAYS[way])


def test_of_two_versions_the_first_is_read_and_the_learner_is_asked_to_look():
    text = conflict(PRETTY, '    "total = 1  # ä"\n', '    "total = 2"', '    "total = 3"')
    parsed = parse_notebook(text, salvaging=True)
    assert parsed.notebook.cells[2].source == "total = 2"
    assert "look" in parsed.repairs[0].message


@pytest.mark.parametrize("text", [PRETTY, FLAT])
def test_wherever_a_file_was_cut_the_cells_before_are_there(text):
    lines = [json.dumps(one.split("\n")[-1], ensure_ascii=text == FLAT) for one in SOURCES]
    ends = [text.index(line) + len(line) for line in lines]
    for cut in range(ends[0], len(text)):
        found = sources(text[:cut])
        whole = sum(end <= cut for end in ends)
        assert found[:whole] == SOURCES[:whole]
        assert len(found) <= whole + 1


@pytest.mark.parametrize("text", [PRETTY, FLAT])
def test_one_wrong_letter_costs_one_cell_at_most(text):
    chance = random.Random(7)  # noqa: S311 - a choice of places
    for _ in range(1500):
        place = chance.randrange(len(text))
        flipped = chr(ord(text[place]) ^ 1 << chance.randrange(7))
        if text[place] == "\\" or flipped == "\\":
            continue
        found = sources(text[:place] + flipped + text[place + 1 :])
        assert len(set(SOURCES) - set(found)) <= 2, (place, flipped)


def test_any_key_may_be_missing_or_hold_anything():
    chance = random.Random(3)  # noqa: S311 - as above

    def places(value, path=()):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield *path, key
            if isinstance(inner, dict | list):
                yield from places(inner, (*path, key))

    for path in places(notebook()):
        for put in (None, 3, "x", [], {}, [1], {"a": 1}, True, KeyError):
            made = notebook()
            holder = made
            for key in path[:-1]:
                holder = holder[key]
            if put is KeyError:
                del holder[path[-1]]
            else:
                holder[path[-1]] = put
            if path == ("cells",):
                continue
            found = sources(json.dumps(made) if chance.random() < 0.5 else repr(made))
            assert len(set(SOURCES) - set(found)) <= ("cells" in path)


@pytest.mark.parametrize(
    "text",
    ["{", "[]", "", "{}", "hello", "'", '"', "{'cells': []}", "<<<<<<< a\n=======\n>>>>>>> b", "[" * 50],
)
def test_where_nothing_is_left_the_file_is_refused(text):
    with pytest.raises(NotebookError):
        parse_notebook(text, salvaging=True)


@pytest.mark.parametrize(
    "text",
    [
        '{"id":' * 90 + '{"id":1,' * 200_000,
        "<<<<<<< a\n" * 500_000,
        "'" * 3_000_000,
        '{"cells":[' + '{"cell_type":"code","source":"x"},' * 200_000,
        "{" + "a," * 2_000_000,
        '{"cells": "' + "\\" * 5_000_000,
        " " * 1_000_000 + "!",
        "QUJD " * 300_000 + "!",
    ],
    ids=["starts", "marks", "quotes", "cells", "words", "backslashes", "blanks", "encoded"],
)
def test_salvaging_is_bounded(text):
    # Of the processor, whatever else the machine does: a second or two, and minutes where it grows by the square.
    began = time.process_time()
    with contextlib.suppress(NotebookError):
        parse_notebook(text, salvaging=True)
    assert time.process_time() - began < 30


def test_both_sides_of_several_conflicts():
    text = "a\n<<<<<<< x\nb\n||||||| base\nq\n=======\nc\n>>>>>>> y\nd\n<<<<<<< x\n=======\ne\n>>>>>>> y\nf"
    assert sides(text) == ("a\nb\nd\nf", "a\nc\nd\ne\nf")
    assert sides("a\n<<<<<<< x\nb") is None
    assert sides("a\n=======\nb") is None


def test_lists_of_lists_of_lines_and_sheets_of_another_version():
    made = notebook()
    for cell in made["cells"]:
        cell["source"] = [[line] for line in cell["source"]]
    assert sources(json.dumps(made)) == SOURCES
    sheets = {"nbformat": 4, "metadata": {}, "worksheets": [{"cells": notebook()["cells"]}]}
    assert sources(json.dumps(sheets)) == SOURCES
    renamed = [{**one, "input": one["source"]} for one in notebook()["cells"]]
    for cell in renamed:
        del cell["source"]
    assert sources(json.dumps(notebook() | {"cells": renamed})) == SOURCES
    code = [{"kind": 2 if n else 1, "value": one} for n, one in enumerate(SOURCES)]
    assert sources(json.dumps({"cells": code})) == SOURCES


def test_points_with_a_fraction_are_read_as_such_from_a_broken_file():
    text = '{"cells": [{"cell_type": "code", "source": "x", "metadata": {"points": 2.0, "more": [0.5, -1e3, 7]},}]'
    metadata = parse_notebook(text, salvaging=True).notebook.cells[0].metadata
    assert metadata == {"points": 2.0, "more": [0.5, -1000.0, 7]}
