"""A learning platform of the tests' own, over real HTTP: it signs people in by LTI 1.3, keeps a gradebook and a roster.

It plays Moodle or Canvas where those differ: Moodle's line items carry a query string and it takes no other media type,
Canvas' token is for its token address only, and it slows callers down with 403. It refuses what they refuse.
"""

import base64
import json
import re
import secrets
import threading
import time
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLAIM = "https://purl.imsglobal.org/spec/lti/claim/"
AGS = "https://purl.imsglobal.org/spec/lti-ags/"
NRPS = "https://purl.imsglobal.org/spec/lti-nrps/"
DL = "https://purl.imsglobal.org/spec/lti-dl/claim/"
MEMBERSHIP = "http://purl.imsglobal.org/vocab/lis/v2/membership#"
GRADE_SCOPES = [AGS + "scope/lineitem", AGS + "scope/score", AGS + "scope/result.readonly"]
ROSTER_SCOPE = NRPS + "scope/contextmembership.readonly"

LINE_ITEM = "application/vnd.ims.lis.v2.lineitem+json"
LINE_ITEMS = "application/vnd.ims.lis.v2.lineitemcontainer+json"
SCORE = "application/vnd.ims.lis.v1.score+json"
ROSTER = "application/vnd.ims.lti-nrps.v2.membershipcontainer+json"


def number(value):
    length = (value.bit_length() + 7) // 8
    return base64.urlsafe_b64encode(value.to_bytes(length, "big")).rstrip(b"=").decode()


class Key:
    """A key pair of the platform."""

    def __init__(self):
        self.kid = secrets.token_hex(6)
        self.private = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @property
    def public(self):
        numbers = self.private.public_key().public_numbers()
        return {
            "kty": "RSA",
            "use": "sig",
            "alg": "RS256",
            "kid": self.kid,
            "n": number(numbers.n),
            "e": number(numbers.e),
        }


