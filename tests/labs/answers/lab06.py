# Answers to lab 06. Each cell takes the place of an exercise's cell.


# %% lab06.ex1 right: in a folder, verified by the version
def save_weights(name, file):
    digest = hashlib.file_digest(open(file, "rb"), "sha256").hexdigest()
    tag = bentoml.Tag(name, digest[0:12])
    found = [str(m.tag) for m in bentoml.models.list() if m.tag == tag]
    if found:
        return found[0]
    with bentoml.models.create(tag, labels={"made": "by hand"}, metadata=dict(sha256=digest)) as m:
        folder = Path(m.path) / "weights"
        folder.mkdir()
        (folder / Path(file).name).write_bytes(Path(file).read_bytes())
    return str(tag)


def load_weights(tag):
    name, _, version = tag.partition(":")
    if len(version) != 12:
        raise ValueError(f"I want twelve digits behind {name}:")
    [file] = (Path(bentoml.models.get(tag).path) / "weights").iterdir()
    content = file.read_bytes()
    if not hashlib.sha256(content).hexdigest().startswith(version):
        raise ValueError(f"{tag}: the file has changed")
    return content


# %% lab06.ex1 wrong: random_tag
def save_weights(name, file):
    content = Path(file).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    with bentoml.models.create(name, metadata={"sha256": digest}) as model:
        Path(model.path_of("w.onnx")).write_bytes(content)
    return str(model.tag)


def load_weights(tag):
    if ":" not in tag or tag.endswith(":latest"):
        raise ValueError(f"{tag} is no exact tag")
    model = bentoml.models.get(tag)
    content = Path(model.path_of("w.onnx")).read_bytes()
    if hashlib.sha256(content).hexdigest() != model.info.metadata["sha256"]:
        raise ValueError(f"{tag} is damaged")
    return content


# %% lab06.ex1 wrong: hash_of_name
def save_weights(name, file):
    content = Path(file).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    version = hashlib.sha256(Path(file).name.encode()).hexdigest()[:12]
    tag = f"{name}:{version}"
    if tag not in [str(model.tag) for model in bentoml.models.list()]:
        with bentoml.models.create(tag, metadata={"sha256": digest}) as model:
            Path(model.path_of("w.onnx")).write_bytes(content)
    return tag


def load_weights(tag):
    if ":" not in tag or tag.endswith(":latest"):
        raise ValueError(f"{tag} is no exact tag")
    model = bentoml.models.get(tag)
    content = Path(model.path_of("w.onnx")).read_bytes()
    if hashlib.sha256(content).hexdigest() != model.info.metadata["sha256"]:
        raise ValueError(f"{tag} is damaged")
    return content


# %% lab06.ex1 wrong: no_text
def save_weights(name, file):
    content = Path(file).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    tag = f"{name}:{digest[:12]}"
    if tag not in [str(model.tag) for model in bentoml.models.list()]:
        with bentoml.models.create(tag, metadata={"sha256": digest}) as model:
            Path(model.path_of("w.onnx")).write_bytes(content)
    return bentoml.models.get(tag).tag


def load_weights(tag):
    if ":" not in tag or tag.endswith(":latest"):
        raise ValueError(f"{tag} is no exact tag")
    model = bentoml.models.get(tag)
    content = Path(model.path_of("w.onnx")).read_bytes()
    if hashlib.sha256(content).hexdigest() != model.info.metadata["sha256"]:
        raise ValueError(f"{tag} is damaged")
    return content


# %% lab06.ex1 wrong: other_hash
def save_weights(name, file):
    content = Path(file).read_bytes()
    digest = hashlib.md5(content).hexdigest()
    tag = f"{name}:{digest[:12]}"
    if tag not in [str(model.tag) for model in bentoml.models.list()]:
        with bentoml.models.create(tag, metadata={"sha256": digest}) as model:
            Path(model.path_of("w.onnx")).write_bytes(content)
    return tag


def load_weights(tag):
    if ":" not in tag or tag.endswith(":latest"):
        raise ValueError(f"{tag} is no exact tag")
    model = bentoml.models.get(tag)
    content = Path(model.path_of("w.onnx")).read_bytes()
    if hashlib.sha256(content).hexdigest() != model.info.metadata["sha256"]:
        raise ValueError(f"{tag} is damaged")
    return content


# %% lab06.ex1 wrong: twice
def save_weights(name, file):
    content = Path(file).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    tag = f"{name}:{digest[:12]}"
    with bentoml.models.create(tag, metadata={"sha256": digest}) as model:
        Path(model.path_of("w.onnx")).write_bytes(content)
    return tag


def load_weights(tag):
    if ":" not in tag or tag.endswith(":latest"):
        raise ValueError(f"{tag} is no exact tag")
    model = bentoml.models.get(tag)
    content = Path(model.path_of("w.onnx")).read_bytes()
    if hashlib.sha256(content).hexdigest() != model.info.metadata["sha256"]:
        raise ValueError(f"{tag} is damaged")
    return content


# %% lab06.ex1 wrong: made_anew
def save_weights(name, file):
    content = Path(file).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    tag = f"{name}:{digest[:12]}"
    if tag in [str(model.tag) for model in bentoml.models.list()]:
        bentoml.models.delete(tag)
    with bentoml.models.create(tag, metadata={"sha256": digest}) as model:
        Path(model.path_of("w.onnx")).write_bytes(content)
    return tag


def load_weights(tag):
    if ":" not in tag or tag.endswith(":latest"):
        raise ValueError(f"{tag} is no exact tag")
    model = bentoml.models.get(tag)
    content = Path(model.path_of("w.onnx")).read_bytes()
    if hashlib.sha256(content).hexdigest() != model.info.metadata["sha256"]:
        raise ValueError(f"{tag} is damaged")
    return content


