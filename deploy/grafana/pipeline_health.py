"""Whether events flow, and alerts after them."""

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.builders.prometheus import Dataquery

from deploy.grafana.parts import RATE, Made, board, choice, filled, lines, number, query

MINE, TOLD = 'shard=~"$shard"', 'receiver=~"$receiver"'


def pipeline_health() -> Dashboard:
    """Whether events flow, and alerts after them."""
    words = "Whether events flow, and alerts after them: rate, lag, latency, rejects, checkpoints, delivery, processes."
    made = board("innerwatch-pipeline", "innerwatch: pipeline health", words, "now-6h")
    made = made.with_variable(choice("shard", "Shard", "innerwatch_silent_seconds"))
    made = made.with_variable(choice("receiver", "Receiver", "innerwatch_deliveries_total"))
    return filled(
        made,
        {
            "Now": _now(),
            "Events": _events(),
            "Delay": _delay(),
            "State": _state(),
            "Delivery": _delivery(),
            "API": _api(),
            "Processes": _processes(),
        },
    )


def _now() -> list[Made]:
    return [
        number("Events", "A second.", "sum(job:innerwatch_events:rate5m)", "cps"),
        number("Processes", "That answer.", 'sum(up{job=~"innerwatch.*"})'),
        number("Shards", "That a worker has.", "sum(innerwatch_shards)"),
        number("Lag", "Records not read yet.", f"sum(innerwatch_lag_records{{{MINE}}})", bad=(1e4, 1e5)),
        number(
            "Rejected",
            "Share of the records of a quarter of an hour.",
            "max(job:innerwatch_rejected:ratio_rate15m)",
            "percentunit",
            (0.001, 0.01),
        ),
        number("Waiting alerts", "For the desk or their topic.", "sum(innerwatch_outbox_alerts)", bad=(50, 500)),
    ]


def _events() -> list[Made]:
    return [
        lines(
            "Events scored",
            "A second, by worker.",
            query(f"sum by (instance) (rate(innerwatch_events_total{RATE}))", "{{instance}}"),
            unit="cps",
            width=8,
        ),
        lines(
            "Rejected records",
            "A second, by reason.",
            query(f"sum by (reason) (rate(innerwatch_rejected_total{RATE}))", "{{reason}}"),
            unit="cps",
            width=8,
        ),
        lines(
            "Set aside",
            "A second: late events are not learned, repeats and drops not scored, the crowd has no profile.",
            *(
                query(f"sum(rate(innerwatch_{name}_total{RATE}))", name.replace("_", " "), ref)
                for name, ref in (
                    ("late_events", "A"),
                    ("duplicates", "B"),
                    ("dropped", "C"),
                    ("unknown_keys", "D"),
                    ("crowd_events", "E"),
                )
            ),
            unit="cps",
            width=8,
        ),
    ]


def _delay() -> list[Made]:
    return [
        lines(
            "Lag",
            "Records of a partition not read yet.",
            query(f"sum by (shard) (innerwatch_lag_records{{{MINE}}})", "{{shard}}"),
            width=8,
        ),
        lines(
            "Latency from event time",
            "From the newest event of a batch to when it was judged.",
            *_quantiles("innerwatch_event_latency_seconds"),
            unit="s",
            width=8,
        ),
        lines(
            "Latency from arrival",
            "From reading a batch to telling its alerts.",
            *_quantiles("innerwatch_batch_seconds"),
            unit="s",
            width=8,
        ),
        lines(
            "Silence",
            "Since the last record of a shard.",
            query(f"max by (shard) (innerwatch_silent_seconds{{{MINE}}})", "{{shard}}"),
            unit="s",
            width=8,
        ),
        lines(
            "How far the log has come",
            "Age of the newest event.",
            query(f"time() - max by (shard) (innerwatch_watermark_timestamp_seconds{{{MINE}}})", "{{shard}}"),
            unit="s",
            width=8,
        ),
        lines(
            "Waiting for records",
            "Of one look at Kafka.",
            *_quantiles("innerwatch_poll_seconds"),
            unit="s",
            width=8,
        ),
    ]


def _state() -> list[Made]:
    return [
        lines(
            "Checkpoints",
            "Time to write and commit one.",
            *_quantiles("innerwatch_checkpoint_seconds"),
            unit="s",
            width=8,
        ),
        lines(
            "Not committed",
            "Age of the oldest record without a checkpoint.",
            query(f"max by (shard) (innerwatch_uncommitted_seconds{{{MINE}}})", "{{shard}}"),
            unit="s",
            width=8,
        ),
        lines(
            "Shards that move",
            "Came, went, changed context, were refused.",
            query(f"sum by (event) (increase(innerwatch_shard_events_total{RATE}))", "{{event}}"),
            width=8,
        ),
    ]


def _delivery() -> list[Made]:
    return [
        lines(
            "Outbox",
            "For how long the first alert of a queue has been the first.",
            query("max by (queue) (innerwatch_outbox_age_seconds)", "{{queue}}"),
            unit="s",
            width=8,
        ),
        lines(
            "Notices that wait or are dead",
            "By receiver.",
            query(f"sum by (receiver, state) (innerwatch_deliveries_pending{{{TOLD}}})", "{{receiver}} {{state}}"),
            width=8,
        ),
        lines(
            "Age of the oldest notice",
            "By receiver; 1 in the lower line while it fails and is left alone.",
            query(f"max by (receiver) (innerwatch_delivery_age_seconds{{{TOLD}}})", "{{receiver}}"),
            query(f"max by (receiver) (innerwatch_receiver_failing{{{TOLD}}})", "{{receiver}} fails", "B"),
            unit="s",
            width=8,
        ),
    ]


def _api() -> list[Made]:
    return [
        lines(
            "Requests",
            "A second, by class of status: 4xx are refused, 5xx not done.",
            query(f"sum by (status) (rate(innerwatch_requests_total{RATE}))", "{{status}}"),
            unit="reqps",
            width=8,
        ),
        lines("Time to answer", "Of one request.", *_quantiles("innerwatch_request_seconds"), unit="s", width=8),
        lines(
            "What receivers' tools post",
            "By receiver and what became of it; signature, time and form are refused.",
            query(
                f"sum by (receiver, result) (increase(innerwatch_inbound_total{{{TOLD}}}{RATE}))",
                "{{receiver}} {{result}}",
            ),
            width=8,
        ),
    ]


def _processes() -> list[Made]:
    return [
        lines(
            "Memory",
            "Resident.",
            query('process_resident_memory_bytes{job=~"innerwatch.*"}', "{{job}} {{instance}}"),
            unit="bytes",
            width=8,
        ),
        lines(
            "Processor",
            "Cores used.",
            query(f'rate(process_cpu_seconds_total{{job=~"innerwatch.*"}}{RATE})', "{{job}} {{instance}}"),
            width=8,
        ),
        lines("Actors", "That have a profile.", query("sum(innerwatch_actors)", "actors"), width=8),
    ]


def _quantiles(metric: str) -> tuple[Dataquery, ...]:
    shares = ((0.5, "A"), (0.99, "B"))
    return tuple(
        query(f"histogram_quantile({share}, sum by (le) (rate({metric}_bucket{RATE})))", f"{100 * share:g} %", name)
        for share, name in shares
    )
