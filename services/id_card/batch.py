"""Find the cards in all images of a folder, into one Parquet table (chapter section 10.1).

::

    python -m services.id_card.batch FOLDER --out detections.parquet

Every file below FOLDER, except hidden ones, is an input. Each gives one row, in the order of their
paths. A file that is not an image gives a row with its error, so that the table says what became of
every file. You can kill the command at any moment: run again, it continues where it was. Columns:

path            string  below FOLDER, with "/" between
width, height   int32   of the upright image, in pixels; null for a bad file
detections      list    of the boxes, as /inference answers; empty where none was found, null for
                        a bad file
error_code      string  null, or what a server would answer: image_format, image_damaged, ...
error_message   string  null, or what is wrong with the file
"""

from __future__ import annotations

import fnmatch
import os
import stat
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, get_args

import pyarrow as pa
from PIL import Image

from services.batch import Job, JobError, command
from services.batch.job import digest, parts_folder
from services.errors import InputError
from services.id_card.detector import SERVED_CONF, Detection, Detector
from services.id_card.model.backends import BackendName
from services.id_card.model.checkpoint import WEIGHTS, content_hash
from services.id_card.model.images import MAX_BYTES, decode

_BOX = pa.struct([(edge, pa.float64()) for edge in ("x1", "y1", "x2", "y2")])
_FOUND = pa.struct(
    [("name", pa.string()), ("class", pa.int32()), ("confidence", pa.float64()), ("box", _BOX)]
)
SCHEMA = pa.schema(
    [
        pa.field("path", pa.string(), nullable=False),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("detections", pa.list_(_FOUND)),
        ("error_code", pa.string()),
        ("error_message", pa.string()),
    ]
)
"""One row per file; see the module's docstring."""

PART = 64
"""Images in a part: a second or two of work, the most that a kill can cost."""


class FindCards:
    """From paths to rows, with the core; made once in each process that computes.

    Parameters
    ----------
    folder : path
        The paths count from here.
    batch_size : int
        How many images go through the network at once, 1 or more. All of them are in memory,
        decoded.
    weights, backend, conf
        As for :class:`~services.id_card.detector.Detector`.
    """

    def __init__(
        self, folder: Path, batch_size: int, weights: Path, backend: BackendName, conf: float
    ) -> None:
        self.folder = folder
        self.batch_size = batch_size
        self.detector = Detector(weights, backend, conf=conf)

    def __call__(self, paths: Sequence[str]) -> list[dict[str, Any]]:
        """Return one row for each path, in their order; see :data:`SCHEMA`."""
        rows: list[dict[str, Any]] = []
        for start in range(0, len(paths), self.batch_size):
            rows += self._rows(paths[start : start + self.batch_size])
        return rows

    def _rows(self, paths: Sequence[str]) -> list[dict[str, Any]]:
        pictures = [self._read(path) for path in paths]
        good = [picture for picture in pictures if isinstance(picture, Image.Image)]
        found = iter(self.detector.detect(good))
        return [
            _good(path, picture, next(found))
            if isinstance(picture, Image.Image)
            else _bad(path, picture)
            for path, picture in zip(paths, pictures, strict=True)
        ]

    def _read(self, path: str) -> Image.Image | InputError:
        try:
            return decode(_content(self.folder / path))
        except InputError as error:
            return error


def _good(path: str, picture: Image.Image, found: list[Detection]) -> dict[str, Any]:
    return {
        "path": _text(path),
        "width": picture.width,
        "height": picture.height,
        "detections": [each.as_dict() for each in found],
    }


def _bad(path: str, error: InputError) -> dict[str, Any]:
    return {"path": _text(path), "error_code": error.code, "error_message": error.message}


def _content(file: Path) -> bytes:
    """Read a file that is no larger than an upload may be."""
    try:
        size = file.stat().st_size
        if size <= MAX_BYTES:
            return file.read_bytes()
    except OSError as error:
        raise InputError(
            f"The file cannot be read: {error.strerror}.",
            code="file_unreadable",
            status=400,
            hint="Check that it exists and that you may read it.",
        ) from None
    raise InputError(
        f"The file has {size:,} bytes; at most {MAX_BYTES:,} are allowed.",
        code="file_too_large",
        status=413,
        hint="Scale the image down or save it with more compression.",
    )


