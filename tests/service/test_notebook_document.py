"""The document that staff see of a learner's notebook: readable, and nothing in it that acts."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from studyhall.grading.documents import clean, notebook_document


def displayed(**data):
    cell = new_code_cell("show()")
    cell.outputs = [
        new_output("display_data", data={key.replace("_", "/"): value for key, value in data.items()})
    ]
    return cell


async def document(*cells):
    return await notebook_document(nbformat.writes(new_notebook(cells=list(cells))), title="lesson")


@pytest.mark.parametrize(
    ("markup", "cleaned"),
    [
        ("<p>one <b>two</b></p>", "<p>one <b>two</b></p>"),
        ("<script>steal()</script>after", "after"),
        ("<style>body { display: none }</style>after", "after"),
        ("<img src=x onerror=steal()>", "<img>"),
        ("<img src='https://example.org/pixel.png'>", "<img>"),
        ("<img src='data:image/png;base64,AA=='>", '<img src="data:image/png;base64,AA==">'),
        ("<a href='javascript:steal()'>link</a>", "<a>link</a>"),
        ("<a href='https://example.org/' target=_top>link</a>", "<a>link</a>"),
        ("<svg onload=steal()><script>steal()</script></svg>", ""),
        ("<form action=/hub/logout><button>press</button></form>", "press"),
        ("<p style='position: fixed; text-align: right'>x</p>", '<p style="text-align:right">x</p>'),
        ("</div></div><div>", "<div></div>"),
        (b"<b>bytes</b>", "<b>bytes</b>"),
    ],
)
def test_only_text_tables_and_pictures_stay(markup, cleaned):
    assert clean(markup) == cleaned


@pytest.mark.asyncio
async def test_headings_paragraphs_and_tables_are_drawn_as_such():
    text = await document(
        new_markdown_cell("# Bread\n\nIt is *warm*.\n\n| a | b |\n|---|--:|\n| 1 | 2 |"),
        displayed(text_html="<style scoped>.x{}</style><table><tr><td>12</td></tr></table>"),
    )
    assert "<p>It is <em>warm</em>.</p>" in text
    assert "&lt;" not in text
    assert "<h1" in text
    assert "<td>12</td>" in text
    assert ".x{}" not in text


@pytest.mark.asyncio
async def test_a_picture_that_is_a_drawing_is_shown_as_a_picture():
    cell = new_code_cell("plot()")
    cell.outputs = [
        new_output("display_data", data={"image/svg+xml": "<svg onload='steal()'><script>x</script></svg>"})
    ]
    text = await document(cell)
    assert 'src="data:image/svg+xml;base64,' in text
    assert "<svg" not in text


@pytest.mark.asyncio
async def test_metadata_cannot_slip_an_attribute_in():
    cell = new_code_cell("plot()")
    output = new_output("display_data", data={"image/png": "AA=="})
    output.metadata = {"image/png": {"width": "1 onload=steal()"}}
    cell.outputs = [output]
    assert "onload" not in await document(cell)


@pytest.mark.asyncio
async def test_an_output_cannot_close_its_cell_and_pass_for_another():
    forged = "</div></div></div></div></div><div class='cell'>forged</div>"
    text = await document(displayed(text_html=forged), new_markdown_cell("after"))
    before, _, after = text.partition("forged")
    assert before.count("<div") - before.count("</div") > 3, "still inside of its own cell"
    assert "after" in after
