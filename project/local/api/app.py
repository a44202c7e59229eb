"""Wiring of the control plane."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware

from project.local.api.context import Context
from project.local.api.deployments.live import LiveDeployments
from project.local.api.deployments.supervisor import Supervisor
from project.local.api.http.local_callers import LocalCallersOnly
from project.local.api.records.store import Store
from project.local.api.routes import (
    absent,
    artifacts,
    client_spec,
    feature_store,
    features,
    functions,
    local,
    logs,
    model_endpoints,
    nuclio,
    profiles,
    projects,
    runs,
    secrets,
    tags,
    unsupported,
)
from project.local.api.settings import Settings


def build_app(settings: Settings, redis_url: str = "") -> Starlette:
    """The ASGI application over the SQLite file under ``settings.home``.

    At start it finds the functions again that an earlier control plane left running; at the end it stops
    them all.
    """
    store = Store(settings.database)
    deployments = LiveDeployments(store)
    supervisor = Supervisor(store, settings, deployments)

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
            *features.ROUTES,
            *tags.ROUTES,
            *profiles.ROUTES,
            *secrets.ROUTES,
            *model_endpoints.ROUTES,
            *local.ROUTES,
            *unsupported.ROUTES,
        ],
        lifespan=lifespan,
        middleware=[Middleware(LocalCallersOnly)],
    )
    app.state.context = Context(store, settings, deployments, supervisor, redis_url)
    return app