def _text(path: str) -> str:
    """Return a path as text, even if its bytes are not valid UTF-8."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def files_below(folder: Path, pattern: str = "*") -> Iterator[tuple[str, str]]:
    """Yield every file below *folder*: its relative path, and its size and time of change.

    The order is that of the paths. Hidden files and folders are left out, and so is anything that
    is not a file or a link to one.

    Parameters
    ----------
    folder : path
    pattern : str
        Which file names count, as a shell would match them.

    Raises
    ------
    JobError
        If a folder cannot be read: its images would be missing silently.
    """
    found = []
    for place, folders, names in os.walk(folder, onerror=_unreadable):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in fnmatch.filter(names, pattern):
            if not name.startswith("."):
                found.append(Path(place, name).relative_to(folder).as_posix())
    for path in sorted(found):
        try:
            status = (folder / path).stat()
        except OSError:
            yield path, "unreadable"
            continue
        if stat.S_ISREG(status.st_mode):
            yield path, f"{status.st_size} {status.st_mtime_ns}"


def _unreadable(error: OSError) -> NoReturn:
    raise JobError(f"{error.filename} cannot be read: {error.strerror}")


def make_job(
    folder: Path,
    out: Path | None = None,
    *,
    pattern: str = "*",
    weights: Path = WEIGHTS,
    backend: BackendName = "onnx",
    conf: float = SERVED_CONF,
    batch_size: int = 8,
    part_size: int = PART,
) -> Job:
    """Describe the job; nothing is computed yet.

    Parameters
    ----------
    folder : path
    out : path, optional
        Where the table will be; not an input itself if it lies in *folder*.
    pattern : str
        Which file names count, ``"*.jpg"``.
    weights, backend, conf
        As for :class:`~services.id_card.detector.Detector`.
    batch_size : int
        Images that go through the network at once, 1 or more.
    part_size : int
        Images in a part, 1 or more.

    Raises
    ------
    JobError
        If *folder* is not a folder, cannot be read, or has no file for *pattern*.
    FileNotFoundError
        If there are no such weights.
    """
    if not folder.is_dir():
        raise JobError(f"{folder} is not a folder; name the folder that holds the images")
    if not weights.exists():
        raise FileNotFoundError(f"no weights at {weights}")
    ours = [place.resolve() for place in (out, parts_folder(out))] if out else []
    files = [
        (path, content)
        for path, content in files_below(folder, pattern)
        if not {(folder / path).resolve(), *(folder / path).resolve().parents} & set(ours)
        and not (out and (folder / path).name == f"{out.name}.lock")
    ]
    if not files:
        asked = "" if pattern == "*" else f" whose name matches {pattern!r}"
        raise JobError(f"there is no file{asked} in {folder}")
    return Job(
        name="id_card",
        inputs=[path for path, _ in files],
        schema=SCHEMA,
        make=partial(FindCards, folder.resolve(), batch_size, weights.resolve(), backend, conf),
        settings={
            "model_sha256": content_hash(weights),
            "backend": backend,
            "conf": conf,
            "batch_size": batch_size,
        },
        fingerprint=digest(f"{path}\0{content}" for path, content in files),
        part_size=part_size,
        unit="picture",
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; see the module's docstring."""
    parser = command.parser("services.id_card.batch", __doc__)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where the images are")
    parser.add_argument("--pattern", default="*", help="which file names to include (*)")
    parser.add_argument("--weights", type=Path, default=WEIGHTS,
                        help="an ultralytics checkpoint (the shipped weights)")  # fmt: skip
    parser.add_argument("--backend", choices=get_args(BackendName), default="onnx",
                        help="what runs the network (onnx)")  # fmt: skip
    parser.add_argument("--conf", type=command.share, default=SERVED_CONF,
                        help=f"boxes below this are dropped, 0 to 1 ({SERVED_CONF})")  # fmt: skip
    parser.add_argument("--batch-size", type=command.whole, default=8,
                        help="images that go through the network at once (8)")  # fmt: skip
    parser.add_argument("--part-size", type=command.whole, default=PART,
                        help=f"images in a part, the most a kill repeats ({PART})")  # fmt: skip
    args = parser.parse_args(arguments)
    return command.finish(
        parser,
        args,
        lambda: make_job(
            args.folder,
            args.out,
            pattern=args.pattern,
            weights=args.weights,
            backend=args.backend,
            conf=args.conf,
            batch_size=args.batch_size,
            part_size=args.part_size,
        ),
    )


if __name__ == "__main__":
    # As a module with a name: Ray's processes import it, and there it is not __main__.
    from services.id_card.batch import main as _main

    raise SystemExit(_main())
