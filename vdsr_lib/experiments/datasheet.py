"""The tables of ``data/README.md`` that list what is recorded and what ships."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from vdsr_lib.errors import LabError
from vdsr_lib.experiments._sections import duration, markdown
from vdsr_lib.experiments.catalogue import get_experiment
from vdsr_lib.experiments.known import Known
from vdsr_lib.experiments.results import Recording

__all__ = ["filled", "recorded_table", "weights_table"]


def filled(text: str, known: Known) -> str:
    """Put the tables of what ships between their marks.

    Parameters
    ----------
    text : str
        The datasheet, with ``<!-- recorded: ... -->`` to ``<!-- /recorded -->``, and
        the same for ``weights``.
    known : Known
        What is recorded, and the cards of the weights.

    Returns
    -------
    str
        The datasheet with today's tables.

    Raises
    ------
    LabError
        If a mark is missing.
    """
    tables = {"recorded": recorded_table(known), "weights": weights_table(known)}
    for name, table in tables.items():
        marked = re.compile(
            rf"(<!-- {name}:[^>]*-->\n).*?(<!-- /{name} -->)", re.DOTALL
        )
        found = marked.search(text)
        if found is None:
            raise LabError(f"the datasheet lacks the marks <!-- {name}: ... --> of it")
        before, after = text[: found.end(1)], text[found.start(2) :]
        text = f"{before}\n{table}\n\n{after}"
    return text


def recorded_table(known: Known) -> str:
    """Return a Markdown table of the recordings, a row each.

    Parameters
    ----------
    known : Known
        What is recorded.

    Returns
    -------
    str
    """
    if not known.recordings:
        return "No run at the paper's size has been recorded yet."
    heads = ("file", "runs", "seed", "device", "training", "made again by")
    return markdown(heads, (_recording(each, known) for each in known.recordings))


def weights_table(known: Known) -> str:
    """Return a Markdown table of the weights, a row each.

    Parameters
    ----------
    known : Known
        With the cards of the weights.

    Returns
    -------
    str
    """
    if not known.cards:
        return "None yet: no network of the paper's size has been trained."
    heads = ("name", "network", "trained on", "stored", "PSNR, dB", "made again by")
    return markdown(heads, (_weights(*item) for item in sorted(known.cards.items())))


def _recording(recording: Recording, known: Known) -> tuple[str, ...]:
    record = recording.record
    name, runs, missing = record["experiment"], record["runs"], record["missing"]
    machines = [run["provenance"]["machine"] for run in runs.values()]
    devices = {m["cpu"] if m["device"] == "cpu" else m["device"] for m in machines}
    seconds = sum(run["provenance"]["seconds"] for run in runs.values())
    declared = get_experiment(name).runs(record["profile"])
    lacking = [run for run in declared if run.name in missing]
    elsewhere = sum(known.find(run, record["seed"]) is not None for run in lacking)
    return (
        f"`{name}.json`",
        f"{len(runs)} of {len(runs) + len(missing)}"
        + (f", {elsewhere} elsewhere" if elsewhere else ""),
        str(record["seed"]),
        ", ".join(sorted(devices)),
        duration(seconds),
        f"`vdsr experiments run {name} --profile {record['profile']}`",
    )


def _weights(name: str, card: Mapping[str, Any]) -> tuple[str, ...]:
    net = card["architecture"]
    shape = net.get("depth") or "-".join(map(str, net.get("kernels", ())))
    stored = "float16" if card.get("float16", {}).get("used") else "float32"
    scores = "; ".join(
        f"{dataset} " + ", ".join(f"{scale} {v:.2f}" for scale, v in values.items())
        for dataset, values in card.get("scores", {}).items()
    )
    return (
        f"`{name}`",
        f"{net['name']} {shape}",
        str(card.get("data", "")),
        stored,
        scores,
        f"`{card.get('command', '')}`",
    )
