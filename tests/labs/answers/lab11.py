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


# %% lab11.ex1 right: tuples, until there is an empty one
def batches(items, n):
    items = iter(items)
    return iter(lambda: tuple(itertools.islice(items, n)), ())


# %% lab11.ex1 wrong: not_lazy
def batches(items, n):
    items = list(items)
    return [items[start : start + n] for start in range(0, len(items), n)]


# %% lab11.ex1 wrong: drops_last
def batches(items, n):
    return (list(batch) for batch in zip(*[iter(items)] * n))


# %% lab11.ex1 wrong: empty_last <- item by item
# -     if batch:
# -         yield batch
# +     yield batch

# %% lab11.ex1 wrong: reuses <- item by item
# -             batch = []
# +             batch.clear()


# %% lab11.ex1 wrong: -takes a batch at the call
def batches(items, n):
    it = iter(items)
    first = list(itertools.islice(it, n))

    def rest(b):
        while b:
            yield b
            b = list(itertools.islice(it, n))

    return rest(first)


# %% lab11.ex1 wrong: -stops at None
# -     while batch := list(itertools.islice(iterator, n)):
# +     while True:
# +         batch = []
# +         while len(batch) < n and (item := next(iterator, None)) is not None:
# +             batch.append(item)
# +         if not batch:
# +             return


# %% lab11.ex1 wrong: -empties the caller's list
def batches(items, n):
    if not isinstance(items, list):
        iterator = iter(items)
        while batch := list(itertools.islice(iterator, n)):
            yield batch
    else:
        while items:
            yield items[:n]
            del items[:n]


# %% lab11.ex1 wrong: -one item too many
# -     while batch := list(itertools.islice(iterator, n)):
# +     while batch := list(itertools.islice(iterator, n + 1)):

# %% lab11.ex1 wrong: -equal neighbours once
# -         yield batch
# +         yield [item for item, _ in itertools.groupby(batch)]


# %% lab11.ex2 right: rows filled in later
def detect_folder(paths, predict, n):
    rows = []
    for batch in batches(paths, n):
        good, images = [], []
        for path in batch:
            row = {"file": path.name, "boxes": None, "error": None}
            rows.append(row)
            try:
                images.append(decode(path.read_bytes()))
                good.append(row)
            except (InputError, OSError) as error:
                row["error"] = str(error)
        for row, boxes in zip(good, predict(images)):
            row["boxes"] = boxes
    return rows


# %% lab11.ex2 right: one image in a call, and the model's exception in another
def detect_folder(paths, predict, n):
    def row(path):
        try:
            image = decode(path.read_bytes())
        except (InputError, OSError) as error:
            return {"file": path.name, "boxes": None, "error": str(error)}
        try:
            [boxes] = predict([image])
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


# %% lab11.ex2 wrong: left_out
def detect_folder(paths, predict, n):
    rows = []
    for path in paths:
        try:
            image = decode(path.read_bytes())
        except (InputError, OSError):
            continue
        rows.append({"file": path.name, "boxes": predict([image])[0], "error": None})
    return rows


# %% lab11.ex2 wrong: shifted
def detect_folder(paths, predict, n):
    rows = []
    for batch in batches(paths, n):
        images, errors = [], {}
        for path in batch:
            try:
                images.append(decode(path.read_bytes()))
            except (InputError, OSError) as error:
                errors[path] = str(error)
        found = predict(images)
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


# %% lab11.ex2 wrong: too_many <- rows filled in later
# -     for batch in batches(paths, n):
# +     for batch in [paths]:

# %% lab11.ex2 wrong: -catches every exception <- rows filled in later
# -             except (InputError, OSError) as error:
# +             except Exception as error:

# %% lab11.ex2 wrong: -repr <- rows filled in later
# -                 row["error"] = str(error)
# +                 row["error"] = repr(error)


# %% lab11.ex2 wrong: -one row for a path that comes twice
def detect_folder(paths, predict, n):
    rows = []
    done = {}
    for part in batches(dict.fromkeys(paths), n):
        pics = []
        for p in part:
            row = done[p] = {"file": p.name, "boxes": None, "error": None}
            try:
                pics.append((row, decode(p.read_bytes())))
            except (InputError, OSError) as e:
                row["error"] = str(e)
        for (row, _), boxes in zip(pics, predict([x for _, x in pics])):
            row["boxes"] = boxes
    return [done[p] for p in paths]


