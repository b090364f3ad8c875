import os

made = 0
try:
    while True:
        os.mkdir(str(made))
        made += 1
except OSError as error:
    print(error.strerror, made < 20_000)