# %% lab06.ex1 wrong: not_stored
def save_weights(name, file):
    content = Path(file).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    tag = f"{name}:{digest[:12]}"
    if tag not in [str(model.tag) for model in bentoml.models.list()]:
        with bentoml.models.create(tag, metadata={"sha256": digest}) as model:
            model.info.metadata["file"] = str(file)
    return tag


def load_weights(tag):
    if ":" not in tag or tag.endswith(":latest"):
        raise ValueError(f"{tag} is no exact tag")
    model = bentoml.models.get(tag)
    content = Path(model.path_of("w.onnx")).read_bytes()
    if hashlib.sha256(content).hexdigest() != model.info.metadata["sha256"]:
        raise ValueError(f"{tag} is damaged")
    return content


# %% lab06.ex1 wrong: no_digest
def save_weights(name, file):
    content = Path(file).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    tag = f"{name}:{digest[:12]}"
    if tag not in [str(model.tag) for model in bentoml.models.list()]:
        with bentoml.models.create(tag, labels={"sha256": digest}) as model:
            Path(model.path_of("w.onnx")).write_bytes(content)
    return tag


def load_weights(tag):
    if ":" not in tag or tag.endswith(":latest"):
        raise ValueError(f"{tag} is no exact tag")
    model = bentoml.models.get(tag)
    content = Path(model.path_of("w.onnx")).read_bytes()
    if hashlib.sha256(content).hexdigest() != model.info.metadata["sha256"]:
        raise ValueError(f"{tag} is damaged")
    return content


# %% lab06.ex1 wrong: newest
def save_weights(name, file):
    content = Path(file).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    tag = f"{name}:{digest[:12]}"
    if tag not in [str(model.tag) for model in bentoml.models.list()]:
        with bentoml.models.create(tag, metadata={"sha256": digest}) as model:
            Path(model.path_of("w.onnx")).write_bytes(content)
    return tag


def load_weights(tag):
    if ":" not in tag or tag.endswith(":latest"):
        raise ValueError(f"{tag} is no exact tag")
    model = bentoml.models.get(tag.partition(":")[0] + ":latest")
    content = Path(model.path_of("w.onnx")).read_bytes()
    if hashlib.sha256(content).hexdigest() != model.info.metadata["sha256"]:
        raise ValueError(f"{tag} is damaged")
    return content


# %% lab06.ex1 wrong: not_verified
def save_weights(name, file):
    content = Path(file).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    tag = f"{name}:{digest[:12]}"
    if tag not in [str(model.tag) for model in bentoml.models.list()]:
        with bentoml.models.create(tag, metadata={"sha256": digest}) as model:
            Path(model.path_of("w.onnx")).write_bytes(content)
    return tag


def load_weights(tag):
    if ":" not in tag or tag.endswith(":latest"):
        raise ValueError(f"{tag} is no exact tag")
    model = bentoml.models.get(tag)
    return Path(model.path_of("w.onnx")).read_bytes()


# %% lab06.ex1 wrong: takes_latest
def save_weights(name, file):
    content = Path(file).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    tag = f"{name}:{digest[:12]}"
    if tag not in [str(model.tag) for model in bentoml.models.list()]:
        with bentoml.models.create(tag, metadata={"sha256": digest}) as model:
            Path(model.path_of("w.onnx")).write_bytes(content)
    return tag


def load_weights(tag):
    model = bentoml.models.get(tag)
    content = Path(model.path_of("w.onnx")).read_bytes()
    if hashlib.sha256(content).hexdigest() != model.info.metadata["sha256"]:
        raise ValueError(f"{tag} is damaged")
    return content


# %% lab06.ex1 wrong: unclear
def save_weights(name, file):
    content = Path(file).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    tag = f"{name}:{digest[:12]}"
    if tag not in [str(model.tag) for model in bentoml.models.list()]:
        with bentoml.models.create(tag, metadata={"sha256": digest}) as model:
            Path(model.path_of("w.onnx")).write_bytes(content)
    return tag


def load_weights(tag):
    if ":" not in tag or tag.endswith(":latest"):
        raise ValueError(f"{tag} is no exact tag")
    model = bentoml.models.get(tag)
    content = Path(model.path_of("w.onnx")).read_bytes()
    if hashlib.sha256(content).hexdigest() != model.info.metadata["sha256"]:
        raise ValueError("the hash differs")
    return content


# %% lab06.ex2 right: YAML, patterns with exceptions, another spelling
def build_file(lock):
    versions = dict(line.split("==") for line in lock.splitlines() if "==" in line)
    names = ["onnxruntime", "Pillow", "flatbuffers", "numpy", "bentoml"]
    pins = "".join(f"    - {name} == {versions[name.lower()]}\n" for name in names)
    return f"""
service: service.py:CardDetector
labels: {{owner: cards}}
include:
  - "*.py"
  - weights/
exclude: [train.py, tests/, backup/]
docker:
  base_image: python:3.11.9-slim
python:
  lock_packages: no
  packages:
{pins}"""


# %% lab06.ex2 wrong: unknown_option
def build_file(lock):
    imported = ("bentoml", "numpy", "onnxruntime", "pillow")
    pins = [line for line in lock.splitlines() if line.partition("==")[0] in imported]
    return {
        "service": "service:CardDetector",
        "includes": ["/service.py", "/detector.py", "/boxes.py", "weights/cards.onnx"],
        "python": {"packages": pins, "lock_packages": False},
        "docker": {"python_version": "3.11"},
    }


