"""The front's configuration: for each cohort its hosts, its certificate, and the proxy that they lead to."""

from __future__ import annotations

import shutil
import ssl
import time
from pathlib import Path
from urllib.parse import urlsplit

from classroom import Classroom, Cohort
from machine import containers_of, run, say
from trouble import Trouble

SITE = """https://{host}, https://*.{host} {{
	tls /etc/studyhall/front/tls/{slug}.pem /etc/studyhall/front/tls/{slug}.key
	header Strict-Transport-Security "max-age=31536000"
	reverse_proxy proxy-{slug}:8000 {{
		# Each piece goes on as it comes: live updates are one response that never ends.
		flush_interval -1
	}}
	handle_errors {{
		header Retry-After 10
		respond "This classroom can't be reached just now. Your work is safe; try again in a minute." 503
	}}
}}

http://{host}, http://*.{host} {{
	redir https://{{host}}{port}{{uri}} 308
}}
"""

FOR_TRYING_OUT = "(for trying out)"
"""In the name of each certificate that is made here."""


def write_front(classroom: Classroom) -> None:
    """Write what the front reads.

    Raises:
        Trouble: a certificate is missing or does not fit its key.
    """
    folder = classroom.home / "front"
    sites, tls = folder / "cohorts", folder / "tls"
    for part in (sites, tls):
        part.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(Path(__file__).parents[1] / "front" / "Caddyfile", folder / "Caddyfile")
    for cohort in classroom.cohorts:
        require_certificate(cohort)
        shutil.copyfile(cohort.certificate, tls / f"{cohort.slug}.pem")
        shutil.copyfile(cohort.key, tls / f"{cohort.slug}.key")
        (sites / f"{cohort.slug}.caddy").write_text(site(cohort), encoding="utf-8")
    known = {cohort.slug for cohort in classroom.cohorts}
    for file in [*sites.iterdir(), *tls.iterdir()]:
        if file.stem not in known:
            file.unlink()


def site(cohort: Cohort) -> str:
    """Return a cohort's part of the front's configuration."""
    port = urlsplit(cohort.url).port
    return SITE.format(host=cohort.host, slug=cohort.slug, port=f":{port}" if port else "")


def require_certificate(cohort: Cohort) -> None:
    """See that a cohort has a certificate that can be used.

    Raises:
        Trouble: it has none.
    """
    for file, name in ((cohort.certificate, "certificate"), (cohort.key, "key")):
        if not file.is_file():
            raise Trouble(
                f"{cohort.slug} has no {name}: there is no {file}. It has to be good for {cohort.host} and "
                f"*.{cohort.host}; "
                f"name the files with certificate and key in [cohorts.{cohort.slug}], or have one made for trying out "
                "with docker/up --self-signed, which browsers warn of."
            )
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cohort.certificate, cohort.key)
    except (ssl.SSLError, OSError) as error:
        raise Trouble(
            f"The certificate {cohort.certificate} and the key {cohort.key} don't fit: {error}"
        ) from error


def make_certificate(cohort: Cohort) -> None:
    """Make a certificate for trying out, unless there is one; one of ours for a host of before is made anew.

    Raises:
        Trouble: openssl is missing.
    """
    if cohort.certificate.exists() and not is_to_be_made_anew(cohort):
        return
    if shutil.which("openssl") is None:
        raise Trouble(
            "A certificate for trying out is made by openssl, which is missing: apt-get install openssl"
        )
    cohort.certificate.parent.mkdir(parents=True, exist_ok=True)
    run(
        *(
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "365",
        ),
        *("-subj", f"/CN={cohort.slug} {FOR_TRYING_OUT}"),
        *("-addext", f"subjectAltName=DNS:{cohort.host},DNS:*.{cohort.host}"),
        *("-keyout", str(cohort.key), "-out", str(cohort.certificate)),
    )


def is_to_be_made_anew(cohort: Cohort) -> bool:
    """Return whether a certificate was made here for trying out, and is not for the cohort's host; say so."""
    if shutil.which("openssl") is None:
        return False
    try:
        shown = run(
            *("openssl", "x509", "-noout", "-subject", "-ext", "subjectAltName"),
            *("-in", str(cohort.certificate)),
        )
    except Trouble:
        # What is wrong with it is said where it is used.
        return False
    hosts = shown.replace(",", " ").split()
    if f"DNS:{cohort.host}" in hosts and f"DNS:*.{cohort.host}" in hosts:
        return False
    if FOR_TRYING_OUT not in shown:
        say(
            f"The certificate {cohort.certificate} is not for {cohort.host} and *.{cohort.host}. It was not made here, "
            "so it stays: put one that is in its place."
        )
        return False
    say(f"The certificate {cohort.certificate} was for another host: a new one is made for {cohort.host}.")
    return True


def reload_front(project: str, *, seconds: float = 120) -> None:
    """Have a front that runs read its configuration again; it goes on with open connections.

    One that was just started takes it as soon as it listens, and so is reached afterwards.

    Raises:
        Trouble: it does not take it.
    """
    deadline = time.monotonic() + seconds
    while (front := containers_of(project).get("front")) is not None and front["State"]["Running"]:
        try:
            run(
                *("docker", "exec", front["Id"], "caddy", "reload"),
                *("--config", "/etc/studyhall/front/Caddyfile", "--adapter", "caddyfile"),
                what="The front does not take its configuration.",
            )
        except Trouble as trouble:
            if "dial tcp" not in str(trouble) or time.monotonic() > deadline:
                raise
            time.sleep(0.3)
        else:
            return
