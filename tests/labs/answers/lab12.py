"""Right and wrong answers of lab 12; each cell takes the place of the exercise's cell."""

# %% lab12.ex1 right: the limits in the types, strict in each
Number = Annotated[float, Field(strict=True, gt=0.0, le=1000.0)]


class Apartment(BaseModel, extra="forbid"):
    size: Number
    rooms: Annotated[int, Field(strict=True, gt=0, lt=51)]
    floor: Annotated[int, Field(strict=True, gt=-3, lt=101)]
    balcony: Annotated[bool, Field(strict=True)] = False


Apartments = Annotated[list[Apartment], Field(min_length=1), Field(max_length=100)]


# %% lab12.ex1 wrong: lax
# - (extra="forbid", strict=True)
# + (extra="forbid")

# %% lab12.ex1 wrong: ignores_extra
# - (extra="forbid", strict=True)
# + (strict=True)

# %% lab12.ex1 wrong: off_by_one
# - le=1000
# + lt=1000

# %% lab12.ex1 wrong: no_limits
# - rooms: int = Field(ge=1, le=50)
# + rooms: int = Field(ge=1)

# %% lab12.ex1 wrong: float_rooms
# - floor: int = Field(ge=-2, le=100)
# + floor: float = Field(ge=-2, le=100)

# %% lab12.ex1 wrong: balcony_required
# - balcony: bool = False
# + balcony: bool

# %% lab12.ex1 wrong: empty
# - min_length=1, max_length
# + max_length

# %% lab12.ex1 wrong: too_many
# - min_length=1, max_length=100
# + min_length=1

# %% lab12.ex1 wrong: -one apartment instead of a list
# - Apartments = Annotated[list[Apartment], Field(min_length=1, max_length=100)]
# + Apartments = Apartment

# %% lab12.ex1 wrong: -the balcony is not a field
# - balcony: bool = False
# + pass

# %% lab12.ex1 wrong: -not a type
Apartments = "a list of apartments"


# %% lab12.ex1 wrong: -a balcony by default
# - balcony: bool = False
# + balcony: bool = True

# %% lab12.ex1 wrong: -a balcony may be null
# - balcony: bool = False
# + balcony: bool | None = False

# %% lab12.ex1 wrong: -1 is taken as true
# - (extra="forbid", strict=True)
# + (extra="forbid")
# - size: float = Field(gt=0, le=1000)
# + size: float = Field(gt=0, le=1000, strict=True)
# - rooms: int = Field(ge=1, le=50)
# + rooms: int = Field(ge=1, le=50, strict=True)
# - floor: int = Field(ge=-2, le=100)
# + floor: int = Field(ge=-2, le=100, strict=True)
# - balcony: bool = False
# + balcony: __import__("typing").Literal[True, False] = False

# %% lab12.ex1 wrong: -no floor below the ground floor
# - ge=-2
# + ge=0


# %% lab12.ex2 right: several tests in a row
def test_service(client):
    def ask(*sizes):
        return client.post("/predict", json={"sizes": list(sizes)})

    def good():
        prices = {20: 110_000, 50: 260_000, 80: 410_000}
        for sizes in ([20], [50, 20], [80, 50, 20, 80]):
            assert ask(*sizes).status_code == 200
            assert ask(*sizes).json() == [prices[size] for size in sizes]

    def bad():
        for sizes in ((), (-1,), (0,), ("50",)):
            assert ask(*sizes).status_code == 400, f"{sizes} was accepted"

    good()
    bad()


# %% lab12.ex2 right: tuples, raise_for_status and pytest.fail
import pytest


def test_service(client):
    response = client.post("/predict", json={"sizes": (80, 20, 50)})
    response.raise_for_status()
    if response.json() != [410_000, 110_000, 260_000]:
        pytest.fail("other prices")
    for bad in ((), (0,), (-1,), ("50",)):
        if client.post("/predict", json={"sizes": bad}).status_code != 400:
            pytest.fail(f"{bad} was accepted")


# %% lab12.ex2 wrong: fails_right
# - [410_000, 110_000, 260_000]
# + [110_000, 260_000, 410_000]


# %% lab12.ex2 wrong: misses_value
def test_service(client):
    answers = client.post("/predict", json={"sizes": [50, 50]}).json()
    assert answers == [260_000, 260_000]
    sizes = client.post("/predict", json={"sizes": [20, 80]}).json()
    assert len(sizes) == 2
    assert sizes != [410_000, 110_000]
    for bad in ([], [-50], [0], ["50"]):
        assert client.post("/predict", json={"sizes": bad}).status_code == 400


# %% lab12.ex2 wrong: misses_order
# - [80, 20, 50]
# + [20, 50, 80]
# - [410_000, 110_000, 260_000]
# + [110_000, 260_000, 410_000]

# %% lab12.ex2 wrong: misses_count
# - response.json() == [410_000, 110_000, 260_000]
# + all(x == y for x, y in zip(response.json(), [410_000, 110_000, 260_000]))

# %% lab12.ex2 wrong: misses_negative
# - ([], [-50], [0], ["50"])
# + ([], [-50], ["50"])

# %% lab12.ex2 wrong: misses_empty
# - assert client.post("/predict", json={"sizes": bad}).status_code == 400
# + assert client.post("/predict", json={"sizes": bad}).status_code != 200

# %% lab12.ex2 wrong: misses_text
# - ([], [-50], [0], ["50"])
# + ([], [-50], [0])


