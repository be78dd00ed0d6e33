"""What every HTTP adapter of the detector must do, whatever framework it is made with.

A module of tests gives the fixture ``server``, and inherits from the classes here.
"""

from __future__ import annotations

import functools
import io
import json
import os
import random
import signal
import socket
import subprocess
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse, parse_headers
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import pytest
from bentoml._internal.configuration.containers import BentoMLContainer
from numpy.typing import NDArray
from PIL import Image

from services.id_card.detector import Detection, Detector
from services.id_card.model.images import MAX_BYTES, decode
from services.workbench.hostile_images import FOREIGN, mutant, png_declaring
from services.workbench.servers import Server
from tests.missing_tools import require
from tests.services.id_card.image_files import (
    CARDS,
    FORMATS,
    SAMPLES,
    encoded,
    sample,
    sample_bytes,
)

ENDPOINTS = ("/inference", "/invocation", "/render")
TIMEOUT = 30.0
BOUNDARY = "----a-boundary-of-our-own"
MULTIPART = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}

Json = Any
Pixels = NDArray[np.uint8]


@dataclass
class Upload:
    """The body and the headers of one request, by hand, so that nothing is mended on the way."""

    body: bytes
    headers: dict[str, str] = field(default_factory=dict)

    def send(self, client: httpx.Client, path: str = "/inference") -> httpx.Response:
        return client.post(path, content=self.body, headers=self.headers)


def part(
    data: bytes,
    *,
    name: bytes = b"image",
    filename: bytes | None = b"card.jpg",
    kind: bytes | None = b"image/jpeg",
) -> bytes:
    """Return one part of a multipart body, names written into it as they are."""
    head = b'Content-Disposition: form-data; name="' + name + b'"'
    if filename is not None:
        head += b'; filename="' + filename + b'"'
    if kind is not None:
        head += b"\r\nContent-Type: " + kind
    return f"--{BOUNDARY}\r\n".encode() + head + b"\r\n\r\n" + data + b"\r\n"


def form(*parts: bytes, end: bytes = f"--{BOUNDARY}--\r\n".encode()) -> Upload:
    return Upload(b"".join(parts) + end, MULTIPART)


def raw(data: bytes, kind: str = "image/jpeg") -> Upload:
    return Upload(data, {"Content-Type": kind})


GOOD = sample_bytes("one_card")


@dataclass(frozen=True)
class Refused:
    """An upload and the answer that it must get."""

    upload: Upload
    status: int
    code: str
    hint: str
    message: str = ""


def text_field(text: str, name: bytes = b"image") -> Upload:
    return form(part(text.encode(), name=name, filename=None, kind=None))


# Status, code and the beginning of the hint that several of them share.
NO_UPLOAD = (415, "content_type", "curl -F image=@")
MALFORMED = (400, "multipart_malformed", "do not set the Content-Type")
NO_FORMAT = (415, "image_format", "JPEG, PNG")
WHOLE = form(part(GOOD)).body


def typed(body: bytes, kind: str) -> Upload:
    return Upload(body, {"Content-Type": kind})