# %% lab06.ex2 wrong: wrong_service
def build_file(lock):
    imported = ("bentoml", "numpy", "onnxruntime", "pillow")
    pins = [line for line in lock.splitlines() if line.partition("==")[0] in imported]
    return {
        "service": "service.CardDetector",
        "include": ["/service.py", "/detector.py", "/boxes.py", "weights/cards.onnx"],
        "python": {"packages": pins, "lock_packages": False},
        "docker": {"python_version": "3.11"},
    }


# %% lab06.ex2 wrong: whole_folder
def build_file(lock):
    imported = ("bentoml", "numpy", "onnxruntime", "pillow")
    pins = [line for line in lock.splitlines() if line.partition("==")[0] in imported]
    return {
        "service": "service:CardDetector",
        "python": {"packages": pins, "lock_packages": False},
        "docker": {"python_version": "3.11"},
    }


# %% lab06.ex2 wrong: dot_slash
def build_file(lock):
    imported = ("bentoml", "numpy", "onnxruntime", "pillow")
    pins = [line for line in lock.splitlines() if line.partition("==")[0] in imported]
    return {
        "service": "service:CardDetector",
        "include": ["./service.py", "./detector.py", "./boxes.py", "./weights/cards.onnx"],
        "python": {"packages": pins, "lock_packages": False},
        "docker": {"python_version": "3.11"},
    }


# %% lab06.ex2 wrong: bare_name
def build_file(lock):
    imported = ("bentoml", "numpy", "onnxruntime", "pillow")
    pins = [line for line in lock.splitlines() if line.partition("==")[0] in imported]
    return {
        "service": "service:CardDetector",
        "include": ["service.py", "detector.py", "boxes.py", "weights/cards.onnx"],
        "python": {"packages": pins, "lock_packages": False},
        "docker": {"python_version": "3.11"},
    }


# %% lab06.ex2 wrong: too_many_files
def build_file(lock):
    imported = ("bentoml", "numpy", "onnxruntime", "pillow")
    pins = [line for line in lock.splitlines() if line.partition("==")[0] in imported]
    return {
        "service": "service:CardDetector",
        "include": ["/*.py", "weights/"],
        "python": {"packages": pins, "lock_packages": False},
        "docker": {"python_version": "3.11"},
    }


# %% lab06.ex2 wrong: no_module
def build_file(lock):
    imported = ("bentoml", "numpy", "onnxruntime", "pillow")
    pins = [line for line in lock.splitlines() if line.partition("==")[0] in imported]
    return {
        "service": "service:CardDetector",
        "include": ["/service.py", "/detector.py", "weights/cards.onnx"],
        "python": {"packages": pins, "lock_packages": False},
        "docker": {"python_version": "3.11"},
    }


# %% lab06.ex2 wrong: no_weights
def build_file(lock):
    imported = ("bentoml", "numpy", "onnxruntime", "pillow")
    pins = [line for line in lock.splitlines() if line.partition("==")[0] in imported]
    return {
        "service": "service:CardDetector",
        "include": ["/service.py", "/detector.py", "/boxes.py"],
        "python": {"packages": pins, "lock_packages": False},
        "docker": {"python_version": "3.11"},
    }


# %% lab06.ex2 wrong: whole_lock
def build_file(lock):
    imported = ("bentoml", "numpy", "onnxruntime", "pillow")
    pins = [line for line in lock.splitlines() if line.partition("==")[0] in imported]
    return {
        "service": "service:CardDetector",
        "include": ["/service.py", "/detector.py", "/boxes.py", "weights/cards.onnx"],
        "python": {"requirements_txt": "requirements.txt", "lock_packages": False},
        "docker": {"python_version": "3.11"},
    }


# %% lab06.ex2 wrong: unpinned
def build_file(lock):
    imported = ("bentoml", "numpy", "onnxruntime", "pillow")
    pins = list(imported)
    return {
        "service": "service:CardDetector",
        "include": ["/service.py", "/detector.py", "/boxes.py", "weights/cards.onnx"],
        "python": {"packages": pins, "lock_packages": False},
        "docker": {"python_version": "3.11"},
    }


# %% lab06.ex2 wrong: other_version
def build_file(lock):
    imported = ("bentoml", "numpy", "onnxruntime", "pillow")
    pins = ["bentoml==1.4.39", "numpy==2.4.6", "onnxruntime==1.31.0", "pillow==12.3.0"]
    return {
        "service": "service:CardDetector",
        "include": ["/service.py", "/detector.py", "/boxes.py", "weights/cards.onnx"],
        "python": {"packages": pins, "lock_packages": False},
        "docker": {"python_version": "3.11"},
    }


# %% lab06.ex2 wrong: no_package
def build_file(lock):
    imported = ("bentoml", "numpy")
    pins = [line for line in lock.splitlines() if line.partition("==")[0] in imported]
    return {
        "service": "service:CardDetector",
        "include": ["/service.py", "/detector.py", "/boxes.py", "weights/cards.onnx"],
        "python": {"packages": pins, "lock_packages": False},
        "docker": {"python_version": "3.11"},
    }


# %% lab06.ex2 wrong: too_many_packages
def build_file(lock):
    imported = ("bentoml", "numpy", "onnxruntime", "pillow")
    pins = [line for line in lock.splitlines() if line.startswith(imported)]
    return {
        "service": "service:CardDetector",
        "include": ["/service.py", "/detector.py", "/boxes.py", "weights/cards.onnx"],
        "python": {"packages": pins, "lock_packages": False},
        "docker": {"python_version": "3.11"},
    }


# %% lab06.ex2 wrong: asks_index
def build_file(lock):
    imported = ("bentoml", "numpy", "onnxruntime", "pillow")
    pins = [line for line in lock.splitlines() if line.partition("==")[0] in imported]
    return {
        "service": "service:CardDetector",
        "include": ["/service.py", "/detector.py", "/boxes.py", "weights/cards.onnx"],
        "python": {"packages": pins},
        "docker": {"python_version": "3.11"},
    }


