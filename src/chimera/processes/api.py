"""The API as a process of its own. Decides nothing."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator

from chimera.assembly import serving
from chimera.assembly.stages import intake_of
from chimera.bootstrap import entered, running_or_own_database
from chimera.domain.roles import Role
from chimera.settings import Settings


@contextlib.asynccontextmanager
async def api_process(settings: Settings) -> AsyncGenerator[serving.Api]:
    """The API as a process of its own, beside the fleet of this home or without one."""
    async with running_or_own_database(settings, lasting=True) as found, contextlib.AsyncExitStack() as stack:
        office = await entered(stack, found, Role.OFFICE, "api")
        intake = intake_of(office, found.consents(office))
        yield await stack.enter_async_context(serving.api(settings, found=found, office=office, intake=intake))
