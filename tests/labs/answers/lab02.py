# Answers to lab 02. Each cell takes the place of an exercise's cell.

# %% lab02.ex1 right: by Pillow, and a helper
def as_json(detections):
    return [dict(detection.as_dict()) for detection in detections]


@bentoml.service
class CardService:
    def __init__(self):
        self.detector = Detector.from_environment()

    @bentoml.api(name="inference")
    def inference(self, image: ImageFile) -> list:
        with Image.open(image) as picture:
            return as_json(self.detector.detect((picture.convert("RGB"),))[0])


# %% lab02.ex1 wrong: no_service
class CardService:
    def __init__(self):
        self.detector = Detector.from_environment()

    def inference(self, image: ImageFile) -> list[dict]:
        [found] = self.detector.detect([picture_of(image)])
        return [detection.as_dict() for detection in found]


# %% lab02.ex1 wrong: no_picture
@bentoml.service(name="id_card_detector")
class CardService:
    def __init__(self):
        self.detector = Detector.from_environment()

    @bentoml.api(route="/inference")
    def inference(self, image: ImageFile) -> list[dict]:
        [found] = self.detector.detect([image])
        return [detection.as_dict() for detection in found]


# %% lab02.ex1 wrong: first_box
@bentoml.service(name="id_card_detector")
class CardService:
    def __init__(self):
        self.detector = Detector.from_environment()

    @bentoml.api(route="/inference")
    def inference(self, image: ImageFile) -> list[dict]:
        [found] = self.detector.detect([picture_of(image)])
        return [detection.as_dict() for detection in found[:1]]


# %% lab02.ex1 wrong: nested
@bentoml.service(name="id_card_detector")
class CardService:
    def __init__(self):
        self.detector = Detector.from_environment()

    @bentoml.api(route="/inference")
    def inference(self, image: ImageFile) -> list[list[dict]]:
        found = self.detector.detect([picture_of(image)])
        return [[detection.as_dict() for detection in each] for each in found]


# %% lab02.ex1 wrong: not_plain
@bentoml.service(name="id_card_detector")
class CardService:
    def __init__(self):
        self.detector = Detector.from_environment()

    @bentoml.api(route="/inference")
    def inference(self, image: ImageFile) -> list:
        return self.detector.detect([picture_of(image)])[0]


# %% lab02.ex1 wrong: loads_each_time
@bentoml.service(name="id_card_detector")
class CardService:
    def __init__(self):
        self.detector = Detector.from_environment()

    @bentoml.api(route="/inference")
    def inference(self, image: ImageFile) -> list[dict]:
        [found] = Detector.from_environment().detect([picture_of(image)])
        return [detection.as_dict() for detection in found]


# %% lab02.ex2 right: httpx's own words
class Refused(ValueError):
    pass


def ask(client: httpx.Client, data: bytes):
    files = {"image": ("card.jpg", data, "image/jpeg")}
    response = client.request("POST", "inference", files=files)
    try:
        response.raise_for_status()
    except httpx.HTTPStatusError as broken:
        if response.is_server_error:
            raise RuntimeError(str(broken)) from broken
        error = response.json().get("error", {})
        raise Refused(error.get("message"), error.get("hint")) from broken
    return response.json()


# %% lab02.ex2 wrong: wrong_field
def ask(client, data):
    response = client.post("/inference", files={"file": data})
    if response.status_code >= 500:
        raise RuntimeError(response.status_code)
    if response.status_code >= 400:
        raise ValueError(response.text)
    return response.json()


# %% lab02.ex2 wrong: no_status
def ask(client, data):
    return client.post("/inference", files={"image": data}).json()


# %% lab02.ex2 wrong: swallows
def ask(client, data):
    response = client.post("/inference", files={"image": data})
    return response.json() if response.status_code == 200 else []


# %% lab02.ex2 wrong: no_hint
def ask(client, data):
    response = client.post("/inference", files={"image": data})
    if response.status_code >= 500:
        raise RuntimeError(response.status_code)
    if response.status_code >= 400:
        raise ValueError(response.json()["error"]["message"])
    return response.json()


# %% lab02.ex2 wrong: server_error
def ask(client, data):
    response = client.post("/inference", files={"image": data})
    if response.status_code != 200:
        raise ValueError(response.text)
    return response.json()


# %% lab02.ex3 right: by Pillow
import io


def refuse(status, message, code="refused"):
    raise InputError(message, code=code, status=status, hint="Send a whole picture.")


def picture_from(upload, max_bytes):
    if not isinstance(upload, (bytes, bytearray)):
        refuse(422, "This is text.", "image_not_a_file")
    if max_bytes < len(upload):
        refuse(413, "This is too large.", "body_too_large")
    if not upload:
        refuse(400, "This is empty.")
    try:
        picture = Image.open(io.BytesIO(upload))
    except Exception:
        refuse(415, "This is no picture.")
    try:
        return picture.convert("RGB")
    except Exception:
        refuse(400, "This is cut off.")


# %% lab02.ex3 wrong: follows_text
def picture_from(upload, max_bytes):
    if isinstance(upload, str):
        upload = Path(upload).read_bytes()
    return decode(upload)


