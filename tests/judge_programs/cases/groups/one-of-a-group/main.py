n = int(input())
print(n * n if n < 20 else 0)
