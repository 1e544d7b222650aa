"""An example of each answer, for the OpenAPI description. A test reads each example with its model."""

from __future__ import annotations

from typing import Any

from schemas.served.election_lists import LIST_EXAMPLES
from schemas.served.event_answers import EventPage, EventSnapshot, KeySnapshot, SubmissionSnapshot
from schemas.served.finance import FINANCE_EXAMPLES
from schemas.served.profiles import PROFILE_EXAMPLES
from schemas.served.questions import QUESTION_EXAMPLES
from schemas.served.snapshots import (
    AreaSnapshot,
    ContestSnapshot,
    ElectionSnapshot,
    OfficeSnapshot,
    StationPage,
    StationSnapshot,
)

_ELECTION = {
    "election": "pemilu-2029",
    "mode": "rehearsal",
    "definition": "ff2a4033" * 8,
    "licence": "CC-BY-4.0",
}
_AS_OF = {"0": 3659, "1": 3796}
_EVENT = "7ead63bc" * 8
_VOTES = {"01": 159, "02": 102}
_NUMBERS = {
    "registered_voters": 296,
    "voters": None,
    "valid": 261,
    "valid_ballots": 261,
    "invalid": 6,
    "blank": None,
    "total": 267,
    "not_stated": {"voters": 1},
    "votes": _VOTES,
}
_NOTHING = {
    "registered_voters": 0,
    "voters": 0,
    "valid": 0,
    "valid_ballots": 0,
    "invalid": 0,
    "blank": None,
    "total": 0,
    "not_stated": {},
    "votes": dict.fromkeys(_VOTES, 0),
    "stations": 0,
}
_SHARES = {
    "votes": {"01": "60.92 %", "02": "39.08 %"},
    "margin": "21.84 %",
    "invalid": "2.25 %",
    "turnout": None,
    "counted": "8.33 %",
}
_SUMS = {
    "results_status": "unofficial-partial",
    "count_item_status": "in-process",
    "stations": {
        "expected": 12,
        "reported": 1,
        "counted": 1,
        "clean": 0,
        "flagged": 1,
        "held": 0,
        "annulled": 0,
        "waiting": 11,
    },
    "registered_voters_expected": 3514,
    "registered_voters_not_stated": 0,
    "counted": _NUMBERS,
    "tiers": {"clean": _NOTHING, "flagged": {**_NUMBERS, "stations": 1}, "held": _NOTHING},
    "leaders": ["01"],
    "tied": [],
    "runner_up": "02",
    "margin": 57,
}
_CONTEST_TALLY = {"contest": "president", "area": "34.02", **_SUMS}
_OFFICE_TALLY = {"office": "president", "area": "34.02", **_SUMS}
_OFFICE = {
    "id": "president",
    "name": {"id": "Presiden dan Wakil Presiden", "en": "President and Vice-President"},
    "contests": ["president"],
}
_AREA = {"code": "34.02", "name": "Kabupaten Bantul", "level": "regency", "parent": "34"}
_PARENT = {"code": "34", "name": "Daerah Istimewa Yogyakarta", "level": "province", "parent": None}
_CHILD = {"code": "34.02.07", "name": "Sewon", "level": "district", "parent": "34.02"}
_FINDING = {
    "rule": "F4",
    "severity": "soft",
    "sentence_id": "Suara sah 261 ditambah tidak sah 6 tidak sama dengan 268.",
    "sentence_en": "Valid votes 261 and invalid votes 6 do not make 268.",
}
_STANDING = {
    "contest": "president",
    "state": "flagged",
    "offset": 7,
    "event": _EVENT,
    "version": 1,
    "numbers": _NUMBERS,
}
_RECORD = {
    "partition": 0,
    "offset": 7,
    "type": "result.reported",
    "contest": "president",
    "version": 1,
    "state": "flagged",
    "findings": [_FINDING],
}
_AUTHOR = "1969f1159adf520a"
_LEAF = "5b1c09d2" * 8
_RECEIVED_AT = "2029-02-14T13:00:03.512Z"
_PAYLOAD = {"type": "result.reported", "version": 1}
_LINKS = {"event": "/v1/events/0/7", "entry": "/v1/events/0/7/entry", "proof": "/v1/proof/0/7"}
_EVENT_LINE = {
    **{name: value for name, value in _RECORD.items() if name != "findings"},
    "event": _EVENT,
    "leaf_hash": _LEAF,
    "author": _AUTHOR,
    "role": "station_officer",
    "station": "34.02.07-047",
    "area": "34.02.07",
    "created_at": "2029-02-14T13:00:00Z",
    "received_at": _RECEIVED_AT,
    "rules": ["F4"],
    "links": {**_LINKS, "station": "/v1/stations/34.02.07-047"},
}

