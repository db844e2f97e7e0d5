"""Computes the expected outputs of the examples from their data, with nothing of Atomiton.

Run it in this folder's parent: `python3 expected/compute.py`. The tests compare the examples' outputs with what it wrote.
"""

import csv
import glob
import os
from collections import defaultdict


def write(name, header, rows):
    with open(os.path.join("expected", name), "w", newline="", encoding="utf-8") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(header)
        out.writerows(rows)


# 1. Bird strikes: split by "has a speed", then three summaries of the valid rows.
with open("data/birdstrikes.csv", encoding="utf-8") as file:
    strikes = list(csv.DictReader(file))
valid = [row for row in strikes if row["Speed IAS in knots"] != ""]
missing = [row for row in strikes if row["Speed IAS in knots"] == ""]

costs = defaultdict(lambda: [0, 0, 0])
for row in valid:
    entry = costs[row["Aircraft Airline Operator"]]
    entry[0] += 1
    entry[1] += row["Effect Amount of damage"] != "None"
    entry[2] += int(row["Cost Total $"])
write(
    "01-costs.csv",
    ["operator", "strikes", "damaging", "cost"],
    [[name, *entry] for name, entry in sorted(costs.items(), key=lambda kv: (-kv[1][2], kv[0]))],
)

phases = defaultdict(lambda: [0, 0])
for row in valid:
    entry = phases[row["Phase of flight"]]
    entry[0] += 1
    entry[1] += int(row["Speed IAS in knots"])
write(
    "01-phases.csv",
    ["phase", "strikes", "mean_knots"],
    [[name, n, int(total / n + 0.5)] for name, (n, total) in sorted(phases.items(), key=lambda kv: (-kv[1][0], kv[0]))],
)

species = defaultdict(int)
for row in valid:
    if not row["Wildlife Species"].startswith("Unknown"):
        species[row["Wildlife Species"]] += 1
write(
    "01-species.csv",
    ["species", "strikes"],
    sorted(species.items(), key=lambda kv: (-kv[1], kv[0]))[:10],
)
write(
    "01-rejected.csv",
    ["Airport Name", "Flight Date", "Aircraft Airline Operator"],
    [[row["Airport Name"], row["Flight Date"], row["Aircraft Airline Operator"]] for row in missing],
)

# 2. Weather: one line a monthly file.
months = []
for path in sorted(glob.glob("data/weather/*.csv")):
    with open(path, encoding="utf-8") as file:
        days = list(csv.DictReader(file))
    warmest = max(float(day["temp_max"]) for day in days)
    mean = sum(float(day["temp_max"]) for day in days) / len(days)
    rain = sum(float(day["precipitation"]) for day in days)
    months.append([os.path.basename(path)[:-4], len(days), "%.1f" % warmest, "%.2f" % mean, "%.1f" % rain])
write("02-months.csv", ["month", "days", "warmest", "mean_max", "rain_mm"], months)

# 3. Earthquakes: counted by region, the part of the place behind its last comma.
regions = defaultdict(lambda: [0, -10.0])
with open("data/earthquakes.csv", encoding="utf-8") as file:
    for row in csv.DictReader(file):
        if row["type"] != "earthquake" or float(row["magnitude"]) < 1:
            continue
        entry = regions[row["place"].split(", ")[-1]]
        entry[0] += 1
        entry[1] = max(entry[1], float(row["magnitude"]))
write(
    "03-regions.csv",
    ["region", "earthquakes", "strongest"],
    [[name, n, f"{m:g}"] for name, (n, m) in sorted(regions.items(), key=lambda kv: (-kv[1][0], kv[0]))],
)
