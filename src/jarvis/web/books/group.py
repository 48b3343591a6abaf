"""The lists and books of a person's accounts, as one group of pages."""

from fastapi import APIRouter

from jarvis.web.books import activity, history, ledger, orders, results, statements, story, worth
from jarvis.web.context import Web

_PAGES = (orders, history, story, ledger, statements, activity, results, worth)


def router(web: Web) -> APIRouter:
    """The routes of all of them."""
    routes = APIRouter()
    for page in _PAGES:
        routes.include_router(page.router(web))
    return routes
