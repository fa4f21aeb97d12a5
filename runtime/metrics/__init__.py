"""The node's metrics: what is counted, and the endpoint that Prometheus scrapes.

labels       label values within bounds
collectors   counters and histograms, fed by the kernel's events
live         gauges read at each scrape
server       the HTTP endpoint
"""

from runtime.metrics.collectors import NodeMetrics
from runtime.metrics.server import MetricsAddress, MetricsPortError, MetricsServer

__all__ = ["MetricsAddress", "MetricsPortError", "MetricsServer", "NodeMetrics"]
