# Answers to lab 01. Each cell takes the place of an exercise's cell.

# %% lab01.ex1 right: a loop
def boxes_of(detector, picture):
    boxes = []
    for detection in detector.detect((picture,))[0]:
        boxes.append(detection.as_dict())
    return boxes


# %% lab01.ex1 right: by hand, as a tuple
def boxes_of(detector, picture):
    def corners(d):
        return dict(zip(("x1", "y1", "x2", "y2"), d.box))

    return tuple(
        {"box": corners(d), "confidence": d.confidence, "class": d.class_id, "name": d.name}
        for detections in detector.detect([picture])
        for d in detections
    )


# %% lab01.ex1 wrong: first_box
def boxes_of(detector, picture):
    found = detector.detect([picture])[0]
    return [found[0].as_dict()] if found else []


# %% lab01.ex1 wrong: no_list
def boxes_of(detector, picture):
    return [d.as_dict() for d in detector.detect(picture)]


# %% lab01.ex1 wrong: nested
def boxes_of(detector, picture):
    return [[d.as_dict() for d in found] for found in detector.detect([picture])]


# %% lab01.ex1 wrong: not_plain
def boxes_of(detector, picture):
    return detector.detect([picture])[0]


# %% lab01.ex1 wrong: no_card
def boxes_of(detector, picture):
    found = detector.detect([picture])[0]
    best = max(found, key=lambda d: d.confidence)
    return [d.as_dict() for d in found]


# %% lab01.ex1 wrong: corners_only
def boxes_of(detector, picture):
    return [d.as_dict()["box"] for d in detector.detect([picture])[0]]


# %% lab01.ex2 right: with an argument and a property
class CardRunnable(bentoml.legacy.Runnable):
    SUPPORTED_RESOURCES = ["cpu", "nvidia.com/gpu"]
    SUPPORTS_CPU_MULTI_THREADING = False

    def __init__(self, weights=None):
        self._model = Detector.from_environment(weights)

    @property
    def model(self):
        return self._model

    @bentoml.legacy.Runnable.method(batchable=False)
    def inference(self, pixels):
        (found,) = self.model.detect([Image.fromarray(np.ascontiguousarray(pixels), "RGB")])
        return list(map(lambda d: d.as_dict(), found))


# %% lab01.ex2 wrong: no_runnable
class CardRunnable:
    SUPPORTED_RESOURCES = ("cpu",)
    SUPPORTS_CPU_MULTI_THREADING = False

    def __init__(self):
        self.detector = Detector.from_environment()

    def inference(self, pixels):
        return boxes_of(self.detector, Image.fromarray(pixels))


# %% lab01.ex2 wrong: no_resources
class CardRunnable(bentoml.legacy.Runnable):
    def __init__(self):
        self.detector = Detector.from_environment()

    @bentoml.legacy.Runnable.method(batchable=False)
    def inference(self, pixels):
        return boxes_of(self.detector, Image.fromarray(pixels))


# %% lab01.ex2 wrong: one_process
class CardRunnable(bentoml.legacy.Runnable):
    SUPPORTED_RESOURCES = ("cpu",)
    SUPPORTS_CPU_MULTI_THREADING = True

    def __init__(self):
        self.detector = Detector.from_environment()

    @bentoml.legacy.Runnable.method(batchable=False)
    def inference(self, pixels):
        return boxes_of(self.detector, Image.fromarray(pixels))


# %% lab01.ex2 wrong: not_marked
class CardRunnable(bentoml.legacy.Runnable):
    SUPPORTED_RESOURCES = ("cpu",)
    SUPPORTS_CPU_MULTI_THREADING = False

    def __init__(self):
        self.detector = Detector.from_environment()

    def inference(self, pixels):
        return boxes_of(self.detector, Image.fromarray(pixels))


