# Answers to lab 03. Each cell takes the place of an exercise's cell, or edits its solution.

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


# %% lab03.ex1 wrong: changes_original
# - canvas = picture.copy()
# + canvas = picture
# - return canvas
# + return canvas.copy()

# %% lab03.ex1 wrong: first_box
# - in boxes:
# + in boxes[:1]:

# %% lab03.ex1 wrong: last_box
# -         pen.rectangle(box, outline="magenta", width=3)
# +         canvas = picture.copy()
# +         ImageDraw.Draw(canvas).rectangle(box, outline="magenta", width=3)

# %% lab03.ex1 wrong: swapped
# - rectangle(box,
# + rectangle((box[1], box[0], box[3], box[2]),

# %% lab03.ex1 wrong: filled
# - outline="magenta", width=3
# + fill="magenta"

# %% lab03.ex1 wrong: -the left side only
# - rectangle(box, outline="magenta", width=3)
# + line((box[0], box[1], box[0], box[3]), fill="magenta", width=3)

# %% lab03.ex1 wrong: -uses the caller's list up
# -     for box in boxes:
# +     while boxes:
# +         box = boxes.pop()

# %% lab03.ex1 wrong: -ten pixels wide
# - width=3
# + width=10

# %% lab03.ex1 wrong: -an array
# - return canvas
# + return np.asarray(canvas)

# %% lab03.ex1 wrong: -five pixels wide
# - width=3
# + width=5

# %% lab03.ex1 wrong: -a box within a box is left out
# -     for box in boxes:
# +     for box in boxes:
# +         outer = np.array(boxes) - np.array(box)
# +         if ((outer[:, :2] < 0).all(axis=1) & (outer[:, 2:] > 0).all(axis=1)).any():
# +             continue

# %% lab03.ex1 wrong: -grey within each box
# -     for box in boxes:
# +     for box in boxes:
# +         area = tuple(map(int, box))
# +         canvas.paste(canvas.crop(area).convert("L").convert("RGB"), area)

# %% lab03.ex1 wrong: -lines that grow with the image
# - width=3
# + width=max(2, round(max(canvas.size) / 150))


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


# %% lab03.ex2 right: plot makes the image
# -     Image.fromarray(np.ascontiguousarray(result.plot()[:, :, ::-1])).save(buffer, format="PNG")
# +     result.plot(pil=True).save(buffer, format="PNG")

# %% lab03.ex2 wrong: bgr
# - [:, :, ::-1]
# +

# %% lab03.ex2 wrong: upside_down
# - [:, :, ::-1]
# + [::-1]

# %% lab03.ex2 wrong: jpeg
# - format="PNG"
# + format="JPEG"

# %% lab03.ex2 wrong: not_bytes
# - .getvalue()
# +

# %% lab03.ex2 wrong: empty
# - getvalue()
# + read()

# %% lab03.ex2 wrong: -a palette
# - [:, :, ::-1])).save
# + [:, :, ::-1])).quantize(256).save

# %% lab03.ex2 wrong: -a large image is scaled down
# -     Image.fromarray(np.ascontiguousarray(result.plot()[:, :, ::-1])).save(buffer, format="PNG")
# +     picture = Image.fromarray(np.ascontiguousarray(result.plot()[:, :, ::-1]))
# +     picture.thumbnail((640, 640))
# +     picture.save(buffer, format="PNG")


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
# -     buffer = io.BytesIO()
# -     frames(picture, [detection.box for detection in found]).save(buffer, format="PNG")
# -     return buffer.getvalue()
# +     import tempfile
# +
# +     with tempfile.TemporaryDirectory() as folder:
# +         path = Path(folder, "drawn.png")
# +         frames(picture, [card.box for card in found]).save(path)
# +         return path.read_bytes()

# %% lab03.ex3 right: one file, and a lock around it
import tempfile
import threading

one_at_a_time = threading.Lock()


def render(detector, upload):
    picture = Image.open(io.BytesIO(upload)).convert("RGB")
    [found] = detector.detect([picture])
    path = Path(tempfile.gettempdir(), "lab03-locked.png")
    with one_at_a_time:
        frames(picture, [card.box for card in found]).save(path)
        return path.read_bytes()


# %% lab03.ex3 wrong: one_file
# -     buffer = io.BytesIO()
# -     frames(picture, [detection.box for detection in found]).save(buffer, format="PNG")
# -     return buffer.getvalue()
# +     path = Path("/tmp/lab03-drawn.png")
# +     frames(picture, [detection.box for detection in found]).save(path)
# +     return path.read_bytes()

# %% lab03.ex3 wrong: shared
# -     picture = Image
# +     global picture
# +     picture = Image

# %% lab03.ex3 wrong: nothing_drawn
# -     buffer = io.BytesIO()
# -     frames(picture, [detection.box for detection in found]).save(buffer, format="PNG")
# +     frames(picture, [detection.box for detection in found])
# +     buffer = io.BytesIO()
# +     picture.save(buffer, format="PNG")

