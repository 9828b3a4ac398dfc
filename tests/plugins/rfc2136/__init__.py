"""What these tests share: the one name that may be updated, and the time of day, which nothing here depends on."""

from datetime import UTC, datetime

NAME = "_acme-challenge.box.corp.example"
NOW = datetime(2026, 11, 23, tzinfo=UTC)
