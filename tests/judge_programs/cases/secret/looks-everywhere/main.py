import glob, os, re, sys

found = set()
places = [name for name in glob.glob("/proc/*/*") + glob.glob("/proc/*/fd/*") + glob.glob("/proc/*/task/*/*")]
for root in ("/home", "/etc", "/dev/shm", "/tmp", "/old", "/var", "/run", "/sys"):
    for folder, inner, names in os.walk(root):
        # The interpreter's own libraries: thousands of files, where a checkout lies below one of these.
        inner[:] = [name for name in inner if os.path.join(folder, name) not in (sys.prefix, sys.base_prefix)]
        places += [os.path.join(folder, name) for name in names]
for place in places:
    if place.endswith(("/clear_refs", "/kmsg", "/fd/1", "/fd/2", "/fd/3")):
        continue
    try:
        descriptor = os.open(place, os.O_RDONLY | os.O_NONBLOCK)
        text = os.read(descriptor, 1 << 20).decode("utf-8", "replace")
        os.close(descriptor)
    except OSError:
        continue
    if not place.endswith("main.py"):
        found |= set(re.findall("CANARY-[A-Z]+-[0-9]+", text))
print(*found, *os.environ.values())
