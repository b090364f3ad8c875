"""What a notebook calls itself."""

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from studyhall_notebooks.headings import first_heading


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("# Bread", "Bread"),
        ("Some words\n\n   ## **Sour** `dough` ##  ", "Sour dough"),
        ("```\n# a comment\n```\n# Bread", "Bread"),
        ("#Bread", ""),
        ("    # Bread", ""),
        ("#  #\n# Bread", "Bread"),
        # Looked through once: an author's long line must not keep everybody who publishes waiting.
        ("# a" + " " * 200_000 + "b", "a"),
        ("# " + " " * 200_000 + "\n# Bread", "Bread"),
    ],
)
def test_the_first_heading_is_the_title(text, title):
    notebook = new_notebook(cells=[new_code_cell("# no heading"), new_markdown_cell(text)])
    assert first_heading(notebook).strip() == title
