"""What is wrong with an election package that no single row can show: the checks across rows and tables (DESIGN 4).

Everything downstream relies on these checks: `Definition` looks codes up without asking, the fold counts a station in one
contest of an office and no more. `problems` finds all problems at once, so that a package is corrected in one go.

    tree_checks.py      levels, areas, stations
    rule_checks.py      rules and their parameters
    contest_checks.py   offices, contests, electorates, districts, parties, choices
    finance_checks.py   kinds of finance reports, donors and spending
    size_checks.py      sums that fit into a message
    key_checks.py       keys
    names.py            names that look alike, rows that are totals

Not checked here: the shape of one row (schemas/definition/package.py), and whether the time zone exists, because that is looked
up in the machine's zone tables (runtime/package/).
"""

from __future__ import annotations

import itertools
from collections.abc import Collection

from projections.checks.contest_checks import (
    check_choices,
    check_contests,
    check_districts,
    check_electorates,
    check_offices,
    check_parties,
)
from projections.checks.finance_checks import check_finance
from projections.checks.key_checks import check_keys
from projections.checks.lookups import PackageCheck
from projections.checks.names import spellings, total_rows
from projections.checks.rule_checks import check_rules
from projections.checks.size_checks import check_sizes
from projections.checks.tree_checks import check_areas, check_levels, check_stations
from projections.finance.rules import RULES as FINANCE_RULES
from projections.form.rules import RULE_IDS
from schemas.definition.package import ElectionPackage
from schemas.definition.problems import Problem

CHECKS = (
    check_levels,
    check_rules,
    check_areas,
    check_stations,
    check_offices,
    check_contests,
    check_electorates,
    check_districts,
    check_parties,
    check_choices,
    check_finance,
    check_sizes,
    check_keys,
)
"""All checks, in the order in which their problems are listed."""
KNOWN_RULES = RULE_IDS | FINANCE_RULES.keys()


def problems(package: ElectionPackage, known_rules: Collection[str] = KNOWN_RULES) -> list[Problem]:
    """All problems of the package, in the order of its tables; the list is bounded (schemas/definition/problems.py)."""
    check = PackageCheck(package, known_rules)
    for table_check in CHECKS:
        table_check(check)
    for found in itertools.chain(spellings(package), total_rows(package)):
        check.found.add(*found)
    return check.found.closed()
