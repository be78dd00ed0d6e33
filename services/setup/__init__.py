"""Set a machine up: report what it has, and install the locked packages into ``.venv``.

Imported by everything that looks for a tool. Imports ``services.environment`` and, because it runs
before anything is installed, the standard library only.
"""
