"""The tables of the four venues: what each name means for the verdict, written down a second time."""

from datetime import UTC, datetime, timedelta
from itertools import chain, combinations

import pytest

from jarvis.domain.account import KeyPermissions, VenueName
from jarvis.venues.permissions import TABLES, Outcome, judge

NOW = datetime(2026, 9, 21, 14, 0, tzinfo=UTC)
# What must be granted, what refuses the key, and what it may have although it is not needed.
KNOWN: dict[str, tuple[set[str], set[str], set[str]]] = {
    "kraken": (
        {
            "query-funds",
            "query-open-trades",
            "query-closed-trades",
            "modify-trades",
            "close-trades",
            "query-ledger",
            "create-ws-token",
        },
        {"withdraw-funds", "add-withdraw-address", "update-withdraw-address", "add-funds", "earn-funds"},
        {"export-data"},
    ),
    "binance": (
        {"enableReading", "enableSpotAndMarginTrading", "enableMargin"},
        {
            "enableWithdrawals",
            "enableInternalTransfer",
            "permitsUniversalTransfer",
            "enableFutures",
            "enableVanillaOptions",
            "enablePortfolioMarginTrading",
            "enableFixApiTrade",
        },
        {"enableFixReadOnly"},
    ),
    "okx": ({"read_only", "trade"}, {"withdraw"}, set()),
    "bybit": (
        {"Spot:SpotTrade"},
        {"Wallet:SubMemberTransfer", "Wallet:SubMemberTransferList", "Wallet:Withdraw", "Earn:Earn"},
        {
            "ContractTrade:Order",
            "ContractTrade:Position",
            "Options:OptionsTrade",
            "Derivatives:DerivativesTrade",
            "Wallet:AccountTransfer",
            "Exchange:ExchangeHistory",
        },
    ),
}
ALWAYS_A_RISK = {"binance", "okx", "bybit"}


def key(granted: set[str], **changes: object) -> KeyPermissions:
    told = {"ip_allowlist": ("203.0.113.7",), "expires_at": NOW + timedelta(days=90), **changes}
    return KeyPermissions(frozenset(granted), label="l", public_id="p", **told)  # type: ignore[arg-type]


@pytest.mark.parametrize("venue", sorted(KNOWN))
def test_every_combination_of_flags_has_the_verdict_that_it_must_have(venue: str) -> None:
    needed, forbidden, allowed = KNOWN[venue]
    flags = sorted(needed | forbidden | allowed)
    for granted in map(set, chain.from_iterable(combinations(flags, size) for size in range(len(flags) + 1))):
        if granted & forbidden:
            expected = Outcome.REFUSED
        elif needed - granted:
            expected = Outcome.INCOMPLETE
        elif granted & allowed or venue in ALWAYS_A_RISK:
            expected = Outcome.ACCEPTED_WITH_RISK
        else:
            expected = Outcome.ACCEPTED

        verdict = judge(VenueName(venue), key(granted), NOW)

        assert verdict.outcome is expected, granted
        assert len(verdict.advice) == len(granted & (forbidden | allowed)) + len(needed - granted)


@pytest.mark.parametrize("venue", sorted(KNOWN))
def test_an_unknown_flag_refuses_any_key(venue: str) -> None:
    needed, _, _ = KNOWN[venue]

    verdict = judge(VenueName(venue), key({*needed, "enableTeleport"}), NOW)

    assert verdict.outcome is Outcome.REFUSED
    assert verdict.advice == ("Untick the box that grants “enableTeleport”.",)


@pytest.mark.parametrize("venue", sorted(KNOWN))
def test_what_to_tick_is_what_is_needed(venue: str) -> None:
    assert set(TABLES[VenueName(venue)].to_tick) == KNOWN[venue][0]


def test_a_read_only_key_of_bybit_is_incomplete_whatever_is_ticked() -> None:
    verdict = judge(VenueName("bybit"), key({"Spot:SpotTrade", "ReadOnly"}), NOW)

    assert verdict.outcome is Outcome.INCOMPLETE
    assert verdict.advice == ("Tick “API Key Permissions: Read-Write”.",)


def test_an_address_list_that_the_venue_keeps_to_itself_counts() -> None:
    free = judge(VenueName("binance"), key(KNOWN["binance"][0], ip_allowlist=()), NOW)
    bound = judge(VenueName("binance"), key(KNOWN["binance"][0], ip_allowlist=(), is_ip_restricted=True), NOW)

    assert len(free.risks) == len(bound.risks) + 1
    assert "trusted IPs" in free.risks[-1]


def test_the_residual_risks_say_what_stays_possible_and_how_to_remove_it() -> None:
    okx = judge(VenueName("okx"), key(KNOWN["okx"][0], dies_unused_after=timedelta(days=14)), NOW)
    okx_sub = judge(VenueName("okx"), key(KNOWN["okx"][0], is_sub_account=True), NOW)
    bybit = judge(VenueName("bybit"), key({*KNOWN["bybit"][0], "Wallet:AccountTransfer"}), NOW)
    binance = judge(VenueName("binance"), key(KNOWN["binance"][0]), NOW)

    assert "sub-account" in okx.risks[0]
    assert "14 days" in okx.risks[1]
    assert "It is a sub-account's key" in okx_sub.risks[0]
    assert any("could move money between your own accounts" in risk for risk in bybit.risks)
    assert any("no box for settings" in risk for risk in binance.risks)


def test_a_key_that_is_about_to_die_says_when() -> None:
    verdict = judge(VenueName("bybit"), key(KNOWN["bybit"][0], expires_at=NOW + timedelta(days=3)), NOW)

    assert any("24 September 2026" in risk for risk in verdict.risks)


def test_a_key_that_its_venue_lets_die_shows_a_countdown_from_the_first_day() -> None:
    counted = judge(
        VenueName("bybit"), key(KNOWN["bybit"][0], ip_allowlist=(), expires_at=NOW + timedelta(days=66)), NOW
    )
    chosen = judge(VenueName("kraken"), key(KNOWN["kraken"][0], expires_at=NOW + timedelta(days=66)), NOW)

    assert any("dies in 66 days" in risk and "Bind it to an address" in risk for risk in counted.risks)
    assert chosen.risks == ()
