"""How decimal numbers are calculated, as far as a test's comparisons depend on it.

Threat: with the smallest exponent near zero every difference is rounded to zero, so that any number is as near to
another one as a test asks. The precision is for everybody to set: it makes numbers coarse, but no difference zero.
"""

from __future__ import annotations

import decimal

_NEAR = 50
"""No lesson calculates with exponents as narrow as this: those of the standards reach to 95 at least."""

_context_of = decimal.getcontext


def restore_decimals() -> list[str]:
    """Give the running context's exponents their width back; returns what had been narrowed, in words."""
    context = _context_of()
    found = []
    for name, narrow, usual in (
        ("Emin", context.Emin > -_NEAR, -999_999),
        ("Emax", context.Emax < _NEAR, 999_999),
    ):
        if narrow:
            setattr(context, name, usual)
            found.append(f"decimal.getcontext().{name}")
    return found
