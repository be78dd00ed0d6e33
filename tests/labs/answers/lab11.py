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
# - iter(items)
# + iter(list(items))


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
# - list(itertools.islice(iterator, n))
# + list(itertools.takewhile(lambda item: item is not None, itertools.islice(iterator, n)))

# %% lab11.ex1 wrong: -empties the caller's list
# -     iterator = iter(items)
# +     iterator = iter(items)
# +     if isinstance(items, list):
# +         iterator = iter(items.copy())
# +         items.clear()

# %% lab11.ex1 wrong: -one item too many
# - iterator, n)
# + iterator, n + 1)

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
# - return None, str(error)
# + raise

# %% lab11.ex2 wrong: left_out
# -             boxes = next(found) if error is None else None
# +             if error:
# +                 continue
# +             boxes = next(found)

# %% lab11.ex2 wrong: shifted
# - next(found) if error is None else None
# + next(found, None)

# %% lab11.ex2 wrong: hides_model
# -         found = iter(predict([image for _, image, error in files if error is None]))
# +         try:
# +             found = iter(predict([image for _, image, error in files if error is None]))
# +         except Exception:
# +             found = itertools.repeat(None)

# %% lab11.ex2 wrong: too_many
# - batches(paths, n)
# + [paths]

# %% lab11.ex2 wrong: -catches every exception
# - (InputError, OSError)
# + Exception

# %% lab11.ex2 wrong: -repr
# - str(error)
# + repr(error)

# %% lab11.ex2 wrong: -one row for a path that comes twice
# -     return rows
# +     known = {}
# +     return [known.setdefault(path, row) for path, row in zip(paths, rows)]

# %% lab11.ex2 wrong: -a ValueError while reading is a bad file
# - (InputError, OSError)
# + (ValueError, OSError)

# %% lab11.ex2 wrong: -in another order
# - batches(paths, n)
# + batches(paths[::-1], n)

# %% lab11.ex2 wrong: -only full batches
# - iter(predict(
# + iter([None] * n if len(batch) < n else predict(

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
# - if not part.exists():
# + if True:

# %% lab11.ex3 wrong: only_new
# -         rows += json.loads(part.read_text())
# +             rows += json.loads(part.read_text())

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
# -     rows = []
# +     noted, rows = folder / "done.txt", []
# +     noted.touch()
# -         if not part.exists():
# +         if str(number) not in noted.read_text().split():
# +             noted.write_text(f"{noted.read_text()}{number}\n")

# %% lab11.ex3 wrong: -moves a file of another disk
# -             temporary = part.with_suffix(".tmp")
# +             import tempfile
# +
# +             temporary = type(part)(tempfile.mktemp())

# %% lab11.ex3 wrong: -appends to the file of a killed run
# -             temporary.write_text(json.dumps(compute(batch)))
# +             with temporary.open("a") as file:
# +                 file.write(json.dumps(compute(batch)))

# %% lab11.ex3 wrong: -in the order of the folder
# -         rows += json.loads(part.read_text())
# -     return rows
# +     return [row for part in folder.glob("part-*.json") for row in json.loads(part.read_text())]

# %% lab11.ex3 wrong: -every file whose name begins with part
# -         rows += json.loads(part.read_text())
# +     for path in sorted(folder.glob("part-*")):
# +         rows += json.loads(path.read_text())

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
# -             scores[np.isin(core.movie_ids, core.rated_by(user))] = -np.inf
# -             best = np.argsort(-scores, kind="stable")[:k]
# -             rows.append(core.movie_ids[best[scores[best] > -np.inf]].tolist())
# +             rated = set(core.rated_by(user))
# +             best = core.movie_ids[np.argsort(-scores, kind="stable")[: k + len(rated)]].tolist()
# +             rows.append([movie for movie in best if movie not in rated][:k])

# %% lab11.ex4 wrong: all_at_once
# -     rows = []
# +     rows, n = [], len(users)

# %% lab11.ex4 wrong: keeps_scores
# -     rows = []
# +     rows, tables = [], []
# - table = core.scores(block)
# + tables.append(table := core.scores(block))

# %% lab11.ex4 wrong: fills_up
# - best[scores[best] > -np.inf]
# + best

# %% lab11.ex4 wrong: zeroed
# - = -np.inf
# + = 0

# %% lab11.ex4 wrong: ties
# - np.argsort(-scores, kind="stable")[:k]
# + np.argsort(scores, kind="stable")[::-1][:k]

# %% lab11.ex4 wrong: -one user in a call
# -     rows = []
# +     rows, n = [], 1

# %% lab11.ex4 wrong: -cuts before the rated movies are out
# -             scores[np.isin(core.movie_ids, core.rated_by(user))] = -np.inf
# -             best = np.argsort(-scores, kind="stable")[:k]
# +             best = np.argsort(-scores, kind="stable")[:k]
# +             scores[np.isin(core.movie_ids, core.rated_by(user))] = -np.inf

# %% lab11.ex4 wrong: -one list for a user who comes twice
# -     rows = []
# +     asked, users, rows = users, sorted(set(users)), []
# -     return rows
# +     found = dict(zip(users, rows))
# +     return [found[user] for user in asked]

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


# %% lab11.ex5 wrong: one_by_one
def detect_all(core, pictures):
    return [core.detect([picture])[0] for picture in pictures]


# %% lab11.ex5 wrong: no_limit
def detect_all(core, pictures):
    return core.detect(pictures)


# %% lab11.ex5 wrong: order
# -     answers = [None] * len(pictures)
# +     answers = []
# - answers[places[number]] = boxes
# + answers.append(boxes)


# %% lab11.ex5 wrong: alike
def detect_all(core, pictures):
    different = {picture.mean(): picture for picture in pictures}
    boxes = {key: core.detect([picture])[0] for key, picture in different.items()}
    return [boxes[picture.mean()] for picture in pictures]


# %% lab11.ex5 wrong: padding
# - sorted(range(len(pictures)), key=lambda place: pictures[place].size)
# + range(len(pictures))

# %% lab11.ex5 wrong: -forgets the last batch
# -     run(batch)
# -     return answers
# +     return answers


# %% lab11.ex5 wrong: -batches for the largest image
def detect_all(core, pictures):
    order = sorted(range(len(pictures)), key=lambda n: pictures[n].size)
    tall, wide = max(p.shape[0] for p in pictures), max(p.shape[1] for p in pictures)
    answers = {}
    for some in batches(order, core.most_pixels // (tall * wide)):
        answers |= dict(zip(some, core.detect([pictures[n] for n in some])))
    return [answers[n] for n in range(len(pictures))]


# %% lab11.ex5 wrong: -empties the caller's list
# -     return answers
# +     pictures.clear()
# +     return answers
