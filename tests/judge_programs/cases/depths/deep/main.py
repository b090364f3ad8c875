def nestIt(depth):
    value = []
    for _ in range(depth - 1):
        value = [value]
    return value
