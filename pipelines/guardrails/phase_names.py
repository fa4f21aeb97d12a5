"""The words of guardrail phases, as the mission's list has them. Apart from the rest, so that reading settings loads
nothing else."""

from __future__ import annotations

from typing import Literal

Maturity = Literal["experimental", "beta", "production"]
Who = Literal["developers_only", "trusted_users", "all_users"]
PreRule = Literal[
    "validate_yaml_syntax",
    "check_step_dependencies",
    "verify_provider_availability",
    "estimate_resource_requirements",
    "validate_security_constraints",
]
RuntimeRule = Literal[
    "token_usage_tracking", "execution_time_limits", "error_rate_monitoring", "cost_accumulation_alerts"
]
PostRule = Literal["output_quality_assessment", "performance_metrics_collection", "cost_analysis_and_optimization"]