# %% lab03.ex3 wrong: not_bytes
# - .getvalue()
# +

# %% lab03.ex3 wrong: jpeg
# - format="PNG"
# + format="JPEG"

# %% lab03.ex3 wrong: -the box is painted over
# -     [found] = detector.detect([picture])
# +     [found] = detector.detect([picture])
# +     for card in found:
# +         ImageDraw.Draw(picture).rectangle(card.box, fill="black")

# %% lab03.ex3 wrong: -RGB for the detector only
# - .convert("RGB")
# +
# - detect([picture])
# + detect([picture.convert("RGB")])

# %% lab03.ex3 wrong: -some modes
# -     picture = Image.open(io.BytesIO(upload)).convert("RGB")
# +     picture = Image.open(io.BytesIO(upload))
# +     if picture.mode in ("RGBA", "P", "L", "LA", "1"):
# +         picture = picture.convert("RGB")

# %% lab03.ex3 wrong: -modes with an alpha channel <- -some modes
# - "P", "L", "LA", "1"
# + "P", "LA"

# %% lab03.ex3 wrong: -a failure becomes an image without frames
# -     [found] = detector.detect([picture])
# +     try:
# +         [found] = detector.detect([picture])
# +     except Exception:
# +         found = []

# %% lab03.ex4 right: the PNG's path
# - CardRenderer = ...
# + import tempfile
# - Png = Annotated[bytes, ContentType("image/png")]
# + canvas = frames(Image.new("RGB", (90, 90)), [(10, 10, 50, 50)])  # a try
# -         self.detector = Detector.from_environment()
# +         self.detector = Detector.from_environment()
# +         self.folder = Path(tempfile.mkdtemp())
# -     def draw(self, image: ImageFile) -> Png:
# -         return render(self.detector, image.read_bytes())
# +     def draw(self, image: ImageFile) -> Annotated[Path, ContentType("image/png")]:
# +         file = tempfile.NamedTemporaryFile(dir=self.folder, suffix=".png", delete=False)
# +         with file:
# +             file.write(render(self.detector, image.read_bytes()))
# +         return Path(file.name)

# %% lab03.ex4 wrong: wrong_path
# - (route="/render")
# +

# %% lab03.ex4 wrong: field
# - self, image: ImageFile
# + self, picture: ImageFile
# - image.read_bytes()
# + picture.read_bytes()

# %% lab03.ex4 wrong: no_type
# - -> Png
# + -> bytes

# %% lab03.ex4 wrong: jpeg
# -         return render(self.detector, image.read_bytes())
# +         buffer = io.BytesIO()
# +         drawn = Image.open(io.BytesIO(render(self.detector, image.read_bytes())))
# +         drawn.save(buffer, format="JPEG")
# +         return buffer.getvalue()

# %% lab03.ex4 wrong: loads_each_time
# - render(self.detector,
# + render(Detector.from_environment(),

# %% lab03.ex4 wrong: -the upload comes back
# - return render(self.detector, image.read_bytes())
# + return image.read_bytes()

# %% lab03.ex4 wrong: -one file for all
# - -> Png
# + -> Annotated[Path, ContentType("image/png")]
# -         return render(self.detector, image.read_bytes())
# +         path = image.parent / "drawn.png"
# +         path.write_bytes(render(self.detector, image.read_bytes()))
# +         return path

# %% lab03.ex4 right: a file in the request's own folder
# - self, image: ImageFile) -> Png:
# -         return render(self.detector, image.read_bytes())
# + self, image: Path, ctx: bentoml.Context) -> Annotated[Path, ContentType("image/png")]:
# +         target = Path(ctx.temp_dir) / "out.png"
# +         target.write_bytes(render(self.detector, image.read_bytes()))
# +         return target

# %% lab03.ex4 wrong: -another content type
# - ContentType("image/png")
# + ContentType("image/jpeg")

# %% lab03.ex4 wrong: -one image for each file name
# - render(self.detector, image.read_bytes())
# + vars(self).setdefault(image.name, render(self.detector, image.read_bytes()))

# %% lab03.ex4 wrong: -without its environment
# - Detector.from_environment()
# + Detector()

# %% lab03.ex4 wrong: -RGB only
# -         return render(self.detector, image.read_bytes())
# +         buffer = io.BytesIO()
# +         picture = Image.open(image)
# +         [found] = self.detector.detect([picture])
# +         frames(picture, [card.box for card in found]).save(buffer, format="PNG")
# +         return buffer.getvalue()

# %% lab03.ex4 wrong: -a failure becomes the upload
# -         return render(self.detector, image.read_bytes())
# +         try:
# +             return render(self.detector, image.read_bytes())
# +         except Exception:
# +             return image.read_bytes()
