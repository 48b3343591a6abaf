"""The handbook's pages: open to everybody, of the version that is installed."""

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response

from jarvis.web.context import Web
from jarvis.web.handbook.text import Handbook

_LONGEST_SEARCH = 100


def router(web: Web) -> APIRouter:
    """The routes of the handbook."""
    routes = APIRouter(prefix="/docs")
    handbook = Handbook()

    @routes.get("")
    async def index(request: Request) -> Response:
        return await web.page(request, "handbook/index.html", {"here": "docs", "chapters": handbook.chapters})

    @routes.get("/search")
    async def search(request: Request, q: str = "") -> Response:
        wanted = q.strip()[:_LONGEST_SEARCH]
        values = {"here": "docs", "chapters": handbook.chapters, "wanted": wanted, "found": handbook.search(wanted)}
        return await web.page(request, "handbook/search.html", values)

    @routes.get("/pictures/{picture}")
    async def show_picture(picture: str) -> Response:
        path = handbook.picture(picture)
        if path is None:
            raise HTTPException(404)
        return FileResponse(path, headers={"Cache-Control": "public, max-age=3600"})

    @routes.get("/{page:path}")
    async def show(request: Request, page: str) -> Response:
        found = handbook.pages.get(page)
        if found is None:
            raise HTTPException(404)
        before, after = handbook.neighbours(found)
        values = {"here": "docs", "chapters": handbook.chapters, "page": found, "before": before, "after": after}
        return await web.page(request, "handbook/page.html", values)

    return routes
