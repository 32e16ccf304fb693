"""The figures of docs/speed.md from what the benchmarks wrote.

python bench/rollout.py --json out/bench/rollout.json
python bench/subspaces.py --json out/bench/subspaces.json
python bench/routes.py --json out/bench/routes.json
python bench/compiled.py --json out/bench/compiled.json
python bench/speed_tables.py --write docs/speed.md

What was not run again stays as it was in the file, at the end.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
HEADING = "### "

EACH = {"each_cpu_us": "CPU µs each"}
TIMES = {"cpu_ms": "CPU ms", "ms": "wall ms"}
MEMORY = {"request_mb": "memory bound, MB"}
SIZES = {"k_q": "k_q", "hidden": "hidden", "rank": "rank"}

SCALING = {
    "candidates": ("Candidates", {"candidates": "candidates", **EACH, **TIMES, **MEMORY}),
    "horizon": ("Horizon, 64 candidates", {"horizon_s": "seconds", **TIMES, **MEMORY}),
    "coordinates": (
        "Coordinates, 64 candidates",
        {**SIZES, "captured": "share of E[JᵀMJ]", "compile_error": "compile error", "cpu_ms": "CPU ms"},
    ),
    "rank": ("Size of the map, 512 candidates, four steps per frame", {**SIZES, **EACH}),
    "vertices": (
        "Vertices, 64 candidates: with 8 tracked vertices, or with full meshes at the end",
        {
            "vertices": "vertices",
            "encode_ms": "encode, wall ms",
            "compile_ms": "compile, wall ms",
            "vertices_once_ms": "modes of vertices, once, wall ms",
            "cpu_ms": "tracked, CPU ms",
            "meshes_cpu_ms": "meshes, CPU ms",
            **MEMORY,
        },
    ),
    "routes": ("Routes on the processor", {"route": "route", "candidates": "candidates", **EACH}),
}
"""Titles and columns of the scaling tables."""


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(_text(cell) for cell in line) + " |" for line in lines) + "\n"


def _text(cell: object) -> str:
    if isinstance(cell, float):
        return "" if cell != cell else f"{cell:,.0f}" if abs(cell) >= 99.5 else f"{cell:.2g}"
    return "" if cell is None else f"{cell:,}" if isinstance(cell, int) else str(cell)


def main_table(result: dict[str, Any]) -> str:
    """Ours beside the peers, in milliseconds: processor time, and wall time in brackets."""
    names = {
        "laptop": "MuJoCo laptop, hinge given",
        "flex": "interpolated flex",
        "fem": "full FEM flex",
        "cloth": "cloth",
        "reduced_order": "fast complementary dynamics",
    }
    owners = dict.fromkeys(names, "mujoco") | {"reduced_order": "others"}

    def both(owner: str, key: str) -> str:
        if key not in result.get(owner, {}):
            return ""
        cpu, wall = result[f"{owner}_cpu"][key], result[owner][key]
        return f"({_text(wall)})" if cpu != cpu else f"{_text(cpu)} ({_text(wall)})"

    blank = [""] * len(names)
    rows = [
        ["one rollout", both("ours", "one_ms"), *(both(owners[peer], f"{peer}_one_ms") for peer in names)],
        ["the same, gentle push", both("ours", "one_gentle_ms"), *blank],
        ["the same, at a contact point not asked about before", both("ours", "one_new_contact_ms"), *blank],
        ["64 candidates", both("ours", "batch64_ms"), *(both(owners[peer], f"{peer}_64_ms") for peer in names)],
        ["the same, gentle pushes", both("ours", "batch64_gentle_ms"), *blank],
        ["512 candidates", both("ours", "batch512_ms"), *blank],
        ["30 frames of all vertices", both("ours", "decode_ms"), *blank],
        ["encode and compile, once per scan", both("ours", "encode_and_compile_ms"), *blank],
    ]
    return table(["CPU ms (wall ms)", "ours", *names.values()], rows)


def ratio_table(result: dict[str, Any]) -> str:
    """How many times faster."""
    peers = [name.removeprefix("one_against_") for name in result["ratios_cpu"] if name.startswith("one_against_")]
    kinds = {"one": "one rollout", "batch64": "64 candidates", "batch64_gentle": "64 gentle candidates"}
    rows = [[text, *(result["ratios_cpu"][f"{kind}_against_{peer}"] for peer in peers)] for kind, text in kinds.items()]
    return table(["times less CPU time than", *(peer.replace("_", " ") for peer in peers)], rows)


def rows_table(rows: list[dict[str, Any]], columns: dict[str, str]) -> str:
    """Some columns of a scaling table."""
    return table(list(columns.values()), [[row.get(name) for name in columns] for row in rows])


def steps_table(routes: dict[str, Any]) -> str:
    """The same integration step by several routes."""
    columns = {"route": "route", "k_q": "k_q", "candidates": "candidates", "each_step_us": "CPU µs per step"}
    columns |= {"times_numba": "times the first", "first_call_s": "first call, s"}
    return rows_table(routes["rows"], columns)


def compiled_table(compiled: dict[str, Any]) -> str:
    """Errors of every family's compiled map, the medians and the largest ones."""
    columns = {"family": "family", "k_q": "k_q", "hidden": "hidden", "compile_error": "stated error"}
    columns |= {"value": "values", "first": "first derivatives", "second": "second, at a point"}
    columns |= {"second_one": "second, over 1 σ", "rollout_push": "motion while pushed"}
    summary = compiled["summary"]
    kinds = [{"family": kind} | {name: errors[kind] for name, errors in summary.items()} for kind in summary["value"]]
    return rows_table([*compiled["rows"], *kinds], columns)


