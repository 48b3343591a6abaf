"""A keyring for tests of whole processes: keeps what it is given in a file below XDG_DATA_HOME."""

import json
import os
from pathlib import Path

from keyring.backend import KeyringBackend


class TestedKeyring(KeyringBackend):
    """As good as any, except that it guards nothing."""

    priority = 1

    def get_password(self, service: str, username: str) -> str | None:
        """What was set."""
        found: str | None = self._all().get(f"{service}/{username}")
        return found

    def set_password(self, service: str, username: str, password: str) -> None:
        """Keep it."""
        self._file().write_text(json.dumps({**self._all(), f"{service}/{username}": password}))

    def delete_password(self, service: str, username: str) -> None:
        """Forget it."""
        self._file().write_text(json.dumps({k: v for k, v in self._all().items() if k != f"{service}/{username}"}))

    def _all(self) -> dict[str, str]:
        found: dict[str, str] = json.loads(self._file().read_text()) if self._file().exists() else {}
        return found

    def _file(self) -> Path:
        return Path(os.environ["XDG_DATA_HOME"]) / "keyring.json"
