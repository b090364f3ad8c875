import os, time

if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        while True:
            time.sleep(0.001)
            open("/tmp/mark", "a").write("dirty")
    os._exit(0)
print("clean", flush=True)
os._exit(0)
