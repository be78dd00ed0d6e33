# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Lab 12 · Your own model
#
# **Where you are:** after notebook
# [12 · Your own model, in an empty folder](../../notebooks/12_own_model.ipynb).
#
# A model estimates the prices of apartments. You describe its input, write tests that catch broken
# services, fix a folder that does not serve, and describe the input again for MLflow: the steps
# that make a model of your own safe to serve. No container engine is needed.
#
# **How it works.** In each exercise cell, replace `...` with your code. Run the cell, then run the
# cell with `check` below it. A check reports what differs, for which input, and the likely cause.
# It uses new inputs each time. For a `hint`, remove the `#` and run that cell, as often as you
# like.

# %% tags=["setup"]
import warnings
from pathlib import Path
from typing import Annotated

import pandas as pd
from mlflow.models import ModelSignature, infer_signature
from mlflow.types import ColSpec, Schema
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from labs import check, hint, preflight, solution
from labs.checks.lab12.clients import Client, right
from labs.checks.lab12.project import BENTOFILE, SERVICE, show_project

# %% [markdown]
# What is installed on this machine. This lab needs only the first lines, down to `packages`:

# %% tags=["setup", "volatile"]
preflight()

# %% [markdown]
# ## Exercise 1 · What a request may be
#
# Describe the input of a service with pydantic: a class `Apartment`, and `Apartments`, the type of a
# list of them. `Apartment` has these fields:
#
# - `size`, a number in square metres: above 0, and at most 1000,
# - `rooms`, an integer from 1 to 50,
# - `floor`, an integer from -2 to 100,
# - `balcony`, true or false. It may be left out, and is then false.
#
# `Apartments` is a list of 1 to 100 apartments. Nothing is converted: the text `"5"` is not a
# number, `true` is not 1, and `"yes"` is not true. (A size may be written without decimals, `80`.)
# A field that the class does not have is an error.
#
# The check validates JSON, as BentoML does: `TypeAdapter(Apartments).validate_json(text)`.

# %% tags=["exercise"]
Apartments = ...
### BEGIN SOLUTION


class Apartment(BaseModel):
    """An apartment, as a client describes it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    size: float = Field(gt=0, le=1000)
    rooms: int = Field(ge=1, le=50)
    floor: int = Field(ge=-2, le=100)
    balcony: bool = False


Apartments = Annotated[list[Apartment], Field(min_length=1, max_length=100)]
### END SOLUTION

# %% tags=["check"]
check("lab12.ex1", Apartments)

# %% [markdown]
# ## Exercise 2 · Tests that catch broken services
#
# A simpler service takes only sizes. `POST /predict` with `{"sizes": [20, 50]}` answers with a list
# of prices, one for each size and in the same order. Three prices are known:
#
# | size | 20 | 50 | 80 |
# |---|---|---|---|
# | price | 110000 | 260000 | 410000 |
#
# An empty list, a size that is not above 0, and a size that is a text (even `"50"`) get the status
# 400.
#
# Write the test `test_service(client)`, which pytest could run: it uses `assert`, and ends without
# an error if the service does all of this. `client` is a test client: `client.post(path, json=…)`
# returns a response with `status_code` and `json()`.
#
# The check runs your test with the right service, and the test has to pass. Then the check runs it
# with seven broken services, and the test has to fail with each of them. To try your test yourself:
# `test_service(Client(right))`.


# %% tags=["exercise"]
def test_service(client):
    """Pass if the price service does what it should."""
    ### BEGIN SOLUTION
    response = client.post("/predict", json={"sizes": [80, 20, 50]})
    assert response.json() == [410_000, 110_000, 260_000]
    for bad in ([], [-50], [0], ["50"]):
        assert client.post("/predict", json={"sizes": bad}).status_code == 400
    ### END SOLUTION


# %% tags=["check"]
check("lab12.ex2", test_service)

# %% [markdown]
# A colleague has a folder with that service. On the colleague's machine it works; as a Bento
# (BentoML's archive of code and files) it does not. These are the files:

# %% tags=["setup"]
show_project()

# %% [markdown]
# ## Exercise 3 · A folder that does not serve
#
# There are **five** faults in `service.py` and `bentofile.yaml`; the other files are right. Fix the
# texts `service_py` and `bentofile`, by `replace` or by rewriting them.
#
# - The Bento contains exactly the files that the service needs. (BentoML itself adds
#   `bentofile.yaml`; `requirements.txt` may be packed, too.)
# - `python.packages` lists the packages that its files import, with the versions from
#   `requirements.txt`. `bentoml` may be left out.
# - The service works no matter in which folder the server is started.
# - An empty list, and a text that is not a number instead of a size, get a 4xx.
#
# The check copies the files that BentoML would pack into an empty folder, with another
# `model.json`. Then it sends requests to the service in that folder (about 4 s).

# %% tags=["exercise"]
service_py, bentofile = SERVICE, BENTOFILE
### BEGIN SOLUTION
service_py = """\
from pathlib import Path
from typing import Annotated

import bentoml
from prices import Prices
from pydantic import Field


@bentoml.service(name="prices")
class PriceService:
    def __init__(self):
        self.prices = Prices(Path(__file__).with_name("model.json"))

    @bentoml.api
    def predict(self, sizes: Annotated[list[float], Field(min_length=1)]) -> list[float]:
        return self.prices.estimate(sizes)
"""
bentofile = """\
service: service:PriceService
include: [/service.py, /prices.py, /model.json]
python:
  packages:
    - numpy==2.4.6
  lock_packages: false
"""
### END SOLUTION

# %% tags=["check"]
check("lab12.ex3", service_py, bentofile)

# %% [markdown]
# ## Exercise 4 · The signature of an MLflow model
#
# Somebody trains a model on a table and wants to serve it with MLflow. Write
# `signature_of(table, optional)`, which returns the `ModelSignature` for its input: the names and
# types of the columns.
#
# - `table` is a DataFrame of examples with columns of integers and floats (of any width,
#   such as `int32`), booleans and text.
# - The signature has the columns of the table by name, in the same order.
# - Numbers have the type `double`, integers included: a missing integer arrives as NaN, a float,
#   which the type `long` would refuse. Booleans have the type `boolean`, texts `string`.
# - The columns named in `optional`, a set, may be missing in a request; the others are required.
#
# The arguments are not changed. This is what MLflow would guess:

# %% tags=["setup"]
examples = pd.DataFrame({"size": [80.5, 50.0], "rooms": [3, 2], "town": ["north", "south"]})
with warnings.catch_warnings(action="ignore"):  # MLflow warns about the integers
    print(infer_signature(examples).inputs)


# %% tags=["exercise"]
def signature_of(table, optional):
    """Return the signature for a model whose input looks like the table."""
    ### BEGIN SOLUTION
    types = {"b": "boolean", "i": "double", "f": "double", "O": "string"}
    columns = [
        ColSpec(types[table[name].dtype.kind], name, required=name not in optional)
        for name in table
    ]
    return ModelSignature(inputs=Schema(columns))
    ### END SOLUTION


# %% tags=["check"]
check("lab12.ex4", signature_of)

# %% [markdown]
# ## What you can do now
#
# - describe the input of a model so that bad requests get a 4xx,
# - write tests that notice a broken service,
# - prepare a folder that serves on another machine,
# - say what an MLflow model takes, and what may be missing.
#
# In a terminal, `make status` shows your points. The folder of notebook 12
# is a good place to begin with a model of your own.