# %% lab02.ex3 wrong: own_error
import io


def picture_from(upload, max_bytes):
    if isinstance(upload, str):
        raise InputError("text", code="image_not_a_file", status=422, hint="Send bytes.")
    if len(upload) > max_bytes:
        raise InputError("large", code="body_too_large", status=413, hint="Send less.")
    return Image.open(io.BytesIO(upload)).convert("RGB")


# %% lab02.ex3 wrong: lazy
import io


def picture_from(upload, max_bytes):
    if isinstance(upload, str):
        raise InputError("text", code="image_not_a_file", status=422, hint="Send bytes.")
    if len(upload) > max_bytes:
        raise InputError("large", code="body_too_large", status=413, hint="Send less.")
    if not upload:
        raise InputError("empty", code="empty", status=400, hint="Send more.")
    try:
        picture = Image.open(io.BytesIO(upload))
    except Exception:
        raise InputError("no picture", code="none", status=415, hint="Send a PNG.")
    return picture if picture.mode == "RGB" else picture.convert("RGB")


# %% lab02.ex3 wrong: too_late
def picture_from(upload, max_bytes):
    if isinstance(upload, str):
        raise InputError("text", code="image_not_a_file", status=422, hint="Send bytes.")
    picture = decode(upload)
    if len(upload) > max_bytes:
        raise InputError("large", code="body_too_large", status=413, hint="Send less.")
    return picture


# %% lab02.ex3 wrong: mode
import io


def picture_from(upload, max_bytes):
    decode(upload)
    return Image.open(io.BytesIO(upload))


# %% lab02.ex3 wrong: code
def picture_from(upload, max_bytes):
    if isinstance(upload, str):
        raise InputError("text", code="text", status=422, hint="Send bytes.")
    if len(upload) > max_bytes:
        raise InputError("large", code="large", status=413, hint="Send less.")
    return decode(upload)


# %% lab02.ex3 wrong: no_hint
def picture_from(upload, max_bytes):
    if isinstance(upload, str):
        raise InputError("This is text.", code="image_not_a_file", status=422, hint="")
    if len(upload) > max_bytes:
        raise InputError("This is too large.", code="body_too_large", status=413, hint="")
    return decode(upload)


# %% lab02.ex4 right: another endpoint beside it, and a set of paths
@bentoml.service(name="safe", traffic={"timeout": 30})
class SafeService:
    def __init__(self):
        self.core = Detector.from_environment()

    def _json(self, image):
        return [d.as_dict() for d in self.core.detect([picture_of(image)])[0]]

    @bentoml.api
    def inference(self, image: ImageFile) -> list[dict]:
        return self._json(image)

    @bentoml.api
    def invocation(self, image: ImageFile) -> list[dict]:
        return self._json(image)


GUARDED = {"/inference", "/invocation"}
SafeService.add_asgi_middleware(ImageGate, paths=GUARDED, max_bytes=5_000_000)


# %% lab02.ex4 wrong: no_service
class SafeService:
    def __init__(self):
        self.detector = Detector.from_environment()

    def inference(self, image: ImageFile) -> list[dict]:
        [found] = self.detector.detect([picture_of(image)])
        return [detection.as_dict() for detection in found]


# %% lab02.ex4 wrong: no_gate
@bentoml.service(name="id_card_detector")
class SafeService:
    def __init__(self):
        self.detector = Detector.from_environment()

    @bentoml.api(route="/inference")
    def inference(self, image: ImageFile) -> list[dict]:
        with Image.open(image) as picture:
            [found] = self.detector.detect([picture.convert("RGB")])
        return [detection.as_dict() for detection in found]


# %% lab02.ex4 wrong: other_path
@bentoml.service(name="id_card_detector")
class SafeService:
    def __init__(self):
        self.detector = Detector.from_environment()

    @bentoml.api(route="/inference")
    def inference(self, image: ImageFile) -> list[dict]:
        with Image.open(image) as picture:
            [found] = self.detector.detect([picture.convert("RGB")])
        return [detection.as_dict() for detection in found]


SafeService.add_asgi_middleware(ImageGate, paths=("/invocation",))


# %% lab02.ex4 wrong: opens_text
@bentoml.service(name="id_card_detector")
class SafeService:
    def __init__(self):
        self.detector = Detector.from_environment()

    @bentoml.api(route="/inference")
    def inference(self, image: Image.Image) -> list[dict]:
        if isinstance(image, str):
            image = Image.open(image)
        [found] = self.detector.detect([image.convert("RGB")])
        return [detection.as_dict() for detection in found]


# %% lab02.ex4 wrong: refuses_all
@bentoml.service(name="id_card_detector")
class SafeService:
    def __init__(self):
        self.detector = Detector.from_environment()

    @bentoml.api(route="/inference")
    def inference(self, image: ImageFile) -> list[dict]:
        [found] = self.detector.detect([picture_of(image)])
        return [detection.as_dict() for detection in found]


SafeService.add_asgi_middleware(ImageGate, paths=("/inference",), max_bytes=100)