REFUSED = {
    "empty file": Refused(form(part(b"")), 400, "image_empty", "path", "0 bytes"),
    "empty raw body": Refused(raw(b""), 400, "image_empty", "path", "0 bytes"),
    "text in the file": Refused(form(part(b"no picture")), *NO_FORMAT),
    "PDF file": Refused(form(part(FOREIGN["pdf"])), *NO_FORMAT),
    "truncated raw body": Refused(
        raw(GOOD[: len(GOOD) // 2]), 400, "image_damaged", "all of its bytes", "cut off"
    ),
    "too many pixels": Refused(
        raw(png_declaring(8_000, 8_000), "image/png"),
        *(413, "image_too_many_pixels", "Scale it down", "8000 by 8000"),
    ),
    "another field's name": Refused(
        form(part(GOOD, name=b"file")), 422, "image_missing", "field 'image'", "it has 'file'"
    ),
    "field given twice": Refused(
        form(part(GOOD), part(GOOD)), 422, "image_repeated", "one request for each", "2 fields"
    ),
    "text and a file": Refused(
        form(part(b"x", filename=None, kind=None), part(GOOD)),
        *(422, "image_repeated", "one request for each"),
    ),
    "filename*= alone": Refused(
        Upload(WHOLE.replace(b'filename="card.jpg"', b"filename*=UTF-8''card.jpg"), MULTIPART),
        *(422, "image_not_a_file", "filename*= alone"),
    ),
    "text field with a path": Refused(
        text_field("/etc/passwd"), 422, "image_not_a_file", "curl -F image=@", "not followed"
    ),
    "JSON": Refused(
        typed(b'{"image": "/etc/passwd"}', "application/json"), *NO_UPLOAD, "'application/json'"
    ),
    "octet-stream": Refused(
        raw(GOOD, "application/octet-stream"), 415, "content_type", "'Content-Type: image/jpeg'"
    ),
    "pickle": Refused(raw(b"\x80\x04K\x01.", "application/vnd.bentoml+pickle"), *NO_UPLOAD),
    "another multipart": Refused(
        typed(WHOLE, f"multipart/mixed; boundary={BOUNDARY}"), *NO_UPLOAD, "'multipart/mixed'"
    ),
    "no content type": Refused(Upload(GOOD), *NO_UPLOAD, "without a Content-Type"),
    "no boundary": Refused(typed(WHOLE, "multipart/form-data"), *MALFORMED, "Missing boundary"),
    "another boundary": Refused(typed(WHOLE, "multipart/form-data; boundary=other"), *MALFORMED),
    "multipart of noise": Refused(Upload(random.Random(5).randbytes(999), MULTIPART), *MALFORMED),
    "multipart without a body": Refused(
        Upload(b"", MULTIPART), 400, "multipart_malformed", "to its last byte", "empty"
    ),
    "multipart cut off": Refused(
        Upload(WHOLE[:5000], MULTIPART), 400, "multipart_malformed", "to its last byte", "cut off"
    ),
    "part without a name": Refused(
        Upload(f"--{BOUNDARY}\r\nX-Nothing: 1\r\n\r\nx\r\n--{BOUNDARY}--\r\n".encode(), MULTIPART),
        *MALFORMED,
        "name",
    ),
    "a hundred fields": Refused(
        form(*[part(b"x", name=b"f%d" % i, filename=None) for i in range(100)], part(GOOD)),
        *MALFORMED,
        "Too many fields",
    ),
    "a hundred files": Refused(
        form(*[part(b"x", name=b"f%d" % i) for i in range(100)], part(GOOD)),
        *MALFORMED,
        "Too many files",
    ),
}


FILENAMES = {
    "long": b"a" * 300 + b".jpg",
    "quotes": rb"a\"b\".jpg",
    "non-ascii": "Führerschein-运转.jpg".encode(),
    "latin-1": b"F\xfchrerschein.jpg",
    "path": b"../../../../tmp/serving-labs-escaped.jpg",
    "absolute path": b"/etc/passwd",
    "windows path": rb"C:\cards\card.jpg",
    "empty": b"",
    "no extension": b"card",
    "wrong extension": b"card.exe",
    "percent": b"%00%0a%2e%2e%2f.jpg",
    "shell": b"$(touch x);`id`|.jpg",
}
"""Names that are answered: nothing depends on what a file is called."""

BROKEN_FILENAMES = {"nul": b"a\x00b.jpg", "newline": b"a\nb.jpg", "return": b"a\r\nb: c.jpg"}
"""Names that no header may hold: the multipart body is malformed, or the name is ignored."""


def assert_refused(
    response: httpx.Response, status: int, code: str, hint: str = "", message: str = ""
) -> None:
    assert response.status_code == status, response.text
    assert response.headers["content-type"].startswith("application/json")
    assert set(response.json()) == {"error"}
    error = response.json()["error"]
    assert set(error) == {"code", "message", "hint"}
    assert error["code"] == code
    assert hint in error["hint"]
    assert message in error["message"]
    assert error["message"].endswith(".")


@functools.lru_cache
def by_core(core: Detector, data: bytes) -> tuple[list[Detection], Pixels]:
    """Return what the core finds in a picture, and its drawing."""
    picture = decode(data)
    return core.detect([picture])[0], np.asarray(core.render(picture))


def assert_boxes(answer: Json, core: Detector, data: bytes = GOOD) -> None:
    """Check that *answer* is the core's, and that it is the chapter's JSON."""
    expected, _ = by_core(core, data)
    assert isinstance(answer, list)
    assert len(answer) == len(expected)
    for got, found in zip(answer, expected, strict=True):
        assert set(got) == {"name", "class", "confidence", "box"}
        assert list(got["box"]) == ["x1", "y1", "x2", "y2"]
        assert (got["name"], got["class"]) == (found.name, found.class_id)
        assert got["confidence"] == pytest.approx(found.confidence, abs=1e-4)
        assert tuple(got["box"].values()) == pytest.approx(found.box, abs=0.01)


def assert_rendered(content: bytes, core: Detector, data: bytes = GOOD) -> None:
    """Check that *content* is the core's drawing, as a PNG."""
    with Image.open(io.BytesIO(content)) as image:
        assert image.format == "PNG"
        assert image.mode == "RGB"
        got = np.asarray(image)
    _, expected = by_core(core, data)
    assert got.shape == expected.shape
    assert (got != expected).any(axis=2).mean() < 0.001  # a line may fall on the next pixel


class InferenceContract:
    """Of ``/inference``."""

    @pytest.mark.parametrize("name", CARDS)
    def test_boxes_are_the_cores(self, http: httpx.Client, core: Detector, name: str) -> None:
        data = sample_bytes(name)

        for upload in (raw(data), form(part(data))):
            response = upload.send(http)

            assert response.status_code == 200
            assert response.headers["content-type"].startswith("application/json")
            assert len(response.json()) == CARDS[name]
            assert_boxes(response.json(), core, data)

    @pytest.mark.parametrize("kind", FORMATS)
    def test_every_format(self, http: httpx.Client, core: Detector, kind: str) -> None:
        data = encoded(sample("one_card"), kind)
        media_type = f"image/{kind.lower()}"

        for upload in (raw(data, media_type), form(part(data, kind=media_type.encode()))):
            response = upload.send(http)
            assert response.status_code == 200, response.text
            assert len(response.json()) == 1
            assert_boxes(response.json(), core, data)

    @pytest.mark.parametrize(
        "kind", [b"image/png", b"text/plain", b"application/json", b"nonsense", b"", None], ids=str
    )
    def test_the_type_of_the_part_plays_no_part(
        self, http: httpx.Client, core: Detector, kind: bytes | None
    ) -> None:
        assert_boxes(form(part(GOOD, kind=kind)).send(http).json(), core)

    @pytest.mark.parametrize(
        "kind", ["image/png", "IMAGE/JPEG", "image/jpeg; charset=binary", "image/unheard-of"]
    )
    def test_the_type_of_a_raw_image_plays_no_part(
        self, http: httpx.Client, core: Detector, kind: str
    ) -> None:
        assert_boxes(raw(GOOD, kind).send(http).json(), core)

    def test_the_form_may_have_other_fields(self, http: httpx.Client, core: Detector) -> None:
        others = part(b"1", name=b"n", filename=None), part(b"data", name=b"other")

        assert_boxes(form(*others, part(GOOD)).send(http).json(), core)

    @pytest.mark.parametrize("name", FILENAMES)
    def test_the_files_name_plays_no_part(
        self, http: httpx.Client, core: Detector, name: str
    ) -> None:
        response = form(part(GOOD, filename=FILENAMES[name])).send(http)

        assert response.status_code == 200, response.text
        assert_boxes(response.json(), core)
        assert not Path("/tmp/serving-labs-escaped.jpg").exists()

    @pytest.mark.parametrize("name", BROKEN_FILENAMES)
    def test_a_name_that_no_header_may_hold(
        self, http: httpx.Client, core: Detector, name: str
    ) -> None:
        response = form(part(GOOD, filename=BROKEN_FILENAMES[name])).send(http)

        if response.status_code == 200:
            assert_boxes(response.json(), core)
        else:
            assert_refused(response, 400, "multipart_malformed", "do not set the Content-Type")

    @pytest.mark.parametrize("name", REFUSED)
    def test_what_is_refused(self, http: httpx.Client, name: str) -> None:
        case = REFUSED[name]

        response = case.upload.send(http)

        assert_refused(response, case.status, case.code, case.hint, case.message)

    def test_too_large_as_declared(self, http: httpx.Client) -> None:
        response = raw(bytes(MAX_BYTES + 1)).send(http)

        assert_refused(response, 413, "body_too_large", "smaller file", "20,971,521 bytes")

    def test_too_large_in_chunks(self, http: httpx.Client) -> None:
        def chunks() -> Iterator[bytes]:
            for _ in range(MAX_BYTES // 2**20 + 1):
                yield bytes(2**20)

        before = time.monotonic()
        response = http.post("/inference", content=chunks(), headers=raw(b"").headers)

        assert "content-length" not in response.request.headers
        assert_refused(response, 413, "body_too_large", "smaller file", "than 20,971,520 bytes")
        assert time.monotonic() - before < 4, "it waited for bytes that cannot come"

    def test_a_chunked_picture(self, http: httpx.Client, core: Detector) -> None:
        chunks = (GOOD[i : i + 1000] for i in range(0, len(GOOD), 1000))

        response = http.post("/inference", content=chunks, headers=raw(b"").headers)

        assert_boxes(response.json(), core)


class AdapterContract(InferenceContract):
    """Of every endpoint; a module gives ``app_client``, a client of the application itself."""

    def test_a_full_disk_is_no_reason_to_refuse_an_image(
        self, app_client: httpx.Client, full_disk: None
    ) -> None:
        for path in ENDPOINTS:
            assert raw(GOOD).send(app_client, path).status_code == 200
        assert form(part(LARGE)).send(app_client).status_code == 200

    @pytest.mark.parametrize("name", ["two_cards", "no_card"])
    def test_the_drawing_is_the_cores(self, http: httpx.Client, core: Detector, name: str) -> None:
        data = sample_bytes(name)

        response = form(part(data)).send(http, "/render")

        assert response.status_code == 200
        assert response.headers["content-type"] == "image/png"
        assert_rendered(response.content, core, data)

    @pytest.mark.parametrize("path", ENDPOINTS)
    def test_a_raw_body_is_answered_as_a_form_is(self, http: httpx.Client, path: str) -> None:
        answers = [upload.send(http, path) for upload in (raw(GOOD), form(part(GOOD)))]

        assert [answer.status_code for answer in answers] == [200, 200]
        assert answers[0].content == answers[1].content

    def test_boxes_are_in_upright_pixels(self, http: httpx.Client, core: Detector) -> None:
        exif = Image.Exif()
        exif[0x0112] = 6
        held = sample("one_card").transpose(Image.Transpose.ROTATE_90)
        data = encoded(held, "PNG", exif=exif)

        assert_boxes(raw(data).send(http).json(), core, encoded(sample("one_card"), "PNG"))
        assert_rendered(
            raw(data).send(http, "/render").content, core, encoded(sample("one_card"), "PNG")
        )

    @pytest.mark.parametrize("path", ["/invocation", "/render", "/inference/", "/inference%0A"])
    def test_every_way_in_is_guarded(self, http: httpx.Client, path: str) -> None:
        response = http.post(
            path, content=b"no picture", headers=raw(b"").headers, follow_redirects=True
        )

        assert_refused(response, 415, "image_format")

    def test_a_path_or_an_address_is_never_opened(
        self, http: httpx.Client, listener: Any, tmp_path: Path
    ) -> None:
        secret = tmp_path / "card.jpg"
        secret.write_bytes(GOOD)
        for text in (listener.url, str(secret), f"file://{secret}", "/etc/passwd"):
            document = json.dumps({"image": text}).encode()
            uploads = [
                text_field(text),
                text_field(text, name=b"image_url"),
                form(part(text.encode(), filename=None, kind=b"image/jpeg")),
                form(part(text.encode(), filename=text.encode())),
                raw(text.encode()),
                raw(document, "application/json"),
                raw(document, "image/jpeg"),
                raw(json.dumps(text).encode(), "application/json"),
                raw(f"image={text}".encode(), "application/x-www-form-urlencoded"),
                raw(text.encode(), "text/plain"),
            ]
            for path in ("/inference", "/render", "/inference%0A"):
                for upload in uploads:
                    response = upload.send(http, path)
                    assert response.status_code in (415, 422), response.text
                    assert set(response.json()["error"]) == {"code", "message", "hint"}
                    assert "root:" not in response.text

        assert listener.requests == []

    @pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
    @pytest.mark.parametrize("path", ENDPOINTS)
    def test_only_post_is_allowed(self, http: httpx.Client, path: str, method: str) -> None:
        assert http.request(method, path).status_code == 405

    def test_an_unknown_path(self, http: httpx.Client) -> None:
        assert http.post("/no-such-path", content=b"x").status_code in (404, 405)

    @pytest.mark.parametrize("path", ["/", "/readyz", "/livez", "/metrics", "/docs.json"])
    def test_the_servers_own_pages(self, http: httpx.Client, path: str) -> None:
        assert http.get(path).status_code == 200


# More than Starlette keeps of a form's file in memory, unless told otherwise.
LARGE = encoded(
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (800, 800, 3), np.uint8)), "PNG"
)


class HttpContract:
    """Other people's clients, many clients, bad clients."""

    def connect(self, server: Server) -> socket.socket:
        return socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT)

    def request(self, *headers: str, body: bytes = b"") -> bytes:
        lines = ["POST /inference HTTP/1.1", "Host: localhost", "Content-Type: image/jpeg"]
        return "\r\n".join([*lines, *headers, "", ""]).encode() + body

    def answer(self, connection: socket.socket) -> tuple[int, bytes]:
        response = HTTPResponse(connection, method="POST")
        response.begin()
        return response.status, response.read()

    def curl(self, *arguments: str) -> tuple[int, bytes]:
        require("curl")
        command = ["curl", "--silent", "--show-error", "--noproxy", "*", "--max-time", "30"]
        command += ["--write-out", "%{stderr}%{http_code}", *arguments]
        done = subprocess.run(command, capture_output=True, timeout=60, check=True)
        return int(done.stderr[-3:]), done.stdout

    @pytest.mark.parametrize("version", ["--http1.0", "--http1.1"])
    def test_curl(self, server: Server, core: Detector, version: str) -> None:
        url, file = f"{server.url}/inference", SAMPLES / "one_card.jpg"

        status, answer = self.curl(version, "-F", f"image=@{file}", url)
        assert status == 200
        assert_boxes(json.loads(answer), core)

        kind = "Content-Type: image/jpeg"
        status, answer = self.curl(version, "--data-binary", f"@{file}", "-H", kind, url)
        assert status == 200
        assert_boxes(json.loads(answer), core)

        status, answer = self.curl(version, "-F", f"image={file}", url)  # the @ forgotten
        assert status == 422
        assert json.loads(answer)["error"]["code"] == "image_not_a_file"

    @pytest.mark.parametrize("transfer", ["declared", "chunked"])
    def test_curl_gets_the_answer_though_its_file_is_too_large(
        self, server: Server, tmp_path: Path, transfer: str
    ) -> None:
        (tmp_path / "big.jpg").write_bytes(bytes(MAX_BYTES + 2**20))
        options = ["-H", "Transfer-Encoding: chunked"] if transfer == "chunked" else []

        status, answer = self.curl(
            *options, "-F", f"image=@{tmp_path / 'big.jpg'}", f"{server.url}/inference"
        )

        assert status == 413
        assert json.loads(answer)["error"]["code"] == "body_too_large"

    def test_a_client_that_leaves_in_the_middle(
        self, server: Server, http: httpx.Client, core: Detector
    ) -> None:
        multipart = f"Content-Type: {MULTIPART['Content-Type']}"
        starts = [
            self.request(f"Content-Length: {len(GOOD)}", body=GOOD[:100]),
            self.request("Transfer-Encoding: chunked", body=b"ff\r\nabc"),
            self.request("Transfer-Encoding: chunked", body=b"zz\r\nabc\r\n"),
            self.request("Transfer-Encoding: chunked", body=b"-5\r\nabc\r\n"),
            self.request(f"Content-Length: {len(GOOD)}", body=GOOD),  # does not wait
            self.request().replace(b"Content-Type: image/jpeg", multipart.encode()),
            b"POST /inference HTTP/1.1\r\nHost",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # speaks TLS
        ]
        for start in starts * 3:
            with self.connect(server) as connection:
                connection.sendall(start)

        assert_boxes(raw(GOOD).send(http).json(), core)

    def test_a_client_that_asks_before_it_sends(self, server: Server, core: Detector) -> None:
        with self.connect(server) as connection:
            connection.sendall(self.request(f"Content-Length: {len(GOOD)}", "Expect: 100-continue"))
            assert connection.recv(999).startswith(b"HTTP/1.1 100 ")
            connection.sendall(GOOD)
            status, answer = self.answer(connection)

        assert status == 200
        assert_boxes(json.loads(answer), core)

    def test_two_requests_at_once_on_one_connection(self, server: Server, core: Detector) -> None:
        """Pipelining: the second is sent before the first is answered."""
        one = self.request(f"Content-Length: {len(GOOD)}", body=GOOD)
        with self.connect(server) as connection:
            connection.sendall(one + one)
            file = connection.makefile("rb")
            for _ in range(2):
                assert file.readline().startswith(b"HTTP/1.1 200")
                headers = parse_headers(file)
                assert_boxes(json.loads(file.read(int(headers["Content-Length"]))), core)

    def test_many_clients_at_once_get_their_own_answers(
        self, http: httpx.Client, core: Detector
    ) -> None:
        pictures = {name: encoded(sample(name).resize((240, 320)), "PNG") for name in CARDS}
        bad = ["text in the file", "JSON", "truncated raw body", "too many pixels"]
        bad += ["text field with a path", "multipart cut off"]
        jobs = [("good", name, path) for name in CARDS for path in ENDPOINTS]
        jobs += [("bad", name, "/inference") for name in bad]
        rng = random.Random(11)
        jobs = [rng.choice(jobs) for _ in range(64)]
        assert {kind for kind, *_ in jobs} == {"good", "bad"}

        def work(job: tuple[str, str, str]) -> httpx.Response:
            kind, name, path = job
            upload = form(part(pictures[name])) if kind == "good" else REFUSED[name].upload
            return upload.send(http, path)

        with ThreadPoolExecutor(8) as pool:
            responses = list(pool.map(work, jobs, timeout=120))

        for (kind, name, path), response in zip(jobs, responses, strict=True):
            if kind == "bad":
                assert_refused(response, REFUSED[name].status, REFUSED[name].code)
            elif path == "/render":
                assert_rendered(response.content, core, pictures[name])
            else:
                assert_boxes(response.json(), core, pictures[name])

    def test_no_temporary_file_stays_behind(self, http: httpx.Client, scratch: Path) -> None:
        def files() -> set[str]:
            return {str(path) for path in scratch.rglob("*") if path.is_file()}

        form(part(GOOD)).send(http)  # what is made once may stay
        before = files()
        for _ in range(5):
            form(part(GOOD)).send(http)
            raw(encoded(sample("one_card"), "BMP")).send(http, "/render")
            for name in ("truncated raw body", "text in the file", "field given twice"):
                REFUSED[name].upload.send(http)
        raw(bytes(MAX_BYTES + 1)).send(http)

        deadline = time.monotonic() + 5
        while files() - before and time.monotonic() < deadline:
            time.sleep(0.05)
        assert files() - before == set()

    @pytest.mark.nightly
    @pytest.mark.timeout(900)
    def test_two_thousand_damaged_uploads(self, http: httpx.Client, core: Detector) -> None:
        rng = random.Random(8128)
        wholes = [encoded(sample("small_card").resize((160, 120)), kind) for kind in FORMATS]
        uploads = []
        for i in range(2000):
            upload = form(part(wholes[i % 7])) if i % 2 else raw(wholes[i % 7])
            damaged = mutant(upload.body, rng)
            uploads.append(Upload(damaged, upload.headers))

        with ThreadPoolExecutor(4) as pool:
            responses = list(pool.map(lambda upload: upload.send(http), uploads))

        seen = {response.status_code for response in responses}
        assert seen <= {200, 400, 413, 415, 422}, seen
        assert {200, 400, 415} <= seen
        for response in responses:
            if response.status_code != 200:
                assert set(response.json()["error"]) == {"code", "message", "hint"}
        assert_boxes(raw(GOOD).send(http).json(), core)