def figures(
    result: dict[str, Any],
    subspaces: dict[str, Any] | None,
    routes: dict[str, Any] | None = None,
    compiled: dict[str, Any] | None = None,
) -> str:
    """Everything between the markers."""
    scaling, details, settings = result["scaling"], result["details"], result["settings"]
    for rows in scaling.values():
        for row in rows:
            if "request_bytes" in row:
                row["request_mb"] = row["request_bytes"] / 1e6
    millimetres = 1e3 * (details["compile_error_metres"] or 0.0)
    text = (
        f"{settings['threads']} thread(s), {settings['device']}, checkpoint `{settings['checkpoint']}`, load average "
        f"{settings['load_average'][0]:.1f}. The object: {details['vertices']:,} vertices, {details['coordinates']} "
        f"coordinates, {details['hidden']} hidden units, rank {details['rank']}; error of the compiled map "
        f"{details['compile_error']:.2%} of the motion, {millimetres:.2g} mm. 64 hard pushes: largest energy drift "
        f"{details['largest_energy_drift']:.2%}; outcomes: {details['outcomes']}.\n\n"
    )
    sections = [("Beside MuJoCo", main_table(result) + "\n" + ratio_table(result))]
    sections += [(title, rows_table(scaling[name], columns)) for name, (title, columns) in SCALING.items()]
    sections.append(("Roofline", _roofline(result["roofline"])))
    if subspaces is not None:
        columns = {"family": "family", "degrees_of_freedom": "true dof"}
        for method, name in (("gauss_newton", "Gauss-Newton"), ("scalar_norm", "scalar norm")):
            columns |= {f"{method}_k": f"{name}: k_q", f"{method}_left_out": "left out"}
            columns |= {f"{method}_left_out_same_k": "left out, same k_q"}
        table_of = rows_table([*subspaces["rows"], subspaces["mean"]], columns)
        sections.append(("Active subspaces", table_of))
    if routes is not None:
        sections.append(("One integration step by several routes", steps_table(routes)))
    if compiled is not None:
        sections.append(("Compiled against the network", compiled_table(compiled)))
    return text + "\n".join(f"{HEADING}{title}\n\n{body}" for title, body in sections)


def kept(text: str, before: str) -> str:
    """The text, and after it the sections that only an earlier one has: of benchmarks that were not run again."""
    new, old = (dict(_sections(each)) for each in (text, before))
    return "\n".join([text, *(f"{HEADING}{title}\n{body}" for title, body in old.items() if title not in new)])


def _sections(text: str) -> list[tuple[str, str]]:
    """Titles and bodies."""
    parts = [part.split("\n", 1) for part in ("\n" + text).split("\n" + HEADING)[1:]]
    return [(title, body.rstrip("\n") + "\n") for title, body in parts]


def _roofline(roofline: dict[str, dict[str, Any]]) -> str:
    integrate, decode = roofline["integrate"], roofline["decode"]
    rows = [
        [
            f"{integrate['candidates']} candidates x {integrate['steps']} steps",
            f"{integrate['operations']:,} operations per step at {integrate['peak_gflops']:.0f} GFlop/s",
            integrate["floor_ms"],
            integrate["measured_ms"],
            integrate["gap"],
        ],
        [
            f"decoding {decode['frames']} frames of {decode['vertices']:,} vertices",
            f"{decode['operations'] / 1e6:.0f} M operations, {decode['bytes'] / 1e6:.1f} MB at "
            f"{decode['bandwidth_gb_s']:.0f} GB/s",
            decode["floor_ms"],
            decode["measured_ms"],
            decode["gap"],
        ],
    ]  # fmt: skip
    return table(["work", "counted", "floor, CPU ms", "measured", "gap"], rows)


def _read(path: Path) -> Any:
    """What a benchmark wrote; None where it was not run."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def main() -> None:
    """Print the figures, or write them between the markers of a file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rollout", type=Path, default=Path("out/bench/rollout.json"))
    parser.add_argument("--subspaces", type=Path, default=Path("out/bench/subspaces.json"))
    parser.add_argument("--routes", type=Path, default=Path("out/bench/routes.json"))
    parser.add_argument("--compiled", type=Path, default=Path("out/bench/compiled.json"))
    parser.add_argument("--write", type=Path, help="a Markdown file with the markers")
    arguments = parser.parse_args()
    result = _read(arguments.rollout)
    if result is None:
        raise SystemExit(f"{arguments.rollout} is missing: bench/rollout.py writes it")
    text = figures(result, _read(arguments.subspaces), _read(arguments.routes), _read(arguments.compiled))
    if arguments.write is None:
        print(text)
        return
    page = arguments.write.read_text(encoding="utf-8")
    before, rest = page.split(BEGIN)
    now, after = rest.split(END)
    arguments.write.write_text(f"{before}{BEGIN}\n\n{kept(text, now)}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