# %% lab11.ex2 wrong: -a ValueError while reading is a bad file
# -         except (InputError, OSError) as error:
# +         except (ValueError, OSError) as error:

# %% lab11.ex2 wrong: -in another order
# -     for batch in batches(paths, n):
# +     for batch in batches(paths[::-1], n):


# %% lab11.ex2 wrong: -only full batches
def detect_folder(paths, predict, n):
    rows, images, waiting = [], [], []
    for path in paths:
        rows.append({"file": path.name, "boxes": None, "error": None})
        try:
            images.append(decode(path.read_bytes()))
        except (InputError, OSError) as error:
            rows[-1]["error"] = str(error)
            continue
        waiting.append(rows[-1])
        if len(images) == n:
            for row, boxes in zip(waiting, predict(images)):
                row["boxes"] = boxes
            images, waiting = [], []
    return rows


# %% lab11.ex2 wrong: -judges files by their names
# -         try:
# +         if path.suffix != ".png":
# +             return None, "not an image"
# +         try:


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


# %% lab11.ex3 wrong: begins_again
# -         if not part.exists():
# -             temporary = part.with_suffix(".tmp")
# -             temporary.write_text(json.dumps(compute(batch)))
# -             temporary.replace(part)
# +         part.with_suffix(".tmp").write_text(json.dumps(compute(batch)))
# +         part.with_suffix(".tmp").replace(part)


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
# -             temporary = part.with_suffix(".tmp")
# -             temporary.write_text(json.dumps(compute(batch)))
# -             temporary.replace(part)
# +             part.write_text(json.dumps(compute(batch)))


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


# %% lab11.ex3 wrong: -moves a file of another disk
# - def run_job(batches, compute, folder):
# + import tempfile
# + def run_job(batches, compute, folder):
# -             temporary = part.with_suffix(".tmp")
# -             temporary.write_text(json.dumps(compute(batch)))
# -             temporary.replace(part)
# +             with tempfile.NamedTemporaryFile("w", delete=False) as file:
# +                 json.dump(compute(batch), file)
# +             os.rename(file.name, part)

# %% lab11.ex3 wrong: -appends to the file of a killed run
# -             temporary = part.with_suffix(".tmp")
# -             temporary.write_text(json.dumps(compute(batch)))
# -             temporary.replace(part)
# +             with part.with_suffix(".tmp").open("a") as file:
# +                 file.write(json.dumps(compute(batch)))
# +             part.with_suffix(".tmp").replace(part)


# %% lab11.ex3 wrong: -in the order of the folder
def run_job(batches, compute, folder):
    for number, batch in enumerate(batches):
        part = folder / part_name(number)
        if not part.exists():
            part.with_suffix(".tmp").write_text(json.dumps(compute(batch)))
            part.with_suffix(".tmp").replace(part)
    return [row for part in folder.glob("part-*.json") for row in json.loads(part.read_text())]


# %% lab11.ex3 wrong: -every file whose name begins with part
# -         rows += json.loads(part.read_text())
# -     return rows
# +     for path in sorted(folder.glob("part-*")):
# +         rows += json.loads(path.read_text())
# +     return rows

# %% lab11.ex3 wrong: -no part for a batch without rows
# -             temporary.write_text(json.dumps(compute(batch)))
# +             new = compute(batch)
# +             if not new:
# +                 continue
# +             temporary.write_text(json.dumps(new))

# %% lab11.ex3 wrong: -writes ASCII alone
# -             temporary.write_text(json.dumps(compute(batch)))
# +             text = json.dumps(compute(batch), ensure_ascii=False)
# +             temporary.write_text(text, encoding="ascii")


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


# %% lab11.ex4 right: as many more as were rated
def recommend_all(core, users, k, n):
    out = []
    for start in range(0, len(users), n):
        block = users[start : start + n]
        s = core.scores(block)
        for r, u in enumerate(block):
            rated = set(core.rated_by(u))
            out.append(
                [
                    int(m)
                    for m in core.movie_ids[np.argsort(-s[r], kind="stable")[: k + len(rated)]]
                    if int(m) not in rated
                ][:k]
            )
    return out


# %% lab11.ex4 wrong: all_at_once
def recommend_all(core, users, k, n):
    rows = []
    for user, scores in zip(users, core.scores(users)):
        scores[np.isin(core.movie_ids, core.rated_by(user))] = -np.inf
        best = np.argsort(-scores, kind="stable")[:k]
        rows.append(core.movie_ids[best[scores[best] > -np.inf]].tolist())
    return rows


