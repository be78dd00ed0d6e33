# Answers to lab 13. Each cell takes the place of an exercise's cell.

# %% lab13.ex1 right: one table of conditions
def gate(candidate, served, canary, gain, loss):
    bars = {"new": served["new"] + gain, "old": served["old"] - loss}
    refused = [k for k, bar in bars.items() if k not in candidate or not candidate[k] >= bar]
    n = canary["requests"]
    low, high = canary["interval"]
    users_ok = n > 0 and canary["failed"] * 100 <= n and high >= 0
    return refused + ([] if users_ok else ["users"])


# %% lab13.ex1 wrong: first_only
# - reasons.append("new")
# + return ["new"]
# - reasons.append("old")
# + return ["old"]

# %% lab13.ex1 wrong: strict
# -     if not candidate.get("new", math.nan) >= served["new"] + gain:
# +     if not candidate.get("new", math.nan) > served["new"] + gain:
# -     if not candidate.get("old", math.nan) >= served["old"] - loss:
# +     if not candidate.get("old", math.nan) > served["old"] - loss:
# -     if not requests or canary["failed"] / requests > 0.01 or canary["interval"][1] < 0:
# +     if not requests or canary["failed"] / requests >= 0.01 or canary["interval"][1] < 0:

# %% lab13.ex1 wrong: nan_passes
# -     if not candidate.get("new", math.nan) >= served["new"] + gain:
# +     if candidate.get("new", math.nan) < served["new"] + gain:
# -     if not candidate.get("old", math.nan) >= served["old"] - loss:
# +     if candidate.get("old", math.nan) < served["old"] - loss:

# %% lab13.ex1 wrong: interval_low
# -     if not requests or canary["failed"] / requests > 0.01 or canary["interval"][1] < 0:
# +     if not requests or canary["failed"] / requests > 0.01 or canary["interval"][0] < 0:

# %% lab13.ex1 wrong: no_requests
# -     if not requests or canary["failed"] / requests > 0.01 or canary["interval"][1] < 0:
# +     if requests and (canary["failed"] / requests > 0.01 or canary["interval"][1] < 0):

# %% lab13.ex1 wrong: old_must_gain
# -     if not candidate.get("old", math.nan) >= served["old"] - loss:
# +     if not candidate.get("old", math.nan) >= served["old"] + gain:

# %% lab13.ex1 wrong: -divides by zero requests
# -     if not requests or canary["failed"] / requests > 0.01 or canary["interval"][1] < 0:
# +     if canary["failed"] / requests > 0.01 or canary["interval"][1] < 0:

# %% lab13.ex1 wrong: -a missing measure raises
# -     if not candidate.get("old", math.nan) >= served["old"] - loss:
# +     if not candidate["old"] >= served["old"] - loss:

# %% lab13.ex1 wrong: -a missing measure is 0
# -     if not candidate.get("old", math.nan) >= served["old"] - loss:
# +     if not candidate.get("old", 0.0) >= served["old"] - loss:

# %% lab13.ex1 wrong: -0 is missing
# -     if not candidate.get("old", math.nan) >= served["old"] - loss:
# +     if not (candidate.get("old") or math.nan) >= served["old"] - loss:

# %% lab13.ex1 wrong: -the gain in percent
# -     if not candidate.get("new", math.nan) >= served["new"] + gain:
# +     if not candidate.get("new", math.nan) >= served["new"] * (1 + gain):

# %% lab13.ex1 wrong: -users twice
# -     if not requests or canary["failed"] / requests > 0.01 or canary["interval"][1] < 0:
# +     if canary["interval"][1] < 0:
# +         reasons.append("users")
# +     if not requests or canary["failed"] / requests > 0.01:

# %% lab13.ex1 wrong: -takes the end out of the interval
# - canary["interval"][1] < 0
# + canary["interval"].pop() < 0


# %% lab13.ex2 right: results first, then what is missing
def go_on(steps, complete, parameters, execute):
    known = {**parameters}
    for step in steps:
        given = {n: v for n, v in known.items() if n in steps[step]}
        if step in complete and complete[step]["given"] == given:
            result = complete[step]["result"]
        else:
            result = execute(step, given)
            complete[step] = dict(given=dict(given), result=result)
        known.update(result)
        if "outcome" in result:
            return known
    return known


# %% lab13.ex2 wrong: ignores_parameters
# -         if done is None or done["given"] != given:
# +         if done is None or not done["given"].items() <= given.items():

# %% lab13.ex2 wrong: results_lost
# -         known |= complete[step]["result"]
# +             known |= result

# %% lab13.ex2 wrong: marks_early
# -             result = execute(step, given)
# -             complete[step] = {"given": given, "result": result}
# +             complete[step] = {"given": given, "result": {}}
# +             complete[step]["result"] = execute(step, given)

# %% lab13.ex2 wrong: no_stop
# -         if "outcome" in known:
# +         if known.get("outcome") is not None:

# %% lab13.ex2 wrong: passes_all
# -         given = {name: known[name] for name in names if name in known}
# +         given = dict(known)