# %% lab01.ex2 wrong: batchable
class CardRunnable(bentoml.legacy.Runnable):
    SUPPORTED_RESOURCES = ("cpu",)
    SUPPORTS_CPU_MULTI_THREADING = False

    def __init__(self):
        self.detector = Detector.from_environment()

    @bentoml.legacy.Runnable.method(batchable=True)
    def inference(self, pixels):
        return boxes_of(self.detector, Image.fromarray(pixels))


# %% lab01.ex2 wrong: loads_each_time
class CardRunnable(bentoml.legacy.Runnable):
    SUPPORTED_RESOURCES = ("cpu",)
    SUPPORTS_CPU_MULTI_THREADING = False

    @bentoml.legacy.Runnable.method(batchable=False)
    def inference(self, pixels):
        return boxes_of(Detector.from_environment(), Image.fromarray(pixels))


# %% lab01.ex2 wrong: bgr
class CardRunnable(bentoml.legacy.Runnable):
    SUPPORTED_RESOURCES = ("cpu",)
    SUPPORTS_CPU_MULTI_THREADING = False

    def __init__(self):
        self.detector = Detector.from_environment()

    @bentoml.legacy.Runnable.method(batchable=False)
    def inference(self, pixels):
        return boxes_of(self.detector, Image.fromarray(pixels[:, :, ::-1]))


# %% lab01.ex2 wrong: first_box
class CardRunnable(bentoml.legacy.Runnable):
    SUPPORTED_RESOURCES = ("cpu",)
    SUPPORTS_CPU_MULTI_THREADING = False

    def __init__(self):
        self.detector = Detector.from_environment()

    @bentoml.legacy.Runnable.method(batchable=False)
    def inference(self, pixels):
        return boxes_of(self.detector, Image.fromarray(pixels))[:1]


# %% lab01.ex2 wrong: not_plain
class CardRunnable(bentoml.legacy.Runnable):
    SUPPORTED_RESOURCES = ("cpu",)
    SUPPORTS_CPU_MULTI_THREADING = False

    def __init__(self):
        self.detector = Detector.from_environment()

    @bentoml.legacy.Runnable.method(batchable=False)
    def inference(self, pixels):
        return self.detector.detect([Image.fromarray(pixels)])[0]


# %% lab01.ex3 right: tasks
async def ask(runner, pictures):
    tasks = [asyncio.create_task(runner.inference.async_run(picture)) for picture in pictures]
    return [await task for task in tasks]


# %% lab01.ex3 right: a task group
async def ask(runner, pictures):
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(runner.inference.async_run(picture)) for picture in pictures]
    return tuple(task.result() for task in tasks)


# %% lab01.ex3 wrong: no_await
async def ask(runner, pictures):
    return [runner.inference.async_run(picture) for picture in pictures]


# %% lab01.ex3 wrong: one_by_one
async def ask(runner, pictures):
    return [await runner.inference.async_run(picture) for picture in pictures]


# %% lab01.ex3 wrong: blocking
async def ask(runner, pictures):
    return [runner.inference.run(picture) for picture in pictures]


# %% lab01.ex3 wrong: order
async def ask(runner, pictures):
    work = [runner.inference.async_run(picture) for picture in pictures]
    return [await ready for ready in asyncio.as_completed(work)]


# %% lab01.ex3 wrong: first_only
async def ask(runner, pictures):
    return await runner.inference.async_run(pictures[0])


# %% lab01.ex4 right: a route of its own, and the picture made RGB by the array
runner = bentoml.legacy.Runner(CardRunnable, name="card_runnable")
svc = bentoml.legacy.Service("yolo_v8", runners=[runner])


def rgb(picture):
    return np.asarray(picture.convert("RGB"), dtype=np.uint8)


@svc.api(input=ImageIO(), output=JSON(), route="/inference")
async def find_cards(picture: Image.Image) -> list:
    answer = await runner.inference.async_run(rgb(picture))
    return answer


# %% lab01.ex4 wrong: no_service
runner = bentoml.legacy.Runner(CardRunnable, name="card_runnable")


