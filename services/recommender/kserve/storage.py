"""What to write as ``storageUri``, so that KServe serves a version of the registry.

::

    python -m services.recommender.kserve.storage --alias prod --artifacts s3://models/recommender

KServe's storage initialiser knows buckets, web addresses and folders. It refuses MLflow's
``models:/…`` URIs. If clients send artifacts through the tracking server, MLflow returns
``mlflow-artifacts:/…`` URIs, and KServe refuses these, too. Such a URI stands for a path in the
storage that the server was started with (``--artifacts-destination``), which KServe can read.
"""

from __future__ import annotations

import os
import sys

from mlflow import MlflowClient

from services import command_line
from services.recommender.settings import MODEL
from services.registry import PROD, version_of

_PROXIED = "mlflow-artifacts:/"


def storage_uri(
    which: int | str = PROD,
    *,
    artifacts: str | None = None,
    name: str = MODEL,
    tracking_uri: str | None = None,
) -> str:
    """Return the location of a version's model folder in a form that KServe accepts.

    Parameters
    ----------
    which : int or str
        The version's number or an alias. The returned URI always names that version: when the alias
        moves, the InferenceService has to be changed.
    artifacts : str, optional
        The tracking server's ``--artifacts-destination``, e.g. ``s3://bucket/path``. Needed where
        artifacts go through the server.

    Raises
    ------
    LookupError
        If there is no such version.
    ValueError
        If *artifacts* is needed and not given.
    """
    version = version_of(which, name=name, tracking_uri=tracking_uri)
    client = MlflowClient(tracking_uri)
    uri: str = client.get_model_version_download_uri(name, str(version.number))
    if not uri.startswith(_PROXIED):
        return uri
    if not artifacts:
        raise ValueError(
            f"only the tracking server can resolve {uri}; pass the storage that the server was "
            "started with (--artifacts-destination)"
        )
    return f"{artifacts.rstrip('/')}/{uri.removeprefix(_PROXIED).lstrip('/')}"


def main(arguments: list[str] | None = None) -> int:
    """Print the ``storageUri``; see the module's docstring."""
    parser = command_line.parser("services.recommender.kserve.storage", __doc__)
    parser.add_argument("--alias", default=PROD, help="an alias, or a version's number (prod)")
    parser.add_argument("--name", default=MODEL, help="the registered model (%(default)s)")
    parser.add_argument("--artifacts", help="the tracking server's --artifacts-destination")
    parser.add_argument("--tracking-uri", default=os.environ.get("MLFLOW_TRACKING_URI"),
                        help="the tracking server ($MLFLOW_TRACKING_URI)")  # fmt: skip
    given = parser.parse_args(arguments)
    which = int(given.alias) if given.alias.isdecimal() else given.alias
    try:
        print(
            storage_uri(
                which,
                artifacts=given.artifacts,
                name=given.name,
                tracking_uri=given.tracking_uri,
            )
        )
    except (LookupError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
