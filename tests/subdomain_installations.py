"""`studyhall run` behind TLS, with a subdomain for each server, as a real class has them.

A program that takes the words of `studyhall`. The public address is `https://studyhall.localhost:PORT`; browsers look
every name below `localhost` up as this machine.
"""

import datetime as dt
import http.client
import json
import os
import ssl
import sys
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from studyhall.supervisor import command, probes
from studyhall.supervisor.installation import SERVICE_PREFIX
from studyhall.supervisor.keys import write_private
from studyhall.supervisor.plan import Plan

DOMAIN = "studyhall.localhost"
SERVICE_DOMAIN = f"studyhall--service.{DOMAIN}"


def write_certificate(folder):
    """Write a certificate for the domain and all below it, signed by itself; return its file and that of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, DOMAIN)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in (DOMAIN, f"*.{DOMAIN}")]), False)
        .sign(key, hashes.SHA256())
    )
    kept = folder / "certificate.pem", folder / "key.pem"
    kept[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    encoding = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    write_private(kept[1], key.private_bytes(*encoding).decode())
    return kept


def ask(port, host, path, *, method="GET", headers=None, body=None):
    """Ask the proxy on this machine as if it had been found under that name; return status, headers and text."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=60, context=context)
    try:
        connection.request(method, path, body, {"Host": f"{host}:{port}", **(headers or {})})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode(errors="replace")
    finally:
        connection.close()


ADMINISTRATOR = "TESTS_ADMINISTRATOR"
"""Variable with the token of the tests' own administrator of the hub."""
LINES = """
c.JupyterHub.services.append({{"name": "tester", "api_token": {token!r}}})
c.JupyterHub.load_roles.append(
    {{"name": "tester", "services": ["tester"], "scopes": ["admin:users", "admin:servers", "tokens", "shares"]}}
)
"""


class SubdomainPlan(Plan):
    """The plan of `studyhall run` with another public address, and without judge and worker."""

    def parts(self):
        return [part for part in super().parts() if part.name not in ("judge", "worker")]

    @property
    def public_host(self):
        return f"https://{DOMAIN}:{self.at.ports.public}"

    @property
    def callback_url(self):
        return f"https://{SERVICE_DOMAIN}:{self.at.ports.public}{SERVICE_PREFIX}oauth_callback"

    def write_settings(self):
        super().write_settings()
        file = self.at.hub / "settings.json"
        settings = json.loads(file.read_text())
        settings |= {
            "bind_url": f"https://127.0.0.1:{self.at.ports.public}/",
            "subdomain_host": self.public_host,
            "service": settings["service"] | {"callback_url": self.callback_url},
        }
        write_private(file, json.dumps(settings))
        config = self.at.hub / "jupyterhub_config.py"
        config.write_text(config.read_text() + LINES.format(token=os.environ[ADMINISTRATOR]))

    def command(self, name, title, words, *, environment, **options):
        if name == "proxy":
            certificate, key = write_certificate(self.at.hub)
            words = [*words, "--host-routing", "--ssl-cert", str(certificate), "--ssl-key", str(key)]
        if name in ("service", "worker"):
            environment = dict(environment) | {"STUDYHALL_SUBDOMAINS": "true"}
        if name == "service":
            environment |= {
                "JUPYTERHUB_HOST": self.public_host,
                "JUPYTERHUB_OAUTH_CALLBACK_URL": self.callback_url,
            }
        if name == "hub":
            options["ready"] = self.is_up
        return super().command(name, title, words, environment=environment, **options)

    def is_up(self):
        try:
            status, _, _ = ask(self.at.ports.public, SERVICE_DOMAIN, f"{SERVICE_PREFIX}health")
        except (OSError, http.client.HTTPException):
            return False
        return status == http.HTTPStatus.OK and probes.answers(f"{self.at.hub_url}/hub/health")


def main():
    from studyhall import cli

    command.Plan = SubdomainPlan
    sys.argv = ["studyhall", *sys.argv[1:]]
    cli.main()


PROGRAM = (str(Path(__file__)),)

if __name__ == "__main__":
    main()
