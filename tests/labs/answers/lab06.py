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
# - {digest[:12]}
# + {hashlib.sha256(Path(file).name.encode()).hexdigest()[:12]}

# %% lab06.ex1 wrong: twice
# -     try:
# -         bentoml.models.get(tag)
# -     except NotFound:
# +     if True:

# %% lab06.ex1 wrong: not_verified
# -     if hashlib.sha256(content).hexdigest() != model.info.metadata["sha256"]:
# -         raise ValueError(f"The file of {tag} is damaged; store it again.")

# %% lab06.ex1 wrong: metadata_unread
# - .hexdigest() != model.info.metadata["sha256"]
# + .hexdigest()[:12] != tag.partition(":")[2]

# %% lab06.ex1 wrong: takes_latest
# -     if str(model.tag) != tag:
# -         raise ValueError(f"{tag} is not an exact version; {model.tag} is.")

# %% lab06.ex1 wrong: -deletes the version and stores it again
# -     except NotFound:
# +         bentoml.models.delete(tag)
# +     except NotFound:
# +         pass
# +     finally:

# %% lab06.ex1 wrong: -remembers the files' names in the process
# - def save_weights(
# + names = {}
# +
# +
# + def save_weights(
# -     return tag
# +     names[tag] = "weights.bin"
# +     return tag
# - model.path_of("weights.bin")).read_bytes()
# + model.path_of(names[tag])).read_bytes()

# %% lab06.ex1 wrong: -the error names the model without its version
# - {tag} is not an exact version; {model.tag} is.
# + {tag.partition(':')[0]} has no exact version; write one.

# %% lab06.ex1 wrong: -white space at the ends is cut off
# - Path(file).read_bytes()
# + Path(file).read_bytes().strip()

# %% lab06.ex1 wrong: -only the first block is hashed
# -     digest = hashlib.sha256(content).hexdigest()
# +     digest = hashlib.sha256(content[:65536]).hexdigest()
# -     if hashlib.sha256(content).hexdigest() != model
# +     if hashlib.sha256(content[:65536]).hexdigest() != model

# %% lab06.ex1 wrong: -the beginning of a version loads too
# -     model = bentoml.models.get(tag)
# -     if str(model.tag) != tag:
# -         raise ValueError(f"{tag} is not an exact version; {model.tag} is.")
# +     if tag.partition(":")[2] in ("", "latest"):
# +         raise ValueError(f"{tag} is not an exact version")
# +     model = next(one for one in bentoml.models.list() if str(one.tag).startswith(tag))

# %% lab06.ex1 wrong: -any tag with the word latest is refused
# - if str(model.tag) != tag:
# + if str(model.tag) != tag or "latest" in tag:


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
# -         "include": ["/service.py", "/detector.py", "/boxes.py", "/weights/cards.onnx"],

# %% lab06.ex2 wrong: dot_slash
# - ["/service.py", "/detector.py", "/boxes.py", "/weights/cards.onnx"]
# + ["./service.py", "./detector.py", "./boxes.py", "./weights/cards.onnx"]

# %% lab06.ex2 wrong: bare_name
# - ["/service.py", "/detector.py", "/boxes.py", "/weights/cards.onnx"]
# + ["service.py", "detector.py", "boxes.py", "weights/cards.onnx"]

# %% lab06.ex2 wrong: unpinned
# - "packages": pins
# + "packages": [*imported]

# %% lab06.ex2 wrong: other_version
# - "packages": pins
# + "packages": ["bentoml==1.4.39", "numpy==2.4.6", "onnxruntime==1.31.0", "pillow==12.3.0"]

# %% lab06.ex2 wrong: too_many_packages
# - line.partition("==")[0] in imported
# + line.startswith(imported)

# %% lab06.ex2 wrong: -BentoML locks the packages once more
# - "lock_packages": False
# + "lock_packages": True

