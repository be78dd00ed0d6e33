"""Set a machine up: say what it has, and install the lock into ``.venv``.

Imported by everything that looks for a tool. Imports ``services.environment`` and, because it runs
before anything is installed, the standard library only.
"""
