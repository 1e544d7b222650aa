"""The policy of the pages."""

from __future__ import annotations

from api.page.policy import policy_with

HASH = "YjaKGiklmzC6wjXA513HAMmzus8VE61XCOT+SmwNZWA="
"""What `printf 'body {}' | openssl sha256 -binary | base64` prints."""


def test_a_style_is_allowed_by_its_hash_and_everything_else_is_forbidden() -> None:
    policy = (
        f"default-src 'none'; style-src 'sha256-{HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    assert policy_with("body {}") == policy
