"""One scrape of `/metrics`, read with Prometheus' own parser."""

from __future__ import annotations

from dataclasses import dataclass

import httpx
from prometheus_client.parser import text_string_to_metric_families


@dataclass(frozen=True, slots=True)
class Scrape:
    """The samples of one scrape."""

    samples: tuple[tuple[str, tuple[tuple[str, str], ...], float], ...]

    @property
    def names(self) -> frozenset[str]:
        """All sample names."""
        return frozenset(name for name, _labels, _value in self.samples)

    def total(self, name: str, **labels: str) -> float:
        """The sum over all samples of that name that carry these labels; 0 when there is none."""
        wanted = set(labels.items())
        return sum(value for found, have, value in self.samples if found == name and wanted <= set(have))


def scrape(url: str) -> Scrape:
    """Fetches and parses; raises `httpx.HTTPError` or `ValueError` (not the exposition format)."""
    text = httpx.get(url, timeout=10.0, trust_env=False).raise_for_status().text
    return Scrape(
        tuple(
            (sample.name, tuple(sorted(sample.labels.items())), float(sample.value))
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        )
    )
