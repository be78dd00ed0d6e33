# Answers to lab 06. Each cell takes the place of an exercise's cell.

# %% lab06.ex1 right: in a folder, a list of tags, another algorithm for the same digest
def save_weights(name, file):
    with open(file, "rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
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
        raise ValueError(f"{tag}: twelve digits are needed after {name}:")
    model = bentoml.models.get(tag)
    [file] = (Path(model.path) / "weights").iterdir()
    digest = hashlib.new("sha256", file.read_bytes()).hexdigest()
    if digest != model.info.metadata.get("sha256"):
        raise ValueError(f"{tag}: the file has changed")
    return file.read_bytes()


# %% lab06.ex1 wrong: hash_of_name
def save_weights(name, file):
    content = Path(file).read_bytes()
    tag = f"{name}:{hashlib.sha256(Path(file).name.encode()).hexdigest()[:12]}"
    if tag not in [str(model.tag) for model in bentoml.models.list()]:
        digest = hashlib.sha256(content).hexdigest()
        with bentoml.models.create(tag, metadata={"sha256": digest}) as model:
            Path(model.path_of("weights.bin")).write_bytes(content)
    return tag


def load_weights(tag):
    return Path(bentoml.models.get(tag).path_of("weights.bin")).read_bytes()


# %% lab06.ex1 wrong: twice
def save_weights(name, file):
    content = Path(file).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    with bentoml.models.create(f"{name}:{digest[:12]}", metadata={"sha256": digest}) as model:
        Path(model.path_of("weights.bin")).write_bytes(content)
    return str(model.tag)


def load_weights(tag):
    return Path(bentoml.models.get(tag).path_of("weights.bin")).read_bytes()


# %% lab06.ex1 wrong: not_verified <- hash_of_name
# -     tag = f"{name}:{hashlib.sha256(Path(file).name.encode()).hexdigest()[:12]}"
# +     digest = hashlib.sha256(content).hexdigest()
# +     tag = f"{name}:{digest[:12]}"
# -         digest = hashlib.sha256(content).hexdigest()

# - def load_weights(tag):
# + def load_weights(tag):
# +     if len(tag.partition(":")[2]) != 12:
# +         raise ValueError(f"{tag} has no exact version")

# %% lab06.ex1 wrong: metadata_unread <- hash_of_name
# -     tag = f"{name}:{hashlib.sha256(Path(file).name.encode()).hexdigest()[:12]}"
# +     digest = hashlib.sha256(content).hexdigest()
# +     tag = f"{name}:{digest[:12]}"
# -         digest = hashlib.sha256(content).hexdigest()

# -     return Path(bentoml.models.get(tag).path_of("weights.bin")).read_bytes()
# +     content = Path(bentoml.models.get(tag).path_of("weights.bin")).read_bytes()
# +     if hashlib.sha256(content).hexdigest()[:12] != tag.partition(":")[2]:
# +         raise ValueError(f"{tag} is damaged")
# +     return content

# %% lab06.ex1 wrong: takes_latest
# -     try:
# -         bentoml.models.get(tag)
# -     except NotFound:
# +     if tag not in [str(model.tag) for model in bentoml.models.list()]:
# -     if str(model.tag) != tag:
# -         raise ValueError(f"{tag} is not an exact version; {model.tag} is.")

# -         raise ValueError(f"The file of {tag} is damaged; store it again.")
# +         raise ValueError(f"{tag} is damaged")

# %% lab06.ex1 wrong: -deletes the version and stores it again <- twice
# -     with bentoml.models.create(f"{name}:{digest[:12]}", metadata={"sha256": digest}) as model:
# +     tag = f"{name}:{digest[:12]}"
# +     if tag in [str(model.tag) for model in bentoml.models.list()]:
# +         bentoml.models.delete(tag)
# +     with bentoml.models.create(tag, metadata={"sha256": digest}) as model:
# -     return str(model.tag)
# +     return tag

# %% lab06.ex1 wrong: -remembers the files' names in the process <- hash_of_name
# - def save_weights(name, file):
# + _names = {}
# + def save_weights(name, file):
# -     tag = f"{name}:{hashlib.sha256(Path(file).name.encode()).hexdigest()[:12]}"
# +     digest = hashlib.sha256(content).hexdigest()
# +     tag = f"{name}:{digest[:12]}"
# +     _names.setdefault(tag, Path(file).name)
# -         digest = hashlib.sha256(content).hexdigest()

# -             Path(model.path_of("weights.bin")).write_bytes(content)
# +             Path(model.path_of(_names[tag])).write_bytes(content)
# -     return Path(bentoml.models.get(tag).path_of("weights.bin")).read_bytes()
# +     return Path(bentoml.models.get(tag).path_of(_names[tag])).read_bytes()


# %% lab06.ex1 wrong: -the error names the model without its version
# - {tag} is not an exact version; {model.tag} is.
# + {tag.partition(':')[0]} has no exact version; write one.

# %% lab06.ex1 wrong: -white space at the ends is cut off
# -     digest = hashlib.sha256(content).hexdigest()
# +     content = content.strip()
# +     digest = hashlib.sha256(content).hexdigest()

# %% lab06.ex1 wrong: -only the first block is hashed
# -     digest = hashlib.sha256(content).hexdigest()
# +     digest = hashlib.sha256(content[:65536]).hexdigest()
# -     if hashlib.sha256(content).hexdigest() != model
# +     if hashlib.sha256(content[:65536]).hexdigest() != model


# %% lab06.ex1 wrong: -the beginning of a version loads too
def save_weights(name, file):
    """Put a file into the model store, under a version made from its content; return the tag."""
    content = Path(file).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    tag = f"{name}:{digest[:12]}"
    try:
        bentoml.models.get(tag)
    except NotFound:
        with bentoml.models.create(tag, metadata={"sha256": digest}) as model:
            Path(model.path_of("weights.bin")).write_bytes(content)
    return tag


def load_weights(tag):
    """Return the bytes of a stored file, after it was verified."""
    name, _, version = tag.partition(":")
    if version in ("", "latest"):
        raise ValueError(f"{tag} is not an exact version")
    model = next(
        one
        for one in bentoml.models.list()
        if one.tag.name == name and one.tag.version.startswith(version)
    )
    content = Path(model.path_of("weights.bin")).read_bytes()
    if hashlib.sha256(content).hexdigest() != model.info.metadata["sha256"]:
        raise ValueError(f"{tag} is damaged")
    return content


# %% lab06.ex1 wrong: -any tag with the word latest is refused
def save_weights(name, file):
    """Put a file into the model store, under a version made from its content; return the tag."""
    content = Path(file).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    tag = f"{name}:{digest[:12]}"
    try:
        bentoml.models.get(tag)
    except NotFound:
        with bentoml.models.create(tag, metadata={"sha256": digest}) as model:
            Path(model.path_of("weights.bin")).write_bytes(content)
    return tag


def load_weights(tag):
    """Return the bytes of a stored file, after it was verified."""
    if "latest" in tag or ":" not in tag:
        raise ValueError(f"{tag} is not an exact version")
    model = bentoml.models.get(tag)
    if str(model.tag) != tag:
        raise ValueError(f"{tag} is not an exact version")
    content = Path(model.path_of("weights.bin")).read_bytes()
    if hashlib.sha256(content).hexdigest() != model.info.metadata["sha256"]:
        raise ValueError(f"{tag} is damaged")
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


# %% lab06.ex2 wrong: whole_folder
# -     imported = ("bentoml", "numpy", "onnxruntime", "pillow")
# -     pins = [line for line in lock.splitlines() if line.partition("==")[0] in imported]
# +     pins = [line for line in lock.splitlines() if "==" in line]
# -         "include": ["/service.py", "/detector.py", "/boxes.py", "/weights/cards.onnx"],


# %% lab06.ex2 wrong: dot_slash
def build_file(lock):
    return {
        "service": "service:CardDetector",
        "include": ["./service.py", "./detector.py", "./boxes.py", "./weights/cards.onnx"],
        "docker": {"python_version": "3.11"},
    }


# %% lab06.ex2 wrong: bare_name <- dot_slash
# -         "include": ["./service.py", "./detector.py", "./boxes.py", "./weights/cards.onnx"],
# +         "include": ["service.py", "detector.py", "boxes.py", "weights/cards.onnx"],

# %% lab06.ex2 wrong: unpinned <- dot_slash
# -         "include": ["./service.py", "./detector.py", "./boxes.py", "./weights/cards.onnx"],
# +         "include": ["/service.py", "/detector.py", "/boxes.py", "weights/cards.onnx"],
# +         "python": {
# +             "packages": ["bentoml", "numpy", "onnxruntime", "pillow"],
# +             "lock_packages": False,
# +         },

# %% lab06.ex2 wrong: other_version
# -     imported = ("bentoml", "numpy", "onnxruntime", "pillow")
# -     pins = [line for line in lock.splitlines() if line.partition("==")[0] in imported]
# +     pins = ["bentoml==1.4.39", "numpy==2.4.6", "onnxruntime==1.31.0", "pillow==12.3.0"]
# -         "include": ["/service.py", "/detector.py", "/boxes.py", "/weights/cards.onnx"],
# +         "include": ["/service.py", "/detector.py", "/boxes.py", "weights/cards.onnx"],

# %% lab06.ex2 wrong: too_many_packages
# -     pins = [line for line in lock.splitlines() if line.partition("==")[0] in imported]
# +     pins = [line for line in lock.splitlines() if line.startswith(imported)]
# -         "include": ["/service.py", "/detector.py", "/boxes.py", "/weights/cards.onnx"],
# +         "include": ["/service.py", "/detector.py", "/boxes.py", "weights/cards.onnx"],

# %% lab06.ex2 wrong: -the pins of the first lock, remembered <- dot_slash
# - def build_file(lock):
# + _pins = []
# + def build_file(lock):
# +     imported = ("bentoml", "numpy", "onnxruntime", "pillow")
# +     if not _pins:
# +         _pins.extend(line for line in lock.splitlines() if line.partition("==")[0] in imported)
# -         "include": ["./service.py", "./detector.py", "./boxes.py", "./weights/cards.onnx"],
# +         "include": ["/service.py", "/detector.py", "/boxes.py", "weights/cards.onnx"],
# +         "python": {"packages": _pins, "lock_packages": True},

# %% lab06.ex2 wrong: -the base image has another Python
# -         "include": ["/service.py", "/detector.py", "/boxes.py", "/weights/cards.onnx"],
# +         "include": ["/service.py", "/detector.py", "/boxes.py", "/weights/"],
# -         "docker": {"python_version": "3.11"},
# +         "docker": {"python_version": "3.11", "base_image": "python:3.12-slim"},


# %% lab06.ex2 wrong: -a name that begins alike gives its version
# -     pins = [line for line in lock.splitlines() if line.partition("==")[0] in imported]
# +     lines = [line for line in lock.splitlines() if "==" in line]
# +     found = {name: line for line in lines for name in imported if line.startswith(name)}
# +     pins = [f"{name}=={line.partition('==')[2]}" for name, line in found.items()]

# %% lab06.ex2 wrong: -two numbers of each version
# -     pins = [line for line in lock.splitlines() if line.partition("==")[0] in imported]
# +     lines = [line for line in lock.splitlines() if line.partition("==")[0] in imported]
# +     pins = [line.rpartition(".")[0] for line in lines]


# %% lab06.ex3 right: a search for the newest of the older ones
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


# %% lab06.ex3 wrong: by_name
def roll_back(serving, bad=()):
    tags = [str(bento.tag) for bento in bentoml.list(serving.partition(":")[0])]
    return [tag for tag in tags[: tags.index(serving)] if tag not in bad][-1]


# %% lab06.ex3 wrong: by_number
def roll_back(serving, bad=()):
    def numbers(bento):
        return [int(part) for part in bento.tag.version.split(".")]

    bentos = sorted(bentoml.list(serving.partition(":")[0]), key=numbers)
    tags = [str(bento.tag) for bento in bentos]
    return [tag for tag in tags[: tags.index(serving)] if tag not in bad][-1]


# %% lab06.ex3 wrong: second_newest
def roll_back(serving, bad=()):
    bentos = sorted(bentoml.list(serving.partition(":")[0]), key=lambda b: b.creation_time)
    return [str(bento.tag) for bento in bentos if str(bento.tag) not in bad][-2]


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
    return tags[tags.index(serving) - 1]


# %% lab06.ex3 wrong: serves_bad
def roll_back(serving, bad=()):
    bentos = sorted(bentoml.list(serving.partition(":")[0]), key=lambda b: b.creation_time)
    good = [str(bento.tag) for bento in bentos if str(bento.tag) not in bad]
    if serving not in good:
        raise ValueError(f"there is {good}, and {[str(bento.tag) for bento in bentos]}")
    if serving == good[0]:
        raise ValueError(f"nothing before {serving}")
    return good[good.index(serving) - 1]


# %% lab06.ex3 wrong: -adds the serving Bento to the caller's set
def roll_back(serving, bad):
    bad.add(serving)
    bentos = sorted(bentoml.list(serving.partition(":")[0]), key=lambda b: b.creation_time)
    tags = [str(bento.tag) for bento in bentos]
    return [tag for tag in tags[: tags.index(serving)] if tag not in bad][-1]


# %% lab06.ex3 wrong: -deletes the Bento that serves <- takes_bad
# -     return tags[tags.index(serving) - 1]
# +     bentoml.delete(serving)
# +     return [tag for tag in tags[: tags.index(serving)] if tag not in bad][-1]


# %% lab06.ex3 wrong: -Python's own error if none is left
def roll_back(serving, bad=()):
    bentos = bentoml.list(serving.partition(":")[0])
    built = {str(bento.tag): bento.creation_time for bento in bentos}
    older = [tag for tag in built if built[tag] < built[serving] and tag not in bad]
    return max(older, key=built.get)


# %% lab06.ex3 wrong: -bad is compared by version
# - if tag not in bad]
# + if tag.partition(":")[2] not in {b.partition(":")[2] for b in bad}]

# %% lab06.ex3 wrong: -bad is compared by the beginning
# - if tag not in bad]
# + if not tag.startswith(tuple(bad))]

# %% lab06.ex3 wrong: -bad is searched as text
# - if tag not in bad]
# + if tag not in str(bad)]

# %% lab06.ex3 wrong: -only the good tags are named
# - {', '.join(tags)}
# + {', '.join(set(tags) - bad)}

# %% lab06.ex3 wrong: -by the day
# - key=lambda bento: bento.creation_time
# + key=lambda bento: bento.creation_time.date()

# %% lab06.ex3 wrong: -two steps back
# -     return older[-1]
# +     return older[-2] if len(older) > 1 else older[0]

# %% lab06.ex3 wrong: -by the time of the folder
# - key=lambda bento: bento.creation_time
# + key=lambda bento: Path(bento.path).stat().st_mtime_ns


# %% lab06.ex3 wrong: -the beginning of a version is taken for a tag
def roll_back(serving, bad=frozenset()):
    """Return the tag of the Bento that was built before the one that serves."""
    name, _, version = serving.partition(":")
    bentos = bentoml.list(name)
    tags = [str(bento.tag) for bento in bentos]
    now = None
    if version not in ("", "latest"):
        exact = [bento for bento in bentos if str(bento.tag) == serving]
        alike = [bento for bento in bentos if str(bento.tag).startswith(serving)]
        now = next(iter(exact + alike), None)
    if now is None:
        raise ValueError(f"{serving} is not in the store; it has {', '.join(tags)}")
    earlier = [
        bento
        for bento in bentos
        if bento.creation_time < now.creation_time and str(bento.tag) not in bad
    ]
    if not earlier:
        raise ValueError(f"there is no good Bento before {serving}")
    return str(max(earlier, key=lambda bento: bento.creation_time).tag)


# %% lab06.ex3 wrong: -the list of Bentos is read once and kept
_built = {}


def roll_back(serving, bad=frozenset()):
    """Return the tag of the Bento that was built before the one that serves."""
    name = serving.partition(":")[0]
    if name not in _built:
        _built[name] = {str(bento.tag): bento.creation_time for bento in bentoml.list(name)}
    built = _built[name]
    if serving not in built:
        raise ValueError(f"{serving} is not in the store; it has {', '.join(built)}")
    earlier = [tag for tag in built if built[tag] < built[serving] and tag not in bad]
    if not earlier:
        raise ValueError(f"there is no good Bento before {serving}")
    return max(earlier, key=built.get)


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
env PATH=/venv/bin:$PATH PORT=3000 HOME=/tmp
run apt-get update && apt-get install --yes curl
workdir /srv/cards
copy --from=build /venv /venv
copy --chown=1000:1000 service.py boxes.py detector.py /srv/cards/
copy weights/cards.onnx ./weights/cards.onnx
expose $PORT/tcp
user 1000:1000
healthcheck --interval=10s cmd curl --fail http://127.0.0.1:$PORT/readyz || exit 1
cmd exec bentoml serve service.py:CardDetector --host=0.0.0.0 --port=$PORT
"""

# %% lab06.ex4 right: uv, an entry point, an account with a home
dockerfile = """
FROM docker.io/library/python:3.11.9
ENV UV_NO_CACHE=1 BENTOML_PORT=3000
RUN pip install --no-cache-dir uv==0.9.7 && useradd --uid 1234 --create-home cards
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

# %% lab06.ex4 right: the lock mounted, folders kept, a folder that is given to the user
dockerfile = """
FROM --platform=linux/amd64 python:3.11.9-slim-bookworm@sha256:0123456789abcdef
ENV TOKENIZERS_PARALLELISM=false PIP_NO_CACHE_DIR=1 BENTOML_HOME=/srv/bentoml
WORKDIR /srv
COPY requirements.txt /tmp/requirements.txt
RUN ["python", "-m", "pip", "install", "-r/tmp/requirements.txt"]
RUN mkdir /srv/bentoml && chown 65534:65534 /srv/bentoml
COPY --parents service.py detector.py boxes.py weights/cards.onnx ./
USER 65534:65534
EXPOSE 3000
HEALTHCHECK --start-period=30s \\
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:3000/livez')"]
CMD ["sh", "-c", "exec bentoml serve service:CardDetector --port 3000"]
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
CMD ["bentoml", "serve", "service:CardDetector"]
"""

# %% lab06.ex4 wrong: copies_all
dockerfile = """\
FROM python:3.11-slim
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY . .
CMD ["bentoml", "serve", "service:CardDetector"]
"""

# %% lab06.ex4 wrong: code_first <- copies_all
# - COPY requirements.txt .
# + COPY requirements.txt service.py detector.py boxes.py ./
# - COPY . .
# + COPY weights weights/

# %% lab06.ex4 wrong: other_place <- copies_all
# - COPY . .
# + COPY service.py detector.py boxes.py weights ./

# %% lab06.ex4 wrong: no_home <- copies_all
# - COPY . .
# + COPY service.py detector.py boxes.py ./
# + COPY weights weights/
# + RUN useradd --uid 1001 --create-home cards
# + USER 1000
# + EXPOSE 3000
# + HEALTHCHECK CMD python -c "import urllib.request as u; u.urlopen('http://localhost:3000/livez')"

# %% lab06.ex4 wrong: probe <- copies_all
# - COPY . .
# + COPY service.py detector.py boxes.py ./
# + COPY weights weights/
# + ENV BENTOML_HOME=/tmp/bentoml
# + USER 1000
# + EXPOSE 3000
# + HEALTHCHECK CMD python -c "from http.client import HTTPConnection as C; import sys; \\
# +     c = C('localhost', 3000); c.request('GET', '/livez'); sys.exit(c.getresponse().status >= 500)"

# %% lab06.ex4 wrong: shell_form <- copies_all
# - COPY . .
# - CMD ["bentoml", "serve", "service:CardDetector"]
# + COPY service.py detector.py boxes.py ./
# + COPY weights weights/
# + ENV BENTOML_HOME=/tmp/bentoml
# + USER 1000
# + EXPOSE 3000
# + HEALTHCHECK CMD python -c "import urllib.request as u; u.urlopen('http://localhost:3000/livez')"
# + CMD bentoml serve service:CardDetector

# %% lab06.ex4 wrong: localhost <- copies_all
# - COPY . .
# - CMD ["bentoml", "serve", "service:CardDetector"]
# + COPY service.py detector.py boxes.py ./
# + COPY weights weights/
# + ENV BENTOML_HOME=/tmp/bentoml
# + USER 1000
# + EXPOSE 3000
# + HEALTHCHECK CMD python -c "import urllib.request as u; u.urlopen('http://localhost:3000/livez')"
# + CMD ["bentoml", "serve", "service:CardDetector", "--host", "127.0.0.1"]

# %% lab06.ex4 wrong: -the probe prints the address, always with success <- copies_all
# - COPY . .
# + COPY service.py detector.py boxes.py ./
# + COPY weights weights/
# + ENV BENTOML_HOME=/tmp/bentoml
# + USER 1000
# + EXPOSE 3000
# + HEALTHCHECK CMD python -c "print('http://127.0.0.1:3000/readyz')" || true

# %% lab06.ex4 wrong: -newest Python, single quotation marks, curl in a slim image <- copies_all
# - FROM python:3.11-slim
# + FROM python:slim
# - COPY . .
# - CMD ["bentoml", "serve", "service:CardDetector"]
# + COPY service.py detector.py boxes.py ./
# + COPY weights weights/
# + ENV BENTOML_HOME=/tmp/bentoml
# + USER cards
# + EXPOSE 3000
# + HEALTHCHECK CMD curl --fail http://localhost:3000/livez
# + CMD ['bentoml', 'serve', 'service:CardDetector']

# %% lab06.ex4 wrong: -pip keeps its downloads, and a variable in the exec form <- secret
# - ARG API_TOKEN
# - ENV API_TOKEN=$API_TOKEN
# + ENV PORT=3000 BENTOML_HOME=/app/bentoml
# - RUN pip install --no-cache-dir -r requirements.txt
# + RUN pip install -r requirements.txt
# - CMD ["bentoml", "serve", "service:CardDetector"]
# + USER 1000
# + EXPOSE 3000
# + HEALTHCHECK CMD python -c "import urllib.request as u; u.urlopen('http://localhost:3000/livez')"
# + CMD ["bentoml", "serve", "service:CardDetector", "--port", "$PORT"]

# %% lab06.ex4 right: variables in a RUN, modes, a cd before exec
dockerfile = """
FROM python:3.11
ARG UID=4711
ENV BENTOML_HOME=/var/lib/bentoml
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt && mkdir -m 777 /scratch
COPY service.py detector.py boxes.py ./
COPY weights ./weights
RUN install -d -o ${UID} -m 0750 $BENTOML_HOME
USER ${UID}
EXPOSE 3000
HEALTHCHECK CMD python -c "import urllib.request as u; u.urlopen('http://localhost:3000/livez')"
CMD ["sh", "-c", "cd /app && exec bentoml serve service:CardDetector --host 0.0.0.0"]
"""

# %% lab06.ex4 wrong: -the probe imports what is not in the image
# - from urllib.request import urlopen; urlopen('http://127.0.0.1:3000/readyz')
# + import requests; requests.get('http://127.0.0.1:3000/readyz').raise_for_status()

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
    Path(folder).mkdir(parents=True, exist_ok=True)
    tag = str(bentoml.get(tag).tag)
    file = bentoml.export_bento(tag, folder)
    return dict(tag=tag, file=file, sha256=hashlib.sha256(Path(file).read_bytes()).hexdigest())


def receive(receipt):
    return str(bentoml.import_bento(receipt["file"]).tag)


# %% lab06.ex5 wrong: keeps_latest <- relative
# -     Path(folder).mkdir(parents=True, exist_ok=True)
# -     tag = str(bentoml.get(tag).tag)
# -     file = bentoml.export_bento(tag, folder)
# +     folder = Path(folder).absolute()
# +     folder.mkdir(parents=True, exist_ok=True)
# +     file = bentoml.export_bento(tag, str(folder))

# %% lab06.ex5 wrong: overwrites <- relative
# -     Path(folder).mkdir(parents=True, exist_ok=True)
# +     folder = Path(folder).absolute()
# +     folder.mkdir(parents=True, exist_ok=True)
# -     file = bentoml.export_bento(tag, folder)
# +     file = bentoml.export_bento(tag, str(folder / "cards.bento"))

# %% lab06.ex5 wrong: not_verified <- relative
# -     Path(folder).mkdir(parents=True, exist_ok=True)
# +     folder = Path(folder).absolute()
# +     folder.mkdir(parents=True, exist_ok=True)
# -     file = bentoml.export_bento(tag, folder)
# +     file = bentoml.export_bento(tag, str(folder))
# -     return str(bentoml.import_bento(receipt["file"]).tag)
# +     if all(str(bento.tag) != receipt["tag"] for bento in bentoml.list()):
# +         bentoml.import_bento(receipt["file"])
# +     return receipt["tag"]

# %% lab06.ex5 wrong: too_late <- relative
# -     Path(folder).mkdir(parents=True, exist_ok=True)
# +     folder = Path(folder).absolute()
# +     folder.mkdir(parents=True, exist_ok=True)
# -     file = bentoml.export_bento(tag, folder)
# +     file = bentoml.export_bento(tag, str(folder))
# -     return str(bentoml.import_bento(receipt["file"]).tag)
# +     came = bentoml.import_bento(receipt["file"])
# +     if hashlib.sha256(Path(receipt["file"]).read_bytes()).hexdigest() != receipt["sha256"]:
# +         bentoml.delete(came.tag)
# +         raise ValueError(f"{receipt['file']} has changed")
# +     return receipt["tag"]

# %% lab06.ex5 wrong: twice <- relative
# -     Path(folder).mkdir(parents=True, exist_ok=True)
# +     folder = Path(folder).absolute()
# +     folder.mkdir(parents=True, exist_ok=True)
# -     file = bentoml.export_bento(tag, folder)
# +     file = bentoml.export_bento(tag, str(folder))
# - def receive(receipt):
# + def receive(receipt):
# +     digest = hashlib.sha256(Path(receipt["file"]).read_bytes()).hexdigest()
# +     if digest != receipt["sha256"]:
# +         raise ValueError(f"{receipt['file']} has changed")


# %% lab06.ex5 wrong: swallows
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
    try:
        bentoml.import_bento(receipt["file"])
    except bentoml.exceptions.BentoMLException:
        pass
    return receipt["tag"]


# %% lab06.ex5 wrong: -the name without the ending that BentoML adds <- relative
# -     Path(folder).mkdir(parents=True, exist_ok=True)
# +     folder = Path(folder).absolute()
# +     folder.mkdir(parents=True, exist_ok=True)
# -     file = bentoml.export_bento(tag, folder)
# -     return dict(tag=tag, file=file, sha256=hashlib.sha256(Path(file).read_bytes()).hexdigest())
# +     file = str(folder / tag.replace(":", "-"))
# +     written = bentoml.export_bento(tag, file)
# +     return dict(tag=tag, file=file, sha256=hashlib.sha256(Path(written).read_bytes()).hexdigest())

# %% lab06.ex5 wrong: -verifies only what is not in the store <- relative
# -     Path(folder).mkdir(parents=True, exist_ok=True)
# +     folder = Path(folder).absolute()
# +     folder.mkdir(parents=True, exist_ok=True)
# -     file = bentoml.export_bento(tag, folder)
# +     file = bentoml.export_bento(tag, str(folder))
# - def receive(receipt):
# + def receive(receipt):
# +     if receipt["tag"] in [str(bento.tag) for bento in bentoml.list()]:
# +         return receipt["tag"]
# +     digest = hashlib.sha256(Path(receipt["file"]).read_bytes()).hexdigest()
# +     if digest != receipt["sha256"]:
# +         raise ValueError(f"{receipt['file']} has changed")

# %% lab06.ex5 wrong: -what was sent is deleted here
# -     digest = hashlib.sha256(file.read_bytes()).hexdigest()
# +     bentoml.delete(exact)
# +     digest = hashlib.sha256(file.read_bytes()).hexdigest()

# %% lab06.ex5 wrong: -one receipt for all
# - def send(tag, folder):
# + last = {}
# +
# +
# + def send(tag, folder):
# -     return {"tag": exact, "file": str(file), "sha256": digest}
# +     last.update(tag=exact, file=str(file), sha256=digest)
# +     return last

# %% lab06.ex5 wrong: -four digits are compared
# - .hexdigest() != receipt["sha256"]:
# + .hexdigest()[:4] != receipt["sha256"][:4]:

# %% lab06.ex5 wrong: -another error in place of that of the import
# -         bentoml.import_bento(str(file))
# +         try:
# +             bentoml.import_bento(str(file))
# +         except Exception as error:
# +             raise ValueError(f"{file} holds no Bento") from error

# %% lab06.ex5 wrong: -a missing file counts as received
# -     if hashlib.sha256(file.read_bytes()).hexdigest() != receipt["sha256"]:
# +     if not file.exists():
# +         return receipt["tag"]
# +     if hashlib.sha256(file.read_bytes()).hexdigest() != receipt["sha256"]:

# %% lab06.ex5 wrong: -remembers in the process what was received
# - def receive(receipt):
# + received = set()
# +
# +
# + def receive(receipt):
# -     if receipt["tag"] not in [str(bento.tag) for bento in bentoml.list()]:
# -         bentoml.import_bento(str(file))
# +     if receipt["tag"] not in received:
# +         bentoml.import_bento(str(file))
# +         received.add(receipt["tag"])
