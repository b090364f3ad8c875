"""What runs next to or inside the sandbox: the fork server, the init process and the executor.

Everything here is imported by an environment's own interpreter, so it may use the standard library and IPython only,
never pydantic, asyncio frameworks or the rest of :mod:`studyhall_judge`.
"""
