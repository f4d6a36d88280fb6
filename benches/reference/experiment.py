"""Differences, Welch intervals, p-values and split checks by scipy, beside ours, on the public e-mail test and the headline archive.

    pip install scipy pandas                  and, when wanted, statsmodels and gbstats
    cargo build --release
    python benches/reference/experiment.py ../shared/data/learning/experiments [all|odd|even|SEED]

The last word takes the odd rows, the even rows, or half of the rows drawn by that seed. Prints for each arm and metric our value beside
scipy's and the largest relative difference; then which share of the headline archive's tests have a broken split by scipy, in the
withdrawn weeks and after, over all weeks and over odd and even ones (our rule is the same test at the same level, see `stats::srm`).
Says what it skipped. Not needed by any test.
"""

import pathlib
import sys

import numpy as np
import pandas as pd
from scipy import stats

import ours

WORKFLOW = """workflow "reference" phase=1 {
    intelligence { source "mail" kind="csv" { path "mail.csv"; give "event"; shape { constant "row" as="name" } } }
    learning {
        experiment "test" { from "mail"; arms by="treatment" control="No E-Mail"; METRIC }
    }
}
"""


# The level of `stats::srm`.
GATE = 0.0005


def mails(folder, which):
    table = pd.read_csv(folder / "hillstrom_even.csv.gz")
    if which in ("odd", "even"):
        table = table[int(which == "odd") :: 2]
    elif which != "all":
        table = table.sample(len(table) // 2, random_state=int(which))
    print(f"e-mail test, {len(table)} rows ({which})")
    worst = 0.0
    # Two arms and one metric at a time: our intervals share the error between all comparisons.
    for arm in ("Mens E-Mail", "Womens E-Mail"):
        two = table[table["treatment"].isin([arm, "No E-Mail"])]
        for metric, node in (("visit", 'metric "visit"'), ("conversion", 'metric "conversion"'), ("spend", 'metric "spend" as="value"')):
            insights, _ = ours.run(WORKFLOW.replace("METRIC", node), {"mail.csv": two})
            value, parts = next((i["value"], ours.plot(i)) for i in insights if i["measure"] != "decision")
            a = two.loc[two["treatment"] == arm, metric]
            b = two.loc[two["treatment"] == "No E-Mail", metric]
            test = stats.ttest_ind(a, b, equal_var=False)
            low, high = test.confidence_interval(0.95)
            if metric != "spend":
                # The variance of a share is p (1 − p), without the n − 1 of scipy's samples.
                va, vb = a.var(ddof=0) / len(a), b.var(ddof=0) / len(b)
                df = (va + vb) ** 2 / (va**2 / (len(a) - 1) + vb**2 / (len(b) - 1))
                half = stats.t.ppf(0.975, df) * np.sqrt(va + vb)
                low, high = a.mean() - b.mean() - half, a.mean() - b.mean() + half
            rows = [
                ("difference", value, a.mean() - b.mean()),
                ("low", parts["low, one look"], low),
                ("high", parts["high, one look"], high),
                ("p", parts["p, one look"], test.pvalue),
            ]
            for name, mine, theirs in rows:
                apart = abs(mine - theirs) / max(abs(theirs), 1e-300)
                worst = max(worst, apart)
                print(f"  {arm:14} {metric:11} {name:11} {mine:24.16e} {theirs:24.16e} {apart:.1e}")
    print(f"largest relative difference: {worst:.1e}")
    sizes = table["treatment"].value_counts()
    print("split of all three arms:", stats.chisquare(sizes))
    try:
        from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

        a, b = (table.loc[table["treatment"] == arm, "visit"] for arm in ("Mens E-Mail", "No E-Mail"))
        print("statsmodels, Mens visit:", CompareMeans(DescrStatsW(a), DescrStatsW(b)).tconfint_diff(usevar="unequal"))
    except ImportError as why:
        print(f"skipped statsmodels: {why}")


def headlines(folder):
    table = pd.read_csv(folder / "upworthy_h0.csv.gz")
    tests = table.groupby("test").agg(week=("test_week", "last"), sizes=("impressions", list))
    tests = tests[tests["sizes"].map(lambda sizes: len(sizes) > 1 and sum(sizes) > 0)]
    tests["p"] = tests["sizes"].map(lambda sizes: stats.chisquare(sizes).pvalue)
    for name, rows in (("all", tests), ("odd", tests[tests["week"] % 2 == 1]), ("even", tests[tests["week"] % 2 == 0])):
        for period, low, high in (("withdrawn", 201325, 201350), ("after", 201402, 201552)):
            p = rows.loc[rows["week"].between(low, high), "p"]
            print(f"headline archive, {name} weeks, {period}: {(p < GATE).sum()} of {len(p)} broken by scipy, {(p < GATE).mean():.4f}")


folder = pathlib.Path(sys.argv[1])
mails(folder, sys.argv[2] if len(sys.argv) > 2 else "all")
headlines(folder)