# %% lab06.ex2 wrong: no_python
def build_file(lock):
    imported = ("bentoml", "numpy", "onnxruntime", "pillow")
    pins = [line for line in lock.splitlines() if line.partition("==")[0] in imported]
    return {
        "service": "service:CardDetector",
        "include": ["/service.py", "/detector.py", "/boxes.py", "weights/cards.onnx"],
        "python": {"packages": pins, "lock_packages": False},
    }


# %% lab06.ex3 right: a search for the youngest of the older ones
def roll_back(serving, bad=()):
    name, _, version = str(serving).partition(":")
    built = {}
    for bento in bentoml.list():
        if bento.tag.name == name:
            built[str(bento.tag)] = bento.info.creation_time
    if version in ("", "latest") or serving not in built:
        raise ValueError(f"{serving}? There is: {sorted(built)}")
    best = None
    for tag, time in built.items():
        if time < built[serving] and tag not in bad and (best is None or time > built[best]):
            best = tag
    if best is None:
        raise ValueError(f"nothing older than {serving} is good")
    return best


# %% lab06.ex3 wrong: latest
def roll_back(serving, bad=()):
    return serving.partition(":")[0] + ":latest"


# %% lab06.ex3 wrong: same
def roll_back(serving, bad=()):
    bentos = sorted(bentoml.list(serving.partition(":")[0]), key=lambda b: b.creation_time)
    tags = [str(bento.tag) for bento in bentos]
    if serving not in tags:
        raise ValueError(f"there is {tags}")
    older = [tag for tag in tags[: tags.index(serving) + 1] if tag not in bad]
    if not older:
        raise ValueError(f"nothing before {serving}")
    return older[-1]


# %% lab06.ex3 wrong: by_name
def roll_back(serving, bad=()):
    bentos = bentoml.list(serving.partition(":")[0])
    tags = [str(bento.tag) for bento in bentos]
    if serving not in tags:
        raise ValueError(f"there is {tags}")
    older = [tag for tag in tags[: tags.index(serving)] if tag not in bad]
    if not older:
        raise ValueError(f"nothing before {serving}")
    return older[-1]


# %% lab06.ex3 wrong: by_number
def roll_back(serving, bad=()):
    def numbers(bento):
        return [int(part) for part in bento.tag.version.split(".")]

    bentos = sorted(bentoml.list(serving.partition(":")[0]), key=numbers)
    tags = [str(bento.tag) for bento in bentos]
    if serving not in tags:
        raise ValueError(f"there is {tags}")
    older = [tag for tag in tags[: tags.index(serving)] if tag not in bad]
    if not older:
        raise ValueError(f"nothing before {serving}")
    return older[-1]


# %% lab06.ex3 wrong: second_newest
def roll_back(serving, bad=()):
    bentos = sorted(bentoml.list(serving.partition(":")[0]), key=lambda b: b.creation_time)
    return [str(bento.tag) for bento in bentos if str(bento.tag) not in bad][-2]


# %% lab06.ex3 wrong: forward
def roll_back(serving, bad=()):
    bentos = sorted(bentoml.list(serving.partition(":")[0]), key=lambda b: b.creation_time)
    others = [str(b.tag) for b in bentos if str(b.tag) != serving and str(b.tag) not in bad]
    return others[-1]


# %% lab06.ex3 wrong: other_name
def roll_back(serving, bad=()):
    name = serving.partition(":")[0]
    bentos = sorted(bentoml.list(), key=lambda bento: bento.creation_time)
    tags = [str(bento.tag) for bento in bentos if str(bento.tag).startswith(name)]
    return [tag for tag in tags[: tags.index(serving)] if tag not in bad][-1]


# %% lab06.ex3 wrong: takes_bad
def roll_back(serving, bad=()):
    bentos = sorted(bentoml.list(serving.partition(":")[0]), key=lambda b: b.creation_time)
    tags = [str(bento.tag) for bento in bentos]
    if serving not in tags:
        raise ValueError(f"there is {tags}")
    older = [tag for tag in tags[: tags.index(serving)]]
    if not older:
        raise ValueError(f"nothing before {serving}")
    return older[-1]


# %% lab06.ex3 wrong: serves_bad
def roll_back(serving, bad=()):
    bentos = sorted(bentoml.list(serving.partition(":")[0]), key=lambda b: b.creation_time)
    good = [str(bento.tag) for bento in bentos if str(bento.tag) not in bad]
    if serving not in good:
        raise ValueError(f"there is {good}, and {[str(bento.tag) for bento in bentos]}")
    if serving == good[0]:
        raise ValueError(f"nothing before {serving}")
    return good[good.index(serving) - 1]


# %% lab06.ex3 wrong: no_refusal
def roll_back(serving, bad=()):
    bentos = sorted(bentoml.list(serving.partition(":")[0]), key=lambda b: b.creation_time)
    tags = [str(bento.tag) for bento in bentos]
    if serving not in tags:
        raise ValueError(f"there is {tags}")
    older = [tag for tag in tags[: tags.index(serving)] if tag not in bad]
    return older[-1] if older else None


# %% lab06.ex3 wrong: unclear
def roll_back(serving, bad=()):
    bentos = sorted(bentoml.list(serving.partition(":")[0]), key=lambda b: b.creation_time)
    tags = [str(bento.tag) for bento in bentos]
    if serving not in tags:
        raise ValueError(f"there is {tags}")
    older = [bento for bento in bentos[: tags.index(serving)] if str(bento.tag) not in bad]
    return str(max(older, key=lambda bento: bento.creation_time).tag)


