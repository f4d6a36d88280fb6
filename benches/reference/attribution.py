"""Removal effects by an exact solve in numpy and by public packages, beside ours, on the same journeys.

    pip install numpy scipy pandas            and, where they can be built, ChannelAttribution, marketing_attribution_models
    cargo build --release
    python benches/reference/attribution.py ../shared/data/learning/attribution/paths_10k.csv.gz [all|odd|even|SEED]

The last word takes the odd rows, the even rows, or as many rows drawn with replacement by that seed. Prints the largest difference
between our removal effects and the exact ones, each channel beside ChannelAttribution (which simulates), and what each took. Says what
it skipped. Not needed by any test.
"""

import sys
import time

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix, identity
from scipy.sparse.linalg import spsolve

import ours

WORKFLOW = """workflow "reference" phase=1 {
    intelligence {
        source "paths" kind="csv" {
            path "paths.csv"
            give "event"
            shape {
                path "path" separator=" > "
                column "total_conversions" as="conversions"; column "total_conversion_value" as="value"
                column "total_null" as="nulls"; constant "site" as="channel"
            }
        }
    }
    learning { attribute "credit" { from "paths"; model "markov" } }
}
"""


def exact(table):
    """The chance of a conversion with every channel, and without one of them: a visit to it then ends in none."""
    journeys = [path.split(" > ") for path in table["path"]]
    channels = sorted({channel for journey in journeys for channel in journey})
    place = {channel: at + 1 for at, channel in enumerate(channels)}
    end = len(channels) + 1
    counts = np.zeros((end + 1, end + 2))
    for journey, won, lost in zip(journeys, table["total_conversions"], table["total_null"]):
        states = [0] + [place[channel] for channel in journey]
        for here, there in zip(states, states[1:]):
            counts[here, there] += won + lost
        counts[states[-1], end] += won
        counts[states[-1], end + 1] += lost
    sums = counts[:end].sum(axis=1, keepdims=True)
    steps = np.divide(counts[:end], sums, out=np.zeros_like(counts[:end]), where=sums > 0)

    def converts(without=None):
        inner = steps[:, :end].copy()
        last = steps[:, end].copy()
        if without is not None:
            inner[without], last[without] = 0, 0
        return spsolve((identity(end) - coo_matrix(inner)).tocsc(), last)[0]

    everything = converts()
    return {channel: 1 - converts(place[channel]) / everything for channel in channels}


def main(path, which):
    table = pd.read_csv(path)
    if which in ("odd", "even"):
        table = table[int(which == "odd") :: 2]
    elif which != "all":
        table = table.sample(len(table), replace=True, random_state=int(which))
    print(f"{len(table)} rows ({which})")
    start = time.process_time()
    reference = exact(table)
    print(f"exact, scipy: {time.process_time() - start:.2f} s of processor time")
    insights, spent = ours.run(WORKFLOW, {"paths.csv": table})
    found = {i["subject"]["channel"]: ours.plot(i).get("removal effect") for i in insights if "channel" in i["subject"]}
    print(f"ours, the whole program with 200 bootstrap samples: {spent:.2f} s of processor time")
    theirs = {}
    try:
        import ChannelAttribution

        start = time.process_time()
        answer = ChannelAttribution.markov_model(
            table, "path", "total_conversions", var_null="total_null", order=1, out_more=True, sep=">", verbose=False, flg_pro=False
        )
        print(f"ChannelAttribution: {time.process_time() - start:.2f} s of processor time")
        effects = answer["removal_effects"] if isinstance(answer, dict) else answer[2]
        theirs = dict(zip(effects.iloc[:, 0], effects.iloc[:, 1]))
    except Exception as why:  # A package that is not there, or has another interface, is skipped.
        print(f"skipped ChannelAttribution: {type(why).__name__}: {why}")
    try:
        import marketing_attribution_models as mam

        start = time.process_time()
        # It takes one row for each journey, so aggregated rows are written out.
        won = table.loc[table.index.repeat(table["total_conversions"])].assign(conversion=True)
        lost = table.loc[table.index.repeat(table["total_null"])].assign(conversion=False)
        rows = pd.concat([won, lost]).reset_index(drop=True)
        model = mam.MAM(rows, channels_colname="path", journey_with_conv_colname="conversion", path_separator=" > ", group_channels=False)
        _, _, _, effects = model.attribution_markov(transition_to_same_state=True)
        print(f"marketing_attribution_models: {time.process_time() - start:.2f} s of processor time; removal effects:")
        print(effects.to_string())
    except Exception as why:
        print(f"skipped marketing_attribution_models: {type(why).__name__}: {why}")
    print(f"{'channel':12} {'exact':>16} {'ours':>16} {'ChannelAttribution':>20}")
    for channel, effect in sorted(reference.items(), key=lambda pair: -pair[1]):
        print(f"{channel:12} {effect:16.13f} {found[channel]:16.13f} {theirs.get(channel, float('nan')):20.6f}")
    print(f"largest difference from the exact solve: {max(abs(found[c] - e) for c, e in reference.items()):.1e}")


main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "all")
