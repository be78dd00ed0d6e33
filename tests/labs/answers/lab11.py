# Answers to lab 11. Each cell takes the place of an exercise's cell.

# %% lab11.ex1 right: item by item
def batches(items, n):
    batch = []
    for item in items:
        batch.append(item)
        if len(batch) == n:
            yield batch
            batch = []
    if batch:
        yield batch


# %% lab11.ex1 right: a class that looks one item ahead
class batches:
    def __init__(self, items, n):
        self.items, self.n = iter(items), n
        self.ahead = list(itertools.islice(self.items, 1))

    def __iter__(self):
        return self

    def __next__(self):
        if not self.ahead:
            raise StopIteration
        batch = tuple(self.ahead + list(itertools.islice(self.items, self.n - 1)))
        self.ahead = list(itertools.islice(self.items, 1))
        return batch


# %% lab11.ex1 right: tuples, until there is an empty one
def batches(items, n):
    items = iter(items)
    return iter(lambda: tuple(itertools.islice(items, n)), ())


# %% lab11.ex1 wrong: not_lazy
def batches(items, n):
    items = list(items)
    return [items[start : start + n] for start in range(0, len(items), n)]


# %% lab11.ex1 wrong: slices
def batches(items, n):
    for start in range(0, len(items), n):
        yield items[start : start + n]


# %% lab11.ex1 wrong: drops_last
def batches(items, n):
    return (list(batch) for batch in zip(*[iter(items)] * n))


# %% lab11.ex1 wrong: empty_last
def batches(items, n):
    batch = []
    for item in items:
        batch.append(item)
        if len(batch) == n:
            yield batch
            batch = []
    yield batch


# %% lab11.ex1 wrong: never_ends
def batches(items, n):
    iterator = iter(items)
    while True:
        yield list(itertools.islice(iterator, n))


# %% lab11.ex1 wrong: stop_iteration
def batches(items, n):
    iterator = iter(items)
    while True:
        yield [next(iterator)] + list(itertools.islice(iterator, n - 1))


# %% lab11.ex1 wrong: overlaps
def batches(items, n):
    batch = []
    for item in items:
        batch.append(item)
        if len(batch) == n:
            yield batch
            batch = batch[-1:]
    if batch:
        yield batch


# %% lab11.ex1 wrong: padded
def batches(items, n):
    for batch in itertools.zip_longest(*[iter(items)] * n):
        yield list(batch)


# %% lab11.ex1 wrong: stops_early
def batches(items, n):
    iterator = iter(items)
    while True:
        batch = []
        while len(batch) < n and (item := next(iterator, None)) is not None:
            batch.append(item)
        if not batch:
            return
        yield batch


# %% lab11.ex1 wrong: reuses
def batches(items, n):
    batch = []
    for item in items:
        batch.append(item)
        if len(batch) == n:
            yield batch
            batch.clear()
    if batch:
        yield batch


# %% lab11.ex2 right: all files are read first, their rows filled in later
from PIL import Image


def detect_folder(paths, predict, n):
    rows, good = [], []
    for path in paths:
        row = dict(file=path.name, boxes=None, error=None)
        try:
            with Image.open(path) as picture:
                good.append((row, picture.convert("RGB")))
        except Exception as error:
            row["error"] = f"{type(error).__name__}: {error}"
        rows.append(row)
    for start in range(0, len(good), n):
        some = good[start : start + n]
        for (row, _), boxes in zip(some, predict([picture for _, picture in some])):
            row["boxes"] = boxes
    return rows


# %% lab11.ex2 right: one picture in a call, and the model's exception in another
def detect_folder(paths, predict, n):
    def row(path):
        try:
            picture = decode(path.read_bytes())
        except (InputError, OSError) as error:
            return {"file": path.name, "boxes": None, "error": repr(error)}
        try:
            [boxes] = predict([picture])
        except Exception as error:
            raise RuntimeError("the model is broken") from error
        return {"file": path.name, "boxes": boxes, "error": None}

    return tuple(map(row, paths))


# %% lab11.ex2 wrong: stops
def detect_folder(paths, predict, n):
    rows = []
    for batch in batches(paths, n):
        found = predict([decode(path.read_bytes()) for path in batch])
        for path, boxes in zip(batch, found):
            rows.append({"file": path.name, "boxes": boxes, "error": None})
    return rows


