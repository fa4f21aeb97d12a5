"""The node's metrics: what is counted, and the endpoint that Prometheus scrapes.

labels                    label values within bounds
collectors                all that is counted, fed by the kernel's events; those of approvals and of the kernel itself
runs, calls, flow, money  those of runs and steps, of providers' calls, of queues and breakers, of budgets
live                      gauges read at each scrape
server                    the HTTP endpoint
"""

from runtime.metrics.collectors import NodeMetrics
from runtime.metrics.server import MetricsAddress, MetricsPortError, MetricsServer

__all__ = ["MetricsAddress", "MetricsPortError", "MetricsServer", "NodeMetrics"]
