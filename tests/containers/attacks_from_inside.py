"""What code in a learner's container tries. Each program prints, last and as JSON, what it got."""

ASKS = """
import json, os, sys, urllib.error, urllib.request
token = os.environ["JUPYTERHUB_API_TOKEN"]
got = {}
for name, method, url, body, headers in json.load(sys.stdin):
    headers = {"Content-Type": "application/json", "Authorization": "token " + token, **headers}
    asked = urllib.request.Request(url, json.dumps(body).encode() if body is not None else None, headers, method=method)
    try:
        with urllib.request.urlopen(asked, timeout=20) as answer:
            got[name] = [answer.status, answer.read(4000).decode(errors="replace")]
    except urllib.error.HTTPError as refused:
        got[name] = [refused.code, refused.read(4000).decode(errors="replace")]
    except OSError as refused:
        got[name] = [0, str(refused)]
print(json.dumps(got))
"""
"""Sends requests with the server's own token; what it is to send comes on standard input."""

REACHES = """
import json, os, socket, struct, sys
from concurrent.futures import ThreadPoolExecutor
open_ones, names = [], {}
places = json.load(sys.stdin)

def knock(place):
    host, port = place
    try:
        socket.create_connection((host, port), timeout=2).close()
        open_ones.append(f"{host}:{port}")
    except OSError:
        pass

def look_up(name):
    try:
        names[name] = socket.gethostbyname(name)
    except OSError:
        names[name] = None

# Fewer than a server may have beside its own, however slowly each comes to its end.
with ThreadPoolExecutor(40) as pool:
    both = pool.map(look_up, places["names"]), pool.map(knock, places["ports"])
    for done in both:
        list(done)

def may(make):
    try:
        make()
    except OSError:
        return False
    return True

print(json.dumps({
    "open": sorted(open_ones),
    "names": {name: found for name, found in names.items() if found},
    "raw": [may(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)),
            may(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP))],
    "sockets": [path for path in ("/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock")
                if os.path.exists(path)],
    "ipv6": [line.split()[5] for line in open("/proc/net/if_inet6") if line.split()[5] != "lo"],
    "mounts": [line.split()[1] for line in open("/proc/mounts") if line.split()[2] in ("ext4", "xfs", "btrfs")],
}))
"""

EATS_THE_MACHINE = """
import json, os, signal, subprocess, sys, time
until = time.monotonic() + float(sys.argv[1])
got = {}

def memory():
    hog = "x = []\\nwhile True: x.append(b'x' * 10**7)"
    got["hogs"] = [subprocess.run([sys.executable, "-c", hog]).returncode for _ in range(2)]

def processes():
    # One process begins them all, so that all can be ended at once.
    first = os.fork()
    if first == 0:
        os.setpgid(0, 0)
        children = 0
        while True:
            try:
                child = os.fork()
            except OSError as refused:
                if "told" not in globals():
                    globals()["told"] = os.write(said, json.dumps([children, type(refused).__name__]).encode())
                time.sleep(0.01)
                continue
            if child == 0:
                while True:
                    pass
            children += 1
    os.close(said)
    got["forks"] = json.loads(os.read(heard, 1000))
    time.sleep(max(0, until - time.monotonic()))
    os.killpg(first, signal.SIGKILL)

heard, said = os.pipe()
memory()
processes()
print(json.dumps(got))
"""

FILLS_EVERYTHING = """
import errno, json, os, pathlib, sys
got = {}
home = pathlib.Path.home() / "rubbish"
home.mkdir(exist_ok=True)

def fill(place, most):
    written = 0
    try:
        with open(place, "wb", buffering=0) as file:
            while written < most:
                written += file.write(bytes(2**20))
        return ["all of it", written]
    except OSError as refused:
        return [errno.errorcode[refused.errno], written]

def many(folder, most):
    made = 0
    try:
        while made < most:
            (folder / str(made)).touch()
            made += 1
        return ["all of them", made]
    except OSError as refused:
        return [errno.errorcode[refused.errno], made]

got["run"] = fill("/run/x", 2**28) if os.access("/run", os.W_OK) else ["EACCES", 0]
got["shm"] = fill("/dev/shm/x", 2**29)
os.path.exists("/dev/shm/x") and os.unlink("/dev/shm/x")
got["home"] = fill(home / "x", int(sys.argv[1]))
got["inodes"] = many(home, 20000)
got["logs"] = 0
try:
    # The standard output of the server itself, which the engine keeps.
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if b"jupyterhub" in pathlib.Path("/proc", pid, "cmdline").read_bytes():
            with open(f"/proc/{pid}/fd/1", "wb", buffering=0) as said:
                for _ in range(3000):
                    got["logs"] += said.write(b"x" * 9999 + b"\\n")
            break
except OSError as refused:
    got["logs_refused"] = type(refused).__name__
open_files = []
try:
    while len(open_files) < 10000:
        open_files.append(open("/dev/null"))
except OSError:
    pass
got["open files"] = len(open_files)
for one in open_files:
    one.close()
import shutil
shutil.rmtree(home)
print(json.dumps(got))
"""

FLOODS = """
import json, os, socket, sys, time, urllib.parse
until = time.monotonic() + float(sys.argv[1])
token = os.environ["JUPYTERHUB_API_TOKEN"]
service = urllib.parse.urlsplit(os.environ["STUDYHALL_SERVICE_URL"])
hub = urllib.parse.urlsplit(os.environ["JUPYTERHUB_API_URL"])
got = {"connections": 0, "refused": 0}
held = []

def hold(place, first):
    try:
        door = socket.create_connection((place.hostname, place.port), timeout=1)
        door.sendall(first)
        held.append(door)
        got["connections"] += 1
    except OSError:
        got["refused"] += 1

stream = (f"GET {service.path}/api/v1/events HTTP/1.1\\r\\nHost: x\\r\\n"
          f"Authorization: token {token}\\r\\n\\r\\n").encode()
large = (f"POST {service.path}/api/v1/submissions HTTP/1.1\\r\\nHost: x\\r\\nContent-Type: application/json\\r\\n"
         f"Content-Length: 99000000\\r\\n\\r\\n").encode()
# Large requests, begun side by side, without anybody's sign-in and with one's own.
with_token = large.replace(b"\\r\\n\\r\\n", f"\\r\\nAuthorization: token {token}\\r\\n\\r\\n".encode())
for first in (large, with_token):
    for _ in range(5):
        hold(service, first)
got["bodies"] = 0
for _ in range(60):
    # Each that is not read holds this up; whoever waits for this program waits for two minutes.
    for door in held if time.monotonic() < until + 60 else ():
        try:
            door.settimeout(0.5)
            door.sendall(bytes(10**6))
            got["bodies"] += 1
        except OSError:
            pass
opened = 0
# Also where the large requests took all of the time.
while (time.monotonic() < until or not got["refused"]) and opened < 1200 and got["refused"] < 40:
    for place, first in ((service, b"GET / HTTP/1.1\\r\\n"), (hub, b"GET / HTTP/1.1\\r\\n"), (service, stream)):
        hold(place, first)
        opened += 1
while time.monotonic() < until:
    time.sleep(0.2)
print(json.dumps(got))
"""

READS = """
import json, pathlib, sys
print(json.dumps({name: (pathlib.Path.home() / name).read_text() for name in sys.argv[1:]}))
"""
"""Reads files of the home."""