# %% lab11.ex2 wrong: no_file
def detect_folder(paths, predict, n):
    rows = []
    for path in paths:
        try:
            [boxes] = predict([decode(path.read_bytes())])
            rows.append({"file": path.name, "boxes": boxes, "error": None})
        except InputError as error:
            rows.append({"file": path.name, "boxes": None, "error": str(error)})
    return rows


# %% lab11.ex2 wrong: left_out
def detect_folder(paths, predict, n):
    rows = []
    for path in paths:
        try:
            picture = decode(path.read_bytes())
        except (InputError, OSError):
            continue
        rows.append({"file": path.name, "boxes": predict([picture])[0], "error": None})
    return rows


# %% lab11.ex2 wrong: whole_batch
def detect_folder(paths, predict, n):
    rows = []
    for batch in batches(paths, n):
        try:
            pictures = [decode(path.read_bytes()) for path in batch]
        except (InputError, OSError) as error:
            rows += [{"file": path.name, "boxes": None, "error": str(error)} for path in batch]
            continue
        for path, boxes in zip(batch, predict(pictures)):
            rows.append({"file": path.name, "boxes": boxes, "error": None})
    return rows


# %% lab11.ex2 wrong: looks_empty
def detect_folder(paths, predict, n):
    rows = []
    for path in paths:
        try:
            picture = decode(path.read_bytes())
        except (InputError, OSError) as error:
            rows.append({"file": path.name, "boxes": [], "error": str(error)})
            continue
        rows.append({"file": path.name, "boxes": predict([picture])[0], "error": None})
    return rows


# %% lab11.ex2 wrong: no_text
def detect_folder(paths, predict, n):
    rows = []
    for path in paths:
        try:
            picture = decode(path.read_bytes())
        except (InputError, OSError):
            rows.append({"file": path.name, "boxes": None, "error": "bad file"})
            continue
        rows.append({"file": path.name, "boxes": predict([picture])[0], "error": None})
    return rows


# %% lab11.ex2 wrong: nameless
def detect_folder(paths, predict, n):
    rows = []
    for path in paths:
        try:
            picture = decode(path.read_bytes())
        except (InputError, OSError) as error:
            rows.append({"file": None, "boxes": None, "error": str(error)})
            continue
        rows.append({"file": path.name, "boxes": predict([picture])[0], "error": None})
    return rows


# %% lab11.ex2 wrong: order
def detect_folder(paths, predict, n):
    rows, bad = [], []
    for path in paths:
        try:
            picture = decode(path.read_bytes())
        except (InputError, OSError) as error:
            bad.append({"file": path.name, "boxes": None, "error": str(error)})
            continue
        rows.append({"file": path.name, "boxes": predict([picture])[0], "error": None})
    return rows + bad


# %% lab11.ex2 wrong: one_name
def detect_folder(paths, predict, n):
    rows = {}
    for path in paths:
        row = {"file": path.name, "boxes": None, "error": None}
        try:
            picture = decode(path.read_bytes())
        except (InputError, OSError) as error:
            row["error"] = str(error)
        else:
            [row["boxes"]] = predict([picture])
        rows[path.name] = row
    return list(rows.values())


# %% lab11.ex2 wrong: zipped
def detect_folder(paths, predict, n):
    rows = []
    for batch in batches(paths, n):
        pictures, errors = [], {}
        for path in batch:
            try:
                pictures.append(decode(path.read_bytes()))
            except (InputError, OSError) as error:
                errors[path] = str(error)
        for path, boxes in zip(batch, predict(pictures)):
            rows.append({"file": path.name, "boxes": boxes, "error": errors.get(path)})
    return rows


# %% lab11.ex2 wrong: no_card
def detect_folder(paths, predict, n):
    rows = []
    for path in paths:
        row = {"file": path.name, "boxes": None, "error": None}
        try:
            picture = decode(path.read_bytes())
        except (InputError, OSError) as error:
            row["error"] = str(error)
        else:
            row["boxes"] = predict([picture])[0] or None
        rows.append(row)
    return rows


