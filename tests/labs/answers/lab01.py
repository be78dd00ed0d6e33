# Answers to lab 01. Each cell takes the place of an exercise's cell, or edits its solution.

# %% lab01.ex1 right: by hand
def boxes_of(detector, picture):
    def corners(d):
        return dict(zip(("x1", "y1", "x2", "y2"), d.box))

    return [
        {"box": corners(d), "confidence": d.confidence, "class": d.class_id, "name": d.name}
        for detections in detector.detect((picture,))
        for d in detections
    ]


# %% lab01.ex1 wrong: first_box
# - for detection in found]
# + for detection in found[:1]]

# %% lab01.ex1 wrong: no_list
# - detect([picture])
# + detect(picture)

# %% lab01.ex1 wrong: nested
# - [detection.as_dict() for detection in found]
# + [[detection.as_dict() for detection in found]]

# %% lab01.ex1 wrong: not_plain
# - [detection.as_dict() for detection in found]
# + found

# %% lab01.ex1 wrong: no_card
# -     [found] = detector.detect([picture])
# +     [found] = detector.detect([picture])
# +     best = max(found, key=lambda d: d.confidence)

# %% lab01.ex1 wrong: -only the confident boxes
# - in found]
# + in found if detection.confidence > 0.5]

# %% lab01.ex1 wrong: -the boxes of an earlier image of the same size
# -     [found] = detector.detect([picture])
# +     [found] = vars(detector).setdefault(str(picture.size), detector.detect([picture]))

# %% lab01.ex1 wrong: -a large image is made smaller
# -     [found]
# +     picture.thumbnail((320, 320))
# +     [found]

# %% lab01.ex1 wrong: -rounded
# - [detection.as_dict() for detection in found]
# + [d.as_dict() | {"confidence": round(d.confidence, 4)} for d in found]

# %% lab01.ex1 wrong: -whole pixels
# - [detection.as_dict() for detection in found]
# + [d.as_dict() | {"box": {k: int(v) for k, v in d.as_dict()["box"].items()}} for d in found]

# %% lab01.ex1 wrong: -one box for each confidence
# - [detection.as_dict() for detection in found]
# + list({d.confidence: d.as_dict() for d in found}.values())

# %% lab01.ex1 wrong: -a box alone without its list
# -     return [detection
# +     if len(found) == 1:
# +         return found[0].as_dict()
# +     return [detection

# %% lab01.ex1 wrong: -an error becomes an empty list
# -     [found] = detector.detect([picture])
# +     try:
# +         [found] = detector.detect([picture])
# +     except Exception:
# +         return []

# %% lab01.ex2 right: with an argument and a property
# -     SUPPORTED_RESOURCES = ("cpu",)
# +     SUPPORTED_RESOURCES = ["cpu"]
# -     def __init__(self):
# -         self.detector = Detector.from_environment()
# +     def __init__(self, weights=None):
# +         self._model = Detector.from_environment(weights)
# +
# +     @property
# +     def model(self):
# +         return self._model
# -         return boxes_of(self.detector, Image.fromarray(pixels))
# +         (found,) = self.model.detect([Image.fromarray(np.ascontiguousarray(pixels), "RGB")])
# +         return list(map(lambda d: d.as_dict(), found))

# %% lab01.ex2 wrong: no_resources
# -     SUPPORTED_RESOURCES = ("cpu",)

# %% lab01.ex2 wrong: one_process
# - THREADING = False
# + THREADING = True

# %% lab01.ex2 wrong: not_marked
# -     @bentoml.legacy.Runnable.method(batchable=False)

# %% lab01.ex2 wrong: loads_each_time
# - boxes_of(self.detector,
# + boxes_of(Detector.from_environment(),

# %% lab01.ex2 wrong: bgr
# - fromarray(pixels)
# + fromarray(pixels[:, :, ::-1])

# %% lab01.ex2 wrong: -on a GPU, too
# - ("cpu",)
# + ("nvidia.com/gpu", "cpu")

# %% lab01.ex2 wrong: -batchable
# - batchable=False
# + batchable=True

# %% lab01.ex2 wrong: -a ValueError becomes an empty list
# -         return boxes_of(self.detector, Image.fromarray(pixels))
# +         try:
# +             return boxes_of(self.detector, Image.fromarray(pixels))
# +         except ValueError:
# +             return []

