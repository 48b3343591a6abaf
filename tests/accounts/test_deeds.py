from jarvis.accounts.deeds import NEEDS_PROOF, Deed, may
from jarvis.domain.people import Role


def test_roles_allow_what_they_are_for() -> None:
    allowed = {role: {deed for deed in Deed if may(role, deed)} for role in Role}

    assert allowed[Role.OPERATOR] == set(Deed)
    assert allowed[Role.TRADER] == set(Deed) - {Deed.OPERATE, Deed.CHANGE_ROLES}
    assert not allowed[Role.VIEWER] & {
        Deed.PAUSE_AND_FLATTEN, Deed.DISARM, Deed.TRADE, Deed.ARM, Deed.CHANGE_LIMITS, Deed.MANAGE_KEYS, Deed.SHARE,
        Deed.OPERATE, Deed.CHANGE_ROLES,
    }  # fmt: skip
    assert Deed.LOOK in allowed[Role.VIEWER]


def test_what_protects_never_waits_for_a_proof() -> None:
    assert not NEEDS_PROOF & {Deed.LOOK, Deed.PAUSE_AND_FLATTEN, Deed.DISARM}


def test_what_could_be_turned_against_the_person_needs_a_proof() -> None:
    dangerous = {
        Deed.ARM, Deed.CHANGE_LIMITS, Deed.MANAGE_KEYS, Deed.MANAGE_TARGETS, Deed.MANAGE_TOKENS, Deed.EXPORT,
        Deed.DELETE_ACCOUNT, Deed.CHANGE_ROLES, Deed.MANAGE_FACTORS, Deed.CHANGE_PASSWORD, Deed.END_SESSIONS,
    }  # fmt: skip

    assert dangerous <= NEEDS_PROOF
