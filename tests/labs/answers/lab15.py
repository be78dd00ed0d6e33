"""Right and wrong answers of lab 15; each cell takes the place of the exercise's cell."""


# %% lab15.ex1 right: by digests, in a loop
def is_authorised(header, keys):
    if header is None or header[:7].lower() != "bearer ":
        return False
    sent = hashlib.sha256(header[7:].encode("utf-8", "replace")).digest()
    found = False
    for key in keys:
        found |= hmac.compare_digest(sent, hashlib.sha256(key.encode()).digest())
    return found


# %% lab15.ex1 right: by map
from hmac import compare_digest
from itertools import repeat


def is_authorised(header, keys):
    scheme, _, sent = (header or "").partition(" ")
    if scheme.lower() != "bearer":
        return False
    encoded = [key.encode() for key in keys]
    early = list(map(compare_digest, repeat(sent.encode()), encoded))
    late = list(map(hmac.compare_digest, repeat(sent.encode()), encoded))
    return any(early) and any(late)


# %% lab15.ex1 wrong: plain_comparison
def is_authorised(header, keys):
    scheme, _, sent = (header or "").partition(" ")
    return scheme.lower() == "bearer" and sent in keys


# %% lab15.ex1 wrong: stops_early
# - matches = [hmac.compare_digest(sent.encode(), key.encode()) for key in keys]
# + matches = (hmac.compare_digest(sent.encode(), key.encode()) for key in keys)

# %% lab15.ex1 wrong: no_header
# - (header or "").partition
# + header.partition

# %% lab15.ex1 wrong: no_scheme
# - .partition(" ")
# + .rpartition(" ")
# - scheme.lower() != "bearer"
# + scheme.lower() not in ("", "bearer")

# %% lab15.ex1 wrong: part_of_key
# - hmac.compare_digest(sent.encode(), key.encode())
# + hmac.compare_digest(sent[:31].encode(), key[:31].encode())

# %% lab15.ex1 wrong: case
# - hmac.compare_digest(sent.encode(), key.encode())
# + hmac.compare_digest(sent.lower().encode(), key.lower().encode())

# %% lab15.ex1 wrong: not_ascii
# - hmac.compare_digest(sent.encode(), key.encode())
# + hmac.compare_digest(sent.encode("latin-1"), key.encode())

# %% lab15.ex1 wrong: -only Bearer as it is usually written
# - scheme.lower() != "bearer"
# + scheme != "Bearer"

# %% lab15.ex1 wrong: -spaces are stripped
# - hmac.compare_digest(sent.encode()
# + hmac.compare_digest(sent.strip().encode()

# %% lab15.ex1 wrong: -only the first key
# - for key in keys]
# + for key in keys[:1]]

# %% lab15.ex1 wrong: -the header is stripped
# - (header or "").partition
# + (header or "").strip().partition

# %% lab15.ex1 wrong: -a tab is a space
# - (header or "").partition
# + (header or "").replace("\t", " ").partition

# %% lab15.ex1 wrong: -the scheme may come twice
# -     matches = [
# +     sent = sent.replace("Bearer ", "")
# +     matches = [

# %% lab15.ex1 wrong: -what is not ASCII is left out
# - hmac.compare_digest(sent.encode(), key.encode())
# + hmac.compare_digest(sent.encode("ascii", "ignore"), key.encode())

# %% lab15.ex1 wrong: -what is not ASCII is not compared
# - if scheme.lower() != "bearer":
# + if scheme.lower() != "bearer" or not sent.isascii():


# %% lab15.ex2 right: reads the archive member by member
def load_weights(data, digest):
    if not hmac.compare_digest(hashlib.sha256(data).hexdigest(), digest):
        raise ValueError("another file")
    arrays = {}
    try:
        with np.load(io.BytesIO(data)) as archive:
            for name in archive.files:
                arrays[name] = archive[name]
    except Exception:
        raise ValueError("no arrays") from None
    return arrays


# %% lab15.ex2 right: an error of its own
class BadFileError(ValueError):
    """A file that is refused."""


def load_weights(data, digest):
    if hashlib.sha256(data).hexdigest() != digest:
        raise BadFileError("another file")
    try:
        return dict(np.load(io.BytesIO(data)))
    except Exception as error:
        raise BadFileError("no arrays") from error


# %% lab15.ex2 wrong: no_hash
# - if hashlib.sha256(data).hexdigest() != digest:
# + if hashlib.sha256(data).hexdigest()[:8] != digest[:8]:

# %% lab15.ex2 wrong: allows_pickle
# - allow_pickle=False
# + allow_pickle=True

# %% lab15.ex2 wrong: own_error
# - except Exception as error:
# + except (__import__("zipfile").BadZipFile, OSError, EOFError) as error:

# %% lab15.ex2 wrong: hash_too_late
# -     if hashlib
# +     np.load(io.BytesIO(data))
# +     if hashlib

# %% lab15.ex2 wrong: -an archive instead of a dictionary
# - return dict(np.load(io.BytesIO(data), allow_pickle=False))
# + return np.load(io.BytesIO(data), allow_pickle=False)

# %% lab15.ex2 wrong: -refuses everything
# - != digest
# + == digest

# %% lab15.ex2 wrong: -None for another file
# - raise ValueError("these are not the recorded bytes")
# + return None


