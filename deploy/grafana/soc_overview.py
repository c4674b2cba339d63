"""What waits for the SOC, and how it is worked off."""

from typing import Final

from grafana_foundation_sdk.builders.dashboard import Dashboard

from deploy.grafana.parts import RATE, Made, bars, board, choice, filled, lines, listed, number, query, rows

SEVERITIES: Final = ("low", "medium", "high", "critical")
AGES: Final = {"1h": "up to 1 h", "8h": "up to 8 h", "1d": "up to 1 day", "7d": "up to 7 days", "older": "older"}

MINE: Final = 'severity=~"$severity"'


def soc_overview() -> Dashboard:
    """What waits for the SOC, and how it is worked off."""
    words = "What waits for the SOC, and how it is worked off."
    made = board("innerwatch-soc", "innerwatch: SOC overview", words, "now-7d")
    made = made.with_variable(listed("severity", "Severity", SEVERITIES))
    made = made.with_variable(choice("receiver", "Receiver", "innerwatch_deliveries_total"))
    return filled(
        made,
        {
            "Now": _now(),
            "Top risks": _top_risks(),
            "Queue": _queue(),
            "Alerts": _alerts(),
            "Work": _work(),
        },
    )


def _now() -> list[Made]:
    return [
        number("Incidents", "Not closed.", f"sum(innerwatch_incidents{{{MINE}}})"),
        number(
            "Nobody's",
            "High or critical, and nobody has acknowledged them.",
            'sum(innerwatch_incidents{state="open", severity=~"high|critical"})',
            bad=(1, 5),
        ),
        number(
            "Time to acknowledge",
            "Half of the incidents of the last 30 days were acknowledged faster.",
            'max(innerwatch_acknowledge_seconds{percentile="50"})',
            "s",
            (3_600, 14_400),
        ),
        number(
            "False positives",
            "Of the verdicts of the last 30 days.",
            'sum(innerwatch_verdicts{verdict="false_positive"}) / sum(innerwatch_verdicts{verdict!="undetermined"})',
            "percentunit",
            (0.5, 0.8),
        ),
        number(
            "Not delivered",
            "Notices that wait for a receiver or are dead.",
            'sum(innerwatch_deliveries_pending{receiver=~"$receiver"})',
            bad=(10, 100),
        ),
        number(
            "Budget used",
            "Alerts told, of those that the budget allows for the days so far.",
            "sum(innerwatch_budget_used) / sum(innerwatch_budget_allowed)",
            "percentunit",
            (1.2, 2),
        ),
    ]


def _top_risks() -> list[Made]:
    return [
        rows(
            "Incidents by risk",
            "Not closed, by pseudonym; innerwatch incidents show INCIDENT has the evidence.",
            """SELECT incident_id, actor, round(risk::numeric, 1) AS risk, severity, state, assigned, alerts,
            detections, opened_at, updated_at FROM v_incidents
            WHERE state <> 'closed' AND severity IN (${severity:sqlstring})
            ORDER BY risk DESC, incident_id LIMIT 25""",
        ),
    ]


def _queue() -> list[Made]:
    return [
        lines(
            "Incidents by severity",
            "Not closed.",
            query(f"sum by (severity) (innerwatch_incidents{{{MINE}}})", "{{severity}}"),
            stacked=True,
        ),
        bars(
            "Incidents by age",
            "Not closed, since they opened.",
            *(
                query(f'sum(innerwatch_incidents{{{MINE}, age="{age}"}})', words, name, instant=True)
                for name, (age, words) in zip("ABCDE", AGES.items(), strict=True)
            ),
            width=6,
        ),
        bars(
            "Incidents by state",
            "Where the work on them stands.",
            query(f"sum by (state) (innerwatch_incidents{{{MINE}}})", "{{state}}", instant=True),
            width=6,
        ),
    ]


def _alerts() -> list[Made]:
    return [
        lines(
            "Alerts opened by severity",
            "One for a person and episode.",
            query(f"sum by (severity) (increase(innerwatch_alerts_total{{{MINE}}}{RATE}))", "{{severity}}"),
            stacked=True,
        ),
        rows(
            "Newest alerts",
            "By pseudonym; innerwatch explain ALERT has every number.",
            """SELECT alert_id, incident_id, actor, round(risk::numeric, 1) AS risk, severity, detections,
            updated_at FROM v_alerts WHERE severity IN (${severity:sqlstring})
            ORDER BY updated_at DESC, alert_id LIMIT 25""",
            12,
            8,
        ),
    ]


def _work() -> list[Made]:
    return [
        lines(
            "Time to acknowledge",
            "From opening to the first work, of incidents of the last 30 days.",
            query("max by (percentile) (innerwatch_acknowledge_seconds)", "{{percentile}} %"),
            unit="s",
            width=8,
        ),
        bars(
            "Verdicts",
            "Of the last 30 days.",
            query("sum by (verdict) (innerwatch_verdicts)", "{{verdict}}", instant=True),
        ),
        lines(
            "Deliveries",
            "Notices tried, by receiver and result.",
            query(
                f'sum by (receiver, result) (increase(innerwatch_deliveries_total{{receiver=~"$receiver"}}{RATE}))',
                "{{receiver}} {{result}}",
            ),
            width=8,
        ),
    ]