def assert_ends_when_asked(server: Server) -> None:
    """Send SIGTERM and check that no process and no listener is left.

    Neither an upload that was broken off nor a connection that is kept open may hold it up.
    """
    members = [psutil.Process(record.pid) for record in server.processes()]
    assert len(members) >= 1
    with socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT) as connection:
        lines = ["POST /inference HTTP/1.1", "Host: localhost", "Content-Type: image/jpeg"]
        connection.sendall("\r\n".join([*lines, "Content-Length: 999", "", "part"]).encode())
    kept = HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT)
    kept.request("POST", "/inference", GOOD, raw(b"").headers)
    assert kept.getresponse().read()
    os.kill(server.pid, signal.SIGTERM)

    def left() -> list[psutil.Process]:
        return [p for p in members if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]

    deadline = time.monotonic() + 15
    while left() and time.monotonic() < deadline:
        time.sleep(0.05)
    kept.close()
    assert left() == []
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port), timeout=2)


def in_process(make: Callable[[], Any]) -> Iterator[httpx.Client]:
    """Yield a client of an ASGI application that runs in this process."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Starlette's about httpx
        from starlette.testclient import TestClient
    settings = BentoMLContainer.config.get()
    with TestClient(make(), raise_server_exceptions=False) as client:
        # to_asgi() switches the whole process to settings that the Runner API cannot read.
        BentoMLContainer.config.set(settings)
        yield client
