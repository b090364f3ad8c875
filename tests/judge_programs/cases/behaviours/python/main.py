import sys

word, *numbers = input().split()


def deep(n):
    return 1 + deep(n + 1)


match word:
    case "answer":
        print(sum(map(int, numbers)))
    case "wrong":
        print(41)
    case "loop":
        while True:
            pass
    case "memory":
        kept = []
        while True:
            kept.append(bytearray(1 << 20))
    case "crash":
        [].pop()
    case "deep":
        deep(0)
