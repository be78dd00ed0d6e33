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
# # 10 · Choosing
#
# **Where you are:** chapter section 10.7, its last table, and the list in section 10.1 · about 30 minutes ·
# before this: [09 · KServe](09_kserve.ipynb) · next: [11 · Batch](11_batch.ipynb)
#
# You have served one model with BentoML, MLflow and KServe. Which one do you take? The chapter ends with a
# table of opinions. Here you hold it against figures: every server of this repository, over the same core, in
# one run. Plain FastAPI, no serving framework, and LitServe, a young one, take part as points of reference.
#
# ## After this notebook you can
#
# - measure servers so that the ratio means something, and tell the server's time from the network's,
# - say what each does with bad input, and with requests under way at its end,
# - choose by the row that matters to *you*, with a figure behind it,
# - find where each of the chapter's ten challenges is met, and ask both models *why*.

# %% [markdown]
# The figures come from `make bench`. With `rerun` you measure your own machine, in short:

# %% tags=["parameters"]
rerun = False

# %% [markdown]
# What this machine has and lacks, with the command that mends it:

# %% tags=["setup", "volatile"]
from services.workbench import preflight

print(*preflight.report(), sep="\n")

# %% tags=["setup"]
from dataclasses import replace

from services.bench import chapter, code, guide, null_model, peers, probes, report
from services.bench.numbers import rotated
from services.bench.run import QUICK, Plan, compare
from services.environment import build_dir
from services.id_card.detector import Detector
from services.id_card.images import decode
from services.id_card.samples import load_sample, sample_path
from services.recommender.recommender import Recommender
from services.recommender.synthetic import make_ratings
from services.recommender.training import fit
from services.workbench import servers, show

result = compare(QUICK) if rerun else report.load()


def table(part):
    head, rows = part
    return show.table(rows, columns=head)


# %% [markdown]
# ## 1. The chapter's table
#
# In our own words, with what can be held against each row:

# %%
chapter.linked(("row", "the chapter says", "what was seen", "where"), chapter.CLAIMS)

# %% [markdown]
# There is no row for speed, memory, bad input or a clean end.
#
# ## 2. A fair comparison
#
# A benchmark is easily unfair: another model, more threads, a chattier log, a machine that was busy just
# then. So all servers get one environment, and each is in its quietest logging:

# %%
show.source(peers.environment)

# %% [markdown]
# One server at a time is asked. Each round begins with another one, so that a slow minute of the machine hits
# everybody:

# %%
for turn in range(3):
    print(f"round {turn}:", " → ".join(rotated(list(peers.PEERS), turn)))

# %% [markdown]
# The picture is the same for all, but each protocol packs it in its own way:

# %%
card = sample_path("two_cards").read_bytes()
print(f"the picture: {len(card):,} bytes")
for peer in peers.PEERS.values():
    ask = peer.request(card)
    form = ask.content_type.partition(";")[0]
    print(f"{len(ask.body):7,} bytes as {form:20} to {ask.path:30} {peer.title}")

# %% [markdown]
# JSON holds no bytes, so MLflow and KServe's first protocol carry base64, a third more.
#
# A plan that would not be fair is refused. Here is one, on purpose: 100 requests are no multiple of 16, so the load
# generator would silently send fewer.

# %%
try:
    Plan(requests=100)
except ValueError as error:
    print(show.one_line(error))

# %% [markdown]
# This is on what the committed figures were measured:

# %%
print(report.conditions(result))

# %% [markdown]
# The last line matters: with many more processes than cores, absolute times are too long. Before anything was
# timed, every server was asked for the five samples, several at once, and each box was held against the core's:

# %%
checked = {name: result["peers"][name]["checked"] for name in report.servers_of(result)}
print(checked, "wrong answers: 0")

# %% [markdown]
# Had one been wrong, `compare` would have stopped.
#
# ## 3. What the server takes, and what the network takes
#
# How much of a request is the framework? Take the network away. A small ONNX file answers with zeros at once, and
# every server loads it in the place of the detector. Nothing else is changed:

# %%
file = null_model.write(build_dir() / "notebooks" / "10" / "null.onnx")
nothing = Detector(file, backend="onnx")
print(file.stat().st_size, "bytes find", nothing.detect([decode(null_model.picture())]))

# %%
show.source(null_model.write, start="nodes = [", end="]")

