"""Statements of driven tests with what they say of one learner's code: the same in a kernel and in the judge."""

LEARNERS = """
calls = []

class TooPoor(ValueError):
    pass

class Account:
    def __init__(self, balance=0):
        self.balance = balance

    def withdraw(self, amount):
        if amount > self.balance:
            raise TooPoor(f"only {self.balance} left")
        self.balance -= amount

class Anything:
    def __eq__(self, other):
        return True

def square(n):
    return n * n

def area(width, height, unit="cm"):
    return f"{width * height} {unit}"

def greet():
    name = input("Who? ")
    print(f"Hello, {name}!  ")

def spoil(items):
    items.append(0)
    return len(items)

def fill(rows, *others, more=()):
    rows[0][0] = 1
    return [rows, *others, more]

def anything():
    return Anything()

def multiples(n):
    return (n * i for i in range(3))

def leave():
    raise SystemExit(3)

names = ["Ada", "Grace"]
"""

HOLDS = [
    'check.call("square", 3).equals(9)',
    'check.call("square", 1.1).approx(1.21)',
    'check.call("square", 10).approx(101, abs=1)',
    'check.call("square", 10).approx(101, rel=0.02)',
    'check.call("square", 10**20).equals(10**40)',
    'check.call("square", float("inf")).equals(float("inf"))',
    'check.call("square", float("nan")).equals(float("nan"))',
    'check.call("area", 2, 3).equals("6 cm")',
    'check.call("area", 2, height=3, unit="m").equals("6 m")',
    'check.call("square", "x").raises(TypeError)',
    'check.call("square", "x").raises(TypeError, saying="multiply")',
    'check.call("square", "x").raises(Exception)',
    'check.call("square").raises("TypeError")',
    'check.call("Account", 5).then("withdraw", 7).raises("TooPoor", saying="only 5")',
    'check.call("Account", 5).then("withdraw", 7).raises(TooPoor)',
    'check.call("Account", 5).then("withdraw", 7).raises(ValueError)',
    'check.call("Account", 5).then("withdraw", 2).attribute("balance").equals(3)',
    'check.call("leave").raises(SystemExit)',
    'check.call("nobody").raises(NameError)',
    'check.call("greet").given_input("Ada\\n").prints("Who? Hello, Ada!")',
    'check.call("greet").given_input("Ada\\n").prints("Who? Hello, Ada!  \\n", exact=True)',
    'check.call("greet").given_input("").raises(EOFError)',
    'check.variable("names").equals(["Ada", "Grace"])',
    'check.variable("names").as_list().equals(["Ada", "Grace"])',
    'check.call("multiples", 7).as_list().equals([0, 7, 14])',
    'items = [1]\ncheck.call("spoil", items).equals(2)\ncheck.call("spoil", items).equals(2)',
    'check.call("fill", [[0] * 2] * 2).equals([[[1, 0], [0, 0]], ()])',
    'a = [0]\ncheck.call("fill", [a, a], a, more=a).equals([[[1], [0]], [0], [0]])',
    'def odd(n):\n    return n % 2 == 1\ncheck.call("square", 3).satisfies(odd)',
    'def odd(n):\n    assert n % 2 == 1\n    return True\ncheck.call("square", 3).satisfies(odd)',
]

FAILS = {
    'check.call("square", 3).equals(10)': "square(3) gave 9, expected 10.",
    'check.call("square", 3).approx(9.1)': "square(3) gave 9, expected about 9.1.",
    'check.call("square", 3).raises(TypeError)': "square(3) gave 9, expected an error of the kind TypeError.",
    'check.call("square", "x").raises(ValueError)': (
        "square('x') raised TypeError, expected an error of the kind ValueError."
    ),
    'check.call("Account").then("withdraw", 1).raises("TooPoor", saying="none")': (
        "Account().withdraw(1) raised an error that says 'only 0 left', "
        "expected an error of the kind TooPoor that says 'none'."
    ),
    'check.call("greet").given_input("Ada\\n").prints("Hello")': (
        "greet() with the input 'Ada\\n' printed 'Who? Hello, Ada!  \\n', expected 'Hello'."
    ),
    'check.call("nobody", 1).equals(1)': (
        "nobody(1) ended with an error: NameError: name 'nobody' is not defined"
    ),
    'check.call("anything").equals(9)': "anything() gave a value of type Anything, expected 9.",
    'check.call("multiples", 7).equals([0])': "multiples(7) gave a value of type generator, expected [0].",
    'check.variable("names").equals(["Ada"])': "names gave ['Ada', 'Grace'], expected ['Ada'].",
    'def odd(n):\n    return n % 2 == 1\ncheck.call("square", 2).satisfies(odd)': (
        "square(2) gave 4, expected a value that fits."
    ),
    'def bad(n):\n    return n.nothing\ncheck.call("square", 2).satisfies(bad)': (
        "square(2) gave 4, expected a value that fits."
    ),
}