# %% lab11.ex2 wrong: shifted
def detect_folder(paths, predict, n):
    rows = []
    for batch in batches(paths, n):
        pictures, errors = [], {}
        for path in batch:
            try:
                pictures.append(decode(path.read_bytes()))
            except (InputError, OSError) as error:
                errors[path] = str(error)
        found = predict(pictures)
        for path, boxes in itertools.zip_longest(batch, found):
            rows.append({"file": path.name, "boxes": boxes, "error": errors.get(path)})
    return rows


# %% lab11.ex2 wrong: hides_model
def detect_folder(paths, predict, n):
    rows = []
    for path in paths:
        row = {"file": path.name, "boxes": None, "error": None}
        try:
            [row["boxes"]] = predict([decode(path.read_bytes())])
        except Exception as error:
            row["error"] = str(error)
        rows.append(row)
    return rows


# %% lab11.ex2 wrong: too_many
def detect_folder(paths, predict, n):
    rows, good, pictures = [], [], []
    for path in paths:
        row = {"file": path.name, "boxes": None, "error": None}
        rows.append(row)
        try:
            pictures.append(decode(path.read_bytes()))
            good.append(row)
        except (InputError, OSError) as error:
            row["error"] = str(error)
    for row, boxes in zip(good, predict(pictures)):
        row["boxes"] = boxes
    return rows


# %% lab11.ex3 right: a temporary file of a library, and all missing parts first
import tempfile


def write_whole(path, text):
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
        file.write(text)
    os.rename(file.name, path)


def run_job(batches, compute, folder):
    there = {path.name for path in folder.glob("part-*.json")}
    for number in range(len(batches)):
        if part_name(number) not in there:
            write_whole(folder / part_name(number), json.dumps(compute(batches[number]), indent=1))
    return [
        row for path in sorted(folder.glob("part-*.json")) for row in json.loads(path.read_bytes())
    ]


# %% lab11.ex3 right: a folder for what is not whole, and a link in place of a rename
def run_job(batches, compute, folder):
    import shutil

    rows = []
    for number, batch in enumerate(batches):
        path = os.path.join(folder, part_name(number))
        if not os.path.exists(path):
            (folder / "unfinished").mkdir(exist_ok=True)
            other = folder / "unfinished" / str(number)
            with open(other, "w") as file:
                json.dump(compute(batch), file)
            os.link(other, path)
            shutil.rmtree(folder / "unfinished")
        with open(path) as file:
            rows.extend(json.load(file))
    return rows


# %% lab11.ex3 wrong: no_parts
def run_job(batches, compute, folder):
    path = folder / "rows.json"
    rows = json.loads(path.read_text()) if path.exists() else {}
    for number, batch in enumerate(batches):
        if str(number) not in rows:
            rows[str(number)] = compute(batch)
            path.with_suffix(".tmp").write_text(json.dumps(rows))
            path.with_suffix(".tmp").replace(path)
    return [row for number in range(len(batches)) for row in rows[str(number)]]


# %% lab11.ex3 wrong: nested
def run_job(batches, compute, folder):
    rows = []
    for number, batch in enumerate(batches):
        part = folder / part_name(number)
        if not part.exists():
            part.with_suffix(".tmp").write_text(json.dumps(compute(batch)))
            part.with_suffix(".tmp").replace(part)
        rows.append(json.loads(part.read_text()))
    return rows


# %% lab11.ex3 wrong: order
def run_job(batches, compute, folder):
    for number, batch in enumerate(batches):
        part = folder / part_name(number)
        if not part.exists():
            part.with_suffix(".tmp").write_text(json.dumps(compute(batch)))
            part.with_suffix(".tmp").replace(part)
    return [row for part in folder.glob("part-*.json") for row in json.loads(part.read_text())]


# %% lab11.ex3 wrong: begins_again
def run_job(batches, compute, folder):
    rows = []
    for number, batch in enumerate(batches):
        part = folder / part_name(number)
        part.with_suffix(".tmp").write_text(json.dumps(compute(batch)))
        part.with_suffix(".tmp").replace(part)
        rows += json.loads(part.read_text())
    return rows


# %% lab11.ex3 wrong: only_new
def run_job(batches, compute, folder):
    rows = []
    for number, batch in enumerate(batches):
        part = folder / part_name(number)
        if part.exists():
            continue
        new = compute(batch)
        part.with_suffix(".tmp").write_text(json.dumps(new))
        part.with_suffix(".tmp").replace(part)
        rows += new
    return rows