# %% lab06.ex2 wrong: -the base image has another Python
# - "docker": {"python_version": "3.11"}
# + "docker": {"python_version": "3.11", "base_image": "python:3.12-slim"}

# %% lab06.ex2 wrong: -a name that begins alike gives its version
# -     pins = [line for line in lock.splitlines() if line.partition("==")[0] in imported]
# +     lines = [line for line in lock.splitlines() if "==" in line]
# +     found = {name: line for line in lines for name in imported if line.startswith(name)}
# +     pins = [f"{name}=={line.partition('==')[2]}" for name, line in found.items()]

# %% lab06.ex2 wrong: -two numbers of each version
# - "packages": pins
# + "packages": [pin.rpartition(".")[0] for pin in pins]


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
# - sorted(bentos, key=lambda bento: bento.creation_time)
# + bentos

# %% lab06.ex3 wrong: by_number
# - bento.creation_time
# + [int(part) for part in bento.tag.version.split(".")]

# %% lab06.ex3 wrong: second_newest
# - older[-1]
# + [tag for tag in tags if tag not in bad][-2]

# %% lab06.ex3 wrong: other_name
# - bentoml.list(serving.partition(":")[0])
# + [b for b in bentoml.list() if str(b.tag).startswith(serving.partition(":")[0])]

# %% lab06.ex3 wrong: takes_bad
# - if tag not in bad]
# + ]

# %% lab06.ex3 wrong: serves_bad
# - if serving not in tags:
# + if serving in bad or serving not in tags:

# %% lab06.ex3 wrong: -adds the serving Bento to the caller's set
# -     bentos =
# +     bad |= {serving}
# +     bentos =

# %% lab06.ex3 wrong: -deletes the Bento that serves
# -     return older[-1]
# +     bentoml.delete(serving)
# +     return older[-1]

# %% lab06.ex3 wrong: -Python's own error if none is left
# - raise ValueError(f"There is nothing to go back to from {serving}.")
# + max(older)

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
# - older[-1]
# + older[-2:][0]

# %% lab06.ex3 wrong: -by the time of the folder
# - key=lambda bento: bento.creation_time
# + key=lambda bento: Path(bento.path).stat().st_mtime_ns

# %% lab06.ex3 wrong: -the beginning of a version is taken for a tag
# -     if serving not in tags:
# +     if serving not in tags and ":" in serving:
# +         serving = next((tag for tag in tags if tag.startswith(serving)), serving)
# +     if serving not in tags:

# %% lab06.ex3 wrong: -the list of Bentos is read once and kept
# - bad=frozenset()):
# + bad=frozenset(), known={}):
# - bentoml.list(serving.partition(":")[0])
# + known.setdefault(name := serving.partition(":")[0], bentoml.list(name))

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
# - ENV BENTOML_HOME=/tmp/bentoml
# + ARG API_TOKEN
# + ENV API_TOKEN=$API_TOKEN BENTOML_HOME=/tmp/bentoml

# %% lab06.ex4 wrong: copies_all
# - COPY service.py detector.py boxes.py ./
# - COPY weights/cards.onnx weights/
# + COPY . .

# %% lab06.ex4 wrong: code_first
# - COPY requirements.txt .
# + COPY requirements.txt service.py detector.py boxes.py ./

# %% lab06.ex4 wrong: other_place
# - weights/cards.onnx weights/
# + weights/cards.onnx .

# %% lab06.ex4 wrong: no_home
# - ENV BENTOML_HOME=/tmp/bentoml
# + RUN useradd --uid 1001 --create-home cards

# %% lab06.ex4 wrong: probe
# - "from urllib.request import urlopen; urlopen('http://127.0.0.1:3000/readyz')"
# + "from http.client import HTTPConnection as C; import sys; c = C('localhost', 3000); \
# + c.request('GET', '/livez'); sys.exit(c.getresponse().status >= 500)"

# %% lab06.ex4 wrong: shell_form
# - CMD ["bentoml", "serve", "service:CardDetector", "--host", "0.0.0.0", "--port", "3000"]
# + CMD bentoml serve service:CardDetector