# %% lab13.ex2 wrong: -changes the caller's parameters
# -     known = dict(parameters)
# +     known = parameters

# %% lab13.ex2 wrong: -catches the exception
# -             result = execute(step, given)
# +             try:
# +                 result = execute(step, given)
# +             except Exception:
# +                 break

# %% lab13.ex2 wrong: -executes everything each time
# -         if done is None or done["given"] != given:
# +         if True:

# %% lab13.ex2 wrong: -None for what is not known
# - {name: known[name] for name in names if name in known}
# + {name: known.get(name) for name in names}

# %% lab13.ex2 wrong: -0 is not known
# - for name in names if name in known}
# + for name in names if known.get(name)}

# %% lab13.ex2 wrong: -None is not known
# - for name in names if name in known}
# + for name in names if known.get(name) is not None}

# %% lab13.ex2 wrong: -only the start's parameters are known
# - {name: known[name] for name in names if name in known}
# + {name: parameters[name] for name in names if name in parameters}

# %% lab13.ex2 wrong: -kept although a parameter went
# - done["given"] != given
# + not given.items() <= done["given"].items()

# %% lab13.ex2 wrong: -an empty result is none
# - if done is None or done
# + if done is None or not done["result"] or done

# %% lab13.ex2 wrong: -results of later steps
# -     known = dict(parameters)
# +     known = dict(parameters)
# +     for done in complete.values():
# +         known |= done["result"]
# -         if "outcome" in known:
# +         if "outcome" in complete[step]["result"]:

# %% lab13.ex2 wrong: -the steps in alphabetical order
# - in steps.items():
# + in sorted(steps.items()):


# %% lab13.ex3 right: means and sets
def watch(client, answers, click_rate, history, withdrawn):
    aliases = dict(client.get_registered_model(MODEL).aliases)
    if len(answers) == 0 or aliases.get("prod") != history[-1]:
        return None
    shown = [a for a in answers if a["status"] == 200]
    lost = len(answers) - len(shown)
    signal = None
    if lost * 100 > len(answers):
        signal = "errors"
    elif sum(a["clicks"] for a in shown) < 0.8 * click_rate * len(shown):
        signal = "quality"
    good = [v for v in history if v not in withdrawn and v != history[-1]]
    if signal and good:
        client.set_registered_model_alias(MODEL, "prod", good[-1])
    return signal


# %% lab13.ex3 wrong: any_failure
# -     if (len(answers) - len(clicks)) / len(answers) > 0.01:
# +     if len(clicks) < len(answers):

# %% lab13.ex3 wrong: counts_failed
# -     elif sum(clicks) / len(clicks) < 0.8 * click_rate:
# +     elif sum(clicks) / len(answers) < 0.8 * click_rate:

# %% lab13.ex3 wrong: withdrawn_again
# -         if version != current and version not in withdrawn:
# +         if version != current:

# %% lab13.ex3 wrong: twice
# -     if not answers or current != history[-1]:
# +     if not answers:

# %% lab13.ex3 wrong: stays
# -             client.set_registered_model_alias(MODEL, "prod", version)
# +             client.set_registered_model_alias(MODEL, "prod", current)

# %% lab13.ex3 wrong: same_version
# -         if version != current and version not in withdrawn:
# +         if version not in withdrawn:

# %% lab13.ex3 wrong: -quality first
# -     if (len(answers) - len(clicks)) / len(answers) > 0.01:
# +     if sum(clicks) / max(1, len(clicks)) < 0.8 * click_rate:
# +         signal = "quality"
# +     elif (len(answers) - len(clicks)) / len(answers) > 0.01:
# -     elif sum(clicks) / len(clicks) < 0.8 * click_rate:
# -         signal = "quality"

# %% lab13.ex3 wrong: -no answers are an error
# -     if not answers or
# +     if not answers:
# +         return "errors"
# +     if

# %% lab13.ex3 wrong: -redirects are no errors
# -     if (len(answers) - len(clicks)) / len(answers) > 0.01:
# +     if sum(answer["status"] >= 400 for answer in answers) / len(answers) > 0.01:

# %% lab13.ex3 wrong: -any 2xx is an answer
# - if answer["status"] == 200]
# + if 200 <= answer["status"] < 300]

# %% lab13.ex3 wrong: -the median
# -     elif sum(clicks) / len(clicks) < 0.8 * click_rate:
# +     elif sorted(clicks)[len(clicks) // 2] < 0.8 * click_rate:

# %% lab13.ex3 wrong: -20 percent
# - < 0.8 * click_rate
# + < 0.2 * click_rate

# %% lab13.ex3 wrong: -the highest number before
# - reversed(history[:-1])
# + sorted(history[:-1], key=int, reverse=True)

# %% lab13.ex3 wrong: -withdraws the bad version
# -     for version in reversed(history[:-1]):
# +     withdrawn.add(current)
# +     for version in reversed(history[:-1]):

# %% lab13.ex3 wrong: -sets the alias again
# -     for version in reversed(history[:-1]):
# +     for version in [*reversed(history[:-1]), current]:
# -         if version != current and version not in withdrawn:
# +         if version != current and version not in withdrawn or history == [version]:
