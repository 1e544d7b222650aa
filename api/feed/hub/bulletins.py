"""Bulletins: what the live feed sends that is not of an office. Each is a channel of its own: the health of all stages, or the
newest checkpoint of each log.

A bulletin is made of rows, each replaced as a whole. A client that follows it gets all rows, and then each row that changed. A
bulletin that nobody follows is not read. So a first client waits until the shell has read the rows (`publish`).

The position of a client in a bulletin is how many changes of it have been published, as `Positions(changes, ())`. It is not
part of a cursor: a client that connects again gets all rows, which are few.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from api.feed.frames import Frame
from api.feed.hub.messages import bulletin_message
from api.feed.subscribers import Bulletin, Round, Subscription
from schemas.served.feed_cursors import Positions
from schemas.served.live import BulletinName


class Bulletins:
    def __init__(self, send: Callable[[Frame, Bulletin], None], part_bytes: int) -> None:
        """`send` writes a frame to all live subscribers."""
        self._send = send
        self._part_bytes = part_bytes
        self._all: dict[BulletinName, Bulletin] = {name: Bulletin(name) for name in ("health", "checkpoints")}

    def named(self, name: BulletinName) -> Bulletin:
        return self._all[name]

    def is_awaited(self, name: BulletinName) -> bool | None:
        """Whether a subscription waits for the bulletin to be read; None where there is no subscription."""
        bulletin = self._all[name]
        return bool(bulletin.waiting) if bulletin.subscriptions else None

    def begin(self, subscription: Subscription, bulletin: Bulletin) -> None:
        """Send all rows: at once where they are kept current, otherwise once they have been read."""
        if bulletin.is_current:
            subscription.subscriber.owe(subscription, None)
        else:
            bulletin.waiting[subscription] = None

    def end(self, subscription: Subscription, bulletin: Bulletin) -> None:
        bulletin.waiting.pop(subscription, None)
        bulletin.subscriptions -= 1
        if not bulletin.subscriptions:
            bulletin.is_current = False

    def publish(self, name: BulletinName, rows: Mapping[int, bytes]) -> None:
        """Send the rows that have changed to live subscribers, and all rows to subscriptions that wait for them."""
        bulletin = self._all[name]
        gone = bulletin.rows.keys() - rows.keys()
        changed = [key for key, row in sorted(rows.items()) if bulletin.rows.get(key) != row]
        if changed or gone:
            bulletin.number += 1
            bulletin.rows = dict(rows)
            bulletin.changed = {key: at for key, at in bulletin.changed.items() if key not in gone}
            bulletin.changed.update(dict.fromkeys(changed, bulletin.number))
            if bulletin.live and changed:
                self._send_changed(bulletin, changed)
        bulletin.is_current = True
        waiting, bulletin.waiting = bulletin.waiting, {}
        for subscription in waiting:
            subscription.subscriber.owe(subscription, None)

    def _send_changed(self, bulletin: Bulletin, changed: Sequence[int]) -> None:
        """Send one frame to all live subscribers. Where the frame would be too large, make the subscribers due instead."""
        before = Positions(bulletin.number - 1, ())
        rows = [bulletin.rows[key] for key in changed]
        if sum(map(len, rows)) > self._part_bytes:
            for subscriber in list(bulletin.live):
                subscriber.owe(subscriber.subscriptions[bulletin], before)
            return
        text = bulletin_message(bulletin.name, rows)
        self._send(Frame(bulletin.name, text, channel=bulletin, before=before, number=bulletin.number), bulletin)

    def next_part(self, subscription: Subscription, bulletin: Bulletin) -> list[Frame]:
        """The next frame of a due subscription. After the last part it is live."""
        round = subscription.round
        if round is None:
            after = -1 if subscription.since is None else subscription.since.results
            keys = [(0, key) for key, at in sorted(bulletin.changed.items()) if at > after]
            round = subscription.round = Round(keys, (), Positions(bulletin.number, ()))
        rows: list[bytes] = []
        size = 0
        while not round.is_over and size < self._part_bytes:
            row = bulletin.rows.get(round.keys[round.next_key][1], b"")
            round.next_key += 1
            if row:  # not one that has gone since the round began
                rows.append(row)
                size += len(row)
        is_complete = round.is_over and round.since.results == bulletin.number
        if round.is_over:
            subscription.since, subscription.round = round.since, None
        id = subscription.id if subscription.is_new else None
        text = bulletin_message(bulletin.name, rows, id=id, more=not is_complete)
        if is_complete:
            subscription.is_new = False
            subscription.subscriber.settle(subscription, bulletin.number)
        else:
            subscription.subscriber.put_off(subscription)
        return [Frame(bulletin.name, text, channel=bulletin)]
