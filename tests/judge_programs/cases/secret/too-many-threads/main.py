import threading

stop = threading.Event()
try:
    for _ in range(1000):
        threading.Thread(target=stop.wait, daemon=True).start()
    print("all started")
except RuntimeError:
    print("no more threads")