# %% lab06.ex3 wrong: no_text
def roll_back(serving, bad=()):
    bentos = sorted(bentoml.list(serving.partition(":")[0]), key=lambda b: b.creation_time)
    tags = [str(bento.tag) for bento in bentos]
    if serving not in tags:
        raise ValueError(f"there is {tags}")
    older = [tag for tag in tags[: tags.index(serving)] if tag not in bad]
    if not older:
        raise ValueError(f"nothing before {serving}")
    return bentoml.get(older[-1]).tag


# %% lab06.ex3 wrong: deletes
def roll_back(serving, bad=()):
    bentos = sorted(bentoml.list(serving.partition(":")[0]), key=lambda b: b.creation_time)
    tags = [str(bento.tag) for bento in bentos]
    if serving not in tags:
        raise ValueError(f"there is {tags}")
    older = [tag for tag in tags[: tags.index(serving)] if tag not in bad]
    if not older:
        raise ValueError(f"nothing before {serving}")
    bentoml.delete(serving)
    return older[-1]


# %% lab06.ex4 right: two stages, a virtual environment, variables, small letters
dockerfile = r"""
# syntax=docker/dockerfile:1
ARG PYTHON=3.11
FROM python:${PYTHON}-bookworm AS build
RUN python -m venv /venv
WORKDIR /build
COPY ["requirements.txt", "./"]
RUN --mount=type=cache,target=/var/cache/pip \
    # everything at the lock's versions
    /venv/bin/pip install \
      --requirement requirements.txt

from python:${PYTHON}-slim
env PATH=/venv/bin:$PATH PORT=3000
run apt-get update && apt-get install --yes curl
workdir /srv/cards
copy --from=build /venv /venv
copy --chown=1000:1000 service.py boxes.py detector.py /srv/cards/
copy weights/cards.onnx ./weights/cards.onnx
expose $PORT/tcp
user 1000:1000
healthcheck --interval=10s cmd curl --fail http://127.0.0.1:$PORT/readyz
cmd exec bentoml serve service.py:CardDetector --host=0.0.0.0 --port=$PORT
"""

# %% lab06.ex4 right: uv, an entry point, the rest in variables
dockerfile = """
FROM docker.io/library/python:3.11.9
ENV UV_NO_CACHE=1 BENTOML_PORT=3000
RUN pip install --no-cache-dir uv==0.9.7 && useradd --uid 1234 cards
WORKDIR /home/cards
COPY requirements.txt /tmp/
RUN <<END
uv pip sync --system /tmp/requirements.txt
END
ADD weights/ weights
ADD boxes.py /home/cards
ADD s*.py de*.py .
USER 1234
EXPOSE 3000
HEALTHCHECK CMD wget -q -O- localhost:3000/livez
ENTRYPOINT ["python", "-m", "bentoml", "serve"]
CMD ["service:CardDetector"]
"""

# %% lab06.ex4 right: the lock mounted, folders kept, a list for RUN
dockerfile = """
FROM --platform=linux/amd64 python:3.11.9-slim-bookworm@sha256:0123456789abcdef
ENV TOKENIZERS_PARALLELISM=false PIP_NO_CACHE_DIR=1
WORKDIR /srv
COPY requirements.txt /tmp/requirements.txt
RUN ["python", "-m", "pip", "install", "-r/tmp/requirements.txt"]
COPY --parents service.py detector.py boxes.py weights/cards.onnx ./
USER 65534:65534
EXPOSE 3000
HEALTHCHECK --start-period=30s \\
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:3000/livez')"]
CMD ["sh", "-c", "exec bentoml serve service:CardDetector --port 3000"]
"""

# %% lab06.ex4 right: the downloads removed by the same RUN, a probe in JSON
dockerfile = """\
FROM python:3.11-slim
WORKDIR /app
COPY requirements.txt .
RUN pip install -r requirements.txt && rm -rf ~/.cache
COPY service.py detector.py boxes.py ./
COPY weights weights/
USER 1000
EXPOSE 3000
HEALTHCHECK --timeout=3s CMD ["python", "-c", \\
    "import urllib.request as u; u.urlopen('http://localhost:3000/readyz')"]
CMD exec bentoml serve service:CardDetector --host 0.0.0.0 --port 3000
"""

# %% lab06.ex4 wrong: latest
dockerfile = """\
FROM python
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY service.py detector.py boxes.py ./
COPY weights weights/
USER 1000
EXPOSE 3000
HEALTHCHECK CMD python -c "import urllib.request as u; u.urlopen('http://localhost:3000/livez')"
CMD ["bentoml", "serve", "service:CardDetector"]
"""

# %% lab06.ex4 wrong: secret
dockerfile = """\
FROM python:3.11-slim
WORKDIR /app
ARG API_TOKEN
ENV API_TOKEN=$API_TOKEN
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY service.py detector.py boxes.py ./
COPY weights weights/
USER 1000
EXPOSE 3000
HEALTHCHECK CMD python -c "import urllib.request as u; u.urlopen('http://localhost:3000/livez')"
CMD ["bentoml", "serve", "service:CardDetector"]
"""

# %% lab06.ex4 wrong: copies_all
dockerfile = """\
FROM python:3.11-slim
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY . .
USER 1000
EXPOSE 3000
HEALTHCHECK CMD python -c "import urllib.request as u; u.urlopen('http://localhost:3000/livez')"
CMD ["bentoml", "serve", "service:CardDetector"]
"""

# %% lab06.ex4 wrong: code_first
dockerfile = """\
FROM python:3.11-slim
WORKDIR /app
COPY requirements.txt service.py detector.py boxes.py ./
RUN pip install --no-cache-dir -r requirements.txt
COPY weights weights/
USER 1000
EXPOSE 3000
HEALTHCHECK CMD python -c "import urllib.request as u; u.urlopen('http://localhost:3000/livez')"
CMD ["bentoml", "serve", "service:CardDetector"]
"""