@bentoml.service(name="yolo_v8")
class svc:
    @bentoml.api
    def inference(self, picture: Image.Image) -> list:
        return runner.inference.run(np.asarray(picture))


# %% lab01.ex4 wrong: name
runner = bentoml.legacy.Runner(CardRunnable, name="card_runnable")
svc = bentoml.legacy.Service("yolov8", runners=[runner])


@svc.api(input=ImageIO(), output=JSON())
async def inference(picture):
    return await runner.inference.async_run(np.asarray(picture.convert("RGB")))


# %% lab01.ex4 wrong: no_runner
runner = bentoml.legacy.Runner(CardRunnable, name="card_runnable")
svc = bentoml.legacy.Service("yolo_v8")


@svc.api(input=ImageIO(), output=JSON())
async def inference(picture):
    return await runner.inference.async_run(np.asarray(picture.convert("RGB")))


# %% lab01.ex4 wrong: runner_name
runner = bentoml.legacy.Runner(CardRunnable)
svc = bentoml.legacy.Service("yolo_v8", runners=[runner])


@svc.api(input=ImageIO(), output=JSON())
async def inference(picture):
    return await runner.inference.async_run(np.asarray(picture.convert("RGB")))


# %% lab01.ex4 wrong: wrong_path
runner = bentoml.legacy.Runner(CardRunnable, name="card_runnable")
svc = bentoml.legacy.Service("yolo_v8", runners=[runner])


@svc.api(input=ImageIO(), output=JSON())
async def invocation(picture):
    return await runner.inference.async_run(np.asarray(picture.convert("RGB")))


# %% lab01.ex4 wrong: no_await
runner = bentoml.legacy.Runner(CardRunnable, name="card_runnable")
svc = bentoml.legacy.Service("yolo_v8", runners=[runner])


@svc.api(input=ImageIO(), output=JSON())
async def inference(picture):
    return runner.inference.async_run(np.asarray(picture.convert("RGB")))


# %% lab01.ex4 wrong: first_box
runner = bentoml.legacy.Runner(CardRunnable, name="card_runnable")
svc = bentoml.legacy.Service("yolo_v8", runners=[runner])


@svc.api(input=ImageIO(), output=JSON())
async def inference(picture):
    return (await runner.inference.async_run(np.asarray(picture.convert("RGB"))))[:1]


# %% lab01.ex4 wrong: bgr
runner = bentoml.legacy.Runner(CardRunnable, name="card_runnable")
svc = bentoml.legacy.Service("yolo_v8", runners=[runner])


@svc.api(input=ImageIO(), output=JSON())
async def inference(picture):
    return await runner.inference.async_run(np.asarray(picture.convert("RGB"))[:, :, ::-1])


# %% lab01.ex5 right: on top of exercise 2
class BatchRunnable(CardRunnable):
    SUPPORTED_RESOURCES = ("cpu",)

    @bentoml.legacy.Runnable.method(batchable=True)
    def inference(self, arrays):
        answers = []
        for found in self.detector.detect(tuple(map(Image.fromarray, arrays))):
            answers.append([each.as_dict() for each in found])
        return answers


# %% lab01.ex5 wrong: no_runnable
class BatchRunnable:
    def inference(self, batch):
        return [boxes_of(Detector.from_environment(), Image.fromarray(p)) for p in batch]


# %% lab01.ex5 wrong: not_marked
class BatchRunnable(bentoml.legacy.Runnable):
    SUPPORTED_RESOURCES = ("cpu",)
    SUPPORTS_CPU_MULTI_THREADING = False

    def __init__(self):
        self.detector = Detector.from_environment()

    def inference(self, batch):
        found = self.detector.detect([Image.fromarray(pixels) for pixels in batch])
        return [[detection.as_dict() for detection in each] for each in found]


