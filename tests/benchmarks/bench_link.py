"""How well and how fast `link` resolves files, beside Splink on the same rows in the same run.

Quality: every folder of BENCH_LINK_DATA (records.csv, clusters.csv, schema.json); skipped without it. Speed: BENCH_RECORDS
invented people's records (default 50,000; 1,000,000 for the promise). Splink takes part where it is installed (`pip install
splink`); its rules and comparisons are those its documentation recommends for each kind of column.
"""

import csv
import json
import multiprocessing
import os
import resource
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest

from identity.linkrun import run
from tests.benchmarks.results import section

DATA = os.environ.get("BENCH_LINK_DATA", "")
RECORDS = int(os.environ.get("BENCH_RECORDS", "50000"))
SPLINK_PAIRS = 10  # the most comparisons a record that one rule of Splink's may give
SETS = sorted(path.parent for path in Path(DATA).glob("*/schema.json")) if DATA else []


def apart(work: Any, *args: Any) -> dict[str, Any]:
    """What `work` answers in a process of its own, with its time and its most memory."""

    def inside(pipe: Any) -> None:
        begun = time.perf_counter()
        answer = work(*args)
        took = time.perf_counter() - begun
        pipe.send({**answer, "seconds": took, "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024})

    fork = multiprocessing.get_context("fork")
    ours, theirs = fork.Pipe()
    process = fork.Process(target=inside, args=(theirs,))
    process.start()
    theirs.close()
    answer: dict[str, Any] = ours.recv()
    process.join()
    return answer


def engine(where: Path, out: Path) -> dict[str, Any]:
    """`link` as it is."""
    outcome = run(
        where / "records.csv",
        schema=where / "schema.json",
        out=out,
        threshold=None,
        labels=None,
        model=None,
        say=lambda _, __: None,
    )
    linked = outcome.linked
    ids = outcome.records.ids
    kept = linked.probability >= 0.01
    return {
        "clusters": {row: ids[at] for row, at in zip(ids, linked.partition.cluster.tolist(), strict=True)},
        "pairs": [
            (ids[a], ids[b], p)
            for a, b, p in zip(
                linked.left[kept].tolist(), linked.right[kept].tolist(), linked.probability[kept].tolist(), strict=True
            )
        ],
    }


def splink(where: Path) -> dict[str, Any]:
    """Splink, trained as in its own tutorials."""
    import splink.comparison_library as cl
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on
    from splink.blocking_analysis import count_comparisons_from_blocking_rules

    columns: dict[str, str] = json.loads((where / "schema.json").read_text())["columns"]
    # As text throughout: guessed types (a date, a number) do not go with its comparisons.
    text = pa.csv.ConvertOptions(column_types=dict.fromkeys(columns, pa.string()), strings_can_be_null=True)
    table = pa.csv.read_csv(where / "records.csv", convert_options=text)
    frame = DuckDBAPI().register(table)
    kinds = {column: kind for column, kind in columns.items() if kind != "source"}
    identity = next(column for column, kind in kinds.items() if kind == "id")
    by: dict[str, Any] = {
        "given_name": cl.NameComparison, "family_name": cl.NameComparison, "email": cl.EmailComparison,
        "postcode": cl.PostcodeComparison, "date_of_birth": lambda c: cl.DateOfBirthComparison(c, input_is_string=True),
        "street": lambda c: cl.LevenshteinAtThresholds(c, [1, 2]), "national_id": lambda c: cl.LevenshteinAtThresholds(c, [1, 2]),
    }  # fmt: skip
    names = {kind: column for column, kind in kinds.items()}
    compared = [column for column, kind in kinds.items() if kind not in ("id", "full_name")]
    strong = [names[k] for k in ("email", "phone", "national_id", "street", "postcode", "date_of_birth") if k in names]
    weak = [names[k] for k in ("given_name", "family_name", "city") if k in names]
    rules = [block_on(one) for one in strong if kinds[one] in ("email", "phone", "national_id")]
    rules += [block_on(a, b) for at, a in enumerate(strong + weak) for b in (strong + weak)[at + 1 :]]
    # As its documentation says: the comparisons of each rule counted, and those left out that give too many.
    rules = [
        rule
        for rule in rules
        if count_comparisons_from_blocking_rules(
            frame, blocking_rules=rule, link_type="dedupe_only", unique_id_column_name=identity
        )[0]["cumulative_comparison_count"]
        <= SPLINK_PAIRS * table.num_rows
    ]
    settings = SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name=identity,
        comparisons=[
            by.get(kinds[c], lambda x: cl.ExactMatch(x).configure(term_frequency_adjustments=True))(c) for c in compared
        ],
        blocking_rules_to_generate_predictions=rules,
    )
    linker = Linker(frame, settings)
    training = linker.training
    sure = (
        [block_on(names["given_name"], names["family_name"], strong[-1])]
        if {"given_name", "family_name"} <= set(names)
        else []
    )
    training.estimate_probability_two_random_records_match(sure or rules[:1], recall=0.6)
    training.estimate_u_using_random_sampling(max_pairs=5e6)
    for one in [rules[0], rules[-1]]:
        training.estimate_parameters_using_expectation_maximisation(one)
    found = linker.inference.predict(threshold_match_probability=0.01)
    clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(found, threshold_match_probability=0.95)
    frame = clusters.as_pandas_dataframe()
    return {"clusters": dict(zip(frame[identity].astype(str), frame["cluster_id"].astype(str), strict=True))}


def b_cubed(found: dict[str, str], truth: dict[str, str]) -> float:
    """F1 after Bagga and Baldwin 1998."""
    both = Counter((found[one], truth[one]) for one in truth)
    ours, theirs = Counter(found[one] for one in truth), Counter(truth.values())
    precision = sum(n * n / ours[a] for (a, _), n in both.items())
    recall = sum(n * n / theirs[b] for (_, b), n in both.items())
    return 2 * precision * recall / (precision + recall) / len(truth)


def calibration(pairs: list[tuple[str, str, float]], truth: dict[str, str]) -> float:
    """Expected calibration error in ten bins of equal mass."""
    chances = np.array([p for _, _, p in pairs])
    right = np.array([truth[a] == truth[b] for a, b, _ in pairs])
    bins = np.array_split(np.argsort(chances, kind="stable"), 10)
    return float(
        sum(abs(chances[one].mean() - right[one].mean()) * len(one) for one in bins if len(one)) / max(len(chances), 1)
    )


def has_splink() -> bool:
    try:
        import splink  # noqa: F401
    except ImportError:
        return False
    return True


@pytest.mark.skipif(not SETS, reason="BENCH_LINK_DATA names no folder of labelled sets")
def test_quality(tmp_path):
    with section("link", "Who is who in a file", peer="Splink at its threshold of .95, same rows, same run") as found:
        for where in SETS:
            with (where / "clusters.csv").open(newline="") as file:
                truth = {row["unique_id"]: row["cluster_id"] for row in csv.DictReader(file)}
            ours = apart(engine, where, tmp_path / "out.csv")
            theirs = apart(splink, where) if has_splink() else None
            error = calibration(ours["pairs"], truth)
            found.add(
                "B-cubed F1", data=f"{where.name}, {len(truth):,} records", unit="",
                ours=round(b_cubed(ours["clusters"], truth), 4),
                limit=round(b_cubed(theirs["clusters"], truth), 4) if theirs else None, note=f"ECE {error:.3f}",
            )  # fmt: skip
            assert error < 0.05


def test_speed(tmp_path):
    people(tmp_path / "records.csv", RECORDS)
    kinds = ("id", "given_name", "family_name", "date_of_birth", "email", "phone", "street", "city", "postcode")
    (tmp_path / "schema.json").write_text(json.dumps({"columns": {kind: kind for kind in kinds}}))
    with section("link_speed", "A file resolved", peer="Splink on the same file in the same run") as found:
        ours = apart(engine, tmp_path, tmp_path / "out.csv")
        theirs = apart(splink, tmp_path) if has_splink() else None
        for what, name, unit in (("train, score, cluster", "seconds", "s"), ("most memory", "mb", "MB")):
            found.add(
                what,
                data=f"{RECORDS:,} records",
                ours=round(ours[name], 1),
                unit=unit,
                limit=round(theirs[name], 1) if theirs else None,
            )


def people(path: Path, records: int) -> Any:
    """Writes invented people in households, some two records each, with gaps and slips. Gives each record's person."""
    draw = np.random.default_rng(1)
    letters = np.array(list("abcdefghijklmnoprstuvz"))
    word = lambda n, length: draw.choice(letters, (n, length)).view(f"U{length}").ravel()  # noqa: E731
    number = lambda n, low, high: draw.integers(low, high, n).astype(str)  # noqa: E731
    two = lambda n, low, high: np.char.zfill(number(n, low, high), 2)  # noqa: E731
    # A few names are borne by many, as everywhere (Zipf).
    zipf = lambda n, names: names[np.minimum(draw.zipf(1.35, n) - 1, len(names) - 1)]  # noqa: E731
    givens, families = word(800, 6), word(8000, 7)
    homes = records // 3 + 100  # of four records on average: what is too much is cut off
    house, town = _joined(number(homes, 1, 9999), " ", word(homes, 7), " st"), _joined(word(homes, 4), "ton")
    home = np.repeat(np.arange(homes), draw.integers(1, 4, homes))
    count = len(home)
    given, family = zipf(count, givens), zipf(homes, families)[home]
    born = _joined(number(count, 1940, 2005), "-", two(count, 1, 13), "-", two(count, 1, 29))
    mail = _joined(given, ".", family, number(count, 0, 99), "@example.com")
    phone = number(count, 2_000_000_000, 9_999_999_999)
    who = np.repeat(np.arange(count), draw.integers(1, 4, count))[:records]
    slipped = np.ascontiguousarray(given.view("U1").reshape(-1, 6)[:, [0, 1, 3, 2, 4, 5]]).view("U6").ravel()
    at = home[who]
    columns = {
        "given_name": (np.where(draw.random(records) < 0.08, slipped[who], given[who]), 0.03),
        "family_name": (family[who], 0.03), "date_of_birth": (born[who], 0.5), "email": (mail[who], 0.3),
        "phone": (phone[who], 0.4), "street": (house[at], 0.4), "city": (town[at], 0.4),
        "postcode": (np.full(records, str(10000 + 7 * 7919 % 80000)), 0.4),
    }  # fmt: skip
    written = {"id": pa.array(np.arange(records).astype(str))}
    for name, (values, gaps) in columns.items():
        written[name] = pa.array(values.astype(object), pa.string(), mask=draw.random(records) < gaps)
    pa.csv.write_csv(pa.table(written), path, pa.csv.WriteOptions(quoting_style="needed"))
    return who


def _joined(*parts: Any) -> Any:
    whole = parts[0]
    for part in parts[1:]:
        whole = np.char.add(whole, part)
    return whole
