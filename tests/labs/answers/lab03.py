# Answers to lab 03. Each cell takes the place of an exercise's cell.

# %% lab03.ex1 right: four lines for each box, on an array's picture
def frames(picture, boxes):
    canvas = Image.fromarray(np.array(picture))
    pen = ImageDraw.Draw(canvas)
    for left, top, right, bottom in boxes:
        corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
        pen.line(corners, fill=(0, 255, 255), width=2)
    return canvas


# %% lab03.ex1 right: pixels
def frames(picture, boxes):
    pixels = np.array(picture)
    for box in boxes:
        x1, y1, x2, y2 = (int(side) for side in box)
        pixels[y1:y2, x1] = pixels[y1:y2, x2 - 1] = 255
        pixels[y1, x1:x2] = pixels[y2 - 1, x1:x2] = 255
    return Image.fromarray(pixels)


# %% lab03.ex1 wrong: draws_on_original
def frames(picture, boxes):
    pen = ImageDraw.Draw(picture)
    for box in boxes:
        pen.rectangle(box, outline="magenta", width=3)
    return picture


# %% lab03.ex1 wrong: first_box
def frames(picture, boxes):
    canvas = picture.copy()
    for box in boxes[:1]:
        ImageDraw.Draw(canvas).rectangle(box, outline="magenta", width=3)
    return canvas


# %% lab03.ex1 wrong: filled
def frames(picture, boxes):
    canvas = picture.copy()
    for box in boxes:
        ImageDraw.Draw(canvas).rectangle(box, fill="magenta")
    return canvas


# %% lab03.ex1 wrong: nothing_drawn
def frames(picture, boxes):
    for box in boxes:
        ImageDraw.Draw(picture.copy()).rectangle(box, outline="magenta", width=3)
    return picture.copy()


# %% lab03.ex1 wrong: an_array
def frames(picture, boxes):
    canvas = picture.copy()
    for box in boxes:
        ImageDraw.Draw(canvas).rectangle(box, outline="magenta", width=3)
    return np.asarray(canvas)


# %% lab03.ex1 wrong: left_only
def frames(picture, boxes):
    canvas = picture.copy()
    for left, top, right, bottom in boxes:
        ImageDraw.Draw(canvas).line((left, top, left, bottom), fill="magenta", width=3)
    return canvas


# %% lab03.ex2 right: by OpenCV
def png_of(result):
    import cv2

    done, data = cv2.imencode(".png", result.plot())
    assert done
    return data.tobytes()


# %% lab03.ex2 right: channel by channel
def png_of(result):
    blue, green, red = np.moveaxis(result.plot(), 2, 0)
    channels = [Image.fromarray(np.ascontiguousarray(c)) for c in (red, green, blue)]
    file = io.BytesIO()
    Image.merge("RGB", channels).save(file, "PNG")
    file.seek(0)
    return file.read()


# %% lab03.ex2 wrong: bgr
def png_of(result):
    buffer = io.BytesIO()
    Image.fromarray(result.plot()).save(buffer, format="PNG")
    return buffer.getvalue()


# %% lab03.ex2 wrong: upside_down
def png_of(result):
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(result.plot()[::-1])).save(buffer, format="PNG")
    return buffer.getvalue()


# %% lab03.ex2 wrong: jpeg
def png_of(result):
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(result.plot()[:, :, ::-1])).save(buffer, format="JPEG")
    return buffer.getvalue()


# %% lab03.ex2 wrong: not_bytes
def png_of(result):
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(result.plot()[:, :, ::-1])).save(buffer, format="PNG")
    return buffer


# %% lab03.ex2 wrong: empty
def png_of(result):
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(result.plot()[:, :, ::-1])).save(buffer, format="PNG")
    return buffer.read()


# %% lab03.ex3 right: through OpenCV, without frames()
def render(detector, upload):
    import cv2

    pixels = cv2.imdecode(np.frombuffer(upload, np.uint8), cv2.IMREAD_COLOR)
    picture = Image.fromarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB))
    for card in detector.detect((picture,))[0]:
        x1, y1, x2, y2 = (round(side) for side in card.box)
        cv2.rectangle(pixels, (x1, y1), (x2, y2), (255, 0, 255), 2)
    return cv2.imencode(".png", pixels)[1].tobytes()


# %% lab03.ex3 right: a file of its own for each request
def render(detector, upload):
    import tempfile

    picture = Image.open(io.BytesIO(upload)).convert("RGB")
    found = detector.detect([picture])[0]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "drawn.png")
        frames(picture, [card.box for card in found]).save(path)
        return path.read_bytes()


# %% lab03.ex3 wrong: one_file
def render(detector, upload):
    import tempfile

    picture = Image.open(io.BytesIO(upload)).convert("RGB")
    [found] = detector.detect([picture])
    path = Path(tempfile.gettempdir(), "lab03-drawn.png")
    frames(picture, [card.box for card in found]).save(path)
    return path.read_bytes()


# %% lab03.ex3 wrong: shared
latest = {}