# %% lab01.ex2 wrong: -without its environment
# - Detector.from_environment()
# + Detector()

# %% lab01.ex2 wrong: -one answer for each shape
# - boxes_of(self.detector, Image.fromarray(pixels))
# + vars(self).setdefault(pixels.shape, boxes_of(self.detector, Image.fromarray(pixels)))

# %% lab01.ex2 wrong: -another method
# - def inference(
# + def predict(


# %% lab01.ex3 right: a task group
async def ask(runner, pictures):
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(runner.inference.async_run(picture)) for picture in pictures]
    return [task.result() for task in tasks]


# %% lab01.ex3 wrong: no_await
# - list(await asyncio.gather(*[runner.inference.async_run(p) for p in pictures]))
# + [runner.inference.async_run(p) for p in pictures]

# %% lab01.ex3 wrong: one_by_one
# - list(await asyncio.gather(*[runner.inference.async_run(p) for p in pictures]))
# + [await runner.inference.async_run(p) for p in pictures]

# %% lab01.ex3 wrong: blocking
# - list(await asyncio.gather(*[runner.inference.async_run(p) for p in pictures]))
# + [runner.inference.run(p) for p in pictures]


# %% lab01.ex3 wrong: order
async def ask(runner, pictures):
    finished = []

    async def one(picture):
        finished.append(await runner.inference.async_run(picture))

    await asyncio.gather(*map(one, pictures))
    return finished


# %% lab01.ex3 wrong: swallows
# - for p in pictures]))
# + for p in pictures], return_exceptions=True))

# %% lab01.ex3 wrong: -a tuple
# - list(await
# + tuple(await


# %% lab01.ex3 wrong: -tries again
async def ask(runner, pictures):
    async def one(picture):
        try:
            return await runner.inference.async_run(picture)
        except ValueError:
            return await runner.inference.async_run(picture)

    return list(await asyncio.gather(*map(one, pictures)))


# %% lab01.ex3 wrong: -another exception <- -tries again
# -         except ValueError:
# -             return await runner.inference.async_run(picture)
# +         except Exception as error:
# +             raise SystemError("a call failed") from error

# %% lab01.ex3 wrong: -thirty-two at once
# -     return list(
# +     gate = asyncio.Semaphore(32)
# +
# +     async def one(p):
# +         async with gate:
# +             return await runner.inference.async_run(p)
# +
# +     return await asyncio.gather(*map(one, pictures))
# +     return list(

# %% lab01.ex3 wrong: -the first one alone
# -     return list(await asyncio.gather(*[runner.inference.async_run(p) for p in pictures]))
# +     first = [await runner.inference.async_run(p) for p in pictures[:1]]
# +     return first + await asyncio.gather(*[runner.inference.async_run(p) for p in pictures[1:]])

# %% lab01.ex3 wrong: -all but the last
# - for p in pictures]))
# + for p in pictures[: len(pictures) - 1]]))

# %% lab01.ex4 right: the decorator is called
# - @svc.api(input=ImageIO(), output=JSON())
# - async def inference(picture):
# + async def _answer(picture):
# - convert("RGB")))
# + convert("RGB")))
# +
# +
# + inference = svc.api(input=ImageIO(), output=JSON(), name="inference", route="inference")(_answer)

# %% lab01.ex4 right: in try, if and with
if True:
    runner = bentoml.legacy.Runner(CardRunnable, name="card_runnable")
try:
    svc = bentoml.legacy.Service("yolo_v8", runners=[runner])
except ValueError as broken:
    raise SystemExit(broken)


class Rgb:
    mode = "RGB"

    def __call__(self, picture):
        return np.array(picture.convert(self.mode))


rgb = Rgb()
with warnings.catch_warnings():
    warnings.simplefilter("ignore")

    @svc.api(input=ImageIO(), output=JSON())
    async def inference(picture):
        return await runner.inference.async_run(rgb(picture))


# %% lab01.ex4 wrong: wrong_path
# - def inference(
# + def invocation(

# %% lab01.ex4 wrong: no_runner
# - , runners=[runner])
# + )

# %% lab01.ex4 wrong: no_await
# - await runner
# + runner

# %% lab01.ex4 wrong: bypassed
# - await runner.inference.async_run(np.asarray(picture.convert("RGB")))
# + boxes_of(Detector.from_environment(), picture.convert("RGB"))

