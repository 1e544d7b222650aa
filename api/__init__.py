"""FastAPI: submissions in, snapshots and live feeds out.

In     signed envelopes over HTTP; the topics `results` and `subtotals`; the read model; the files of the public logs
Does   checks submissions in a numbered order and appends them; answers reads; sends each change to its subscribers
Out    receipts, JSON with `as_of`, proofs, messages over WebSocket and server-sent events

Errors:

    ApiError                       errors.py               each has a sentence for its reader
      Problem                      problems.py             of one request; answered as RFC 9457
      CommandError                 feed/hub/commands.py    of one command of a live client; answered as a message `error`
      NotAdmittedError             feed/admission.py       of one live client; the answer names when to come back
      NoTurnError                  limits/turns.py         of one long answer; answered as a Problem 429 or 503
      TooManyFilesError            limits/open_files.py    of one download; answered as a Problem 429 or 503
      ListsBusyError               errors.py               of one list; answered as a Problem 503, or from the last good answer
      GenerationNotServedError     derived.py              of a new generation; logged, and an alarm of health
      ParserStoppedError           http/raw_problems.py    of one connection; stops uvicorn's parser, whose cause is answered

Errors of Kafka, PostgreSQL and files keep their own types. Each `except` names the errors that it expects; a bug is logged
with its traceback and answered as a Problem 500.

Read next: roles.py (which process serves what), dispatcher.py (takes each request first), submit/gateway.py (submissions),
read/snapshots.py (reads), answers/ (what all answers share), feed/ (the live feed), health/, front/ (several processes at one
address).
"""