# %%
fig = report.null_and_real(result)
show.figure(
    fig, alt="Bars: time of one request with the null model and with the detector, by server"
)

# %%
table(report.overhead(result))

# %% [markdown]
# As a share of the whole request:

# %%
for name in report.servers_of(result):
    print(f"{guide.share_of_server(result, name):4.0%} of a request to {peers.TITLES[name]}")

# %% [markdown]
# Orange first: with nothing to compute, a request costs a fraction of a millisecond to a few milliseconds. FastAPI and
# KServe take least. BentoML writes the upload to a file, keeps a trace and counts; the Runner adds a second process.
#
# Now blue. Every server adds *more* around the detector than around the null model: a real picture has to travel and
# be unpacked, and the asking program wants the same two cores. So a null model shows the least that a server
# takes. Each process of the Runner computes with one core, so a single request has half of the machine.
#
# Now on this machine, really started:

# %% tags=["volatile"]
small = replace(QUICK, peers=("fastapi",), requests=32, ending=0)
mine = compare(small, progress=False)
for kind in ("null", "real"):
    print(f"{kind}: FastAPI adds {report.added(mine, 'fastapi', kind):.1f} ms to the bare core")

# %% [markdown]
# ## 4. Many callers
#
# With several callers, they share two cores:

# %%
show.figure(
    report.throughput(result), alt="Bars: answers a second at 1, 4 and 16 callers, by server"
)

# %%
show.figure(report.latency(result), alt="Bars: median latency at 1, 4 and 16 callers, by server")

# %% [markdown]
# The best server's rate, as a share of the bare core's:

# %%
for count in map(str, result["plan"]["concurrency"]):
    rates = {n: p["real"][count]["rate"]["median"] for n, p in result["peers"].items()}
    limit = rates.pop("core")
    first = max(rates, key=rates.get)
    print(f"{count:>2} at a time: {rates[first] / limit:.0%}, {peers.TITLES[first]}")

# %% [markdown]
# First, the cores are the limit: no server reaches the bare core. Second, the order is not
# that of section 3. Those that fall behind compute one request at a time: BentoML's service (`threads`, 1 unless
# you say otherwise) and LitServe's worker. Our adapters for FastAPI and KServe let two in, MLflow many, and the
# Runner has two processes. While one picture is decoded, another one is computed.
#
# That is a setting. Look at it before you change the framework.
#
# All figures, medians over the turns, with the smallest and the largest in brackets:

# %%
table(report.transposed(report.speed(result)))

# %% [markdown]
# ## 5. Besides speed
#
# This was asked from the servers, too, and not read in their documentation; only the last row is:

# %%
table(report.transposed(report.offers(result)))

# %% [markdown]
# What do they count, and what can be posted?

# %%
for name in report.servers_of(result):
    found = result["peers"][name]
    print(peers.TITLES[name], "·", *found["endpoints"]["posts"])
    print("   ", ", ".join(report.own_metrics(found["metrics"])) or "no metric of its own")

# %% [markdown]
# The start is mostly the import of the framework. Memory: each process that holds the model counts, and so does
# what the framework imports. KServe answers on most pages, since it speaks two protocols. Only BentoML and KServe
# have metrics of their own. FastAPI counts no request until somebody writes it.
#
# Lines are lines of code. *Adapter* translates between framework and core. *Support* mends
# what the framework gets wrong, or catches what clients do; the gate is shared by four servers. KServe's:

# %%
peer = peers.PEERS["kserve"]
print({file: code.lines_of([file]) for file in (*peer.adapter, *peer.support)})

# %% [markdown]
# ## 6. What bad input gets
#
# Six mistakes of clients, each in the server's own form. "Helps" is a 4xx that says what to change, by a rough rule:

# %%
for status, text in ((500, "Internal Server Error"), (400, "Bad Request"), (400, "Send a file.")):
    print(status, text, "->", probes.verdict(status, text))

# %%
table(report.bad_input(result))

# %% [markdown]
# No 5xx, and nobody stayed silent. But look at who did it: four servers stand behind *our* gate of notebook 02, and
# KServe's answers come from the support package of notebook 09. MLflow has no limit for a body, so it read all 50
# megabytes of the largest request. Its answers echo what was sent:

# %%
cases = result["peers"]["mlflow"]["bad_input"]
for name, case in cases.items():
    print(f"{name}: {case['status']} {case['text'][:150]}\n")

