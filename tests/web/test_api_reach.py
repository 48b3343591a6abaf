"""What a person can do on the pages, a script can do, or the page of the API says why not."""

import re

from fastapi import FastAPI

BY_SCRIPTS = {
    "/account/hooks/{hook_id}/live": "dry_run",
    "/account/{account_id}/disarm": "disarm",
    "/desk/{account_id}/strategies": "assign",
    "/desk/{account_id}/limits": "lower_limits",
    "/desk/{account_id}/trade": "open_position",
    "/desk/{account_id}/trade/card": "order_card",
    "/desk/{account_id}/positions/{position_id}/close": "close_position",
    "/desk/{account_id}/positions/{position_id}/adjust": "adjust_position",
    "/desk/{account_id}/flatten": "flatten",
    "/desk/{account_id}/pause": "pause",
    "/desk/{account_id}/resume": "resume",
}
"""Forms, and the operation that does the same, or the harmless half of it."""

BY_PEOPLE = (
    r"/sign-.*", r"/link", r"/prove.*", r"/confirm", r"/account/security/.*", r"/account/tokens.*",
    r"/account/sharing/.*", r"/installation/.*", r"/account/connect/.*", r"/account/data/.*", r"/account/jobs/.*",
    r"/account/{account_id}/(begin|arm|disconnect)", r"/account/tax/download", r"/account/notices/.*",
    r"/account/notifications/.*", r"/account/hooks", r"/account/hooks/{hook_id}/(end|test)", r"/research/verdicts",
    r"/desk/{account_id}/foreign",
)  # fmt: skip
"""Forms that are for a person: the page of the API says so, and why."""

NO_FORM = {"/hooks/{hook_id}"}
"""For charts."""


def test_every_form_is_an_operation_or_for_people_alone(app: FastAPI) -> None:
    api = next(route for route in app.routes if getattr(route, "name", "") == "api").app  # type: ignore[attr-defined]
    operations = {one["operationId"] for methods in api.openapi()["paths"].values() for one in methods.values()}
    forms = {path for path, methods in app.openapi()["paths"].items() if "post" in methods} - NO_FORM

    for_people = {path for path in forms if any(re.fullmatch(each, path) for each in BY_PEOPLE)}

    assert set(BY_SCRIPTS.values()) <= operations
    assert forms - for_people == set(BY_SCRIPTS)
    assert all(any(re.fullmatch(each, path) for path in forms) for each in BY_PEOPLE), "one of these is gone"
