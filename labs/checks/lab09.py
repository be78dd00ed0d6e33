"""Checks of lab 09: KServe."""

from __future__ import annotations

import asyncio
import base64
import copy
import inspect
import io
import json
import re
import threading
from collections.abc import Callable, Sequence
from typing import Any
from unittest.mock import patch

import orjson

from labs.checks import lab09_graph
from labs.checks.lab09_service import IMAGE, NAME, NAMESPACE, PLANTED, READY, service
from labs.engine import Context, exercise, fake_core
from labs.engine.plain import same
from services.errors import InputError
from services.id_card.detector import Detection, Detector
from services.id_card.kserve_predictor import files_of
from services.kserve_support import InferResponse, Model, wire
from services.workbench.manifests.check import check
from services.workbench.manifests.documents import Document, Fault, lookup, mapping, sequence

MODEL = "id_card"


def _files(context: Context, count: int) -> list[bytes]:
    """Return the files of fresh scenes, PNG, with 0 to 5 cards each."""
    return [_png(context.picture(context.random.randint(0, 5))) for _ in range(count)]


def _png(picture: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()


def _text(file: bytes) -> str:
    return base64.b64encode(file).decode()


@exercise(
    "lab09.ex1",
    "Ask in V2, and read the answer",
    points=2,
    minutes=7,
    difficulty=2,
    importance=4,
    hints=(
        "V2 knows no instances. A request is a list of tensors, and a tensor says its name, its "
        "shape and its type, and then its values as one flat list.",
        "Notebook 09, section 3, shows a request for one picture: an object with a field "
        "`inputs`. For several pictures the shape has their number, and `data` one text for each. "
        "An answer has `outputs` in the same form, and `json.loads` reads each text of it.",
        '`{"inputs": [{"name": "image", "shape": [len(files)], "datatype": "BYTES", "data": [… '
        'for file in files]}]}`. For the answer: find the output whose `name` is `"detections"`, '
        'and return `[json.loads(text) for text in output["data"]]`.',
    ),
    help=(
        (
            "… is of type bytes, which JSON does not know.",
            "JSON holds texts, no bytes. `base64.b64encode(file)` still gives bytes; `.decode()` "
            "makes a text of them.",
        ),
        (
            "The input 'image', BYTES of shape [1], has 3 values.",
            "The shape has to fit the values: `[len(files)]`.",
        ),
    ),
    mistakes={
        "raw_bytes": "A picture's file is bytes, and JSON has none. base64 makes a text of it, "
        "with .decode() at the end.",
        "v1": "Instances are V1. In V2 a request is {'inputs': [tensor, …]}.",
        "wrong_name": "The model's input is called image. GET /v2/models/id_card tells.",
        "shape": "The product of the shape is the number of values. For three pictures it is [3].",
        "datatype": "The protocol has a closed list of types. Texts and bytes are BYTES.",
        "data_url": "A browser writes data:image/png;base64, before the text. That is not base64.",
        "one_only": "Only one picture is in the request. All of them belong into the one tensor.",
        "texts": "The values of the output are JSON texts. json.loads makes boxes of them.",
        "first_picture": "That is the answer for the first picture alone. There is one text for "
        "each picture.",
        "by_place": "You took an output by its place. A server may send several, in any order; the "
        "name says which one is meant.",
    },
)
def ask(context: Context, request_of: Callable[..., Any], boxes_of: Callable[..., Any]) -> None:
    """Give the request to the services' own reader, and an answer with several outputs back."""
    for count in (3, 1, context.random.randint(4, 6)):
        _request(context, request_of, _files(context, count))
    for count, last in ((2, True), (1, False), (context.random.randint(3, 5), True)):
        _answer(context, boxes_of, count, last)
    context.note(requests=3, answers=3)


def _request(context: Context, request_of: Callable[..., Any], files: list[bytes]) -> None:
    where = f"{len(files)} picture{'s' * (len(files) != 1)}"
    what = "request_of(files)"
    got = context.call(request_of, list(files), where=where)
    body = context.plain(got, what=what, where=where, types={"bytes": "raw_bytes"})
    if not isinstance(body, dict):
        kind = type(body).__name__
        context.fail(f"{what} is of type {kind}; dict was expected.", where=where, layer="schema")
    if "instances" in body:
        context.fail(f"{what} has the field 'instances'.", where=where, mistake="v1")
    try:
        texts = files_of(wire.read_request(orjson.dumps(body), {}, MODEL))
    except InputError as error:
        context.fail(
            f"The server would answer {error.status}: {error.message}",
            where=where,
            mistake=_refused(error),
            layer="schema",
        )
    if len(texts) != len(files):
        context.fail(
            f"{len(texts)} of {len(files)} pictures are in the request.",
            where=where,
            mistake="one_only",
        )
    for place, (text, file) in enumerate(zip(texts, files, strict=True)):
        if text != _text(file):
            begins = f"begins with {str(text)[:24]!r}"
            context.fail(
                f"Picture {place} {begins}; the base64 text of its file was expected.",
                where=where,
                mistake="data_url" if str(text).startswith("data:") else None,
            )


def _refused(error: InputError) -> str | None:
    if error.code == "tensor_malformed":
        return "datatype" if "datatype" in error.message else "shape"
    return {"tensor_unknown": "wrong_name"}.get(error.code)


def _answer(context: Context, boxes_of: Callable[..., Any], count: int, last: bool) -> None:
    """Give an answer whose detections are the last, or the first, of two outputs."""
    pictures = [
        fake_core.boxes(context.picture(context.random.randint(0, 5))) for _ in range(count)
    ]
    pictures[-1] = fake_core.boxes(context.picture(2))
    texts = [json.dumps(boxes) for boxes in pictures]
    spent = [json.dumps([context.random.randint(1, 90)]) for _ in range(count)]
    outputs: list[dict[str, Any]] = [
        {"name": "milliseconds", "shape": [count], "datatype": "BYTES", "data": spent},
        {"name": "detections", "shape": [count], "datatype": "BYTES", "data": texts},
    ]
    if not last:
        outputs.reverse()
    answer = {"model_name": MODEL, "id": "7", "outputs": outputs}
    where = f"an answer for {count} picture{'s' * (count != 1)}, with the outputs " + " and ".join(
        output["name"] for output in outputs
    )
    context.same(
        context.call(boxes_of, answer, where=where),
        pictures,
        what="boxes_of(answer)",
        where=where,
        mistakes=[
            ("texts", texts),
            ("first_picture", pictures[0]),
            ("first_picture", pictures[:1]),
            ("by_place", [json.loads(text) for text in spent]),
        ],
    )


class _Heartbeat:
    """An event loop's heart, and a detector that computes until it has heard it beat.

    No clock decides: the detector waits for the beats themselves. Where they do not come, since it
    was called in the loop, it gives up after some seconds.
    """

    PATIENCE = 3.0

    def __init__(self) -> None:
        self.computing = False
        self.stopped = False
        self._enough = threading.Event()

    async def beat(self) -> None:
        beats = 0
        while True:
            beats += self.computing
            if beats > 20:
                self._enough.set()
            await asyncio.sleep(0)

    def as_method(self) -> Callable[..., list[list[Detection]]]:
        """Return what takes the place of ``Detector.detect``."""

        def detect(_: Detector, images: Sequence[Any]) -> list[list[Detection]]:
            self.computing = True
            if not self.stopped:
                self.stopped = not self._enough.wait(self.PATIENCE)
            return [fake_core.detections(image) for image in images]

        return detect


@exercise(
    "lab09.ex2",
    "A predictor that leaves the loop free",
    points=2,
    minutes=7,
    difficulty=3,
    importance=5,
    hints=(
        "KServe serves all requests in one thread, its event loop. Work that is done there keeps "
        "it from everything else, from the liveness probe too. `async` alone changes nothing.",
        "`asyncio.to_thread(function, argument)` runs a function in another thread and gives you "
        "something to await. Notebook 09, section 2, shows it. `respond` writes the answer in the "
        "protocol in which the request came.",
        "`found = await asyncio.to_thread(self.find, files_of(payload))`, and then `return "
        "respond(payload, found, model_name=self.name, output=…)`.",
    ),
    help=(
        (
            "TypeError: 'list' object is not callable",
            "You called the function, and `to_thread` got its result. Give it the function itself, "
            "without parentheses, and the arguments after it.",
        ),
        (
            "TypeError: 'coroutine' object is not iterable",
            "`to_thread` gives work that has not begun. Put `await` before it.",
        ),
    ),
    mistakes={
        "no_model": "KServe serves objects of its class Model; ours has it as its base.",
        "not_async": "KServe calls a plain def in its event loop. Keep the async before it, and "
        "await a thread in it.",
        "blocking": "The work is done in the event loop. An async function is no thread: nothing "
        "else runs until it awaits something.",
        "calls_it": "self.find(…) with parentheses did the work at once, in the loop, and "
        "to_thread got the boxes instead of a function.",
        "no_await": "asyncio.to_thread(…) without await is work that has not begun.",
        "bare": "The boxes alone are no answer of a protocol. respond writes V1 or V2 around them.",
        "v1_only": "The request came in V2, and the answer has V1's form. Clients read the "
        "protocol that they wrote. respond looks at the payload.",
        "output": "Clients find a V2 output by its name.",
    },
)
def predictor(context: Context, answer: Any) -> None:
    """Ask the predictor in both protocols, with a detector that waits for the loop's heart."""
    if not (inspect.isclass(answer) and issubclass(answer, Model)):
        context.fail("CardPredictor is no subclass of Model.", mistake="no_model", layer="import")
    if not inspect.iscoroutinefunction(inspect.unwrap(answer.predict)):
        context.fail("predict is no coroutine function.", mistake="not_async", layer="import")
    for count in (2, context.random.randint(3, 5)):
        pictures = [context.picture(context.random.randint(0, 5)) for _ in range(count)]
        want = [fake_core.boxes(picture) for picture in pictures]
        texts = [_text(_png(picture)) for picture in pictures]
        v1 = {"instances": [{"image_b64": text} for text in texts]}
        where = f"a V1 request with {count} pictures"
        got = _predict(context, answer, v1, where)
        context.same(
            got,
            {"predictions": want},
            what="await predict(payload)",
            where=where,
            mistakes={"bare": want},
        )
        tensor = {"name": "image", "shape": [count], "datatype": "BYTES", "data": texts}
        v2 = wire.read_request(orjson.dumps({"inputs": [tensor]}), {}, MODEL)
        where = f"a V2 request with {count} pictures"
        _v2(context, _predict(context, answer, v2, where), want, where)
    context.note(heartbeats_while_it_computes="they go on", protocols="V1 and V2")


def _predict(context: Context, answer: Any, payload: Any, where: str) -> Any:
    """Make the model, and let it predict beside a heart that beats."""
    heart = _Heartbeat()

    async def main() -> Any:
        beating = asyncio.create_task(heart.beat())
        try:
            return await model.predict(payload, {})
        finally:
            beating.cancel()

    with context.fake_core(), patch.object(Detector, "detect", heart.as_method()):
        model = context.call(answer, MODEL, where="making the object")
        context.call(model.load, where="load()")
        got = context.call(asyncio.run, main(), where=where, because=_ex2_error)
    if heart.stopped:
        context.fail(
            "While your predictor computed, the event loop stood still: no heartbeat came.",
            where=where,
            mistake="blocking",
        )
    context.expect(heart.computing, "The detector was not asked.", where=where)
    return got


def _ex2_error(error: BaseException) -> str | None:
    if isinstance(error, TypeError) and "not callable" in str(error):
        return "calls_it"
    return "no_await" if isinstance(error, TypeError) and "coroutine" in str(error) else None


def _v2(context: Context, got: Any, want: list[Any], where: str) -> None:
    if not isinstance(got, InferResponse):
        context.fail(
            f"predict returned {type(got).__name__}; InferResponse was expected.",
            where=where,
            mistake="v1_only",
            layer="schema",
        )
    names = [(got.model_name, [output.name for output in got.outputs])]
    if not same(context.plain(names), [[MODEL, ["detections"]]]):
        context.fail(
            f"The answer is of the model {got.model_name!r} and has the outputs {names[0][1]}; "
            f"{MODEL!r} and ['detections'] were expected.",
            where=where,
            mistake="output",
        )
    boxes = [json.loads(text) for text in got.outputs[0].as_numpy().tolist()]
    context.same(boxes, want, what="the output 'detections'", where=where)


_Bad = tuple[str, dict[str, Any], int | None]


def _bad_requests(context: Context) -> list[_Bad]:
    """Return requests that cannot be answered: what it is, the payload, the place of the fault."""
    requests: list[_Bad] = [
        ("a request without 'instances'", {"pictures": []}, None),
        ("'instances' that is a text", {"instances": "cards"}, None),
        ("no instance", {"instances": []}, None),
    ]
    faults: dict[str, Any] = {
        "an instance that is a text": "card.png",
        "an instance without image_b64": {"image": "aGVsbG8="},
        "an image_b64 that is a number": {"image_b64": 7},
        "an image_b64 that is no base64": {"image_b64": "no base64!"},
    }
    for what, fault in faults.items():
        count = context.random.randint(3, 6)
        for place in context.random.sample(range(count), 2):
            good = [{"image_b64": _text(file)} for file in _files(context, count)]
            good[place] = fault
            requests.append((f"{what}, at place {place} of {count}", {"instances": good}, place))
    return requests


@exercise(
    "lab09.ex3",
    "Errors that say what to change",
    points=2,
    minutes=8,
    difficulty=3,
    importance=4,
    hints=(
        "Whoever sent a request that cannot be answered has to change it, so the answer is a 4xx "
        "that says which part is wrong and how it should be. Look before you use: is it there, is "
        "it a list, is it an object, is it a text?",
        '`raise InputError("what was met", code="snake_case", status=422, hint="what to send")`. '
        "`enumerate` gives the place of each instance. `base64.b64decode(text, validate=True)` "
        "raises `ValueError` for what is no base64.",
        "A small function `refuse(message)` that returns the InputError with your hint saves "
        'writing: `raise refuse(f"Instance {place} has no text image_b64.")`. Put '
        "`try: … except ValueError:` around b64decode alone.",
    ),
    help=(
        (
            "Your code raised KeyError: 'image_b64'",
            "A server would answer 500. Look first: "
            '`if not isinstance(one, dict) or not isinstance(one.get("image_b64"), str):`.',
        ),
        (
            "Nothing was raised; … was returned.",
            "This request must be refused as a whole. A good answer for a part of it would let the "
            "client believe that all went well.",
        ),
    ),
    mistakes={
        "server_error": "Python's own exception would become a 500, which says that the server is "
        "broken. Refuse with InputError.",
        "takes_it": "A request that cannot be answered as a whole has to be refused.",
        "skips_bad": "The bad instance was left out. Then all later answers belong to somebody "
        "else's picture.",
        "not_strict": "b64decode drops what is no base64 by itself, and returns rubbish. "
        "validate=True makes it raise.",
        "no_place": "Among several instances the client has to know which one is meant. Write its "
        "place into the message.",
        "no_hint": "The hint has to say what to send: name the field image_b64 or instances in it.",
    },
)
def errors(context: Context, answer: Callable[..., Any]) -> None:
    """Give good requests and all kinds of bad ones."""
    for count in (1, context.random.randint(3, 5)):
        files = _files(context, count)
        payload = {"instances": [{"image_b64": _text(file)} for file in files]}
        where = f"a good request with {count} picture{'s' * (count != 1)}"
        got = context.call(answer, payload, where=where)
        if not (type(got) in (list, tuple) and all(type(one) is bytes for one in got)):
            context.fail("files_in(payload) is no list of bytes.", where=where, layer="schema")
        if list(got) != files:
            context.fail(f"{len(got)} files came back; not those that were sent.", where=where)
    codes = set()
    for where, payload, place in _bad_requests(context):
        error = _refusal(context, answer, payload, where)
        context.expect(
            error.status == 422,
            f"The status is {error.status}; 422 was expected.",
            where=where,
            cause="422 says that JSON was read, and that what it says cannot be used.",
        )
        if place is not None and not re.search(rf"\b{place}\b", error.message):
            context.fail(
                f"The message is {error.message[:100]!r}; the place, {place}, is not in it.",
                where=where,
                mistake="no_place",
            )
        if not re.search(r"image_b64|instances", error.hint):
            context.fail(f"The hint is {error.hint[:100]!r}.", where=where, mistake="no_hint")
        codes.add(error.code)
    context.note(refused="11 bad requests", codes=len(codes))


def _refusal(context: Context, answer: Any, payload: dict[str, Any], where: str) -> InputError:
    sent = copy.deepcopy(payload)
    try:
        got = answer(payload)
    except InputError as error:
        return error
    except Exception as error:
        raise context.raised(error, where=where, because="server_error") from error
    mistake = "takes_it"
    if "no base64" in where and len(got) == len(sent["instances"]):
        mistake = "not_strict"
    elif "place" in where and len(got) == len(sent["instances"]) - 1:
        mistake = "skips_bad"
    count = len(got) if isinstance(got, list | tuple | str | dict) else 0
    context.fail(
        f"Nothing was raised; {type(got).__name__} of length {count} was returned.",
        where=where,
        mistake=mistake,
    )
    raise AssertionError


@exercise(
    "lab09.ex4",
    "Mend a broken InferenceService",
    points=3,
    minutes=9,
    difficulty=2,
    importance=5,
    hints=(
        "Let the checker tell what is wrong, mend one thing, and ask it again. Each line has the "
        "path of the field, the reason, and the name of the rule.",
        '`container = service["spec"]["predictor"]["containers"][0]` is the container. A key that '
        'is misspelt: `container["right"] = container.pop("wrong")`. A fault is not mended by '
        "removing what it is about.",
        "The name takes a hyphen, the container is `kserve-container`, the image needs a "
        "version, the two numbers of replicas are the wrong way round, the request for memory is "
        "at most its limit, the probe is a readinessProbe, the port is 8080, the volume is `tmp`.",
    ),
    help=(
        (
            "TypeError: list indices must be integers or slices, not str",
            "`containers`, `volumeMounts` and `ports` are lists: take item `[0]` first.",
        ),
        (
            "… is left: spec.predictor.containers[0].image",
            "A warning counts as a fault here. `latest` is no version: write one, as `:0.1.0`.",
        ),
    ),
    mistakes={
        "still_faulty": "Read the path and the reason. The name in brackets is the rule.",
        "other_service": "It must be the same service for the same people: only what is wrong in "
        "the name may change.",
        "other_model": "What serves has been exchanged. The container with its command and "
        "arguments is the model; it is to be mended, not replaced.",
        "other_image": "The image's repository has to stay. Only the version behind the colon was "
        "wrong.",
        "probe_gone": "Without its probe the fault is gone, and traffic goes to pods that have no "
        "model yet. Spell it right instead.",
        "replicas": "The two numbers were the wrong way round: at least 2 pods, at most 4.",
        "memory": "Requests and limits have to stay, both for cpu and memory.",
        "no_tmp": "The container can write nowhere: its volume has to be mounted at /tmp.",
    },
)
def mend(context: Context, answer: Any) -> None:
    """Hold the mended service to the checker, and to what must not have changed."""
    body = context.plain(answer, what="service")
    if not isinstance(body, dict) or not body:
        context.fail(f"service is of type {type(body).__name__}, no manifest.", layer="schema")
    context.is_attempted(not same(body, service()), "the service still has its eight faults")
    document = Document("service", 1, body)
    _unchanged(context, body)
    faults = context.call(_faults, document, where="the checker of notebook 09")
    if faults:
        context.fail(
            f"{len(faults)} of the checker's lines {'is' if len(faults) == 1 else 'are'} left: "
            + "; ".join(
                f"{fault.path}: {fault.reason[:80]} [{fault.rule}]" for fault in faults[:3]
            ),
            mistake="still_faulty",
        )
    context.note(mended=f"{PLANTED} faults")


def _faults(document: Document) -> list[Fault]:
    return [fault for _, fault in check([document])[0]]


def _unchanged(context: Context, body: dict[str, Any]) -> None:
    """See that no fault was mended by taking away what it was about."""
    expect = context.expect
    head = [body.get("apiVersion"), body.get("kind"), lookup(body, "metadata", "namespace")]
    name = lookup(body, "metadata", "name")
    right = same(head, ["serving.kserve.io/v1beta1", "InferenceService", NAMESPACE])
    expect(
        right and name in (NAME, "id_card"),
        f"It is {head[1]} {name!r} in namespace {head[2]!r}; {NAME!r} in {NAMESPACE!r} was "
        "expected.",
        mistake="other_service",
    )
    predictor = mapping(body, "spec", "predictor")
    containers = [c for c in sequence(predictor, "containers") if isinstance(c, dict)]
    container = containers[0] if len(containers) == 1 else {}
    old = service()["spec"]["predictor"]["containers"][0]
    kept = all(same(container.get(key), old[key]) for key in ("command", "args", "env", "ports"))
    expect(
        kept and "model" not in predictor,
        f"The predictor has {', '.join(predictor) or 'nothing'}, and "
        f"{len(containers)} containers; the one container with its command, args, env and ports "
        "was expected.",
        mistake="other_model",
    )
    repository = re.split(r"[:@]", str(container.get("image")))[0]
    expect(
        repository == IMAGE,
        f"The image's repository is {repository!r}; {IMAGE!r} was expected.",
        mistake="other_image",
    )
    _kept_in_the_container(context, predictor, container)


def _kept_in_the_container(context: Context, predictor: Any, container: dict[str, Any]) -> None:
    expect = context.expect
    probes = [
        mapping(container, probe, "httpGet").get("path")
        for probe in ("readinessProbe", "livenessProbe")
    ]
    misspelt = "readynessProbe" in container
    expect(
        misspelt or probes == [READY, "/v2/health/live"],
        f"The probes of readiness and liveness ask {probes}; [{READY!r}, '/v2/health/live'] was "
        "expected.",
        mistake="probe_gone",
    )
    replicas = [predictor.get("minReplicas"), predictor.get("maxReplicas")]
    expect(
        same(replicas, [2, 4]) or same(replicas, [4, 2]),
        f"minReplicas and maxReplicas are {replicas}; [2, 4] was expected.",
        mistake="replicas",
    )
    resources = mapping(container, "resources")
    amounts = [(part, list(mapping(resources, part))) for part in ("requests", "limits")]
    expect(
        all({"cpu", "memory"} <= set(names) for _, names in amounts),
        f"The resources are {dict(amounts)}; cpu and memory were expected in both.",
        mistake="memory",
    )
    mounts = [mount.get("mountPath") for mount in sequence(container, "volumeMounts")]
    security = mapping(container, "securityContext")
    expect(
        "/tmp" in mounts and len(sequence(predictor, "volumes")) == 1,
        f"Volumes are mounted at {mounts}; /tmp was expected.",
        mistake="no_tmp",
    )
    expect(
        security.get("runAsNonRoot") is True,
        "securityContext.runAsNonRoot is no longer true.",
        cause="That was right: the container must not start as root.",
    )


@exercise(
    "lab09.ex5",
    "Design it: an InferenceGraph",
    points=3,
    minutes=9,
    difficulty=4,
    importance=3,
    hints=(
        "A graph has nodes, and every request begins at the node `root`. A node says by its "
        "routerType what it does with its steps; a step calls a service or leads to another node. "
        "You need two nodes: first one thing after another, then several at the same time.",
        "`infra/kserve/base/graph-ensemble.yaml` is such a graph. A `Sequence` hands the request "
        "to every step, unless the step says `data: $response`; an `Ensemble` asks all its "
        "steps and puts their answers together under the steps' names.",
        '`root` has the steps `{"name": "grey", "serviceName": first, "dependency": "Hard"}` and '
        '`{"name": …, "nodeName": "detectors", "data": "$response", "mapPredictionsToInstances": '
        'True}`; the node `detectors` has `{"name": d, "serviceName": d}` for each detector.',
    ),
    help=(
        (
            "spec.nodes.root: is missing: every request begins at it",
            "Nodes are a mapping from names to nodes, and one of the names must be `root`.",
        ),
        (
            "The first detector got coloured pictures.",
            "Without `data: $response` a step gets the request as the client sent it.",
        ),
    ),
    mistakes={
        "faulty": "The checker refuses the graph, as the cluster would. Read the path and the "
        "reason.",
        "fixed_names": "The services have the names that your function was given, and no others.",
        "no_response": "A step of a Sequence gets the client's request, unless it says data: "
        "$response. So the detectors saw the pictures as they came.",
        "no_mapping": "The answer of the first step has predictions, and a predictor wants "
        "instances. mapPredictionsToInstances renames them.",
        "splitter": "A Splitter asks one of its steps, drawn by the weights. An Ensemble asks all.",
        "in_a_row": "One detector after another in a Sequence: the graph answers with the last one "
        "alone. An Ensemble asks all of them and puts the answers together.",
        "soft": "The first step may fail and the graph goes on, with an error message in place of "
        "pictures. dependency: Hard ends it there.",
        "step_names": "The answers of an Ensemble are found by the names of its steps. Without a "
        "name it is a number.",
    },
)
def graph(context: Context, answer: Callable[..., Any]) -> None:
    """Check the graph's manifest, then send requests through it, with services of our own."""
    for count in (2, context.random.randint(3, 4)):
        tail = context.random.randint(100, 999)
        first = f"grey-{tail}"
        detectors = [f"detector-{n}-{tail}" for n in context.random.sample("abcdefgh", count)]
        where = f"the first step {first} and {count} detectors"
        got = context.call(answer, f"cards-{tail}", first, list(detectors), where=where)
        body = context.plain(got, what="graph_of(…)", where=where)
        if not isinstance(body, dict) or body.get("kind") != "InferenceGraph":
            context.fail("graph_of(…) is no manifest of an InferenceGraph.", where=where)
        name = lookup(body, "metadata", "name")
        context.expect(name == f"cards-{tail}", f"Its name is {name!r}.", where=where)
        lab09_graph.manifest(context, body, [first, *detectors], where)
        lab09_graph.routing(context, body, first, detectors, where)
    context.note(graphs=2, requests="one that goes well, one whose first step fails")
