"""What axe finds in a page."""

from axe_playwright_python.sync_playwright import Axe


def violations(page, selector="body"):
    """Return axe's findings within one part of a page, in words."""
    found = Axe().run(page, context=selector).response["violations"]
    return [
        f"{item['id']}: {node['html'][:160]}"
        for item in found
        for node in item["nodes"]
        if item["impact"] in {"serious", "critical"}
    ]
