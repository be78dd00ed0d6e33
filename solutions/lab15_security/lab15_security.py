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
# # Lab 15 · Security
#
# **Where you are:** after notebook [15 · Security, by attack](../../notebooks/15_security.ipynb).
#
# A service has four holes: it compares keys carelessly, loads a model from a file that may run
# code, writes what clients send into its log and its metric labels, and answers any number of
# requests. In exercises 1 to 3 you read a function, find the holes in it, and rewrite the function
# without them; in exercise 4 you write the limit.
#
# **How it works.** In each exercise cell, replace `...` with your code. Run the cell, then run the
# cell with `check` below it. A check reports what differs, for which input, and the likely cause.
# It uses new inputs each time. For a `hint`, remove the `#` and run that cell, as often as you
# like.

# %% tags=["setup"]
import hashlib
import hmac
import io
import json
import math
import pickle

import numpy as np

from labs import check, hint, preflight, solution

# %% [markdown]
# What is installed on this machine. This lab needs only the first lines, down to `packages`:

# %% tags=["setup", "volatile"]
preflight()

# %% [markdown]
# ## Exercise 1 · A key that cannot be guessed piece by piece
#
# The service reads the header `Authorization` like this:
#
# ```python
# def is_authorised(header, keys):
#     return header.removeprefix("Bearer ") in keys
# ```
#
# Find its three holes, and rewrite the function. `header` is the header's value, or None if there
# is no header; `keys` is a list of one or more keys, ASCII texts.
#
# - It returns True only for the scheme `Bearer` (in any case: `bearer` as well), one space, and
#   exactly one of the keys. A bare key without the scheme is not authorised.
# - Neither a missing header nor any characters in it lead to an exception. ASGI decodes headers as
#   Latin-1, so they may hold characters beyond ASCII.
# - Keys are compared by `hmac.compare_digest`, whose time does not depend on where two values
#   differ. Do not use `==` or `in` on keys. **Every** key is compared at each call with the scheme
#   `Bearer`, even after one has matched.


# %% tags=["exercise"]
def is_authorised(header, keys):
    """Say whether a request with this header may pass."""
    ### BEGIN SOLUTION
    scheme, _, sent = (header or "").partition(" ")
    if scheme.lower() != "bearer":
        return False
    matches = [hmac.compare_digest(sent.encode(), key.encode()) for key in keys]
    return any(matches)
    ### END SOLUTION


# %% tags=["check"]
check("lab15.ex1", is_authorised)

# %% [markdown]
# ## Exercise 2 · A model that cannot run code
#
# The service gets the bytes of a model file from a bucket, and loads them like this:
#
# ```python
# def load_weights(data, digest):
#     return dict(np.load(io.BytesIO(data), allow_pickle=True))
# ```
#
# `digest` is the SHA-256 hash of the right file, recorded after training: 64 hexadecimal digits in
# lower case. Rewrite the function:
#
# - For the right file it returns a dictionary that maps names to arrays.
# - Bytes that do not match the digest are refused with a `ValueError`, before anything in them is
#   read.
# - Somebody may have recorded the digest of a bad file. A file that is not an `.npz` archive of
#   plain arrays is refused with a `ValueError` as well, and no code in it runs. `np.load` raises
#   several kinds of errors for damaged files.


# %% tags=["exercise"]
def load_weights(data, digest):
    """Return the arrays in a file, or refuse it."""
    ### BEGIN SOLUTION
    if hashlib.sha256(data).hexdigest() != digest:
        raise ValueError("these are not the recorded bytes")
    try:
        return dict(np.load(io.BytesIO(data), allow_pickle=False))
    except Exception as error:
        raise ValueError("this is not a file of plain arrays") from error
    ### END SOLUTION


# %% tags=["check"]
check("lab15.ex2", load_weights)

# %% [markdown]
# ## Exercise 3 · One line, one label
#
# For each request the service writes a line into its log, and counts the request in a metric, under
# a label:
#
# ```python
# def record(name, path, routes):
#     return f"user {name} asked for {path}", path
# ```
#
# `name` and `path` are texts from the client; `routes` is the list of the paths that exist. Rewrite
# the function so that it returns two values:
#
# - a log line: JSON of a dictionary with exactly the fields `"name"` and `"route"`. `json.loads`
#   gives the name back, or the first 64 characters of a longer name. Whatever the name contains,
#   `str.splitlines()` finds a single line.
# - the label, which is also the field `"route"`: the path if it is one of the routes, else
#   `"other"`.


# %% tags=["exercise"]
def record(name, path, routes):
    """Return the log line and the label of a request."""
    ### BEGIN SOLUTION
    route = path if path in routes else "other"
    return json.dumps({"name": name[:64], "route": route}), route
    ### END SOLUTION


# %% tags=["check"]
check("lab15.ex3", record)

# %% [markdown]
# ## Exercise 4 · Design it: a limit that cannot be filled up
#
# The service answers any number of requests. Limit each client with a token bucket.
# `Limiter(requests, seconds, most)` has one method, `allow(client, now)`, which returns True if the
# request may pass, and False if not. `now` is the time in seconds; it never goes back.
#
# - A client's bucket holds `requests` tokens, and is full at first. A request that passes takes one
#   whole token. A refused request takes nothing.
# - The bucket fills up evenly, `requests` tokens in `seconds` seconds, and never holds more than
#   `requests`.
# - At most `most` clients are remembered, so that nobody can fill the memory with new names. If a
#   new client comes when `most` are remembered, those whose buckets are full again are forgotten,
#   which loses nothing. If there are none, the new client is refused. A client whose bucket is not
#   full is never forgotten to make room for another.


# %% tags=["exercise"]
class Limiter:
    """Token buckets for a bounded number of clients."""

    ### BEGIN SOLUTION
    def __init__(self, requests, seconds, most):
        self.requests, self.seconds, self.most = requests, seconds, most
        self.buckets = {}

    def tokens(self, client, now):
        tokens, at = self.buckets.get(client, (self.requests, now))
        return min(self.requests, tokens + (now - at) * self.requests / self.seconds)

    def allow(self, client, now):
        if client not in self.buckets and len(self.buckets) >= self.most:
            full = [one for one in self.buckets if self.tokens(one, now) >= self.requests]
            for one in full:
                del self.buckets[one]
            if not full:
                return False
        tokens = self.tokens(client, now)
        allowed = tokens >= 1
        self.buckets[client] = (tokens - allowed, now)
        return allowed

    ### END SOLUTION


# %% tags=["check"]
check("lab15.ex4", Limiter)

# %% [markdown]
# ## What you can do now
#
# - compare keys without revealing how much of a guess was right,
# - load a model safely from a file that somebody else could write,
# - keep what clients send out of log lines and labels,
# - limit each client, with a bounded amount of memory.
#
# In a terminal, `make status` shows your points. This was the last lab.