# %% lab15.ex3 right: an f-string around json.dumps
def record(name, path, routes):
    label = "other"
    for route in routes:
        if route == path:
            label = route
    return f'{{"name": {json.dumps(name[0:64])}, "route": {json.dumps(label)}}}', label


# %% lab15.ex3 wrong: open_label
# - path if path in routes else "other"
# + path

# %% lab15.ex3 wrong: several_lines
# - "route": route})
# + "route": route}, ensure_ascii=False)

# %% lab15.ex3 wrong: no_json
# - json.dumps({"name": name[:64], "route": route})
# + str({"name": name[:64], "route": route})

# %% lab15.ex3 wrong: endless
# - name[:64]
# + name

# %% lab15.ex3 wrong: raw_path
# - "route": route}
# + "route": path}

# %% lab15.ex3 wrong: -63 characters
# - name[:64]
# + name[:63]

# %% lab15.ex3 wrong: -line breaks removed
# - name[:64]
# + " ".join(name[:64].split())

# %% lab15.ex3 wrong: -a route's beginning is enough
# - path if path in routes else "other"
# + next((one for one in routes if path.startswith(one)), "other")

# %% lab15.ex3 wrong: -64 bytes
# - name[:64]
# + name.encode("utf-8", "surrogatepass")[:64].decode("utf-8", "ignore")

# %% lab15.ex3 wrong: -65 characters
# - name[:64]
# + name[:65]

# %% lab15.ex3 wrong: -spaces at the ends
# - name[:64]
# + name[:64].strip()

# %% lab15.ex3 wrong: -normalised
# - name[:64]
# + __import__("unicodedata").normalize("NFKC", name[:64])

# %% lab15.ex3 wrong: -half a surrogate pair
# - name[:64]
# + name[:64].encode("utf-8", "ignore").decode()

# %% lab15.ex3 wrong: -indented
# - "route": route})
# + "route": route}, indent=1)

# %% lab15.ex3 wrong: -the query does not count
# - path if path in routes
# + path.partition("?")[0] if path.partition("?")[0] in routes


# %% lab15.ex4 right: waiting times instead of tokens
class Limiter:
    def __init__(self, requests, seconds, most):
        self.each, self.seconds, self.most = seconds / requests, seconds, most
        self.full_at = {}

    def allow(self, client, now):
        if client not in self.full_at and len(self.full_at) >= self.most:
            self.full_at = {c: at for c, at in self.full_at.items() if at > now}
            if len(self.full_at) >= self.most:
                return False
        full = max(now, self.full_at.get(client, now))
        if full - now > self.seconds - self.each:
            return False
        self.full_at[client] = full + self.each
        return True


# %% lab15.ex4 wrong: not_full
# - self.buckets.get(client, (self.requests, now))
# + self.buckets.get(client, (1, now))

# %% lab15.ex4 wrong: half_token
# - allowed = tokens >= 1
# + allowed = tokens > 0

# %% lab15.ex4 wrong: refused_cost
# - (tokens - allowed, now)
# + (tokens - 1, now)

# %% lab15.ex4 wrong: overflow
# - return min(self.requests, tokens + (now - at) * self.requests / self.seconds)
# + return tokens + (now - at) * self.requests / self.seconds

# %% lab15.ex4 wrong: shared
# - def allow(self, client, now):
# + def allow(self, client, now):
# +         client = "all"

# %% lab15.ex4 wrong: too_few
# - >= self.most:
# + >= self.most - 1:

# %% lab15.ex4 wrong: forgets
# - full = [one for one in self.buckets if self.tokens(one, now) >= self.requests]
# + full = [next(iter(self.buckets))]

# %% lab15.ex4 wrong: never_forgets
# - full = [one for one in self.buckets if self.tokens(one, now) >= self.requests]
# + full = []

# %% lab15.ex4 wrong: grows
# -         self.buckets = {}
# +         self.buckets, self.names = {}, set()
# -         if client not in self.buckets and
# +         self.names.add(client)
# +         if client not in self.buckets and

# %% lab15.ex4 wrong: -a number instead of a boolean
# - return allowed
# + return int(allowed)

# %% lab15.ex4 wrong: -whole tokens only
# - tokens + (now - at) * self.requests / self.seconds
# + tokens + (now - at) * self.requests // self.seconds


# %% lab15.ex4 wrong: -the last seconds are counted
class Limiter:
    def __init__(self, requests, seconds, most):
        self.requests, self.seconds, self.most = requests, seconds, most
        self.passed = {}

    def allow(self, client, now):
        recent = {c: [t for t in ts if t > now - self.seconds] for c, ts in self.passed.items()}
        self.passed = {c: times for c, times in recent.items() if times}
        if client not in self.passed and len(self.passed) >= self.most:
            return False
        times = self.passed.setdefault(client, [])
        if len(times) < self.requests:
            times.append(now)
            return True
        return False


# %% lab15.ex4 wrong: -a time of 0 is none
# - tokens, at = self.buckets.get(client, (self.requests, now))
# + tokens, at = self.buckets.get(client, (self.requests, now))
# +         if not at:
# +             return self.requests

# %% lab15.ex4 wrong: -one client more
# - len(self.buckets) >= self.most
# + len(self.buckets) > self.most
