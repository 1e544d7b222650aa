"""Licences of data, by the words with which a package names them: an SPDX identifier, a usual name, or a web address.

A catalogue needs the address of the licence's text, and CKAN has identifiers of its own. A licence that is not in the list is
published with the words of the package and without an address.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from schemas.texts import WEB_ADDRESS_PATTERN

DEFAULT_LICENCE = "CC-BY-4.0"
"""Licence of a package that names none: anyone may use the data for any purpose and names the source."""
CODE_LICENCE = "Apache-2.0"
"""Licence of Rekap itself."""


class Licence(NamedTuple):
    id: str | None
    """SPDX identifier; None for a licence that is not in the list."""
    title: str
    url: str | None
    """Address of the licence's text."""
    ckan_id: str
    """Value of `license_id` for the licence in CKAN."""
    is_open: bool
    """Whether it is known to conform to the Open Definition."""


_KNOWN = (
    Licence(
        "CC-BY-4.0",
        "Creative Commons Attribution 4.0 International",
        "https://creativecommons.org/licenses/by/4.0/",
        "cc-by",
        True,
    ),
    Licence(
        "CC-BY-SA-4.0",
        "Creative Commons Attribution-ShareAlike 4.0 International",
        "https://creativecommons.org/licenses/by-sa/4.0/",
        "cc-by-sa",
        True,
    ),
    Licence(
        "CC0-1.0",
        "Creative Commons Zero 1.0 Universal",
        "https://creativecommons.org/publicdomain/zero/1.0/",
        "cc-zero",
        True,
    ),
    Licence(
        "ODbL-1.0",
        "Open Data Commons Open Database License 1.0",
        "https://opendatacommons.org/licenses/odbl/1-0/",
        "odc-odbl",
        True,
    ),
    Licence(
        "ODC-By-1.0",
        "Open Data Commons Attribution License 1.0",
        "https://opendatacommons.org/licenses/by/1-0/",
        "odc-by",
        True,
    ),
    Licence(
        "PDDL-1.0",
        "Open Data Commons Public Domain Dedication and License 1.0",
        "https://opendatacommons.org/licenses/pddl/1-0/",
        "odc-pddl",
        True,
    ),
    Licence(
        "OGL-UK-3.0",
        "Open Government Licence v3.0",
        "https://www.nationalarchives.gov.uk/doc/open-government-licence/version/3/",
        "uk-ogl",
        True,
    ),
    Licence("Apache-2.0", "Apache License 2.0", "https://www.apache.org/licenses/LICENSE-2.0", "apache2.0", True),
)
_WEB_ADDRESS = re.compile(WEB_ADDRESS_PATTERN)


def _spelling(words: str) -> str:
    """One spelling for `CC-BY-4.0`, `CC BY 4.0` and `cc_by-4.0`."""
    return re.sub(r"[\s_\-]+", "-", words.strip()).casefold()


_BY_SPELLING = {_spelling(each): licence for licence in _KNOWN for each in (licence.id or "", licence.title)} | {
    licence.url: licence for licence in _KNOWN if licence.url is not None
}


def licence_of(words: str) -> Licence:
    """The licence that a package names with these words."""
    known = _BY_SPELLING.get(_spelling(words)) or _BY_SPELLING.get(words.strip())
    if known is not None:
        return known
    url = words.strip() if _WEB_ADDRESS.fullmatch(words.strip()) else None
    return Licence(None, words, url, "notspecified", False)


def licence_link(words: str) -> str:
    """The value of the header `Link` that names the licence (RFC 8288, relation `license`), for payloads that cannot hold it,
    such as a CSV file. A licence without an address is stated by the API's answer about the election."""
    return f'<{licence_of(words).url or "/v1/election"}>; rel="license"'
