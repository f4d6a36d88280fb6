"""Credit from raw events computed a second time, in plain Python, beside ours through the program.

    cargo build --release
    python benches/reference/journeys.py [SEED]

Makes events of a shop: people with several pseudonyms that share an account, visits of many pages, channels of many names, orders with a
value, touches older than the window, journeys that are still open, rows in the future, without a person, and twice. From these it builds
journeys by the rules of docs/steps/attribute.md and splits the credit by every model, then runs the program on the same rows. Prints
the largest difference of the shares and of the values by model, and how often the bootstrap intervals of the program hold the shares of a world of
fifty times as many people. Needs numpy only for the removal effects. Not needed by any test.
"""

import itertools
import json
import math
import pathlib
import random
import subprocess
import sys
import tempfile

import numpy as np

import ours

DAY = 86_400_000
NOW = 20_600 * DAY  # 2026-05-27
WINDOW, SESSION, HALF = 30 * DAY, 30 * 60_000, 7 * DAY
GROUPS = [("search", ["google", "bing*"]), ("mail", ["mail-*"])]
MODELS = {
    "first": 'model "first"',
    "last": 'model "last"',
    "linear": 'model "linear"',
    "time decay": 'model "time-decay" half-life="7d"',
    "position": 'model "position" first=0.3 last=0.5',
    "shapley": 'model "shapley"',
    "shapley of rates": 'model "shapley" worth="rate"',
    "markov": 'model "markov"; order "1"',
    "markov, 2 touches": 'model "markov"; order "2"',
}


