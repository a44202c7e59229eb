"""Wiring of the control plane."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware

from project.disk_errors import write_failure
from project.local.api.context import Context
from project.local.api.deployments.left_rehearsals import LeftRehearsals
from project.local.api.deployments.live import LiveDeployments
from project.local.api.deployments.revived_functions import RevivedFunctions
from project.local.api.deployments.revived_valkey import RevivedValkey
from project.local.api.deployments.supervisor import Supervisor
from project.local.api.documents import now
from project.local.api.http.local_callers import LocalCallersOnly
from project.local.api.jobs.runner import Jobs
from project.local.api.records.store import Store
from project.local.api.routes import (
    absent,
    alerts,
    artifacts,
    background_tasks,
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
    schedules,
    secrets,
    tags,
    unsupported,
)
from project.local.api.routes import jobs as job_routes
from project.local.api.schedules.scheduler import Scheduler
from project.local.api.schedules.ticker import Ticker
from project.local.api.settings import Settings


def build_app(
    settings: Settings, redis_url: str = "", clock: Callable[[], datetime] = now, tick_seconds: float = 1.0
) -> Starlette:
    """The ASGI application over the SQLite file under ``settings.home``.

    At start it finds the functions and jobs again that an earlier control plane left running; at the end it
    stops them all. Valkey is started again when it dies.

    :param clock: wall clock.
    :param tick_seconds: pause between two looks at what is due and what has died.
    """
    store = Store(settings.database)
    deployments = LiveDeployments(store)
    supervisor = Supervisor(store, settings, deployments)
    jobs = Jobs(store, settings, clock)
    scheduler = Scheduler(store, jobs.submit, clock)
    rehearsals = LeftRehearsals(store, supervisor, settings.home)
    revived = RevivedFunctions(supervisor, deployments, partial(write_failure, settings.home))
    context = Context(store, settings, deployments, supervisor, jobs, scheduler, redis_url=redis_url)
    valkey = RevivedValkey(settings.home, context.valkey_started_again)
    ticker = Ticker([valkey.tick, jobs.settle, rehearsals.end, revived.tick, scheduler.tick], tick_seconds)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await run_in_threadpool(supervisor.recover)
        await run_in_threadpool(jobs.recover)
        ticker.start()
        yield
        await run_in_threadpool(ticker.stop)
        await run_in_threadpool(jobs.stop_all, "the control plane was stopped")
        await run_in_threadpool(supervisor.stop_all)

    app = Starlette(
        routes=[
            *client_spec.ROUTES,
            *projects.ROUTES,
            *absent.ROUTES,
            *alerts.ROUTES,
            *background_tasks.ROUTES,
            *runs.ROUTES,
            *job_routes.ROUTES,
            *schedules.ROUTES,
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
    app.state.context = context
    return app
