"""Program problems: compiles and runs learners' programs in sandboxes, and compares their answers outside of them.

:mod:`studyhall_judge.programs.inside` is what runs on the inner side; it imports nothing of the rest.
"""
