"""GET: campaign finance reports as a list, the reports of one account, and the kinds that the package states."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response

from api.answers.kept_answers import Kind
from api.answers.read_cut import AtCut
from api.answers.rendering import Renderings
from api.described import described
from api.problems import Problem
from api.read.events import Time, microseconds
from api.read.list_formats import AsFormat, about_list, described_list, next_page, sent_as
from api.read.snapshots import Snapshots, not_in_election, snapshots_of
from api.readmodel.read_model import FinancePart
from projections.finance.accounts import account_of
from projections.readmodel.finance_pages import cursor_of, finance_page, position_in
from projections.readmodel.finance_queries import FinanceFilters, Position
from projections.shown.finance import finance_cut, finance_head, finance_settings, kinds_answer
from projections.tables.finance_rows import finance_rows
from runtime.tables.table_files import Format
from schemas.codes import CODE_PATTERN
from schemas.definition.finance_settings import FinanceSettings
from schemas.definition.package import ChoiceKind
from schemas.derived.blocks import FINANCE
from schemas.served.finance import FinanceAccount, FinanceKinds, FinancePage
from schemas.tables.columns import Table
from schemas.tables.finance import FINANCE_TABLES

FINANCE_PAGE_MAX = 200
"""Reports of a page, 2 kB each."""
RULE_PATTERN = r"^[A-Z][A-Z0-9]{0,7}$"
_SHOWN = (FINANCE,)

router = APIRouter(prefix="/v1", tags=["finance"])

FinanceTable = Literal["finance-reports", "finance-lines"]
State = Literal["counted", "flagged", "held", "superseded"]
Limit = Annotated[int, Query(ge=1, le=FINANCE_PAGE_MAX, description="most reports of the page")]
Cursor = Annotated[str | None, Query(max_length=400, description="`next` of the page before")]


@router.get("/finance", responses=described_list(FinancePage), summary="Campaign finance reports")
async def finance(
    request: Request,
    party: Annotated[str | None, Query(pattern=CODE_PATTERN, description="of this party")] = None,
    contest: Annotated[str | None, Query(pattern=CODE_PATTERN, description="of candidates of this contest")] = None,
    area: Annotated[str | None, Query(pattern=CODE_PATTERN, description="of accounts of this area itself")] = None,
    report: Annotated[
        str | None, Query(pattern=CODE_PATTERN, description="of this kind, such as LADK, LPSDK or LPPDK")
    ] = None,
    state: Annotated[
        State | None, Query(description="in this state; without it all but those that a later version superseded")
    ] = None,
    rule: Annotated[
        str | None, Query(pattern=RULE_PATTERN, description="that break this rule, such as D4 (late)")
    ] = None,
    since: Annotated[Time | None, Query(description="received at this time or later")] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
    format: AsFormat = Format.JSON,
    table: Annotated[
        FinanceTable, Query(description="which table, where the format is another than `json`")
    ] = "finance-reports",
) -> Response:
    """Finance reports in the order of accounts, kinds of report and versions. Amounts are whole numbers of the currency's minor
    unit. A page may have fewer than `limit`, or none, though more follow, where few match; `next` is null on the last page."""
    snapshots = snapshots_of(request)
    settings = _settings(snapshots)
    filters = FinanceFilters(
        area=area,
        party=party,
        contest=contest,
        report=report,
        state=state,
        rule=rule,
        since_us=microseconds(since),
        after=None if cursor is None else _position(cursor),
    )
    _check_names(snapshots, settings, filters)

    async def work() -> AtCut:
        part = await snapshots.read.finance(filters, limit)
        if format is Format.JSON:
            return AtCut({**_head(snapshots, part), **finance_page(part.lines, part.after)}, part.moment)
        return await _as_table(request, part, format, _table(table))

    asked = (area, party, contest, report, state, rule, filters.since_us)
    if format is Format.JSON:
        return await snapshots.kept(
            request, (Kind.PAGE, "finance", limit, *asked, *(filters.after or ())), _SHOWN, work
        )
    key = (Kind.FILE, "finance", format.value, table, limit, *asked, *(filters.after or ()))
    return await snapshots.kept(request, key, _SHOWN, work, sent_as(request, format, _table(table)))


def _check_names(snapshots: Snapshots, settings: FinanceSettings, filters: FinanceFilters) -> None:
    """Raises Problem where a filter names what is not in the election."""
    if filters.contest is not None:
        snapshots.contest(filters.contest)
    if filters.area is not None:
        snapshots.area(filters.area)
    if filters.party is not None and filters.party not in snapshots.definition.parties:
        raise not_in_election("query.party", f"There is no party {filters.party!r} in this election.")
    known = [kind.id for kind in settings.reports]
    if filters.report is not None and filters.report not in known:
        sentence = f"There is no kind of report {filters.report!r} in this election; there are: {', '.join(known)}."
        raise not_in_election("query.report", sentence)


def _table(name: str) -> Table:
    return next(each for each in FINANCE_TABLES if each.name == name)


async def _as_table(request: Request, part: FinancePart, format: Format, table: Table) -> AtCut:
    """The page as a file."""
    renderings: Renderings = request.app.state.renderings
    definition = snapshots_of(request).definition
    about = about_list(request, table, as_of=finance_cut(definition, part.moment.blocks))
    rows = list(finance_rows(definition, table, part.lines))
    body = await renderings.table(table, lambda: [rows], about, format)
    following = None if part.after is None else cursor_of(part.after)
    return AtCut({}, part.moment, body, next_page(request, following))


@router.get("/finance/kinds", responses=described(FinanceKinds), summary="Kinds of reports, donors and spending")
async def finance_kinds(request: Request) -> Response:
    """Kinds of reports, donors and spending, with the names, days and limits that the election package states."""
    snapshots = snapshots_of(request)
    _settings(snapshots)

    async def work() -> AtCut:
        return AtCut(kinds_answer(snapshots.definition), await snapshots.read.election())

    return await snapshots.kept(request, (Kind.TOTAL, "finance-kinds"), _SHOWN, work)


@router.get(
    "/finance/parties/{party}/{area}",
    responses=described(FinanceAccount),
    summary="Finance reports of a party in an area",
)
async def finance_of_party(
    request: Request,
    party: Annotated[str, Path(pattern=CODE_PATTERN)],
    area: Annotated[str, Path(pattern=CODE_PATTERN)],
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Response:
    """All versions, with the kinds of report that are lacking."""
    snapshots = snapshots_of(request)
    snapshots.area(area)
    if party not in snapshots.definition.parties:
        raise not_in_election("path.party", f"There is no party {party!r} in this election.")
    return await _account(request, account_of(area, party, None, None), cursor, limit)


@router.get(
    "/finance/candidates/{contest}/{choice}",
    responses=described(FinanceAccount),
    summary="Finance reports of a candidate",
)
async def finance_of_candidate(
    request: Request,
    contest: Annotated[str, Path(pattern=CODE_PATTERN)],
    choice: Annotated[str, Path(pattern=CODE_PATTERN)],
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Response:
    """All versions, with the kinds of report that are lacking."""
    entry = snapshots_of(request).contest(contest)
    index = entry.choice_index.get(choice)
    if index is None or entry.ballot[index].kind is not ChoiceKind.CANDIDATE:
        raise not_in_election("path.choice", f"Contest {contest} has no candidate {choice!r}.")
    return await _account(request, account_of("", None, contest, choice), cursor, limit)


async def _account(request: Request, account: str, cursor: str | None, limit: int) -> Response:
    snapshots = snapshots_of(request)
    settings = _settings(snapshots)
    filters = FinanceFilters(
        account=account, with_history=True, after=None if cursor is None else _position(cursor, account)
    )

    async def work() -> AtCut:
        part = await snapshots.read.finance(filters, limit)
        kinds = [kind.id for kind in settings.reports]
        about = {
            "account": account,
            "counting": [kind for kind in kinds if kind in part.counting],
            "lacking": [kind for kind in kinds if kind not in part.counting],
        }
        return AtCut({**_head(snapshots, part), **about, **finance_page(part.lines, part.after)}, part.moment)

    key = (Kind.PAGE, "finance-account", account, limit, *(filters.after or ()))
    return await snapshots.kept(request, key, _SHOWN, work)


def _settings(snapshots: Snapshots) -> FinanceSettings:
    try:
        return finance_settings(snapshots.definition)
    except LookupError as error:
        raise not_in_election("path", str(error)) from None


def _head(snapshots: Snapshots, part: FinancePart) -> dict[str, Any]:
    return finance_head(snapshots.definition, part.moment.blocks)


def _position(cursor: str, of_account: str | None = None) -> Position:
    """Raises Problem."""
    position = position_in(cursor)
    if position is not None and of_account in (None, position.account):
        return position
    raise Problem(422, "No such cursor", "The cursor is not one of this list.", field="query.cursor")
