"""What can go wrong with rewards."""

from studyhall.errors import Invalid


class NameTaken(Invalid):
    """Somebody in your class goes by that name already. Choose another one."""
