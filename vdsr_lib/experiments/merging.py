"""Join what a store holds with what was recorded before, so that nothing is lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vdsr_lib.errors import RunError
from vdsr_lib.experiments.catalogue import EXPERIMENTS
from vdsr_lib.experiments.declare import Experiment, Run
from vdsr_lib.experiments.results import Recording
from vdsr_lib.experiments.telling import cost_text

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["earlier_recording", "merged", "recorded_elsewhere"]


def earlier_recording(
    path: Path, runs: Sequence[Run], profile: str, seed: int
) -> Recording | None:
    """Return what was recorded before, if any of it is of today's declarations.

    Parameters
    ----------
    path : pathlib.Path
        The recording's file; it may be absent.
    runs : sequence of Run
        Those that are declared today.
    profile, seed : str, int
        Those of today.

    Returns
    -------
    Recording or None

    Raises
    ------
    RunError
        If the file holds another profile or seed, or is damaged.
    """
    if not path.is_file():
        return None
    found = Recording.read(path)
    head = found.record["profile"], found.record["seed"]
    if head != (profile, seed):
        raise RunError(
            f"{path} holds profile {head[0]}, seed {head[1]}; give another --output "
            f"for profile {profile}, seed {seed}"
        )
    keys = {run.name: run.key(seed) for run in runs}
    entries = found.record["runs"]
    alike = any(keys.get(name) == entry["key"] for name, entry in entries.items())
    return found if alike else None


def recorded_elsewhere(path: Path) -> dict[str, str]:
    """Return which runs other experiments have recorded: one run stands in several.

    Parameters
    ----------
    path : pathlib.Path
        A recording's file; those of the others lie beside it.

    Returns
    -------
    dict of str to str
        By the run's key: ``"recorded in figure3: depth 5, run 1"``.

    Raises
    ------
    RunError
        If one of the files is damaged.
    """
    found: dict[str, str] = {}
    for name in sorted(EXPERIMENTS):
        other = path.with_name(f"{name}.json")
        if other != path and other.is_file():
            for run, entry in Recording.read(other).record["runs"].items():
                found.setdefault(entry["key"], f"recorded in {name}: {run}")
    return found


def merged(
    fresh: Recording,
    earlier: Recording | None,
    experiment: Experiment,
    elsewhere: Mapping[str, str],
) -> Recording:
    """Put what the store holds before what was recorded earlier, in declared order.

    Parameters
    ----------
    fresh : Recording
        What the store holds, at the profile and with the seed of both.
    earlier : Recording or None
        What was recorded before.
    experiment : Experiment
        As it is declared today.
    elsewhere : mapping of str to str
        What `recorded_elsewhere` returns.

    Returns
    -------
    Recording
        A run that neither holds stands under ``missing``, with the place where it is
        recorded, or else with its cost.
    """
    import pandas as pd

    profile, seed = fresh.record["profile"], fresh.record["seed"]
    record: dict[str, Any] = {**fresh.record, "runs": {}, "missing": {}}
    sources: dict[str, Recording] = {}
    for run in experiment.runs(profile):
        source = _source(run, seed, fresh, earlier)
        if source is None:
            place = elsewhere.get(run.key(seed))
            record["missing"][run.name] = place or cost_text(run)
        else:
            record["runs"][run.name] = source.record["runs"][run.name]
            sources[run.name] = source
    tables = [each.table[each.table["run"] == n] for n, each in sources.items()]
    if earlier is not None:
        tables += _measured_before(record["runs"], earlier)
    table = pd.concat(tables, ignore_index=True)
    order = {name: number for number, name in enumerate(sources)}
    table = table.sort_values("run", key=lambda run: run.map(order), kind="stable")
    return Recording(
        record,
        table.reset_index(drop=True),
        {name: each.curves[name] for name, each in sources.items()},
        {name: each.histories[name] for name, each in sources.items()},
        {n: each.frames[n] for n, each in sources.items() if n in each.frames},
    )


def _measured_before(
    entries: dict[str, dict[str, Any]], earlier: Recording
) -> list[pd.DataFrame]:
    """Return what was recorded on sets that are absent today, and take their names out.

    Rows of a run that was made anew are not taken: its weights may be others.
    """
    kept = []
    for name, entry in entries.items():
        before = earlier.record["runs"].get(name, {})
        if "not_measured" in entry and before.get("provenance") == entry["provenance"]:
            rows = earlier.table[earlier.table["run"] == name]
            rows = rows[rows["dataset"].isin(entry["not_measured"])]
            still = sorted(set(entry["not_measured"]) - set(rows["dataset"]))
            entry["not_measured"] = still
            kept.append(rows)
        if not entry.get("not_measured", True):
            del entry["not_measured"]
    return kept


def _source(
    run: Run, seed: int, fresh: Recording, earlier: Recording | None
) -> Recording | None:
    """Return the recording that holds a run as it is declared today."""
    for recording in (fresh, earlier):
        if recording is not None:
            entry = recording.record["runs"].get(run.name)
            if entry is not None and entry["key"] == run.key(seed):
                return recording
    return None
