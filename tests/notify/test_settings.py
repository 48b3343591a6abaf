"""The mail server of an installation: whole, never in clear to elsewhere, its password never shown."""

from pathlib import Path

import pytest

from jarvis.config import Settings, SettingsError, load_settings
from jarvis.notify.senders import MailServer

MAIL = {"smtp_host": "mail.example.org", "smtp_from": "jarvis@example.org"}
CANARY = "canaryM4iL9p"


def settings(tmp_path: Path, **given: object) -> Settings:
    return load_settings(data_dir=tmp_path / "data", master_key_file=tmp_path / "keys" / "master.key", **given)


def test_without_a_host_there_is_no_mail_server(tmp_path: Path) -> None:
    assert settings(tmp_path).mail_server is None


def test_a_mail_server_is_spoken_to_with_tls_by_default(tmp_path: Path) -> None:
    assert settings(tmp_path, **MAIL).mail_server == MailServer(
        "mail.example.org", 587, "starttls", "jarvis@example.org"
    )


def test_the_password_comes_from_a_file_and_is_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "password").write_text(f"{CANARY}\n")
    monkeypatch.setenv("JARVIS_SMTP_PASSWORD_FILE", str(tmp_path / "password"))

    found = settings(tmp_path, **MAIL, smtp_user="jarvis")

    assert found.mail_server is not None
    assert found.mail_server.password == CANARY
    assert CANARY not in repr(found) + str(found) + repr(found.mail_server) + found.model_dump_json()


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"smtp_from": ""}, "smtp_from"),
        ({"smtp_security": "none"}, "smtp_security"),
        ({"smtp_security": "ssl"}, "SMTP_SECURITY"),
        ({"smtp_user": "jarvis"}, "smtp_password"),
        ({"smtp_password": CANARY}, "smtp_user"),
        ({"smtp_user": "jarvis", "smtp_password": f"{CANARY}ä"}, "smtp_password"),
        ({"smtp_port": 0}, "SMTP_PORT"),
    ],
)
def test_what_cannot_work_refuses_to_start_by_name(tmp_path: Path, given: dict[str, object], named: str) -> None:
    with pytest.raises(SettingsError) as refused:
        settings(tmp_path, **{**MAIL, **given})

    assert named in str(refused.value)
    assert CANARY not in str(refused.value)


def test_a_mail_server_of_this_machine_may_be_spoken_to_in_clear(tmp_path: Path) -> None:
    found = settings(tmp_path, **{**MAIL, "smtp_host": "127.0.0.1"}, smtp_security="none")

    assert found.mail_server is not None
    assert found.mail_server.security == "none"


@pytest.mark.parametrize(
    ("given", "origin"),
    [
        ({}, "http://127.0.0.1:8765"),
        ({"public_origins": "https://jarvis.example.org/, https://other.example.org"}, "https://jarvis.example.org"),
    ],
)
def test_links_in_messages_lead_to_where_people_reach_the_pages(
    tmp_path: Path, given: dict[str, object], origin: str
) -> None:
    assert settings(tmp_path, **given).origin == origin