class Platform:
    """One platform with one course, `context`, in which tests put people, columns and links."""

    def __init__(self, like="moodle"):
        self.like = like
        self.url = ""
        self.client_id = "client-" + secrets.token_hex(4)
        self.deployment = "1"
        self.context = "course-" + secrets.token_hex(3)
        self.key = Key()
        self.published = [self.key]
        self.launch_url = ""
        self.tool_keys = lambda: {"keys": []}
        self.people = {}
        self.columns = {}
        self.scores = []
        self.tokens = {}
        self.seen_jti = set()
        self.troubles = []
        """Answers that the next calls of the gradebook and roster get instead: `(status, headers)`."""
        self.asked = []
        self.page_size = 2
        self.next_page = None
        """Another address that the next page of any list is said to be at."""
        self.claims_line_item = True
        self.lock = threading.RLock()
        self.deep_links = []

    # ------------------------------------------------------------ signing in

    @property
    def settings(self):
        """What the hub's settings say of this platform."""
        return {
            "name": self.like.title(),
            "issuer": self.url,
            "client_id": self.client_id,
            "deployments": [self.deployment],
            "authorization_url": f"{self.url}/auth?from=tool",
            "jwks_url": f"{self.url}/keys",
        }

    def column(self, lesson_id, *, label="Lesson", maximum=10.0):
        """Make a column of the gradebook; return its address."""
        name = str(len(self.columns) + 1)
        self.columns[name] = {"resourceId": lesson_id, "label": label, "scoreMaximum": maximum}
        return self.address_of(name)

    def address_of(self, name):
        query = "?type_id=3" if self.like == "moodle" else ""
        return f"{self.url}/courses/{self.context}/lineitems/{name}/lineitem{query}"

    @property
    def line_items(self):
        return f"{self.url}/courses/{self.context}/lineitems" + (
            "?type_id=3" if self.like == "moodle" else ""
        )

    @property
    def memberships(self):
        return f"{self.url}/courses/{self.context}/people"

    def claims(self, person, *, nonce, link="link-1", deep_linking=False, lesson="", line_item=""):
        """Return what the platform says of somebody who opens a link."""
        now = int(time.time())
        about = self.people[person]
        found = {
            "iss": self.url,
            "aud": self.client_id,
            "sub": person,
            "iat": now,
            "exp": now + 300,
            "nonce": nonce,
            "name": about["name"],
            "email": about.get("email", "same@school.example"),
            CLAIM + "version": "1.3.0",
            CLAIM + "deployment_id": self.deployment,
            CLAIM + "target_link_uri": self.launch_url,
            CLAIM + "roles": [MEMBERSHIP + about["role"]],
            CLAIM + "context": {"id": self.context, "label": "K1", "title": "Klasse 1"},
            CLAIM + "message_type": "LtiDeepLinkingRequest" if deep_linking else "LtiResourceLinkRequest",
            AGS + "claim/endpoint": {"scope": GRADE_SCOPES, "lineitems": self.line_items},
            NRPS + "claim/namesroleservice": {
                "context_memberships_url": self.memberships,
                "service_versions": ["2.0"],
            },
        }
        if line_item and self.claims_line_item:
            found[AGS + "claim/endpoint"]["lineitem"] = line_item
        if deep_linking:
            found[DL + "deep_linking_settings"] = {
                "deep_link_return_url": f"{self.url}/deep-link-return",
                "accept_types": ["ltiResourceLink"],
                "accept_presentation_document_targets": ["window"],
                "accept_multiple": True,
                "data": "opaque&data",
            }
        else:
            found[CLAIM + "resource_link"] = {"id": link, "title": "A lesson"}
        if lesson:
            found[CLAIM + "custom"] = {"studyhall_lesson": lesson}
        return found

    def sign(self, claims, *, key=None, algorithm="RS256", **header):
        key = key or self.key
        return jwt.encode(claims, key.private, algorithm=algorithm, headers={"kid": key.kid, **header})

    # ------------------------------------------------------------ what the tool calls

    def answer(self, method, at, headers, body):
        """Return status, headers and JSON."""
        with self.lock:
            self.asked.append((method, at.path, at.query, dict(headers)))
            if at.path == "/keys":
                return 200, {}, {"keys": [key.public for key in self.published]}
            if at.path == "/token":
                return self.answer_token(
                    {name: values[0] for name, values in parse_qs(body.decode()).items()}
                )
            if at.path == "/deep-link-return":
                self.deep_links.append(parse_qs(body.decode())["JWT"][0])
                return 200, {}, {}
            if self.troubles:
                status, more = self.troubles.pop(0)
                return status, more, {"errors": "trouble"}
            granted = self.tokens.get(headers.get("Authorization", "").removeprefix("Bearer "))
            if granted is None:
                return 401, {}, {"error": "invalid_token"}
            return self.answer_service(method, at, headers, body, granted)

    def answer_token(self, form):
        if form.get("grant_type") != "client_credentials":
            return 400, {}, {"error": "unsupported_grant_type"}
        said = form["client_assertion"]
        kid = jwt.get_unverified_header(said)["kid"]
        for row in self.tool_keys()["keys"]:
            if row["kid"] == kid:
                key = jwt.PyJWK(row).key
                break
        else:
            return 401, {}, {"error": "invalid_client"}
        # Canvas takes its token address and nothing else; Moodle takes it, too.
        try:
            claims = jwt.decode(
                said,
                key,
                algorithms=["RS256"],
                audience=f"{self.url}/token",
                issuer=self.client_id,
                options={"require": ["exp", "iat", "jti", "sub"]},
            )
        except jwt.InvalidTokenError as problem:
            return 400, {}, {"error": "invalid_request", "error_description": str(problem)}
        if (
            claims["sub"] != self.client_id
            or claims["jti"] in self.seen_jti
            or claims["exp"] > time.time() + 3600
        ):
            return 400, {}, {"error": "invalid_request"}
        self.seen_jti.add(claims["jti"])
        token = secrets.token_hex(16)
        self.tokens[token] = form["scope"].split(" ")
        return (
            200,
            {},
            {"access_token": token, "token_type": "Bearer", "expires_in": 3600, "scope": form["scope"]},
        )

    def forget_tokens(self):
        self.tokens.clear()

    def answer_service(self, method, at, headers, body, granted):
        base = f"/courses/{self.context}"
        if self.like == "moodle" and at.path.startswith(f"{base}/lineitems") and "type_id=3" not in at.query:
            return 400, {}, {"error": "type_id is missing"}
        if at.path == f"{base}/people":
            return self.answer_roster(at, headers, granted)
        if at.path == f"{base}/lineitems":
            return self.answer_line_items(method, at, headers, body, granted)
        scored = re.fullmatch(base + r"/lineitems/(\d+)/lineitem/scores", at.path)
        if scored and method == "POST" and scored[1] in self.columns:
            return self.answer_score(scored[1], headers, json.loads(body), granted)
        return 404, {}, {"error": "not found"}

    def page_of(self, at, rows):
        page = int(parse_qs(at.query).get("page", ["1"])[0])
        more = {}
        if page * self.page_size < len(rows):
            query = {name: values[0] for name, values in parse_qs(at.query).items()} | {"page": page + 1}
            address = self.next_page or f"{self.url}{at.path}?{urlencode(query)}"
            more = {"Link": f'<{self.url}{at.path}>; rel="first", <{address}>; rel="next"'}
        return rows[(page - 1) * self.page_size : page * self.page_size], more

    def answer_roster(self, at, headers, granted):
        if ROSTER_SCOPE not in granted or headers.get("Accept") != ROSTER:
            return 403, {}, {"error": "scope or media type"}
        rows = [
            {
                "user_id": person,
                "name": about["name"],
                "email": "same@school.example",
                "status": about.get("status", "Active"),
                "roles": [about["role"] if self.like == "moodle" else MEMBERSHIP + about["role"]],
            }
            for person, about in self.people.items()
        ]
        found, more = self.page_of(at, rows)
        return 200, more, {"id": self.memberships, "context": {"id": self.context}, "members": found}

    def answer_line_items(self, method, at, headers, body, granted):
        if AGS + "scope/lineitem" not in granted:
            return 403, {}, {"error": "scope"}
        if method == "POST":
            if headers.get("Content-Type") != LINE_ITEM:
                return 415, {}, {"error": "media type"}
            made = json.loads(body)
            if not made["scoreMaximum"] > 0 or not made["label"]:
                return 400, {}, {"error": "line item"}
            address = self.column(
                made.get("resourceId", ""), label=made["label"], maximum=made["scoreMaximum"]
            )
            return 201, {}, made | {"id": address}
        if headers.get("Accept") != LINE_ITEMS:
            return 406, {}, {"error": "media type"}
        # As Canvas does with a filter that it does not know, all of them: the caller has to look.
        rows = [{"id": self.address_of(name), **column} for name, column in self.columns.items()]
        found, more = self.page_of(at, rows)
        return 200, more, found

    def answer_score(self, column, headers, score, granted):
        if AGS + "scope/score" not in granted or headers.get("Content-Type") != SCORE:
            return 415, {}, {"error": "scope or media type"}
        if self.people.get(score["userId"], {}).get("role") != "Learner":
            return 422, {}, {"error": "not a learner"}
        at = datetime.fromisoformat(score["timestamp"])
        earlier = [
            datetime.fromisoformat(row["timestamp"])
            for name, row in self.scores
            if name == column and row["userId"] == score["userId"]
        ]
        if not re.search(r"\.\d+", score["timestamp"]) or (earlier and at <= max(earlier)):
            return 409, {}, {"error": "timestamp"}
        if ("scoreGiven" in score) != ("scoreMaximum" in score):
            return 400, {}, {"error": "scoreGiven and scoreMaximum go together"}
        self.scores.append((column, score))
        return (200, {}, {}) if self.like == "moodle" else (200, {}, {"resultUrl": "x"})

    def score_of(self, person):
        """Return the newest score of somebody, or None."""
        with self.lock:
            return next((row for _, row in reversed(self.scores) if row["userId"] == person), None)


@contextmanager
def platform(like="moodle"):
    """Run a platform on loopback."""
    plays = Platform(like)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.answer()

        def do_POST(self):
            self.answer()

        def answer(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, headers, found = plays.answer(self.command, urlsplit(self.path), self.headers, body)
            written = json.dumps(found).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(written))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(written)

        def log_message(self, *words):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    plays.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield plays
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
