"""What public tools reach on the series that `cargo bench --bench stats` forecasts, by the same measures.

    pip install statsforecast
    python benches/reference/forecast.py ../shared/data/learning/forecast/m3_monthly_odd.csv.gz 12

Prints OWA against Naive2 for AutoETS, AutoTheta and AutoCES, for their mean and their median, and the coverage of
AutoETS's 80 and 95 % intervals. Not needed by any test.
"""

import csv
import gzip
import sys
import time

import numpy as np
from statsforecast.models import AutoCES, AutoETS, AutoTheta


def autocorrelation(values, lag):
    apart = values - values.mean()
    return (apart[lag:] * apart[:-lag]).sum() / max((apart**2).sum(), 1e-300)


def naive2(history, period, horizon):
    n = len(history)
    seasonal = False
    if period > 1 and n >= 3 * period:
        squares = sum(autocorrelation(history, lag) ** 2 for lag in range(1, period))
        seasonal = abs(autocorrelation(history, period)) > 1.645 * np.sqrt((1 + 2 * squares) / n)
    if not seasonal or (history <= 0).any():
        return np.full(horizon, history[-1])
    weights = np.r_[0.5, np.ones(period - 1), 0.5] / period if period % 2 == 0 else np.ones(period) / period
    half = len(weights) // 2
    level = np.convolve(history, weights, "valid")
    ratio = history[half : half + len(level)] / level
    shape = np.array([ratio[[(half + i) % period == phase for i in range(len(ratio))]].mean() for phase in range(period)])
    shape /= shape.mean()
    flat = history[-1] / shape[(n - 1) % period]
    return np.array([flat * shape[(n + h) % period] for h in range(horizon)])


def main(path, period):
    rows = list(csv.DictReader(gzip.open(path, "rt")))
    errors, covered, spent = {}, np.zeros(2), {}
    for row in rows:
        history = np.array([float(x) for x in row["train"].split()])
        test = np.array([float(x) for x in row["test"].split()])
        scale = np.abs(history[period:] - history[:-period]).mean()
        paths = {"Naive2": naive2(history, period, len(test))}
        for name, model in [
            ("AutoETS", AutoETS(season_length=period)),
            ("AutoTheta", AutoTheta(season_length=period)),
            ("AutoCES", AutoCES(season_length=period)),
        ]:
            start = time.time()
            found = model.forecast(history, len(test), level=[80, 95] if name == "AutoETS" else None)
            spent[name] = spent.get(name, 0.0) + time.time() - start
            paths[name] = found["mean"]
            if name == "AutoETS":
                covered += [((found[f"lo-{q}"] <= test) & (test <= found[f"hi-{q}"])).mean() for q in (80, 95)]
        three = [paths["AutoETS"], paths["AutoTheta"], paths["AutoCES"]]
        paths["mean of three"] = np.mean(three, axis=0)
        paths["median of three"] = np.median(three, axis=0)
        for name, path in paths.items():
            size = np.abs(test) + np.abs(path)
            smape = (200 * np.abs(test - path) / np.where(size > 0, size, 1)).mean()
            errors.setdefault(name, []).append((smape, np.abs(test - path).mean() / scale))
    means = {name: np.mean(values, axis=0) for name, values in errors.items()}
    for name, found in means.items():
        print(f"{name:16} OWA {(found / means['Naive2']).mean():.4f}  sMAPE {found[0]:.3f}  MASE {found[1]:.4f}"
              f"  {1e3 * spent.get(name, 0) / len(rows):.1f} ms a series")
    print(f"AutoETS inside 80 %: {covered[0] / len(rows):.3f}, inside 95 %: {covered[1] / len(rows):.3f}")


main(sys.argv[1], int(sys.argv[2]))
