"""Where the real data for tests is. It is not in the repository. A test that needs the data is skipped without
them, unless `CI` is set: on the machine that decides whether a commit lands, a skipped test would protect nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("REKAP_SHARED", Path(__file__).resolve().parents[3] / "shared"))
DIY_2019 = SHARED / "data" / "id-2019-diy"
NIST = SHARED / "data" / "nist-sp-1500-100"
"""The JSON Schema and the XML Schema of NIST SP 1500-100 version 2."""

needs_diy_2019 = pytest.mark.skipif(
    not DIY_2019.is_dir() and "CI" not in os.environ,
    reason="needs shared/data/id-2019-diy beside the checkout (or REKAP_SHARED)",
)

CANDIDATES_2024 = SHARED / "data" / "id-2024-candidates"

needs_candidates_2024 = pytest.mark.skipif(
    not CANDIDATES_2024.is_dir() and "CI" not in os.environ,
    reason="needs shared/data/id-2024-candidates beside the checkout (or REKAP_SHARED)",
)

needs_nist = pytest.mark.skipif(
    not NIST.is_dir() and "CI" not in os.environ,
    reason="needs shared/data/nist-sp-1500-100 beside the checkout (or REKAP_SHARED)",
)
