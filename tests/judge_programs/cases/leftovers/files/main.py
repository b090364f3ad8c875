import os

places = ("/tmp/mark", "/dev/shm/mark", "/home/learner/mark", "/home/learner/out/mark")
print("clean" if not any(map(os.path.exists, places)) else "dirty")
for place in places:
    with open(place, "w") as file:
        file.write(input() if place == places[0] else "more")