# %% lab11.ex4 wrong: keeps_scores <- all_at_once
# - def recommend_all(core, users, k, n):
# + def recommend_all(core, users, k, n):
# +     table = [line for block in batches(users, n) for line in core.scores(block)]
# -     for user, scores in zip(users, core.scores(users)):
# +     for user, scores in zip(users, table):


# %% lab11.ex4 wrong: fills_up
def recommend_all(core, users, k, n):
    rows = []
    for block in batches(users, n):
        for user, scores in zip(block, core.scores(block)):
            scores[np.isin(core.movie_ids, core.rated_by(user))] = -np.inf
            rows.append(core.movie_ids[np.argsort(-scores, kind="stable")[:k]].tolist())
    return rows


# %% lab11.ex4 wrong: zeroed <- fills_up
# -             scores[np.isin(core.movie_ids, core.rated_by(user))] = -np.inf
# +             scores[np.isin(core.movie_ids, core.rated_by(user))] = 0

# %% lab11.ex4 wrong: ties <- fills_up
# -             rows.append(core.movie_ids[np.argsort(-scores, kind="stable")[:k]].tolist())
# +             best = np.argsort(scores, kind="stable")[::-1][:k]
# +             rows.append(core.movie_ids[best[scores[best] > -np.inf]].tolist())

# %% lab11.ex4 wrong: -one user in a call <- all_at_once
# -     for user, scores in zip(users, core.scores(users)):
# +     for user in users:
# +         [scores] = core.scores([user])

# %% lab11.ex4 wrong: -cuts before the rated movies are out <- fills_up
# -             scores[np.isin(core.movie_ids, core.rated_by(user))] = -np.inf
# -             rows.append(core.movie_ids[np.argsort(-scores, kind="stable")[:k]].tolist())
# +             best = core.movie_ids[np.argsort(-scores, kind="stable")[:k]].tolist()
# +             rows.append([movie for movie in best if movie not in core.rated_by(user)])


# %% lab11.ex4 wrong: -one list for a user who comes twice
def recommend_all(core, users, k, n):
    best = {}
    ids = sorted(set(users))
    for start in range(0, len(ids), n):
        block = ids[start : start + n]
        s = core.scores(block)
        for r, u in enumerate(block):
            rated = set(core.rated_by(u))
            best[u] = [
                int(m)
                for m in core.movie_ids[np.argsort(-s[r], kind="stable")]
                if int(m) not in rated
            ][:k]
    return [best[u] for u in users]


# %% lab11.ex4 wrong: -rounded scores
# -             scores = table[row]
# +             scores = table[row].round(1)


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


# %% lab11.ex5 right: by area, copies computed again
def detect_all(core, pictures):
    order = sorted(range(len(pictures)), key=lambda i: pictures[i].shape[0] * pictures[i].shape[1])
    out = [None] * len(pictures)
    batch = []
    h = w = 0

    def run():
        for i, b in zip(batch, core.detect([pictures[i] for i in batch])):
            out[i] = b

    for i in order:
        a, b = pictures[i].shape[:2]
        if batch and max(h, a) * max(w, b) * (len(batch) + 1) > core.most_pixels:
            run()
            batch = []
            h = w = 0
        h, w = max(h, a), max(w, b)
        batch.append(i)
    run()
    return out


# %% lab11.ex5 wrong: one_by_one
def detect_all(core, pictures):
    return [core.detect([picture])[0] for picture in pictures]


# %% lab11.ex5 wrong: no_limit
def detect_all(core, pictures):
    return core.detect(pictures)


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


# %% lab11.ex5 wrong: padding <- order
# -     for picture in sorted(pictures, key=lambda picture: picture.size):
# +     for picture in pictures:


# %% lab11.ex5 wrong: -forgets the last batch
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


# %% lab11.ex5 wrong: -batches for the largest image
def detect_all(core, pictures):
    order = sorted(range(len(pictures)), key=lambda n: pictures[n].size)
    tall, wide = max(p.shape[0] for p in pictures), max(p.shape[1] for p in pictures)
    answers = {}
    for some in batches(order, core.most_pixels // (tall * wide)):
        answers |= dict(zip(some, core.detect([pictures[n] for n in some])))
    return [answers[n] for n in range(len(pictures))]


# %% lab11.ex5 wrong: -empties the caller's list
def detect_all(core, pictures):
    answers = []
    while pictures:
        answers += core.detect([pictures.pop(0)])
    return answers
