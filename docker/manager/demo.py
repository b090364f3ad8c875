"""Two cohorts of different organisations, to see what Studyhall is."""

from __future__ import annotations

from pathlib import Path

from machine import CHECKOUT

COURSE = CHECKOUT / "course-content" / "python-foundations"
COHORTS = {
    "acme-spring": ("acme", "Acme Academy", {"olga": "owner", "ines": "instructor", "lea": "learner"}),
    "birch-autumn": ("birch", "Birch College", {"oscar": "owner", "ivan": "instructor", "noor": "learner"}),
}


def write_demo(home: Path) -> None:
    """Write `classroom.toml` and two rosters."""
    parts = []
    for number, (slug, (organization, name, people)) in enumerate(COHORTS.items()):
        roster = home / f"{slug}.csv"
        lines = [
            f"{person},{person}@{organization}.example,{COURSE.name},{role}"
            for person, role in people.items()
            if role != "owner"
        ]
        roster.write_text("\n".join(["username,email,course,role", *lines, ""]), encoding="utf-8")
        owner = next(person for person, role in people.items() if role == "owner")
        parts.append(f"""[cohorts.{slug}]
organization = "{organization}"
organization_name = "{name}"
url = "https://{slug}.studyhall.localhost"
owner = "{owner}"
owner_mail = "{owner}@{organization}.example"
courses = ["{COURSE}"]
roster = "{roster.name}"
learners = "10.177.{4 * number}.0/22"
staff = "10.178.{number}.0/24"
""")
    (home / "classroom.toml").write_text("\n".join(parts), encoding="utf-8")
