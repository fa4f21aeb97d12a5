"""The section `approvals`: who must say yes, whatever a step says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from runtime.settings.section import Section

if TYPE_CHECKING:
    from pipelines.execution import ApprovalRules


class ApprovalSettings(Section):
    """What the node demands of approvals beyond what their steps say."""

    persons: int = Field(ge=1, le=10)
    not_by_submitter: bool
    automatic: bool

    @property
    def may_be_automatic(self) -> bool:
        """Whether trust can answer any approval here: never where two persons must, or somebody else than asked."""
        return self.automatic and self.persons == 1 and not self.not_by_submitter

    def rules(self) -> ApprovalRules:
        """As the desk and the steps take them."""
        from pipelines.execution import ApprovalRules  # noqa: PLC0415 - loads the language

        return ApprovalRules(self.persons, self.not_by_submitter, self.automatic)
