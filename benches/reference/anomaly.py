"""The public labelled streams scored anew: the watch over dense streams written a second time, and public detectors, beside ours.

    pip install numpy pandas                  and, when wanted, river
    LOOPCTL_SHARES=/tmp/shares.jsonl cargo bench --bench stats -- streams
    python benches/reference/anomaly.py ../shared/data/learning/anomaly [/tmp/shares.jsonl]

The scoring is that of the Numenta benchmark (Lavin and Ahmad, 2015) for one threshold over all series, fitted on one half of them and
scored on the other; written here from the paper and not from `benches/nab`. Prints for every detector the two halves (even and odd
files) both ways round, and mean and spread over 100 random halves. The watch is computed for several ladders of lengths and speeds, to
show how much hangs on them; with the file, what the library itself gave at every point is scored too. Not needed by any test.
"""

import json
import pathlib
import sys

import numpy as np
import pandas as pd

LADDER = [8, 11, 16, 23, 32, 45, 64, 91, 128, 181, 256]
PLACES = 10


def series(folder):
    table = pd.read_csv(folder / "nab_dev.csv.gz", parse_dates=["timestamp"])
    labels = json.loads((folder / "nab_dev_windows.json").read_text())
    found = []
    for name, rows in sorted(table.groupby("file")):
        times, values = rows["timestamp"].reset_index(drop=True), rows["value"].to_numpy(float)
        windows = [(int((times >= pd.Timestamp(a)).idxmax()), int((times <= pd.Timestamp(b)).sum()) - 1) for a, b in labels[name]]
        minutes = times.diff().median().total_seconds() / 60
        probation = int(min(750, 0.15 * len(values)))
        found.append((values, windows, probation, round(1440 / minutes)))
    return found


def sigmoid(place):
    return -1.0 if place > 3 else 2 / (1 + np.exp(5 * place)) - 1


def earned(one, scores, threshold, cost):
    values, windows, probation, _ = one
    total, caught, quiet_until = 0.0, {}, -1
    for at in np.flatnonzero(scores >= threshold):
        if at < probation or at < quiet_until:
            continue
        quiet_until = at + probation // 5
        inside = [w for w in windows if w[0] <= at <= w[1]]
        if inside:
            low, high = inside[0]
            worth = sigmoid(-(high - at + 1) / (high - low + 1)) / sigmoid(-1.0)
            caught[inside[0]] = max(caught.get(inside[0], -1), worth)
        else:
            before = [w for w in windows if w[1] < at]
            total += cost * (sigmoid((at - before[-1][1]) / max(1, before[-1][1] - before[-1][0])) if before else -1.0)
    counted = [w for w in windows if w[1] >= probation]
    return total + sum(caught.get(w, -1.0) for w in counted), len(counted)


