"""`studyhall doctor`: what a machine or a running installation lacks or has unsafe, each with the way out."""

from studyhall.doctor.command import doctor

__all__ = ["doctor"]
