"""The page on which staff approve a terminal: plain HTML, so that nothing but a person's own press approves."""

import html

from studyhall.access.waiting import Waiting

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Sign a terminal in · Studyhall</title>
<link rel="stylesheet" href="{prefix}/static/staff.css">
</head>
<body><main class="sh-sorry"><h1>Sign a terminal in</h1>
{body}
</main></body></html>
"""


def _page(prefix: str, body: str) -> str:
    return PAGE.format(prefix=html.escape(prefix), body=body)


def ask_for_code(prefix: str, *, username: str, xsrf: str, trouble: str = "") -> str:
    """Return the page that asks for the code which the terminal shows."""
    said = f'<p role="alert"><strong>{html.escape(trouble)}</strong></p>' if trouble else ""
    return _page(
        prefix,
        f"""{said}<p>You are signed in as <strong>{html.escape(username)}</strong>. Type the code that
<code>studyhall login</code> shows in <em>your</em> terminal. Never type one that somebody sent you.</p>
<form method="post" action="{html.escape(prefix)}/access">
<input type="hidden" name="_xsrf" value="{html.escape(xsrf)}">
<p><label for="code">Code</label><br>
<input id="code" name="code" required autocomplete="off" autocapitalize="characters" spellcheck="false"
size="12" autofocus></p>
<p><button type="submit">Look it up</button></p>
</form>""",
    )


def ask_for_approval(prefix: str, *, code: str, waiting: Waiting, role: str, xsrf: str) -> str:
    """Return the page that says what the terminal would get, with the two answers to it."""
    power = "release, collect and grade" if role == "instructor" else "collect and grade"
    hours = "1 hour" if waiting.hours == 1 else f"{waiting.hours} hours"
    return _page(
        prefix,
        f"""<p>A terminal at <strong>{html.escape(waiting.address)}</strong> asks for a token.</p>
<dl>
<dt>Code in the terminal</dt><dd><strong>{html.escape(code)}</strong></dd>
<dt>Course</dt><dd><strong>{html.escape(waiting.course)}</strong>, and no other one</dd>
<dt>It may</dt><dd>{power}, as you ({html.escape(role)})</dd>
<dt>Gradebook</dt><dd>{"the address of this course's nbgrader gradebook" if waiting.gradebook else "none"}</dd>
<dt>For</dt><dd>{hours}, or until <code>studyhall logout</code></dd>
</dl>
<p>Approve it only if this is the code that you see in a terminal of your own right now.</p>
<form method="post" action="{html.escape(prefix)}/access">
<input type="hidden" name="_xsrf" value="{html.escape(xsrf)}">
<input type="hidden" name="code" value="{html.escape(code)}">
<p><button type="submit" name="decision" value="approve">Approve</button>
<button type="submit" name="decision" value="refuse">Refuse</button></p>
</form>""",
    )


def decided(prefix: str, *, approved: bool) -> str:
    """Return the page that ends it."""
    text = (
        "The terminal is signed in. You may close this page."
        if approved
        else "The terminal was refused. Nothing was made."
    )
    return _page(prefix, f'<p role="status">{text}</p>')
