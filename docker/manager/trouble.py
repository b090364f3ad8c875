"""What a person reads when something can't be done."""


class Trouble(Exception):
    """One sentence or two: what is wrong, and what to do."""