# %% lab11.ex3 wrong: in_place
def run_job(batches, compute, folder):
    rows = []
    for number, batch in enumerate(batches):
        part = folder / part_name(number)
        if not part.exists():
            part.write_text(json.dumps(compute(batch)))
        rows += json.loads(part.read_text())
    return rows


# %% lab11.ex3 wrong: copied
import shutil
import tempfile


def run_job(batches, compute, folder):
    rows = []
    for number, batch in enumerate(batches):
        part = folder / part_name(number)
        if not part.exists():
            with tempfile.NamedTemporaryFile("w") as file:
                json.dump(compute(batch), file)
                file.flush()
                shutil.copy(file.name, part)
        rows += json.loads(part.read_text())
    return rows


# %% lab11.ex3 wrong: at_end
def run_job(batches, compute, folder):
    parts = [folder / part_name(number) for number in range(len(batches))]
    new = {p: compute(batch) for p, batch in zip(parts, batches) if not p.exists()}
    for part, rows in new.items():
        part.with_suffix(".tmp").write_text(json.dumps(rows))
        part.with_suffix(".tmp").replace(part)
    return [row for part in parts for row in json.loads(part.read_text())]


# %% lab11.ex3 wrong: passed_over
def run_job(batches, compute, folder):
    noted = folder / "done.txt"
    for number, batch in enumerate(batches):
        done = noted.read_text().split() if noted.exists() else []
        if str(number) in done:
            continue
        with noted.open("a") as file:
            file.write(f"{number}\n")
        part = folder / part_name(number)
        part.with_suffix(".tmp").write_text(json.dumps(compute(batch)))
        part.with_suffix(".tmp").replace(part)
    parts = [folder / part_name(number) for number in range(len(batches))]
    return [row for part in parts for row in json.loads(part.read_text())]


# %% lab11.ex3 wrong: appends
def run_job(batches, compute, folder):
    rows = []
    for number, batch in enumerate(batches):
        part = folder / part_name(number)
        if not part.exists():
            with part.with_suffix(".tmp").open("a") as file:
                file.write(json.dumps(compute(batch)))
            part.with_suffix(".tmp").replace(part)
        rows += json.loads(part.read_text())
    return rows


# %% lab11.ex4 right: plain Python
def recommend_all(core, users, k, n):
    movies = core.movie_ids.tolist()
    lists = []
    for block in batches(users, n):
        table = core.scores(block).tolist()
        for user, scores in zip(block, table):
            seen = set(core.rated_by(user))
            left = [(-score, movie) for score, movie in zip(scores, movies) if movie not in seen]
            lists.append([movie for _, movie in sorted(left)[:k]])
    return lists


# %% lab11.ex4 right: lexsort of what is left, as arrays
def recommend_all(core, users, k, n):
    def one(user, scores):
        left = ~np.isin(core.movie_ids, core.rated_by(user))
        ids, scores = core.movie_ids[left], scores[left]
        return ids[np.lexsort((ids, -scores))][:k]

    found = []
    while len(found) < len(users):
        block = users[len(found) : len(found) + n]
        found += [one(user, scores) for user, scores in zip(block, core.scores(block))]
    return found


# %% lab11.ex4 wrong: all_at_once
def recommend_all(core, users, k, n):
    rows = []
    for user, scores in zip(users, core.scores(users)):
        scores[np.isin(core.movie_ids, core.rated_by(user))] = -np.inf
        best = np.argsort(-scores, kind="stable")[:k]
        rows.append(core.movie_ids[best[scores[best] > -np.inf]].tolist())
    return rows


# %% lab11.ex4 wrong: keeps_scores
def recommend_all(core, users, k, n):
    table = [line for block in batches(users, n) for line in core.scores(block)]
    rows = []
    for user, scores in zip(users, table):
        scores[np.isin(core.movie_ids, core.rated_by(user))] = -np.inf
        best = np.argsort(-scores, kind="stable")[:k]
        rows.append(core.movie_ids[best[scores[best] > -np.inf]].tolist())
    return rows


# %% lab11.ex4 wrong: one_by_one
def recommend_all(core, users, k, n):
    rows = []
    for user in users:
        [scores] = core.scores([user])
        scores[np.isin(core.movie_ids, core.rated_by(user))] = -np.inf
        best = np.argsort(-scores, kind="stable")[:k]
        rows.append(core.movie_ids[best[scores[best] > -np.inf]].tolist())
    return rows


