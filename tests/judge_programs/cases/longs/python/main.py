def nextOdd(numbers, step):
    return [number + step for number in numbers]