def render(detector, upload):
    latest["picture"] = Image.open(io.BytesIO(upload)).convert("RGB")
    [found] = detector.detect([latest["picture"]])
    buffer = io.BytesIO()
    frames(latest["picture"], [card.box for card in found]).save(buffer, format="PNG")
    return buffer.getvalue()


# %% lab03.ex3 wrong: first_box
def render(detector, upload):
    picture = Image.open(io.BytesIO(upload)).convert("RGB")
    [found] = detector.detect([picture])
    buffer = io.BytesIO()
    frames(picture, [card.box for card in found[:1]]).save(buffer, format="PNG")
    return buffer.getvalue()


# %% lab03.ex3 wrong: nothing_drawn
def render(detector, upload):
    picture = Image.open(io.BytesIO(upload)).convert("RGB")
    [found] = detector.detect([picture])
    frames(picture, [card.box for card in found])
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()


# %% lab03.ex3 wrong: filled
def render(detector, upload):
    picture = Image.open(io.BytesIO(upload)).convert("RGB")
    [found] = detector.detect([picture])
    for card in found:
        ImageDraw.Draw(picture).rectangle(card.box, fill="black")
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()


# %% lab03.ex3 wrong: not_bytes
def render(detector, upload):
    picture = Image.open(io.BytesIO(upload)).convert("RGB")
    [found] = detector.detect([picture])
    return frames(picture, [card.box for card in found])


# %% lab03.ex3 wrong: empty
def render(detector, upload):
    picture = Image.open(io.BytesIO(upload)).convert("RGB")
    [found] = detector.detect([picture])
    buffer = io.BytesIO()
    frames(picture, [card.box for card in found]).save(buffer, format="PNG")
    return buffer.read()


# %% lab03.ex3 wrong: jpeg
def render(detector, upload):
    picture = Image.open(io.BytesIO(upload)).convert("RGB")
    [found] = detector.detect([picture])
    buffer = io.BytesIO()
    frames(picture, [card.box for card in found]).save(buffer, format="JPEG")
    return buffer.getvalue()


# %% lab03.ex4 right: a model made when it is first asked for is made at start
ImageFile = Annotated[Path, ContentType("image/*")]


@bentoml.service(name="renderer")
class CardRenderer:
    def __init__(self) -> None:
        self.model = Detector.from_environment()

    @bentoml.api
    def render(self, image: ImageFile) -> Annotated[bytes, ContentType("image/png")]:
        picture = Image.open(image).convert("RGB")
        found = self.model.detect([picture])[0]
        buffer = io.BytesIO()
        frames(picture, [card.box for card in found]).save(buffer, format="PNG")
        return buffer.getvalue()


# %% lab03.ex4 wrong: no_service
class CardRenderer:
    def __init__(self):
        self.detector = Detector.from_environment()

    def render(self, image):
        return render(self.detector, image.read_bytes())


# %% lab03.ex4 wrong: wrong_path
ImageFile = Annotated[Path, ContentType("image/*")]
Png = Annotated[bytes, ContentType("image/png")]


@bentoml.service
class CardRenderer:
    def __init__(self):
        self.detector = Detector.from_environment()

    @bentoml.api
    def draw(self, image: ImageFile) -> Png:
        return render(self.detector, image.read_bytes())


# %% lab03.ex4 wrong: loads_each_time
ImageFile = Annotated[Path, ContentType("image/*")]
Png = Annotated[bytes, ContentType("image/png")]


@bentoml.service
class CardRenderer:
    @bentoml.api(route="/render")
    def draw(self, image: ImageFile) -> Png:
        return render(Detector.from_environment(), image.read_bytes())


# %% lab03.ex4 wrong: no_type
ImageFile = Annotated[Path, ContentType("image/*")]


@bentoml.service
class CardRenderer:
    def __init__(self):
        self.detector = Detector.from_environment()

    @bentoml.api(route="/render")
    def draw(self, image: ImageFile) -> bytes:
        return render(self.detector, image.read_bytes())


# %% lab03.ex4 wrong: unchanged
ImageFile = Annotated[Path, ContentType("image/*")]
Png = Annotated[bytes, ContentType("image/png")]


@bentoml.service
class CardRenderer:
    def __init__(self):
        self.detector = Detector.from_environment()

    @bentoml.api(route="/render")
    def draw(self, image: ImageFile) -> Png:
        render(self.detector, image.read_bytes())
        return image.read_bytes()


# %% lab03.ex4 wrong: jpeg
ImageFile = Annotated[Path, ContentType("image/*")]
Png = Annotated[bytes, ContentType("image/png")]


@bentoml.service
class CardRenderer:
    def __init__(self):
        self.detector = Detector.from_environment()

    @bentoml.api(route="/render")
    def draw(self, image: ImageFile) -> Png:
        picture = Image.open(io.BytesIO(render(self.detector, image.read_bytes())))
        buffer = io.BytesIO()
        picture.save(buffer, format="JPEG")
        return buffer.getvalue()
