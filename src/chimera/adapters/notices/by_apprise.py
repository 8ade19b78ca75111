"""Notices through apprise: mail, chat, telephones, by their addresses. Sends plain words only; reads no answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import apprise

from chimera.domain.errors import Invalid

ADDRESSES_MAX = 20


class AppriseNotices:
    """Implements `ports.notices.Notices`."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._services = apprise.Apprise()
        for number, address in enumerate(addresses[:ADDRESSES_MAX], 1):
            if not self._services.add(address):  # pyright: ignore[reportUnknownMemberType] – bare dict
                # Its place and not its text: addresses hold passwords.
                raise Invalid(
                    "notice_address",
                    f"address {number} is none that apprise knows",
                    where="CHIMERA_NOTICE_URLS",
                    remedy="see the list of services in apprise's documentation",
                )

    async def tell(self, title: str, text: str) -> bool:
        return await asyncio.to_thread(self._notify, title, text)

    def _notify(self, title: str, text: str) -> bool:
        return bool(self._services.notify(title=title, body=text))  # pyright: ignore[reportUnknownMemberType] – apprise leaves dict bare