EXAMPLES: dict[type[Any], dict[str, Any]] = {
    **LIST_EXAMPLES,
    **PROFILE_EXAMPLES,
    **QUESTION_EXAMPLES,
    **FINANCE_EXAMPLES,
    ElectionSnapshot: {
        **_ELECTION,
        "title": {"id": "Pemilihan Umum 2029", "en": "General election 2029"},
        "date": "2029-02-14",
        "time_zone": "Asia/Jakarta",
        "licence": "CC-BY-4.0",
        "source": None,
        "root": "34",
        "levels": [
            {"id": "province", "name": {"id": "Provinsi", "en": "Province"}},
            {"id": "regency", "name": {"id": "Kabupaten/Kota", "en": "Regency"}},
            {"id": "district", "name": {"id": "Kecamatan", "en": "District"}},
            {"id": "station", "name": {"id": "TPS", "en": "Polling station"}},
        ],
        "shard_level": "district",
        "partitions": 2,
        "areas": 84,
        "stations": 11_781,
        "offices": [_OFFICE],
        "as_of": {"president": _AS_OF},
    },
    OfficeSnapshot: {
        **_ELECTION,
        "office": _OFFICE,
        "as_of": _AS_OF,
        "tally": _OFFICE_TALLY,
        "shares": _SHARES,
        "contests": [_CONTEST_TALLY],
        "part": 1,
        "parts": 1,
    },
    ContestSnapshot: {
        **_ELECTION,
        "contest": "president",
        "office": "president",
        "electorate": "34",
        "name": None,
        "seats": 1,
        "votes_per_ballot": 1,
        "method": "absolute-majority-with-spread",
        "blank_ballots": "with-invalid",
        "choices": [
            {"id": "01", "name": "Pasangan calon 01", "kind": "candidate", "party": None},
            {"id": "02", "name": "Pasangan calon 02", "kind": "candidate", "party": None},
        ],
        "links": {"candidates": "/v1/candidates?contest=president"},
        "as_of": _AS_OF,
        "tally": _CONTEST_TALLY,
        "shares": _SHARES,
    },
    AreaSnapshot: {
        **_ELECTION,
        "area": _AREA,
        "lineage": [_PARENT],
        "children": [_CHILD],
        "part": 1,
        "parts": 1,
        "offices": [
            {
                "office": "president",
                "as_of": _AS_OF,
                "shard_as_of": _AS_OF,
                "tally": _OFFICE_TALLY,
                "contests": [_CONTEST_TALLY],
                "shares": {"president": _SHARES},
                "children": [{**_CONTEST_TALLY, "area": "34.02.07"}],
            }
        ],
    },
    StationPage: {
        **_ELECTION,
        "area": "34.02",
        "contest": "president",
        "shard_as_of": _AS_OF,
        "stations": [{"station": "34.02.07-047", **_STANDING}],
        "next": None,
    },
    StationSnapshot: {
        **_ELECTION,
        "station": {
            "code": "34.02.07-047",
            "name": "TPS 47",
            "area": "34.02.07",
            "registered_voters": 296,
            "partition": 0,
        },
        "lineage": [_CHILD, _AREA, _PARENT],
        "shard_as_of": {"president": _AS_OF},
        "contests": [_STANDING],
        "history": [
            {
                **_RECORD,
                "event": _EVENT,
                "leaf_hash": _LEAF,
                "key": _AUTHOR,
                "received_at": _RECEIVED_AT,
                "payload": _PAYLOAD,
                "links": _LINKS,
            }
        ],
        "next": "0/8",
    },
    EventPage: {
        **_ELECTION,
        "order": "newest",
        "events": [_EVENT_LINE],
        "next": "WyJuZXdlc3QiLDE4NjU3Njg0MDM1MTIwMDAsMCw3XQ",
    },
    EventSnapshot: {
        **_ELECTION,
        **_EVENT_LINE,
        "findings": [_FINDING],
        "payload": _PAYLOAD,
        "record": {
            "envelope": {
                "payload": "eyJ0eXBlIjoicmVzdWx0LnJlcG9ydGVkIiwidmVyc2lvbiI6MX0=",
                "payloadType": "application/vnd.rekap.event+json",
                "signatures": [{"keyid": _AUTHOR, "sig": "q6Yp" * 21 + "q6Q="}],
            },
            "gateway": "gateway-1",
            "received_at": _RECEIVED_AT,
        },
    },
    KeySnapshot: {
        **_ELECTION,
        "key": "0f" * 8,
        "role": "station_officer",
        "scope": "34.02",
        "seq": 41,
        "event": _EVENT,
    },
    SubmissionSnapshot: {**_ELECTION, "submission": _EVENT, "records": [{**_RECORD, "station": "34.02.07-047"}]},
}
"""Model → an answer of that shape."""
