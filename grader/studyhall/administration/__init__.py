"""``studyhall org`` and ``studyhall cohort``: what an operator types and reads."""