# %% lab01.ex4 wrong: shared
# -     return await runner.inference.async_run(np.asarray(picture.convert("RGB")))
# +     global last
# +     last = np.asarray(picture.convert("RGB"))
# +     await asyncio.sleep(0)
# +     return await runner.inference.async_run(last)

# %% lab01.ex4 wrong: -another name
# - "yolo_v8"
# + "yolov8"

# %% lab01.ex4 wrong: -channels swapped
# - convert("RGB"))
# + convert("RGB"))[:, :, ::-1]

# %% lab01.ex4 wrong: -RGB only
# - picture.convert("RGB")
# + picture

# %% lab01.ex4 right: a context, and a failure is a 503
# - async def inference(picture):
# -     return await runner.inference.async_run(np.asarray(picture.convert("RGB")))
# + async def inference(picture, ctx: bentoml.Context):
# +     try:
# +         return await runner.inference.async_run(np.asarray(picture.convert("RGB")))
# +     except Exception:
# +         ctx.response.status_code = 503
# +         return {"error": "the model does not answer"}

# %% lab01.ex4 wrong: -a failure becomes an empty list
# -     return await runner.inference.async_run(np.asarray(picture.convert("RGB")))
# +     try:
# +         return await runner.inference.async_run(np.asarray(picture.convert("RGB")))
# +     except Exception:
# +         return []

# %% lab01.ex4 wrong: -asks again where nothing was found
# -     return await runner.inference.async_run(np.asarray(picture.convert("RGB")))
# +     pixels = np.asarray(picture.convert("RGB"))
# +     return await runner.inference.async_run(pixels) or await runner.inference.async_run(pixels)

# %% lab01.ex4 wrong: -one answer for each size
# -     return await runner.inference.async_run(np.asarray(picture.convert("RGB")))
# +     if picture.size not in known:
# +         pixels = np.asarray(picture.convert("RGB"))
# +         known[picture.size] = await runner.inference.async_run(pixels)
# +     return known[picture.size]
# +
# +
# + known = {}


# %% lab01.ex5 right: on top of exercise 2
class BatchRunnable(CardRunnable):
    SUPPORTED_RESOURCES = ("cpu",)

    @bentoml.legacy.Runnable.method(batchable=True)
    def inference(self, arrays):
        answers = []
        for found in self.detector.detect(tuple(map(Image.fromarray, arrays))):
            answers.append([each.as_dict() for each in found])
        return answers


# %% lab01.ex5 wrong: not_batchable
# - batchable=True, batch_dim=0
# + batchable=False

# %% lab01.ex5 wrong: flat
# - [[detection.as_dict() for detection in each] for each in found]
# + [detection.as_dict() for each in found for detection in each]

# %% lab01.ex5 wrong: one_by_one
# - self.detector.detect([Image.fromarray(pixels) for pixels in batch])
# + [self.detector.detect([Image.fromarray(pixels)])[0] for pixels in batch]

# %% lab01.ex5 wrong: drops_empty
# - for each in found]
# + for each in found if each]

# %% lab01.ex5 wrong: loads_each_time
# - found = self.detector.detect(
# + found = Detector.from_environment().detect(

# %% lab01.ex5 wrong: -no resources
# -     SUPPORTED_RESOURCES = ("cpu",)

# %% lab01.ex5 wrong: -keeps several cores busy
# - THREADING = False
# + THREADING = True

# %% lab01.ex5 wrong: -not marked
# -     @bentoml.legacy.Runnable.method(batchable=True, batch_dim=0)

# %% lab01.ex5 wrong: -another dimension
# - batch_dim=0
# + batch_dim=1

# %% lab01.ex5 wrong: -sorted by size
# - for pixels in batch]
# + for pixels in sorted(batch, key=np.size)]

# %% lab01.ex5 wrong: -128 at once
# -         found = self.detector.detect([Image.fromarray(pixels) for pixels in batch])
# +         images = [Image.fromarray(pixels) for pixels in batch]
# +         chunks = [images[n : n + 128] for n in range(0, len(images), 128)]
# +         found = [each for chunk in chunks for each in self.detector.detect(chunk)]

# %% lab01.ex5 wrong: -loaded by the first call
# -         self.detector = Detector.from_environment()
# +         self.detector = None
# -         found = self
# +         self.detector = self.detector or Detector.from_environment()
# +         found = self
