"""The best subgroups of the e-mail test by pysubgroup, and the same counts and lifts by mlxtend, to compare with ours.

    pip install pysubgroup mlxtend
    python benches/reference/pattern.py ../shared/data/learning/experiments/hillstrom_even.csv.gz

The test `the_ten_best_subgroups_are_those_of_pysubgroup` holds these numbers. Not needed by any test.
"""

import sys
import time

import pandas as pd
import pysubgroup as ps
from mlxtend.frequent_patterns import apriori, association_rules

COLUMNS = ["recency", "history_segment", "mens", "womens", "zip_code", "newbie", "channel", "treatment"]

table = pd.read_csv(sys.argv[1])
data = table[COLUMNS].astype(str)
data["visit"] = table["visit"] == 1

start = time.time()
target = ps.BinaryTarget("visit", True)
space = ps.create_selectors(data, ignore=["visit"])
task = ps.SubgroupDiscoveryTask(data, target, space, result_set_size=10, depth=3, qf=ps.WRAccQF())
found = ps.SimpleDFS().execute(task).to_dataframe()
print(f"pysubgroup: {time.time() - start:.2f} s, {len(space)} selectors")
for _, row in found.iterrows():
    print(f"{row.quality:.12f} {row.size_sg} {row.positives_sg} {row.lift:.10f} {row.subgroup}")

start = time.time()
hot = pd.get_dummies(data[COLUMNS]).astype(bool)
hot["visit"] = data["visit"]
items = apriori(hot, min_support=100 / len(hot), max_len=4, use_colnames=True)
rules = association_rules(items, num_itemsets=len(hot), metric="lift", min_threshold=0)
rules = rules[rules.consequents == frozenset({"visit"})]
rules["wracc"] = rules["antecedent support"] * (rules.confidence - rules["consequent support"])
print(f"mlxtend: {time.time() - start:.2f} s, {len(rules)} rules")
for _, row in rules.sort_values("wracc", ascending=False).head(10).iterrows():
    print(f"{row.wracc:.12f} {round(row['antecedent support'] * len(hot))} {row.lift:.10f} {sorted(row.antecedents)}")
