written = 0
try:
    with open("large", "wb") as file:
        while True:
            written += file.write(bytes(1 << 16))
            file.flush()
except OSError as error:
    print(error.strerror, written <= 12 << 20)
