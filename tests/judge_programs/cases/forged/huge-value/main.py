def twice(n):
    return ['x' * 100_000] * 5
