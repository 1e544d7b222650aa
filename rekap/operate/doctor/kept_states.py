"""The states that the tabulator has kept, beside the state of a fresh fold."""

from __future__ import annotations

import sys
from typing import Any

from projections.definition.compiled import Definition
from projections.fold.state import DamagedStateError, StateOf, UnfitStateError, decoded
from projections.fold.tabulation import FoldState, PartitionFold
from rekap.operate.doctor.report import STATES, Report
from runtime.files.state_files import FOLD_CODE, StateFiles, hash_of_code
from runtime.settings import Settings


def kept_states(settings: Settings, definition: Definition, partition: int, report: Report) -> dict[int, FoldState]:
    """The kept states of a partition, by the offset from which a fold continues."""
    election = definition.election
    name = f"{election.mode.value}.{election.id}"
    files = StateFiles(settings.state_directory / name / f"generation-{settings.generation}")
    of = StateOf(definition.hash, hash_of_code(*FOLD_CODE), partition)
    found: dict[int, FoldState] = {}
    at_most = sys.maxsize
    while (path := files.newest(partition, at_most=at_most)) is not None:
        at_most = int(path.stem) - 1
        try:
            found[at_most + 1] = decoded(files.read(path), of)
        except FileNotFoundError:
            pass  # the tabulator has just replaced it by a newer one
        except DamagedStateError as error:
            report.compare("state", path, "what was written", str(error))
        except (UnfitStateError, OSError) as error:
            # A tabulator does not begin with this state either, for example if other users may write the file.
            report.notes.append(f"{path} would be thrown away and is not compared: {error}")
    if not found and settings.state_records and files.is_begun(partition):
        report.notes.append(f"the tabulator has kept no state of partition {partition} yet")
    elif not found and settings.state_records:
        report.miss(STATES, f"partition {partition} of {settings.state_directory}")
    return found


def compare_state(report: Report, fold: PartitionFold, kept: FoldState) -> None:
    """Compare each part of a kept state with that of a fold which is at the same offset."""
    fresh, found = _comparable(fold.state()), _comparable(kept)
    for name, expected in fresh.items():
        what = f"of partition {fold.partition} at offset {fold.next_offset - 1}, {name}"
        report.compare("state", what, expected, found[name])


def _comparable(state: FoldState) -> dict[str, Any]:
    return {**state._asdict(), "lives": f"lives with SHA-256 {state.lives.digest().hex()}"}