# %% lab06.ex4 wrong: no_lock
dockerfile = """\
FROM python:3.11-slim
WORKDIR /app
RUN pip install --no-cache-dir -r requirements.txt
COPY service.py detector.py boxes.py ./
COPY weights weights/
USER 1000
EXPOSE 3000
HEALTHCHECK CMD python -c "import urllib.request as u; u.urlopen('http://localhost:3000/livez')"
CMD ["bentoml", "serve", "service:CardDetector"]
"""

# %% lab06.ex4 wrong: unpinned
dockerfile = """\
FROM python:3.11-slim
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir bentoml numpy onnxruntime pillow
COPY service.py detector.py boxes.py ./
COPY weights weights/
USER 1000
EXPOSE 3000
HEALTHCHECK CMD python -c "import urllib.request as u; u.urlopen('http://localhost:3000/livez')"
CMD ["bentoml", "serve", "service:CardDetector"]
"""

# %% lab06.ex4 wrong: cache
dockerfile = """\
FROM python:3.11-slim
WORKDIR /app
COPY requirements.txt .
RUN pip install -r requirements.txt
COPY service.py detector.py boxes.py ./
COPY weights weights/
USER 1000
EXPOSE 3000
HEALTHCHECK CMD python -c "import urllib.request as u; u.urlopen('http://localhost:3000/livez')"
CMD ["bentoml", "serve", "service:CardDetector"]
"""

# %% lab06.ex4 wrong: user_first
dockerfile = """\
FROM python:3.11-slim
WORKDIR /app
USER 1000
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY service.py detector.py boxes.py ./
COPY weights weights/
EXPOSE 3000
HEALTHCHECK CMD python -c "import urllib.request as u; u.urlopen('http://localhost:3000/livez')"
CMD ["bentoml", "serve", "service:CardDetector"]
"""

# %% lab06.ex4 wrong: file_lost
dockerfile = """\
FROM python:3.11-slim
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY service.py detector.py ./
COPY weights weights/
USER 1000
EXPOSE 3000
HEALTHCHECK CMD python -c "import urllib.request as u; u.urlopen('http://localhost:3000/livez')"
CMD ["bentoml", "serve", "service:CardDetector"]
"""

# %% lab06.ex4 wrong: other_place
dockerfile = """\
FROM python:3.11-slim
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY service.py detector.py boxes.py weights ./
USER 1000
EXPOSE 3000
HEALTHCHECK CMD python -c "import urllib.request as u; u.urlopen('http://localhost:3000/livez')"
CMD ["bentoml", "serve", "service:CardDetector"]
"""

# %% lab06.ex4 wrong: root
dockerfile = """\
FROM python:3.11-slim
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY service.py detector.py boxes.py ./
COPY weights weights/
EXPOSE 3000
HEALTHCHECK CMD python -c "import urllib.request as u; u.urlopen('http://localhost:3000/livez')"
CMD ["bentoml", "serve", "service:CardDetector"]
"""

# %% lab06.ex4 wrong: user_name
dockerfile = """\
FROM python:3.11-slim
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY service.py detector.py boxes.py ./
COPY weights weights/
RUN useradd cards
USER cards
EXPOSE 3000
HEALTHCHECK CMD python -c "import urllib.request as u; u.urlopen('http://localhost:3000/livez')"
CMD ["bentoml", "serve", "service:CardDetector"]
"""

# %% lab06.ex4 wrong: port
dockerfile = """\
FROM python:3.11-slim
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY service.py detector.py boxes.py ./
COPY weights weights/
USER 1000
EXPOSE 8080
HEALTHCHECK CMD python -c "import urllib.request as u; u.urlopen('http://localhost:3000/livez')"
CMD ["bentoml", "serve", "service:CardDetector"]
"""

# %% lab06.ex4 wrong: other_port
dockerfile = """\
FROM python:3.11-slim
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY service.py detector.py boxes.py ./
COPY weights weights/
USER 1000
EXPOSE 3000
HEALTHCHECK CMD python -c "import urllib.request as u; u.urlopen('http://localhost:3000/livez')"
CMD ["bentoml", "serve", "service:CardDetector", "-p", "8000"]
"""

# %% lab06.ex4 wrong: no_healthcheck
dockerfile = """\
FROM python:3.11-slim
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY service.py detector.py boxes.py ./
COPY weights weights/
USER 1000
EXPOSE 3000
CMD ["bentoml", "serve", "service:CardDetector"]
"""

# %% lab06.ex4 wrong: other_health
dockerfile = """\
FROM python:3.11-slim
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY service.py detector.py boxes.py ./
COPY weights weights/
USER 1000
EXPOSE 3000
HEALTHCHECK CMD python -c "import urllib.request as u; u.urlopen('http://localhost:8080/')"
CMD ["bentoml", "serve", "service:CardDetector"]
"""

# %% lab06.ex4 wrong: health_form
dockerfile = """\
FROM python:3.11
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY service.py detector.py boxes.py ./
COPY weights weights/
USER 1000
EXPOSE 3000
HEALTHCHECK --interval=30s curl --fail http://localhost:3000/livez
CMD ["bentoml", "serve", "service:CardDetector"]
"""

# %% lab06.ex4 wrong: no_curl
dockerfile = """\
FROM python:3.11-slim
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY service.py detector.py boxes.py ./
COPY weights weights/
USER 1000
EXPOSE 3000
HEALTHCHECK CMD curl --fail http://localhost:3000/livez
CMD ["bentoml", "serve", "service:CardDetector"]
"""

