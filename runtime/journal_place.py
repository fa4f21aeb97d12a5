"""Which journal the settings name: SQLite in the state directory, or a PostgreSQL database by its URL."""

from __future__ import annotations

from collections.abc import Iterator

from actors.journal import Finding, JournalPlace, RunRecord, SqliteFile, UrlPlace, check_url
from actors.runs import RunRequest, request_of
from runtime.settings import Settings


def journal_place(settings: Settings) -> JournalPlace:
    """The place for the Journal's child spec. Opens nothing."""
    journal = settings.journal
    if journal.url is not None:
        return UrlPlace(journal.url.get_secret_value(), large_bytes=journal.large_bytes)
    return SqliteFile(settings.state_dir / "journal.sqlite3", journal.synchronous, large_bytes=journal.large_bytes)


def check_elsewhere(settings: Settings) -> Iterator[Finding]:
    """Everything that is wrong in a journal that is not in the state directory."""
    assert settings.journal.url is not None

    def judge(record: RunRecord) -> str | None:
        known = request_of(record)
        return None if isinstance(known, RunRequest) else f"{known['code']}: {known['message']}"

    yield from check_url(settings.journal.url.get_secret_value(), settings.journal.shown_url, judge)