def events(seed, people):
    dice, rows = random.Random(seed), []
    names = ["google", "Google", "bing-ads", "mail-june", "mail-july", "social", "partner"]
    for person in range(people):
        devices = [f"p{person}-{n}" for n in range(dice.randint(1, 3))]
        at, bought = NOW - dice.randint(1, 200) * DAY, 0.05
        for _ in range(dice.randint(1, 5)):
            channel = dice.choice(names)
            who = dice.choice(devices)
            for page in range(dice.randint(1, 3)):
                row = {"at": at + page * dice.choice([60_000, 10 * 60_000, 45 * 60_000]), "who": who, "name": "view", "channel": channel}
                if len(devices) > 1:
                    row["account"] = f"a{person}"
                rows.append(row)
            bought += {"g": 0.10, "G": 0.10, "b": 0.05, "m": 0.20, "s": 0.0, "p": 0.02}[channel[0]]
            at += dice.choice([1, 3, 9, 40]) * DAY + dice.randint(0, DAY)
            if dice.random() < bought:
                rows.append({"at": at - DAY // 2, "who": dice.choice(devices), "name": "buy", "value": round(dice.expovariate(0.02), 2)})
                bought = 0.05
    rows += [dict(row) for row in rows[::97]]
    rows.append({"at": NOW + 400 * DAY, "who": "p1-0", "name": "buy", "value": 9.0})
    rows.append({"at": NOW - 5 * DAY, "who": "", "name": "view", "channel": "google"})
    dice.shuffle(rows)
    return rows


def group(channel):
    for name, patterns in GROUPS:
        for pattern in patterns:
            low = channel.lower()
            if low == pattern or (pattern.endswith("*") and low.startswith(pattern[:-1])):
                return name
    return channel


def journeys(rows):
    """Lists of (touches, ages in days, conversions, value); the age is None for what came to nothing. Besides, how many are open."""
    root = {}

    def find(name):
        while root.get(name, name) != name:
            name = root[name]
        return name

    rows = [row for row in rows if row["who"] and row["at"] <= NOW and (row.get("channel") or row["name"] == "buy")]
    rows = list({json.dumps(row, sort_keys=True): row for row in rows}.values())
    holders = {}
    for row in rows:
        if row.get("account"):
            holders.setdefault(row["account"], set()).add(row["who"])
    for names in holders.values():
        if len(names) <= 5:
            first = min(find(name) for name in names)
            for name in names:
                root[find(name)] = first
    people = {}
    for row in rows:
        people.setdefault(find(row["who"]), []).append(row)
    found, still_open = [], 0
    for mine in people.values():
        mine.sort(key=lambda row: (row["at"], row["name"]))
        touches, seen = [], None
        for row in mine:
            if touches and row["at"] - seen > WINDOW:
                found.append(([channel for _, channel in touches], None, 0, 0.0))
                touches = []
            if row.get("channel"):
                channel = group(row["channel"])
                if not (touches and touches[-1][1] == channel and row["at"] - seen < SESSION):
                    touches.append((row["at"], channel))
                seen = row["at"]
            if row["name"] == "buy":
                counted = [(at, channel) for at, channel in touches if row["at"] - at <= WINDOW]
                ages = [(row["at"] - at) / DAY for at, _ in counted]
                found.append(([channel for _, channel in counted], ages, 1, row["value"]))
                touches = []
        if touches:
            if NOW - seen < WINDOW:
                still_open += 1
            else:
                found.append(([channel for _, channel in touches], None, 0, 0.0))
    return found, still_open


def by_rule(model, found):
    credit = {}
    for touches, ages, won, value in found:
        if not won or not touches:
            continue
        n = len(touches)
        if model == "first":
            shares = [1.0] + [0.0] * (n - 1)
        elif model == "last":
            shares = [0.0] * (n - 1) + [1.0]
        elif model == "linear":
            shares = [1.0 / n] * n
        elif model == "time decay":
            shares = [2.0 ** (-age * DAY / HALF) for age in ages]
        elif model == "position":
            shares = [1.0] if n == 1 else [0.3, 0.5] if n == 2 else [0.3] + [0.2 / (n - 2)] * (n - 2) + [0.5]
        else:
            shares = [0.0 if touch in touches[:at] else 1.0 for at, touch in enumerate(touches)]
        for touch, share in zip(touches, shares):
            one = credit.setdefault(touch, [0.0, 0.0])
            one[0] += share / sum(shares)
            one[1] += share / sum(shares) * value
    return credit


def by_rates(found):
    """Over all orders of joining, straight from the definition."""
    channels = sorted({touch for touches, *_ in found for touch in touches})

    def worth(members):
        inside = [(won, value) for touches, _, won, value in found if touches and set(touches) <= members]
        return [sum(one[at] for one in inside) / len(inside) if inside else 0.0 for at in (0, 1)]

    known = {frozenset(some): worth(set(some)) for n in range(len(channels) + 1) for some in itertools.combinations(channels, n)}
    added = {channel: [0.0, 0.0] for channel in channels}
    for order in itertools.permutations(channels):
        for at, channel in enumerate(order):
            for of in (0, 1):
                added[channel][of] += known[frozenset(order[: at + 1])][of] - known[frozenset(order[:at])][of]
    wins = [(won, value) for touches, _, won, value in found if touches]
    totals, sums = [sum(one[of] for one in wins) for of in (0, 1)], [sum(one[of] for one in added.values()) for of in (0, 1)]
    return {channel: [one[of] / sums[of] * totals[of] for of in (0, 1)] for channel, one in added.items()}


def by_removal(found, order):
    """States are the last `order` touches; without a channel, whoever would touch it is lost."""
    steps, place = {}, {}
    for touches, _, won, _ in found:
        if not touches:
            continue
        states = [()] + [tuple(touches[max(0, at + 1 - order) : at + 1]) for at in range(len(touches))]
        for here, there in itertools.pairwise(states + ["won" if won else "lost"]):
            steps.setdefault(here, {}).setdefault(there, 0)
            steps[here][there] += 1
    for at, state in enumerate(steps):
        place[state] = at

    def rate(without=None):
        matrix, last = np.eye(len(place)), np.zeros(len(place))
        for here, to in steps.items():
            total = sum(to.values())
            for there, count in to.items():
                if there == "won":
                    last[place[here]] += count / total
                elif there != "lost" and (without is None or there[-1] != without):
                    matrix[place[here], place[there]] -= count / total
        return np.linalg.solve(matrix, last)[place[()]]

    channels = sorted({touch for touches, *_ in found for touch in touches})
    effects = {channel: 1 - rate(channel) / rate() for channel in channels}
    wins = [(won, value) for touches, _, won, value in found if touches]
    totals, sum_of = [sum(one[of] for one in wins) for of in (0, 1)], sum(effects.values())
    return {channel: [effect / sum_of * totals[of] for of in (0, 1)] for channel, effect in effects.items()}


def reference(model, found):
    if model.startswith("markov"):
        return by_removal(found, 2 if "2" in model else 1)
    return by_rates(found) if model == "shapley of rates" else by_rule(model, found)


def program(rows, words):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "reference.kdl"
        groups = "; ".join(f'group "{name}" ' + " ".join(f'"{one}"' for one in some) for name, some in GROUPS)
        path.write_text(
            f"""workflow "reference" phase=1 {{
    timezone "UTC"
    every "1d"
    recorded from="2026-05-27"
    intelligence {{ source "site" kind="events" {{ path "events.jsonl"; window "365d" }} }}
    learning {{
        attribute "credit" {{
            from "site"; {words}; conversion "buy"; window "30d"; session "30m"; identity "account"; {groups}
        }}
    }}
}}
"""
        )
        with open(pathlib.Path(folder) / "events.jsonl", "w") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
        done = subprocess.run([ours.PROGRAM, "run", str(path), "--json"], capture_output=True, text=True)
        try:
            cycle = json.loads(done.stdout)["cycles"][-1]
        except (ValueError, KeyError, IndexError):
            raise SystemExit(f"{ours.PROGRAM} did not run the workflow:\n{done.stdout}\n{done.stderr}")
    return {i["subject"]["channel"]: i for i in cycle["insights"] if "channel" in i["subject"]}, json.dumps(cycle)


def main(seed):
    rows = events(seed, 1_200)
    found, still_open = journeys(rows)
    truth, _ = journeys(events(seed + 1, 60_000))
    won = sum(one[2] for one in found if one[0])
    print(f"{len(rows)} rows, {len(found)} closed journeys of which {won} with a touch convert, {still_open} open")
    for model, words in MODELS.items():
        theirs = reference(model, found)
        mine, told = program(rows, words)
        assert f"{still_open} journeys may still convert" in told, "as many are open"
        if set(theirs) != set(mine):
            raise SystemExit(f"other channels: {sorted(theirs)} and {sorted(mine)}")
        share = max(abs(mine[name]["value"] - credit[0] / won) for name, credit in theirs.items())
        value = max(abs(ours.plot(mine[name])["value"] - credit[1]) / max(1.0, abs(credit[1])) for name, credit in theirs.items())
        wide = reference(model, truth)
        total = sum(one[0] for one in wide.values())
        inside = sum(mine[name]["interval"][0] <= wide[name][0] / total <= mine[name]["interval"][1] for name in mine)
        print(f"{model:>18}: shares differ by {share:.1e}, values by {value:.1e} of themselves; {inside} of {len(mine)} intervals hold the wider world's")
        assert math.isfinite(share) and share < 1e-9 and value < 1e-9, model


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