# %% lab06.ex4 wrong: localhost
# - 0.0.0.0
# + 127.0.0.1

# %% lab06.ex4 wrong: -the probe prints the address, always with success
# - "from urllib.request import urlopen; urlopen('http://127.0.0.1:3000/readyz')"
# + "print('http://127.0.0.1:3000/readyz')" || true

# %% lab06.ex4 wrong: -newest Python, single quotation marks, curl in a slim image
# - FROM python:3.11-slim
# + FROM python:slim
# - USER 1000
# + USER cards
# - python -c \
# - "from urllib.request import urlopen; urlopen('http://127.0.0.1:3000/readyz')"
# + curl --fail http://localhost:3000/livez
# - CMD ["bentoml", "serve", "service:CardDetector", "--host", "0.0.0.0", "--port", "3000"]
# + CMD ['bentoml', 'serve', 'service:CardDetector']

# %% lab06.ex4 wrong: -pip keeps its downloads, and a variable in the exec form
# - --no-cache-dir
# +
# - ENV BENTOML_HOME=/tmp/bentoml
# + ENV PORT=3000 BENTOML_HOME=/app/bentoml
# - "3000"]
# + "$PORT"]

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
# - Path(folder).resolve()
# + Path(folder)

# %% lab06.ex5 wrong: keeps_latest
# - str(bentoml.get(tag).tag)
# + tag

# %% lab06.ex5 wrong: overwrites
# - str(place)))
# + str(place / "cards.bento")))

# %% lab06.ex5 wrong: not_verified
# -     if hashlib.sha256(file.read_bytes()).hexdigest() != receipt["sha256"]:
# -         raise ValueError(f"{file} is not the file that was sent; send it again.")

# %% lab06.ex5 wrong: too_late
# -     if hashlib.sha256(file.read_bytes()).hexdigest() != receipt["sha256"]:
# +     came = bentoml.import_bento(str(file))
# +     if hashlib.sha256(file.read_bytes()).hexdigest() != receipt["sha256"]:
# +         bentoml.delete(came.tag)

# %% lab06.ex5 wrong: twice
# - if receipt["tag"] not in [str(bento.tag) for bento in bentoml.list()]:
# + if True:

# %% lab06.ex5 wrong: swallows
# -     if receipt["tag"] not in [str(bento.tag) for bento in bentoml.list()]:
# -         bentoml.import_bento(str(file))
# +     try:
# +         bentoml.import_bento(str(file))
# +     except bentoml.exceptions.BentoMLException:
# +         pass

# %% lab06.ex5 wrong: -the name without the ending that BentoML adds
# -     file = Path(bentoml.export_bento(exact, str(place)))
# +     file = place / exact.replace(":", "-")
# +     written = bentoml.export_bento(exact, str(file))
# - digest = hashlib.sha256(file.
# + digest = hashlib.sha256(Path(written).

# %% lab06.ex5 wrong: -verifies only what is not in the store
# -     file = Path(receipt["file"])
# +     if receipt["tag"] in [str(bento.tag) for bento in bentoml.list()]:
# +         return receipt["tag"]
# +     file = Path(receipt["file"])

# %% lab06.ex5 wrong: -what was sent is deleted here
# -     digest = hashlib.sha256(file.read_bytes()).hexdigest()
# +     bentoml.delete(exact)
# +     digest = hashlib.sha256(file.read_bytes()).hexdigest()

# %% lab06.ex5 wrong: -one receipt for all
# - folder):
# + folder, last={}):
# -     return {"tag": exact, "file": str(file), "sha256": digest}
# +     last |= {"tag": exact, "file": str(file), "sha256": digest}
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
# - receipt):
# + receipt, received=set()):
# - [str(bento.tag) for bento in bentoml.list()]:
# + received:
# -     return receipt["tag"]
# +     received.add(receipt["tag"])
# +     return receipt["tag"]
