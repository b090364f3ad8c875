import os

places = ("/tmp/closed", "/dev/shm/closed")
print("clean" if not any(map(os.path.lexists, places)) else "dirty", flush=True)
for place in places:
    os.mkdir(place)
    os.chdir(place)
    open(b"\xff\n-rf", "w").close()
    os.symlink("/etc", "link")
    os.mkfifo("pipe")
    for _ in range(200):
        os.mkdir("d" * 200)
        os.chdir("d" * 200)
    os.chmod(".", 0)
    os.chmod(place, 0)
os.chmod("/home/learner", 0)