# %% lab01.ex5 wrong: not_batchable
class BatchRunnable(bentoml.legacy.Runnable):
    SUPPORTED_RESOURCES = ("cpu",)
    SUPPORTS_CPU_MULTI_THREADING = False

    def __init__(self):
        self.detector = Detector.from_environment()

    @bentoml.legacy.Runnable.method(batchable=False)
    def inference(self, batch):
        found = self.detector.detect([Image.fromarray(pixels) for pixels in batch])
        return [[detection.as_dict() for detection in each] for each in found]


# %% lab01.ex5 wrong: no_resources
class BatchRunnable(bentoml.legacy.Runnable):
    SUPPORTS_CPU_MULTI_THREADING = False

    def __init__(self):
        self.detector = Detector.from_environment()

    @bentoml.legacy.Runnable.method(batchable=True, batch_dim=0)
    def inference(self, batch):
        found = self.detector.detect([Image.fromarray(pixels) for pixels in batch])
        return [[detection.as_dict() for detection in each] for each in found]


# %% lab01.ex5 wrong: one_process
class BatchRunnable(bentoml.legacy.Runnable):
    SUPPORTED_RESOURCES = ("cpu",)
    SUPPORTS_CPU_MULTI_THREADING = True

    def __init__(self):
        self.detector = Detector.from_environment()

    @bentoml.legacy.Runnable.method(batchable=True, batch_dim=0)
    def inference(self, batch):
        found = self.detector.detect([Image.fromarray(pixels) for pixels in batch])
        return [[detection.as_dict() for detection in each] for each in found]


# %% lab01.ex5 wrong: batch_dim
class BatchRunnable(bentoml.legacy.Runnable):
    SUPPORTED_RESOURCES = ("cpu",)
    SUPPORTS_CPU_MULTI_THREADING = False

    def __init__(self):
        self.detector = Detector.from_environment()

    @bentoml.legacy.Runnable.method(batchable=True, batch_dim=1)
    def inference(self, batch):
        found = self.detector.detect([Image.fromarray(pixels) for pixels in batch])
        return [[detection.as_dict() for detection in each] for each in found]


# %% lab01.ex5 wrong: flat
class BatchRunnable(bentoml.legacy.Runnable):
    SUPPORTED_RESOURCES = ("cpu",)
    SUPPORTS_CPU_MULTI_THREADING = False

    def __init__(self):
        self.detector = Detector.from_environment()

    @bentoml.legacy.Runnable.method(batchable=True, batch_dim=0)
    def inference(self, batch):
        found = self.detector.detect([Image.fromarray(pixels) for pixels in batch])
        return [detection.as_dict() for each in found for detection in each]


# %% lab01.ex5 wrong: one_by_one
class BatchRunnable(bentoml.legacy.Runnable):
    SUPPORTED_RESOURCES = ("cpu",)
    SUPPORTS_CPU_MULTI_THREADING = False

    def __init__(self):
        self.detector = Detector.from_environment()

    @bentoml.legacy.Runnable.method(batchable=True, batch_dim=0)
    def inference(self, batch):
        return [boxes_of(self.detector, Image.fromarray(pixels)) for pixels in batch]


# %% lab01.ex5 wrong: first_only
class BatchRunnable(bentoml.legacy.Runnable):
    SUPPORTED_RESOURCES = ("cpu",)
    SUPPORTS_CPU_MULTI_THREADING = False

    def __init__(self):
        self.detector = Detector.from_environment()

    @bentoml.legacy.Runnable.method(batchable=True, batch_dim=0)
    def inference(self, batch):
        return [boxes_of(self.detector, Image.fromarray(batch[0]))]


# %% lab01.ex5 wrong: drops_empty
class BatchRunnable(bentoml.legacy.Runnable):
    SUPPORTED_RESOURCES = ("cpu",)
    SUPPORTS_CPU_MULTI_THREADING = False

    def __init__(self):
        self.detector = Detector.from_environment()

    @bentoml.legacy.Runnable.method(batchable=True, batch_dim=0)
    def inference(self, batch):
        found = self.detector.detect([Image.fromarray(pixels) for pixels in batch])
        return [[detection.as_dict() for detection in each] for each in found if each]
