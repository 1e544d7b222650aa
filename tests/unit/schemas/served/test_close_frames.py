"""The reason of a close frame has the time after which the client comes back, and fits into the frame."""

from __future__ import annotations

from schemas.served.close_frames import retry_after_s, retry_reason


def test_the_reason_of_a_close_frame_has_the_time_and_fits_into_it() -> None:
    assert retry_after_s(retry_reason(12.3456, "many are joining")) == 12.346
    for sentence, length in (("ü" * 100, 123), ("u" + "ü" * 100, 122)):  # cut between two letters, and within one
        reason = retry_reason(5, sentence)
        assert len(reason.encode()) == length
        assert retry_after_s(reason) == 5.0
    assert [
        retry_after_s(text) for text in ("", "going away", "retry-after=", "retry-after=1e9;", "retry-after=-1;")
    ] == [None] * 5
