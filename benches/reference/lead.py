"""Lead scores of the bank's calls by scikit-learn and LightGBM, beside ours, judged on the same rows.

    pip install scikit-learn lightgbm pandas
    cargo build --release
    python benches/reference/lead.py ../shared/data/decisions/lead/bank_marketing_rows_mod5_1234.csv.gz [time|SEED]

Rows stand in the order of time, or are shuffled by the seed (1 without one). Everybody is judged on the last tenth: ours as the step
judges itself, a logistic regression and LightGBM (as it comes, and stopped early) fitted once on all rows before it. Prints log-loss,
AUC and calibration error in ten bins. The length of the call is left out: it is known only afterwards. Says what it skipped.
Not needed by any test.
"""

import sys
import time

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import ours

WORKFLOW = """workflow "reference" phase=1 {
    intelligence { source "calls" kind="csv" { path "calls.csv"; give "event"; shape { constant "call" as="name"; column "who" as="who"; date "at" } } }
    conversion { lead-score "fit" { from "calls"; train on="y"; ignore "duration" "row" } }
}
"""


def calibration(p, y):
    """Ten bins with as many rows each."""
    order = np.argsort(p, kind="stable")
    return sum(abs(p[part].mean() - y[part].mean()) * len(part) for part in np.array_split(order, 10)) / len(p)


def tell(name, p, y, spent):
    print(f"{name:24} log-loss {log_loss(y, p):.4f}  AUC {roc_auc_score(y, p):.4f}  calibration {calibration(p, y):.4f}  {spent:.1f} s")


def main(path, which):
    table = pd.read_csv(path)
    if which != "time":
        table = table.sample(frac=1, random_state=int(which)).reset_index(drop=True)
    # One minute apart, long ago.
    times = pd.Timestamp("2020-01-01") + pd.to_timedelta(np.arange(len(table)), unit="min")
    written = table.assign(who=[f"p{at}" for at in range(len(table))], at=times.strftime("%Y-%m-%dT%H:%M:%SZ"))
    insights, spent = ours.run(WORKFLOW, {"calls.csv": written})
    found = next(i for i in insights if i["measure"] == "log-loss")
    print(f"ours, the whole program: {spent:.1f} s of processor time, judged on {found['n']} rows\n  {found['says']}")
    newer = len(table) - int(len(table) * 0.8)
    cut = len(table) - (newer - newer // 2)
    x, y = table.drop(columns=["y", "duration", "row"]), table["y"].to_numpy()
    words = [name for name in x if not pd.api.types.is_numeric_dtype(x[name])]
    numbers = [name for name in x if name not in words]
    start = time.process_time()
    line = make_pipeline(
        make_column_transformer((OneHotEncoder(handle_unknown="ignore"), words), (StandardScaler(), numbers)),
        LogisticRegression(C=0.1, max_iter=2000),
    )
    line.fit(x[:cut], y[:cut])
    tell("logistic regression", line.predict_proba(x[cut:])[:, 1], y[cut:], time.process_time() - start)
    try:
        import lightgbm

        x = x.assign(**{name: x[name].astype("category") for name in words})
        for name, early in (("LightGBM as it comes", False), ("LightGBM stopped early", True)):
            start = time.process_time()
            model = lightgbm.LGBMClassifier(
                n_estimators=500 if early else 100, learning_rate=0.03 if early else 0.1, num_leaves=15 if early else 31, verbose=-1, n_jobs=1
            )
            edge = int(cut * 0.9) if early else cut
            more = {"eval_set": [(x[edge:cut], y[edge:cut])], "callbacks": [lightgbm.early_stopping(30, verbose=False)]} if early else {}
            model.fit(x[:edge], y[:edge], **more)
            tell(name, model.predict_proba(x[cut:])[:, 1], y[cut:], time.process_time() - start)
    except ImportError as why:
        print(f"skipped LightGBM: {why}")


main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "1")
