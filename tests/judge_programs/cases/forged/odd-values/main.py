def twice(n):
    value = '\ud800\0' if n == 4 else 0
    for _ in range(0 if n == 4 else 400):
        value = [value]
    return value
