"""Run a command on disks that are almost full."""

from __future__ import annotations

_SCRIPT = """
for folder in $SMALL_DISKS; do
    mkdir -p "$folder" && mount -t tmpfs -o size=16k tmpfs "$folder" || exit
done
exec "$@"
"""


def on_small_disks(*folders: str) -> list[str]:
    """Return the beginning of a command line whose rest gets 16 kB of disk in each folder.

    It needs a Linux that lets users make namespaces: the tool ``namespaces`` of
    :mod:`services.setup.tools`.

    Parameters
    ----------
    *folders : str
        Without spaces; variables such as ``$BENTOML_HOME`` are those of the command.
    """
    script = _SCRIPT.replace("$SMALL_DISKS", " ".join(folders))
    return ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"]
