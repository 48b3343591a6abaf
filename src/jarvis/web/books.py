"""The lists and books of a person's accounts, as one group of pages."""

from fastapi import APIRouter

from jarvis.web import activity, history, ledger, orders, story
from jarvis.web.context import Web

_PAGES = (orders, history, story, ledger, activity)


def router(web: Web) -> APIRouter:
    """The routes of all of them."""
    routes = APIRouter()
    for page in _PAGES:
        routes.include_router(page.router(web))
    return routes