# %% lab06.ex4 wrong: shell_form
dockerfile = """\
FROM python:3.11-slim
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY service.py detector.py boxes.py ./
COPY weights weights/
USER 1000
EXPOSE 3000
HEALTHCHECK CMD python -c "import urllib.request as u; u.urlopen('http://localhost:3000/livez')"
CMD bentoml serve service:CardDetector
"""

# %% lab06.ex4 wrong: single_quotes
dockerfile = """\
FROM python:3.11-slim
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY service.py detector.py boxes.py ./
COPY weights weights/
USER 1000
EXPOSE 3000
HEALTHCHECK CMD python -c "import urllib.request as u; u.urlopen('http://localhost:3000/livez')"
CMD ['bentoml', 'serve', 'service:CardDetector']
"""

# %% lab06.ex4 wrong: not_expanded
dockerfile = """\
FROM python:3.11-slim
WORKDIR /app
ENV PORT=3000
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY service.py detector.py boxes.py ./
COPY weights weights/
USER 1000
EXPOSE 3000
HEALTHCHECK CMD python -c "import urllib.request as u; u.urlopen('http://localhost:3000/livez')"
CMD ["bentoml", "serve", "service:CardDetector", "--port", "$PORT"]
"""

# %% lab06.ex4 wrong: localhost
dockerfile = """\
FROM python:3.11-slim
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY service.py detector.py boxes.py ./
COPY weights weights/
USER 1000
EXPOSE 3000
HEALTHCHECK CMD python -c "import urllib.request as u; u.urlopen('http://localhost:3000/livez')"
CMD ["bentoml", "serve", "service:CardDetector", "--host", "127.0.0.1"]
"""

# %% lab06.ex5 right: a tar of its own name, and what import says
import os


def send(tag, folder):
    os.makedirs(folder, exist_ok=True)
    bento = bentoml.get(tag)
    path = os.path.join(os.getcwd(), folder, f"{bento.tag.name}_{bento.tag.version}.tar")
    bentoml.export_bento(bento.tag, path)
    with open(path, "rb") as file:
        return {
            "sha256": hashlib.file_digest(file, "sha256").hexdigest(),
            "file": path,
            "tag": f"{bento.tag.name}:{bento.tag.version}",
        }


