"""The health of processes of the API with other roles, as they answer it themselves."""

from __future__ import annotations

import asyncio

import httpx
import orjson

from api.health.decision import PeerReading
from runtime.http_client import AwayError, ask, base_url, client_for

_ANSWERED = {"status", "roles", "alarms", "refusing", "stages"}
PEER_SECONDS_MAX = 4.0
"""Limit for one answer, which waits for Kafka and PostgreSQL up to three seconds each only where both hang. All peers are asked
at once. At half, a peer whose Kafka hangs is called unreachable; at double, a prober gives up before this process answers."""
ANSWER_BYTES_MAX = 1024 * 1024
"""An answer has 2 kB, and more where it names many offices that stopped."""


class Peers:
    def __init__(self, addresses: str) -> None:
        """The setting `peers`. Raises AddressError."""
        self._addresses = [base_url(part) for part in map(str.strip, addresses.split(",")) if part]
        self._clients: dict[str, httpx.AsyncClient] = {}

    async def read(self) -> list[PeerReading]:
        return list(await asyncio.gather(*map(self._read, self._addresses)))

    async def _read(self, address: str) -> PeerReading:
        client = self._clients.get(address)
        if client is None:
            client = self._clients[address] = client_for(address, seconds_max=PEER_SECONDS_MAX)
        try:
            reply = await ask(
                client, "GET", f"{address}/v1/health", bytes_max=ANSWER_BYTES_MAX, seconds_max=PEER_SECONDS_MAX
            )
            answer = orjson.loads(reply.body)
        except AwayError as error:
            return PeerReading(address, str(error))
        except ValueError:
            return PeerReading(address, "its answer is not JSON")
        if not (isinstance(answer, dict) and answer.keys() >= _ANSWERED):
            return PeerReading(address, "its answer is not that of /v1/health")
        return PeerReading(address, answer)

    async def close(self) -> None:
        for client in self._clients.values():
            await client.aclose()
