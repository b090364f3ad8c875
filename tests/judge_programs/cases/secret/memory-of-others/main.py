import os, sys

for pid in [name for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]:
    try:
        with open(f"/proc/{pid}/mem", "rb") as file:
            file.seek(0x10000)
            file.read(10)
        print("open:", pid)
    except OSError as error:
        print(error.strerror)