# %% lab12.ex2 wrong: -returns instead of asserting
def test_service(client):
    response = client.post("/predict", json={"sizes": [80, 20, 50]})
    return response.status_code == 200 and response.json() == [410_000, 110_000, 260_000]


# %% lab12.ex2 wrong: -sends nothing
def test_service(client):
    assert client is not None


# %% lab12.ex2 wrong: -not a function
test_service = "assert True"


# %% lab12.ex3 right: by replace, with a check of its own
service_py = (
    SERVICE.replace('"model.json"', 'os.path.join(os.path.dirname(__file__), "model.json")')
    .replace("import bentoml\n", "import os\n\nimport bentoml\n")
    .replace(
        "        return",
        "        if len(sizes) == 0:\n"
        '            raise bentoml.exceptions.InvalidArgument("send one size or more")\n'
        "        return",
    )
)
bentofile = BENTOFILE.replace('"*.json"', "/model.json\n  - prices.py").replace(
    "- numpy", '- "numpy == 2.4.6"\n    - bentoml'
)


# %% lab12.ex3 right: nothing is converted
# - list[float], Field
# + list[Annotated[float, Field(strict=True)]], Field

# %% lab12.ex3 wrong: relative
# - Prices(Path(__file__).with_name("model.json"))
# + Prices("model.json")

# %% lab12.ex3 wrong: no_module
# - /service.py, /prices.py, /model.json
# + /service.py, /model.json

# %% lab12.ex3 wrong: secret
# - /model.json]
# + "*.json"]

# %% lab12.ex3 wrong: unpinned
# - numpy==2.4.6
# + numpy

# %% lab12.ex3 wrong: server_error
# - Annotated[list[float], Field(min_length=1)]
# + list[float]

# %% lab12.ex3 wrong: empty_answer
# - return self.prices.estimate(sizes)
# + return self.prices.estimate(sizes) if sizes else []
# - Annotated[list[float], Field(min_length=1)]
# + list[float]

# %% lab12.ex3 wrong: -another version
# - numpy==2.4.6
# + numpy==2.4.5

# %% lab12.ex3 wrong: -the tests are packed, too
# - /model.json]
# + /model.json, tests]

# %% lab12.ex3 wrong: -no numpy
# - numpy==2.4.6
# + bentoml

# %% lab12.ex3 wrong: -an import is missing
# - from pathlib import Path
# + import pathlib

# %% lab12.ex3 wrong: -the prices are written down
# - return self.prices.estimate(sizes)
# + return [5000 * size + 10_000 for size in sizes]

# %% lab12.ex3 wrong: -not YAML
# - include: [
# + include: {

# %% lab12.ex3 wrong: -the file is looked for in the folder above
# - Path(__file__).with_name("model.json")
# + Path(__file__).parent.parent / "model.json"

# %% lab12.ex3 wrong: -another path of the API
# - def predict(
# + def estimate(

# %% lab12.ex3 wrong: -whole numbers only
# - Annotated[list[float], Field(min_length=1)]
# + Annotated[list[int], Field(min_length=1)]


# %% lab12.ex4 right: guessed by MLflow from floats, then made optional
def signature_of(table, optional):
    floats = table.astype({name: float for name in table if table[name].dtype.kind in "if"})
    guessed = infer_signature(floats).inputs
    return ModelSignature(
        Schema([ColSpec(c.type, c.name, required=c.name not in optional) for c in guessed])
    )


# %% lab12.ex4 wrong: inferred
def signature_of(table, optional):
    return infer_signature(table)


# %% lab12.ex4 wrong: all_required
# - , required=name not in optional
# +

# %% lab12.ex4 wrong: inverted
# - name not in optional
# + name in optional

# %% lab12.ex4 wrong: bool_as_number
# - "b": "boolean"
# + "b": "double"

# %% lab12.ex4 wrong: sorted
# - for name in table
# + for name in sorted(table)

# %% lab12.ex4 wrong: -the schema alone
# - ModelSignature(inputs=Schema(columns))
# + Schema(columns)

# %% lab12.ex4 wrong: -columns without a name
# - , name, required=name not in optional

# %% lab12.ex4 wrong: -for the output
# - inputs=
# + outputs=

# %% lab12.ex4 wrong: -adds a column to the table
# -     types = {
# +     table["seen"] = "yes"
# +     types = {

# %% lab12.ex4 wrong: -empties the set of the caller
# -     return ModelSignature
# +     optional.clear()
# +     return ModelSignature

# %% lab12.ex4 wrong: -0 and 1 are booleans
# - types[table[name].dtype.kind]
# + "boolean" if set(table[name]) <= {0, 1} else types[table[name].dtype.kind]

# %% lab12.ex4 wrong: -texts of digits are numbers
# - types[table[name].dtype.kind]
# + "double" if all(str(one).isdigit() for one in table[name]) else types[table[name].dtype.kind]

# %% lab12.ex4 wrong: -names in small letters
# - .kind], name, required
# + .kind], name.lower(), required

# %% lab12.ex4 wrong: -knows only int64 and float64, other widths become string
# - {"b": "boolean", "i": "double", "f": "double", "O": "string"}
# + {"bool": "boolean", "int64": "double", "float64": "double"}
# - types[table[name].dtype.kind]
# + types.get(str(table[name].dtype), "string")

# %% lab12.ex4 wrong: -a column with a missing value in the examples becomes optional as well
# - name not in optional
# + name not in optional and bool(table[name].notna().all())