def judge(name, all_series, all_scores):
    pooled = np.sort(np.concatenate([scores[one[2]:] for one, scores in zip(all_series, all_scores)]))
    places = np.unique(np.logspace(0, np.log10(len(pooled) / 15), 150).astype(int))
    thresholds = np.unique(pooled[-places])
    line = f"{name:34}"
    for profile, cost in (("standard", 0.11), ("few false alarms", 0.22)):
        cells = [[earned(one, scores, t, cost) for t in thresholds] for one, scores in zip(all_series, all_scores)]
        gains = np.array([[cell[0] for cell in row] for row in cells])
        windows = np.array([row[0][1] for row in cells])
        score = lambda of, at: 100 * (gains[of, at].sum() + windows[of].sum()) / (2 * windows[of].sum())

        def fit(of):
            sums = gains[of].sum(axis=0)
            best = np.flatnonzero(sums >= sums.max() - 1e-9)
            return best[len(best) // 2]

        numbers = np.arange(len(all_series))
        even, odd = numbers[::2], numbers[1::2]
        chance = np.random.default_rng(29)
        random = []
        for _ in range(100):
            order = chance.permutation(len(all_series))
            a, b = np.split(order, [(len(order) + 1) // 2])
            random += [score(b, fit(a)), score(a, fit(b))]
        line += f"  {profile}: {score(odd, fit(even)):.1f} {score(even, fit(odd)):.1f}, halves {np.mean(random):.1f} ± {np.std(random):.1f}"
    print(line, flush=True)


def means(x, ladder):
    sums = np.cumsum(np.r_[0.0, x])
    at = np.arange(len(x))
    return np.array([(sums[at + 1] - sums[np.maximum(0, at - w + 1)]) / np.minimum(at + 1, w) for w in ladder])


def followed(x, ladder, speed):
    found = means(x, ladder)
    levels = np.empty_like(found)
    for row, w in enumerate(ladder):
        slow = 0.0
        for at, mean in enumerate(found[row]):
            if at < w:
                slow = mean
            levels[row, at] = slow
            slow += (mean - slow) / (speed * w)
    return found, levels


def watch(one, ladder, speed):
    values, _, _, day = one
    n = len(values)
    far = np.empty((len(ladder), n))
    for row, w in enumerate(ladder):
        long = values[0]
        for at, value in enumerate(values):
            far[row, at] = abs(value - long)
            long += (value - long) / min(speed * w, at + 1)
    mean, level = followed(values, ladder, speed)
    steps = np.r_[0.0, np.abs(np.diff(values))]
    rough, smooth = followed(steps, ladder, speed)
    tremor = 1e-3 * np.cumsum(steps) / np.arange(1, n + 1) + 1e-12
    bursts = np.log((rough + tremor) / (smooth + tremor))
    days = np.full((len(ladder), n), np.inf)
    for back in (day, 7 * day):
        if 1 < back < n:
            part = np.minimum(1, np.arange(1, n - back + 1)[None, :] / np.array(ladder)[:, None])
            days[:, back:] = np.minimum(days[:, back:], np.abs(means(values[back:] - values[:-back], ladder) * part))
    days[np.isinf(days)] = 0
    size = 1e-9 * np.maximum(np.abs(values), 1e-9)
    ways = np.vstack([np.where(d > size, d, 0) for d in (far, np.abs(mean - level), days, np.abs(rough - smooth))] + [np.maximum(bursts, 0)])
    best = np.zeros((len(ways), PLACES))
    votes = np.zeros(n)
    for at in range(n):
        here = ways[:, at]
        for way in np.flatnonzero((here > 0) & (here >= best[:, -1])):
            place = int((best[way] > here[way]).sum())
            best[way, place + 1 :] = best[way, place:-1].copy()
            best[way, place] = here[way]
            votes[at] += 1 / (place + 1)
    return votes / len(ways)


def river_scores(all_series):
    from river import anomaly, compose, preprocessing

    for name, make in (
        ("river GaussianScorer", lambda: anomaly.GaussianScorer(window_size=None, grace_period=100)),
        ("river HalfSpaceTrees", lambda: compose.Pipeline(preprocessing.MinMaxScaler(), anomaly.HalfSpaceTrees(seed=1))),
    ):
        scores = []
        for values, *_ in all_series:
            model, found = make(), []
            for value in values:
                x = {"x": value} if "Half" in name else value
                found.append(model.score_one(None, x) if "Gaussian" in name else model.score_one(x))
                model.learn_one(None, x) if "Gaussian" in name else model.learn_one(x)
            scores.append(np.nan_to_num(np.array(found, float)))
        judge(name, all_series, scores)


def main(folder, shares):
    all_series = series(pathlib.Path(folder))
    if shares:
        rows = [json.loads(line) for line in open(shares)]
        judge("ours, by the library", all_series, [np.array([x or 0.0 for x in row]) for row in rows])
    halves = lambda first, count, step: [round(first * step**at) for at in range(count)]
    for name, ladder, speed in [
        ("the watch, written here", LADDER, 10),
        ("speed 5", LADDER, 5),
        ("speed 20", LADDER, 20),
        ("whole octaves", halves(8, 6, 2), 10),
        ("from 5 points", halves(5, 12, 2**0.5), 10),
        ("from 16 points", halves(16, 9, 2**0.5), 10),
        ("thirds of octaves", halves(8, 16, 2 ** (1 / 3)), 10),
    ]:
        judge(name, all_series, [watch(one, ladder, speed) for one in all_series])
    # The simplest baseline: how many deviations a point lies from the mean of all before it.
    tails = []
    for values, *_ in all_series:
        frame = pd.Series(values)
        spread = frame.shift(1).expanding(10)
        tails.append(np.nan_to_num(((frame - spread.mean()).abs() / (spread.std() + 1e-9)).to_numpy()))
    judge("deviations from all before", all_series, tails)
    try:
        river_scores(all_series)
    except ImportError as why:
        print(f"skipped river: {why}")


main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None)