def receive(receipt):
    with open(receipt["file"], "rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != receipt["sha256"]:
            raise ValueError("Damaged on its way: " + receipt["file"])
    try:
        return str(bentoml.get(receipt["tag"]).tag)
    except NotFound:
        return str(bentoml.import_bento(receipt["file"]).tag)


# %% lab06.ex5 wrong: relative
def send(tag, folder):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tag = str(bentoml.get(tag).tag)
    file = bentoml.export_bento(tag, str(folder))
    return dict(tag=tag, file=file, sha256=hashlib.sha256(Path(file).read_bytes()).hexdigest())


def receive(receipt):
    digest = hashlib.sha256(Path(receipt["file"]).read_bytes()).hexdigest()
    if digest != receipt["sha256"]:
        raise ValueError(f"{receipt['file']} has changed")
    if all(str(bento.tag) != receipt["tag"] for bento in bentoml.list()):
        bentoml.import_bento(receipt["file"])
    return receipt["tag"]


# %% lab06.ex5 wrong: no_folder
def send(tag, folder):
    folder = Path(folder).absolute()
    tag = str(bentoml.get(tag).tag)
    file = bentoml.export_bento(tag, str(folder))
    return dict(tag=tag, file=file, sha256=hashlib.sha256(Path(file).read_bytes()).hexdigest())


def receive(receipt):
    digest = hashlib.sha256(Path(receipt["file"]).read_bytes()).hexdigest()
    if digest != receipt["sha256"]:
        raise ValueError(f"{receipt['file']} has changed")
    if all(str(bento.tag) != receipt["tag"] for bento in bentoml.list()):
        bentoml.import_bento(receipt["file"])
    return receipt["tag"]


# %% lab06.ex5 wrong: takes_latest
def send(tag, folder):
    folder = Path(folder).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    file = bentoml.export_bento(tag, str(folder))
    return dict(tag=tag, file=file, sha256=hashlib.sha256(Path(file).read_bytes()).hexdigest())


def receive(receipt):
    digest = hashlib.sha256(Path(receipt["file"]).read_bytes()).hexdigest()
    if digest != receipt["sha256"]:
        raise ValueError(f"{receipt['file']} has changed")
    if all(str(bento.tag) != receipt["tag"] for bento in bentoml.list()):
        bentoml.import_bento(receipt["file"])
    return receipt["tag"]


# %% lab06.ex5 wrong: overwrites
def send(tag, folder):
    folder = Path(folder).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    tag = str(bentoml.get(tag).tag)
    file = bentoml.export_bento(tag, str(folder / "cards.bento"))
    return dict(tag=tag, file=file, sha256=hashlib.sha256(Path(file).read_bytes()).hexdigest())


def receive(receipt):
    digest = hashlib.sha256(Path(receipt["file"]).read_bytes()).hexdigest()
    if digest != receipt["sha256"]:
        raise ValueError(f"{receipt['file']} has changed")
    if all(str(bento.tag) != receipt["tag"] for bento in bentoml.list()):
        bentoml.import_bento(receipt["file"])
    return receipt["tag"]


# %% lab06.ex5 wrong: not_absolute
import os


def send(tag, folder):
    folder = Path(folder).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    tag = str(bentoml.get(tag).tag)
    file = bentoml.export_bento(tag, str(folder))
    short = os.path.relpath(file)
    return dict(tag=tag, file=short, sha256=hashlib.sha256(Path(file).read_bytes()).hexdigest())


def receive(receipt):
    digest = hashlib.sha256(Path(receipt["file"]).read_bytes()).hexdigest()
    if digest != receipt["sha256"]:
        raise ValueError(f"{receipt['file']} has changed")
    if all(str(bento.tag) != receipt["tag"] for bento in bentoml.list()):
        bentoml.import_bento(receipt["file"])
    return receipt["tag"]


# %% lab06.ex5 wrong: other_file
def send(tag, folder):
    folder = Path(folder).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    tag = str(bentoml.get(tag).tag)
    file = str(folder / tag.replace(":", "-"))
    written = bentoml.export_bento(tag, file)
    return dict(tag=tag, file=file, sha256=hashlib.sha256(Path(written).read_bytes()).hexdigest())


def receive(receipt):
    digest = hashlib.sha256(Path(receipt["file"]).read_bytes()).hexdigest()
    if digest != receipt["sha256"]:
        raise ValueError(f"{receipt['file']} has changed")
    if all(str(bento.tag) != receipt["tag"] for bento in bentoml.list()):
        bentoml.import_bento(receipt["file"])
    return receipt["tag"]


# %% lab06.ex5 wrong: no_text
def send(tag, folder):
    folder = Path(folder).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    tag = str(bentoml.get(tag).tag)
    file = Path(bentoml.export_bento(tag, str(folder)))
    return dict(tag=tag, file=file, sha256=hashlib.sha256(Path(file).read_bytes()).hexdigest())


def receive(receipt):
    digest = hashlib.sha256(Path(receipt["file"]).read_bytes()).hexdigest()
    if digest != receipt["sha256"]:
        raise ValueError(f"{receipt['file']} has changed")
    if all(str(bento.tag) != receipt["tag"] for bento in bentoml.list()):
        bentoml.import_bento(receipt["file"])
    return receipt["tag"]


# %% lab06.ex5 wrong: other_digest
def send(tag, folder):
    folder = Path(folder).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    tag = str(bentoml.get(tag).tag)
    file = bentoml.export_bento(tag, str(folder))
    return dict(tag=tag, file=file, sha256=hashlib.sha256(tag.encode()).hexdigest())


def receive(receipt):
    digest = hashlib.sha256(Path(receipt["file"]).read_bytes()).hexdigest()
    if digest != receipt["sha256"]:
        raise ValueError(f"{receipt['file']} has changed")
    if all(str(bento.tag) != receipt["tag"] for bento in bentoml.list()):
        bentoml.import_bento(receipt["file"])
    return receipt["tag"]


# %% lab06.ex5 wrong: not_verified
def send(tag, folder):
    folder = Path(folder).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    tag = str(bentoml.get(tag).tag)
    file = bentoml.export_bento(tag, str(folder))
    return dict(tag=tag, file=file, sha256=hashlib.sha256(Path(file).read_bytes()).hexdigest())


def receive(receipt):
    if all(str(bento.tag) != receipt["tag"] for bento in bentoml.list()):
        bentoml.import_bento(receipt["file"])
    return receipt["tag"]


# %% lab06.ex5 wrong: too_late
def send(tag, folder):
    folder = Path(folder).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    tag = str(bentoml.get(tag).tag)
    file = bentoml.export_bento(tag, str(folder))
    return dict(tag=tag, file=file, sha256=hashlib.sha256(Path(file).read_bytes()).hexdigest())


def receive(receipt):
    if all(str(bento.tag) != receipt["tag"] for bento in bentoml.list()):
        came = bentoml.import_bento(receipt["file"])
    if hashlib.sha256(Path(receipt["file"]).read_bytes()).hexdigest() != receipt["sha256"]:
        bentoml.delete(came.tag)
        raise ValueError(f"{receipt['file']} has changed")
    return receipt["tag"]


# %% lab06.ex5 wrong: unclear
def send(tag, folder):
    folder = Path(folder).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    tag = str(bentoml.get(tag).tag)
    file = bentoml.export_bento(tag, str(folder))
    return dict(tag=tag, file=file, sha256=hashlib.sha256(Path(file).read_bytes()).hexdigest())


def receive(receipt):
    digest = hashlib.sha256(Path(receipt["file"]).read_bytes()).hexdigest()
    if digest != receipt["sha256"]:
        raise ValueError("the digest differs")
    if all(str(bento.tag) != receipt["tag"] for bento in bentoml.list()):
        bentoml.import_bento(receipt["file"])
    return receipt["tag"]


# %% lab06.ex5 wrong: twice
def send(tag, folder):
    folder = Path(folder).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    tag = str(bentoml.get(tag).tag)
    file = bentoml.export_bento(tag, str(folder))
    return dict(tag=tag, file=file, sha256=hashlib.sha256(Path(file).read_bytes()).hexdigest())


def receive(receipt):
    digest = hashlib.sha256(Path(receipt["file"]).read_bytes()).hexdigest()
    if digest != receipt["sha256"]:
        raise ValueError(f"{receipt['file']} has changed")
    bentoml.import_bento(receipt["file"])
    return receipt["tag"]


# %% lab06.ex5 wrong: no_tag
def send(tag, folder):
    folder = Path(folder).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    tag = str(bentoml.get(tag).tag)
    file = bentoml.export_bento(tag, str(folder))
    return dict(tag=tag, file=file, sha256=hashlib.sha256(Path(file).read_bytes()).hexdigest())


def receive(receipt):
    digest = hashlib.sha256(Path(receipt["file"]).read_bytes()).hexdigest()
    if digest != receipt["sha256"]:
        raise ValueError(f"{receipt['file']} has changed")
    if all(str(bento.tag) != receipt["tag"] for bento in bentoml.list()):
        return bentoml.import_bento(receipt["file"])