# %% [markdown]
# ## 7. What happens at SIGTERM
#
# A new version is rolled out, and the old server gets SIGTERM while requests are under way:

# %%
table(report.sigterm(result))

# %%
print({name: count for name, count in report.lost(result).items() if count} or "nothing was lost")

# %% [markdown]
# A zero is no promise. FastAPI and MLflow run uvicorn as it comes: at SIGTERM it answers what it has begun to read;
# what has arrived and is not read yet sees its connection closed. That is a matter of milliseconds, so three ends a
# server may hit it or not. On Kubernetes a `preStop` that waits some seconds prevents it; `infra/kubernetes/` has one.
#
# That the others lose nothing took work. BentoML ended its Runners before their callers, KServe unloaded a model that
# was still asked, and LitServe ends in good order at SIGINT only.
#
# ## 8. A decision guide
#
# Choose by what you need. Each row is derived from the result by code. Where the ranges of two servers overlap, both
# are named: they took turns at being better, and one run cannot tell them apart.

# %%
table(guide.guide(result))

# %% [markdown]
# Other needs are no measurement. They follow from the other notebooks:

# %%
chapter.linked(("you need", "take", "seen in"), chapter.NEEDS)

# %% [markdown]
# Without a cluster, KServe's strong side is out of reach. Between BentoML and MLflow, ask where your model lives:
# in an archive that you ship, or in a registry that the server reads.
#
# ## 9. The ten challenges
#
# The chapter begins with ten reasons why serving a model is hard. This is where the repository meets each:

# %%
chapter.linked(("challenge", "where it is met"), chapter.numbered(chapter.CHALLENGES))

# %% [markdown]
# ## 10. Why this box? Why this movie?
#
# **D-RISE** hides random parts of the picture many times and looks how much of the box is
# left. What has to be visible is bright:

# %%
from services.id_card import explain as boxes

detector = Detector(backend="onnx")
picture = load_sample("one_card")
map_ = boxes.explain(detector, picture, masks=300)
title = "Bright: what the detector needs for this box"
show.picture(boxes.overlay(picture, map_), title, width=480)

# %%
print(f"inside the box {map_.contrast():.1f} times as bright as outside")

# %% [markdown]
# The card is brighter. The map tells what the network *reacts to*, not whether it should.
#
# For a recommendation the reasons are movies that the user has rated. A user's vector can be made from those of
# his or her movies, so the score falls apart into one summand for each:

# %%
from services.recommender import explain as movies

ratings, _ = make_ratings(400, 300, 12_000, seed=1)
recommender = Recommender(fit("mf", ratings, progress=False), ratings)


def why(user):
    first = recommender.recommend(user, top_k=1).items[0]
    found = movies.explain(recommender, user, first.movie_id, top=3)
    print(f"user {user}: {first.title}, because of")
    for reason in found.reasons:
        print(f"   {reason.contribution:.3f} of {found.total:.3f}  {reason.title}")
    print(f"   agreement with the model's own scores: {found.agreement:.2f}")


why(user=2)

# %% [markdown]
# The summands are from a *stand-in* for the user's vector. The last line says how close its scores are to the served
# ones; 1 is the same order. Another user:

# %%
why(user=50)

# %% [markdown]
# Below zero: these would be reasons for another order than the model's. An honest service shows none then. Both
# explanations are offered over HTTP as `/explain`, by adapters of their own.
#
# ## What broke, and why
#
# | What one might believe | What was seen | So |
# |---|---|---|
# | the framework makes a model fast or slow | often it is how many requests are computed at a time | look for that setting |
# | one number says who is faster | ranges overlap; another load, another order | turns, ranges, several loads |
# | SIGTERM ends a server in good order | requests lost in a window of milliseconds, or a process that stays | try it under load, more than once |
# | a table of features is a decision | another row, another winner | choose by your own row |
#
# ## Summary
#
# - Same core, same threads, turns: without these a ratio means nothing.
# - A null model shows the least that a server takes.
# - Where your model lives and where it has to run decides more than milliseconds do.
#
# **Practise:** in [Lab 10](../labs/lab10_choosing/lab10_choosing.ipynb) you measure two servers honestly, and choose one
# with figures.
#
# **Next:** [11 · Batch](11_batch.ipynb), the same models without any server.

# %% tags=["teardown"]
print("servers left running:", len(servers.strays()))
