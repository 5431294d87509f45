"""Pools: what keeps the workers of one of Prefect's work pools from beginning a run that is due."""

from __future__ import annotations

from shlex import quote

from flows.asleep import QUEUE, go_on_with_pool, go_on_with_queue
from flows.settings import prepare_prefect

prepare_prefect()

from prefect.client.orchestration import get_client  # noqa: E402 - reads its environment when it is imported
from prefect.exceptions import ObjectNotFound  # noqa: E402


async def held_up(pool: str, queue: str | None = None) -> str:
    """That a pool or its queue is paused or at its limit, or gone, with the way out; "" where it waits for a worker."""
    name = quote(pool)
    async with get_client() as client:
        try:
            found = await client.read_work_pool(pool)
        except ObjectNotFound:
            return "there is no such pool any more; deploying again makes it"
        if found.is_paused:
            return f"that pool is paused in Prefect: {go_on_with_pool(pool)}"
        if (most := found.concurrency_limit) is not None and (found.active_slots or 0) >= most:
            return (
                f"as many runs as its concurrency limit of {most} lets are under way there, or count as that: prefect "
                f"work-pool slots {name} shows them, prefect work-pool clear-concurrency-limit {name} lifts it"
            )
        called = queue or QUEUE
        queues = await client.read_work_queues(work_pool_name=pool)
    if any(each.is_paused for each in queues if each.name == called):
        return f"its queue {called!r} is paused in Prefect: {go_on_with_queue(called, pool)}"
    return ""
