"""Makes pictures cheap: what pyplot does for windows, and how hard PNG files are packed, is no good to a judge."""

from __future__ import annotations

import sys
import zlib
from typing import Any

_PACKING = {"compress_level": 1, "compress_type": zlib.Z_RLE}
"""A plot is mostly rows of one colour. Looking for repetitions only takes a third of the time that Pillow takes by
default, and the files are as small."""


def draw_nothing(force: bool = False) -> None:  # noqa: FBT001, FBT002 - pyplot's `draw_all`
    """Do nothing, in a function that learners may take apart: it leads to this module and no further."""


def draw_cheaply() -> None:
    """Have pyplot, where it is imported, draw each figure once and pack it quickly; arguments that cells give count."""
    pyplot: Any = sys.modules.get("matplotlib.pyplot")
    if pyplot is None:
        return
    # After each cell pyplot draws every open figure for windows that are not there; the inline backend then draws it
    # again for the picture.
    pyplot.draw_all = draw_nothing
    agg: Any = sys.modules.get("matplotlib.backends.backend_agg")
    defaults = None if agg is None else agg.FigureCanvasAgg.print_png.__kwdefaults__
    if defaults is not None and "pil_kwargs" in defaults:
        defaults["pil_kwargs"] = _PACKING
