"""Run a command whose folders are on very small disks."""

from __future__ import annotations

_SCRIPT = """
for folder in $SMALL_DISKS; do
    mkdir -p "$folder" && mount -t tmpfs -o size=16k tmpfs "$folder" || exit
done
exec "$@"
"""


def on_small_disks(*folders: str) -> list[str]:
    """Return a command-line prefix that gives the command 16 kB of disk in each folder.

    It needs a Linux that lets users create namespaces: the tool ``namespaces`` of
    :mod:`services.setup.tools`.

    Parameters
    ----------
    *folders : str
        Paths without spaces; variables such as ``$BENTOML_HOME`` have the command's values.
    """
    script = _SCRIPT.replace("$SMALL_DISKS", " ".join(folders))
    return ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"]
