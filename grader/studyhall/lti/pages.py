"""The page on which an instructor chooses after a launch: plain HTML, so that only their own press does anything."""

import html
from collections.abc import Sequence

from studyhall.lti.linking import Choosing, Offered, Response

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title} · Studyhall</title>
<link rel="stylesheet" href="{prefix}/static/staff.css">
</head>
<body><main class="sh-sorry"><h1>{title}</h1>
{body}
</main></body></html>
"""


def _page(prefix: str, title: str, body: str) -> str:
    return PAGE.format(prefix=html.escape(prefix), title=html.escape(title), body=body)


def _form(prefix: str, found: Choosing, xsrf: str, inner: str) -> str:
    return f"""<form method="post" action="{html.escape(prefix)}/lti/choices/{found.choice.id}">
<input type="hidden" name="_xsrf" value="{html.escape(xsrf)}">
{inner}
</form>"""


def choose_course(prefix: str, found: Choosing, *, xsrf: str) -> str:
    """Return the page that asks which course is meant."""
    if not found.courses:
        body = "<p>No course here may be connected with this one. Ask the people who run this Studyhall.</p>"
        return _page(prefix, "Connect your course", body)
    rows = "\n".join(
        f'<p><label><input type="radio" name="course" value="{html.escape(course)}" required> '
        f"{html.escape(course)}</label></p>"
        for course in found.courses
    )
    inner = f"""<fieldset><legend>Course in Studyhall</legend>
{rows}
</fieldset>
<p><button type="submit">Connect</button></p>"""
    return _page(
        prefix,
        "Connect your course",
        f"""<p>Which course here belongs to <strong>{html.escape(found.context.title)}</strong>? Its learners
will take part in it, and its instructors teach it.</p>
{_form(prefix, found, xsrf, inner)}""",
    )


def choose_lessons(prefix: str, found: Choosing, *, xsrf: str, trouble: str = "") -> str:
    """Return the page that asks which lessons are to be linked."""
    several = bool((found.choice.deep_linking or {}).get("multiple"))
    kind = "checkbox" if several else "radio"
    rows = "\n".join(_row(lesson, kind) for lesson in found.lessons)
    said = f'<p role="alert"><strong>{html.escape(trouble)}</strong></p>' if trouble else ""
    inner = f"""<fieldset><legend>Lessons of {html.escape(found.course or "")}</legend>
{rows}
</fieldset>
<p><button type="submit">Add to {html.escape(found.context.title)}</button></p>"""
    return _page(prefix, "Choose lessons", said + _form(prefix, found, xsrf, inner))


def _row(lesson: Offered, kind: str) -> str:
    points = f"{lesson.points:g} points" if lesson.points else "no points"
    return (
        f'<p><label><input type="{kind}" name="lesson" value="{html.escape(lesson.slug)}"> '
        f"{html.escape(lesson.title)} ({points})</label></p>"
    )


def connected(prefix: str, course: str) -> str:
    """Return the page after a course was connected."""
    return _page(
        prefix,
        "Connected",
        f'<p role="status">The course is connected with <strong>{html.escape(course)}</strong>. Go back to your '
        "learning platform and open the activity again.</p>",
    )


def bring_back(prefix: str, response: Response, lessons: Sequence[str]) -> str:
    """Return the page whose button brings the links to the platform."""
    count = "1 lesson" if len(lessons) == 1 else f"{len(lessons)} lessons"
    return _page(
        prefix,
        "Add to your course",
        f"""<p>{count} will be added. The button takes you back to your learning platform.</p>
<form method="post" action="{html.escape(response.url)}">
<input type="hidden" name="JWT" value="{html.escape(response.token)}">
<p><button type="submit" autofocus>Back to the course</button></p>
</form>""",
    )


def trouble(prefix: str, sentence: str) -> str:
    """Return the page that says what is wrong."""
    return _page(prefix, "That did not work", f'<p role="alert">{html.escape(sentence)}</p>')
