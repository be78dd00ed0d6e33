"""Pull the version that MLflow's registry calls ``prod`` into this machine's cache.

In the chapter (section 10.5.1, Listing 10.1) every worker pulls the model in its constructor, at
every start, and cannot start without MLflow.

Only the model's data is downloaded, one file without pickle; the code that scores with it is this
package's. It takes two requests to the tracking server at ``MLFLOW_TRACKING_URI``, each limited in
time and in size. MLflow's client is not used: importing it takes three seconds and 130 MB. User and
password come from the address or from ``MLFLOW_TRACKING_USERNAME`` and
``MLFLOW_TRACKING_PASSWORD``, a token from ``MLFLOW_TRACKING_TOKEN``; certificate authorities from
``SSL_CERT_FILE``.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import httpx

from services.recommender.hot_swap.cache import FILE, CachedVersion, VersionCache

logger = logging.getLogger(__name__)

ALIAS = "/api/2.0/mlflow/registered-models/alias"
ARTIFACT = "/model-versions/get-artifact"  # works even if clients cannot reach the artifact store

ANSWER_SECONDS, ANSWER_BYTES = 12.0, 2**20
"""Limits of the answer that names a version."""

FETCH_SECONDS, FETCH_BYTES = 300.0, 2**30
"""Limits of the download of its file."""

SILENCE_SECONDS = 5.0
"""How long the registry may take to accept a connection, and to send the next bytes."""

Reason = Literal["unreachable", "unregistered", "damaged"]


class PullError(RuntimeError):
    """No version could be pulled; whatever is served stays in service.

    Parameters
    ----------
    message : str
        What went wrong, in one line.
    reason : {"unreachable", "unregistered", "damaged"}
        The registry gave no usable answer; it has no such model or alias; or the version cannot be
        served.
    """

    def __init__(self, message: str, reason: Reason) -> None:
        super().__init__(message)
        self.reason: Reason = reason


class Registry:
    """One alias of one registered model.

    Parameters
    ----------
    model, alias : str
        As in ``models:/recommender_production@prod``.
    tracking_uri : str, optional
        The tracking server's address; ``$MLFLOW_TRACKING_URI`` if not given.
    """

    def __init__(self, model: str, alias: str = "prod", *, tracking_uri: str | None = None) -> None:
        self.model = model
        self.alias = alias
        self._uri = tracking_uri or os.environ.get("MLFLOW_TRACKING_URI", "")

    def current(self) -> CachedVersion:
        """Return the version that the alias names, or raise a :class:`PullError`."""
        body = bytearray()
        params = {"name": self.model, "alias": self.alias}
        status = self._get(ALIAS, params, body.extend, ANSWER_SECONDS, ANSWER_BYTES)
        try:
            answer = json.loads(body)
            if answer.get("error_code") in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise PullError(f"MLflow has no models:/{self.model}@{self.alias}", "unregistered")
            version = answer["model_version"]
            source = f"{version['run_id']} {version['source']} {version['creation_timestamp']}"
            return CachedVersion(self.model, version["version"], source)
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
            raise _no_answer(f"{status}, {type(error).__name__}: {error}") from error

    def fetch(self, version: CachedVersion, folder: Path) -> Path:
        """Download a version's file into *folder* and return its path.

        Raises :class:`PullError`, or an OSError if the file cannot be written.
        """
        file = folder / "download.npz"
        params = {"name": version.name, "version": version.number, "path": f"artifacts/{FILE}"}
        with file.open("wb") as out:
            status = self._get(ARTIFACT, params, out.write, FETCH_SECONDS, FETCH_BYTES)
        if status != httpx.codes.OK:
            raise _no_answer(f"{status} for the file of version {version.number}")
        return file

    def pull(self, cache: VersionCache, in_service: CachedVersion | None = None) -> CachedVersion:
        """Bring the alias's version into *cache*, point to it, and return it.

        *in_service* needs no second check. Raises :class:`PullError`, and then the pointer stays.
        """
        version = self.current()
        if version == in_service and version in cache:
            return version
        try:
            if cache.add(version, lambda folder: self.fetch(version, folder)):
                logger.info("version %s of %s was downloaded", version.number, version.name)
            else:
                cache.load(version)  # other code may have downloaded it; can this code read it?
            cache.point(version)
        except (ValueError, OSError) as error:
            trouble = "cannot be served" if isinstance(error, ValueError) else "cannot be stored"
            raise PullError(f"version {version.number} {trouble}: {error}", "damaged") from error
        return version

    def _get(
        self,
        path: str,
        params: dict[str, str],
        write: Callable[[bytes], object],
        seconds: float,
        largest: int,
    ) -> int:
        """Pass the body of a response to *write* and return the status."""

        async def get() -> int:
            received = 0
            async with (
                # Cancels the request wherever it is, also while a byte arrives now and then.
                asyncio.timeout(seconds),
                self._client() as client,
                client.stream("GET", path, params=params) as response,
            ):
                async for chunk in response.aiter_raw():
                    received += len(chunk)
                    if received > largest:
                        raise _no_answer(f"more than {largest} bytes")
                    write(chunk)
            return response.status_code

        try:
            with ThreadPoolExecutor(1) as thread:  # a notebook's thread has an event loop already
                return thread.submit(asyncio.run, get()).result()
        except TimeoutError as error:
            message = f"MLflow did not answer within {seconds:g} seconds"
            raise PullError(message, "unreachable") from error
        except httpx.HTTPError as error:
            raise _no_answer(f"{type(error).__name__}: {error}") from error

    def _client(self) -> httpx.AsyncClient:
        try:
            url = httpx.URL(self._uri)
        except httpx.InvalidURL:  # the message may contain a part of the password
            url = httpx.URL("")
        if url.scheme not in ("http", "https") or not url.host:
            message = "MLFLOW_TRACKING_URI is not the http:// address of a tracking server"
            raise PullError(message, "unreachable")
        user = url.username or os.environ.get("MLFLOW_TRACKING_USERNAME", "")
        password = url.password or os.environ.get("MLFLOW_TRACKING_PASSWORD", "")
        token = os.environ.get("MLFLOW_TRACKING_TOKEN")
        headers = {"Accept-Encoding": "identity"}
        if token and not user:
            headers["Authorization"] = f"Bearer {token}"
        return httpx.AsyncClient(
            base_url=url.copy_with(username="", password=""),  # httpx logs addresses
            auth=(user, password) if user else None,
            headers=headers,
            timeout=SILENCE_SECONDS,
        )


def prepare(cache: VersionCache, registry: Registry) -> CachedVersion:
    """Make sure there is a version to serve: the registry's, or the one the pointer names.

    Called before the service starts. Raises :class:`PullError` if neither can be served.
    """
    try:
        return registry.pull(cache)
    except PullError as error:
        pointed = cache.pointed()
        if pointed is None:
            raise
        try:
            cache.load(pointed)
        except (OSError, ValueError) as trouble:
            raise PullError(f"{error}; on disk: {trouble}", error.reason) from error
        logger.warning("%s; version %s, served last, is served again", error, pointed.number)
        return pointed


def _no_answer(what: str) -> PullError:
    """Return the error for a response that MLflow would not send."""
    return PullError(f"MLflow gave no usable answer: {' '.join(what.split())[:200]}", "unreachable")
