"""Retention: what the journal and the sessions keep, and for how long."""

from actors.retention.retention import KEEP_ALL, EnforceRetention, Policy, Retention, RetentionApplied

__all__ = ["KEEP_ALL", "EnforceRetention", "Policy", "Retention", "RetentionApplied"]
