"""Pass the project's environment to a shell, or to one command.

::

    eval "$(python -m services)"            # export the settings into this shell
    python -m services bentoml list         # run one command with them
"""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

from services.environment import settings


def main(arguments: list[str]) -> int:
    """Print ``export`` lines, or replace this process by the command given as *arguments*."""
    bin_dir = str(Path(sys.executable).parent)
    if not arguments:
        for name in settings():
            print(f"export {name}={shlex.quote(os.environ[name])}")
        print(f'export PATH={shlex.quote(bin_dir)}:"$PATH"')
        return 0
    os.environ["PATH"] = bin_dir + os.pathsep + os.environ.get("PATH", "")
    try:
        os.execvp(arguments[0], arguments)
    except FileNotFoundError:
        print(f"{arguments[0]}: command not found; run 'make' first", file=sys.stderr)
        return 127


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
