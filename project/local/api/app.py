"""Wiring of the control plane: routes in order, context, start and end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware

from project.local.api import (
    absent,
    artifacts,
    client_spec,
    entries,
    feature_store,
    functions,
    local_routes,
    logs,
    model_endpoints,
    nuclio,
    projects,
    runs,
    tags,
    unsupported,
)
from project.local.api.context import Context, Settings
from project.local.api.local_callers import LocalCallersOnly
from project.local.api.store import Store
from project.local.api.supervisor import Supervisor


def build_app(settings: Settings, redis_url: str = "") -> Starlette:
    """The ASGI application over the SQLite file under ``settings.home``.

    At start it finds the functions again that an earlier control plane left running; at the end it stops
    them all.
    """
    store = Store(settings.database)
    supervisor = Supervisor(store, settings)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await run_in_threadpool(supervisor.recover)
        yield
        await run_in_threadpool(supervisor.stop_all)

    app = Starlette(
        routes=[
            *client_spec.ROUTES,
            *projects.ROUTES,
            *absent.ROUTES,
            *runs.ROUTES,
            *logs.ROUTES,
            *artifacts.ROUTES,
            *functions.ROUTES,
            *nuclio.ROUTES,
            *feature_store.ROUTES,
            *tags.ROUTES,
            *entries.ROUTES,
            *model_endpoints.ROUTES,
            *local_routes.ROUTES,
            *unsupported.ROUTES,
        ],
        lifespan=lifespan,
        middleware=[Middleware(LocalCallersOnly)],
    )
    app.state.context = Context(store, settings, supervisor, redis_url)
    return app