# %% lab11.ex4 wrong: drops_last
def recommend_all(core, users, k, n):
    rows = []
    for block in range(len(users) // n):
        some = users[block * n : block * n + n]
        for user, scores in zip(some, core.scores(some)):
            scores[np.isin(core.movie_ids, core.rated_by(user))] = -np.inf
            best = np.argsort(-scores, kind="stable")[:k]
            rows.append(core.movie_ids[best[scores[best] > -np.inf]].tolist())
    return rows


# %% lab11.ex4 wrong: columns
def recommend_all(core, users, k, n):
    rows = []
    for block in batches(users, n):
        for user, scores in zip(block, core.scores(block)):
            scores[np.isin(core.movie_ids, core.rated_by(user))] = -np.inf
            best = np.argsort(-scores, kind="stable")[:k]
            rows.append(best[scores[best] > -np.inf] + 1)
    return rows


# %% lab11.ex4 wrong: rated
def recommend_all(core, users, k, n):
    rows = []
    for start in range(0, len(users), n):
        # The scores are of this block, but what was rated is by the first users.
        for user, scores in zip(users, core.scores(users[start : start + n])):
            scores[np.isin(core.movie_ids, core.rated_by(user))] = -np.inf
            best = np.argsort(-scores, kind="stable")[:k]
            rows.append(core.movie_ids[best[scores[best] > -np.inf]].tolist())
    return rows


# %% lab11.ex4 wrong: after
def recommend_all(core, users, k, n):
    rows = []
    for block in batches(users, n):
        for user, scores in zip(block, core.scores(block)):
            best = core.movie_ids[np.argsort(-scores, kind="stable")[:k]].tolist()
            rows.append([movie for movie in best if movie not in core.rated_by(user)])
    return rows


# %% lab11.ex4 wrong: fills_up
def recommend_all(core, users, k, n):
    rows = []
    for block in batches(users, n):
        for user, scores in zip(block, core.scores(block)):
            scores[np.isin(core.movie_ids, core.rated_by(user))] = -np.inf
            rows.append(core.movie_ids[np.argsort(-scores, kind="stable")[:k]].tolist())
    return rows


# %% lab11.ex4 wrong: zeroed
def recommend_all(core, users, k, n):
    rows = []
    for block in batches(users, n):
        for user, scores in zip(block, core.scores(block)):
            scores[np.isin(core.movie_ids, core.rated_by(user))] = 0
            rows.append(core.movie_ids[np.argsort(-scores, kind="stable")[:k]].tolist())
    return rows


# %% lab11.ex4 wrong: ties
def recommend_all(core, users, k, n):
    rows = []
    for block in batches(users, n):
        for user, scores in zip(block, core.scores(block)):
            scores[np.isin(core.movie_ids, core.rated_by(user))] = -np.inf
            best = np.argsort(scores, kind="stable")[::-1][:k]
            rows.append(core.movie_ids[best[scores[best] > -np.inf]].tolist())
    return rows


# %% lab11.ex4 wrong: unsorted
def recommend_all(core, users, k, n):
    rows = []
    for block in batches(users, n):
        for user, scores in zip(block, core.scores(block)):
            scores[np.isin(core.movie_ids, core.rated_by(user))] = -np.inf
            best = np.argsort(-scores, kind="stable")[:k]
            best = set(core.movie_ids[best[scores[best] > -np.inf]].tolist())
            rows.append([movie for movie in core.movie_ids.tolist() if movie in best])
    return rows


# %% lab11.ex5 right: upright and wide apart, no copy twice, and the cheapest cuts
def detect_all(core, pictures):
    different = {(picture.shape, picture.tobytes()): picture for picture in pictures}

    def like(item):
        (height, width, _), _ = item[0]
        return height > width, height * width

    items = sorted(different.items(), key=like)
    cheapest, cut = [0.0], [0]
    for end in range(1, len(items) + 1):
        height = width = 0
        best = (float("inf"), 0)
        for start in range(end - 1, -1, -1):
            shape = items[start][1].shape
            height, width = max(height, shape[0]), max(width, shape[1])
            pixels = (end - start) * height * width
            if pixels > core.most_pixels:
                break
            best = min(best, (cheapest[start] + 40 + pixels / 1024, start))
        cheapest.append(best[0])
        cut.append(best[1])
    boxes = {}
    while items:
        some = items[cut[len(items)] :]
        found = core.detect([picture for _, picture in some])
        boxes.update(zip([key for key, _ in some], found))
        items = items[: cut[len(items)]]
    return [boxes[picture.shape, picture.tobytes()] for picture in pictures]


# %% lab11.ex5 right: by the longer side, and halves of what does not fit
def detect_all(core, pictures):
    order = sorted(range(len(pictures)), key=lambda n: max(pictures[n].shape))
    answers = {}
    while order:
        batch = order[:]
        while True:
            some = [pictures[n] for n in batch]
            tall, wide = np.max([picture.shape[:2] for picture in some], axis=0)
            if len(some) * tall * wide <= core.most_pixels:
                break
            batch.pop()
        answers |= dict(zip(batch, core.detect(some)))
        order = order[len(batch) :]
    return [answers[n] for n in range(len(pictures))]


# %% lab11.ex5 wrong: one_by_one
def detect_all(core, pictures):
    return [core.detect([picture])[0] for picture in pictures]


# %% lab11.ex5 wrong: no_limit
def detect_all(core, pictures):
    return core.detect(pictures)


# %% lab11.ex5 wrong: gives_up
def detect_all(core, pictures):
    found = []
    for batch in batches(pictures, 30):
        try:
            found += core.detect(batch)
        except MemoryError:
            found += [None] * len(batch)
    return found


# %% lab11.ex5 wrong: drops_last
def detect_all(core, pictures):
    answers = [None] * len(pictures)
    batch = []
    for place in sorted(range(len(pictures)), key=lambda n: pictures[n].size):
        shapes = [pictures[n].shape for n in [*batch, place]]
        tall, wide = max(s[0] for s in shapes), max(s[1] for s in shapes)
        if len(shapes) * tall * wide > core.most_pixels:
            for n, boxes in zip(batch, core.detect([pictures[n] for n in batch])):
                answers[n] = boxes
            batch = []
        batch.append(place)
    return answers


# %% lab11.ex5 wrong: order
def detect_all(core, pictures):
    found, batch = [], []
    for picture in sorted(pictures, key=lambda picture: picture.size):
        shapes = [other.shape for other in [*batch, picture]]
        tall, wide = max(s[0] for s in shapes), max(s[1] for s in shapes)
        if len(shapes) * tall * wide > core.most_pixels:
            found += core.detect(batch)
            batch = []
        batch.append(picture)
    return found + core.detect(batch)


# %% lab11.ex5 wrong: alike
def detect_all(core, pictures):
    different = {picture.mean(): picture for picture in pictures}
    boxes = {key: core.detect([picture])[0] for key, picture in different.items()}
    return [boxes[picture.mean()] for picture in pictures]


# %% lab11.ex5 wrong: padding
def detect_all(core, pictures):
    found, batch = [], []
    for picture in pictures:
        shapes = [other.shape for other in [*batch, picture]]
        tall, wide = max(s[0] for s in shapes), max(s[1] for s in shapes)
        if len(shapes) * tall * wide > core.most_pixels:
            found += core.detect(batch)
            batch = []
        batch.append(picture)
    return found + core.detect(batch)


# %% lab11.ex5 wrong: small_batches
def detect_all(core, pictures):
    order = sorted(range(len(pictures)), key=lambda n: pictures[n].size)
    tall, wide = max(p.shape[0] for p in pictures), max(p.shape[1] for p in pictures)
    answers = {}
    for some in batches(order, core.most_pixels // (tall * wide)):
        answers |= dict(zip(some, core.detect([pictures[n] for n in some])))
    return [answers[n] for n in range(len(pictures))]


# %% lab11.ex5 wrong: tries
def detect_all(core, pictures):
    answers = [None] * len(pictures)

    def ask(places):
        try:
            found = core.detect([pictures[place] for place in places])
        except MemoryError:
            ask(places[: len(places) // 2])
            ask(places[len(places) // 2 :])
            return
        for place, boxes in zip(places, found):
            answers[place] = boxes

    ask(sorted(range(len(pictures)), key=lambda place: pictures[place].size))
    return answers
