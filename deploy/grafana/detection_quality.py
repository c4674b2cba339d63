"""Whether what is detected still means something."""

from typing import Final

from grafana_foundation_sdk.builders.dashboard import Dashboard

from deploy.grafana.parts import RATE, Made, Marks, bars, board, choice, filled, lines, number, query, rows

MINE: Final = 'detection=~"$detection"'

PROMOTED: Final = (
    """SELECT time, name || ': ' || act AS text FROM v_promotions WHERE $__timeFilter(time) ORDER BY time"""
)


def detection_quality() -> Dashboard:
    """Whether what is detected still means something."""
    words = "Whether what is detected still means something: scores, drift, budget, learning, verdicts."
    made = board("innerwatch-detection", "innerwatch: detection quality", words, "now-30d")
    made = made.annotation(Marks("Promotions", "green", PROMOTED))
    made = made.with_variable(choice("detection", "Detection", "innerwatch_findings_total"))
    return filled(
        made,
        {
            "Now": _now(),
            "Scores": _scores(),
            "What is told": _what_is_told(),
            "Learning": _learning(),
            "Verdicts": _verdicts(),
            "Trained models": _models(),
        },
    )


def _now() -> list[Made]:
    return [
        number("Ready", "Detections that judge.", "sum(min by (detection) (innerwatch_ready))", width=6),
        number(
            "Largest drift",
            "Population stability index of p-values: above 0.1 something has changed, above 0.25 much has.",
            f"max(innerwatch_population_stability_index{{{MINE}}})",
            bad=(0.1, 0.25),
            width=6,
        ),
        number(
            "Days learned",
            "Of the last week's days of actors; the gate keeps the others out of the baselines.",
            "avg(job:innerwatch_learned_days:ratio_7d)",
            "percentunit",
            width=6,
        ),
        number(
            "Threshold",
            "Risk from which on a day is told, 0 to 100, learned from the budget.",
            "max(innerwatch_threshold_risk)",
            width=6,
        ),
    ]


def _scores() -> list[Made]:
    return [
        lines(
            "Unusual days",
            "Share of a week's days with a p-value of at most 0.01; of ordinary ones at most one in a hundred.",
            query(
                f"max by (detection) (job_detection:innerwatch_unusual_days:ratio_7d{{{MINE}}})",
                "{{detection}}",
            ),
            query("vector(0.01)", "one in a hundred", "B"),
            unit="percentunit",
        ),
        lines(
            "Drift",
            "Population stability index of the last 7 days against the 28 before.",
            query(f"max by (detection) (innerwatch_population_stability_index{{{MINE}}})", "{{detection}}"),
            query("vector(0.25)", "much has changed", "B"),
        ),
        lines(
            "p-values",
            "Share of closed days of actors below each, over a day.",
            query(
                f'sum by (le) (increase(innerwatch_p_value_bucket{{{MINE}, le=~"0.05|0.01|0.001"}}[1d]))'
                f" / on () group_left sum(increase(innerwatch_p_value_count{{{MINE}}}[1d]))",
                "at most {{le}}",
            ),
            unit="percentunit",
        ),
        lines(
            "Risk of days",
            "Quantiles over the closed days of actors of a day, and the threshold.",
            *(
                query(
                    f"histogram_quantile({share}, sum by (le) (increase(innerwatch_risk_bucket[1d])))",
                    f"{100 * share:g} % are below",
                    name,
                )
                for share, name in ((0.5, "A"), (0.9, "B"), (0.99, "C"))
            ),
            query("max(innerwatch_threshold_risk)", "threshold", "D"),
        ),
    ]


def _what_is_told() -> list[Made]:
    return [
        lines(
            "Findings",
            "By detection.",
            query(f"sum by (detection) (increase(innerwatch_findings_total{{{MINE}}}{RATE}))", "{{detection}}"),
            stacked=True,
            width=8,
        ),
        lines(
            "Budget",
            "Alerts told, and what the budget allows for the days so far.",
            query("sum(innerwatch_budget_used)", "told"),
            query("sum(innerwatch_budget_allowed)", "allowed", "B"),
            width=8,
        ),
        bars(
            "False positives",
            "Share of the verdicts of the last 30 days on incidents in which it was found.",
            query(f"max by (detection) (innerwatch_false_positive_ratio{{{MINE}}})", "{{detection}}", instant=True),
            unit="percentunit",
        ),
    ]


def _learning() -> list[Made]:
    return [
        lines(
            "What the gate decides",
            "Days of actors that were learned, or kept out and why.",
            query(f"sum by (decision) (increase(innerwatch_gate_decisions_total{RATE}))", "{{decision}}"),
            stacked=True,
        ),
        lines(
            "Ready",
            "1 where a detection can judge everywhere.",
            query(f"min by (detection) (innerwatch_ready{{{MINE}}})", "{{detection}}"),
        ),
    ]


def _verdicts() -> list[Made]:
    return [
        rows(
            "Verdicts by detection",
            "On incidents that were closed in the time shown.",
            """SELECT detection, verdict, severity, count(*) AS incidents FROM v_verdicts
            WHERE $__timeFilter(closed_at) AND detection IN (${detection:sqlstring})
            GROUP BY detection, verdict, severity ORDER BY incidents DESC, detection, verdict, severity""",
        ),
    ]


def _models() -> list[Made]:
    return [
        bars(
            "Age of bundles",
            "Since the training of the one that judges (champion), and of the one scored beside it (challenger).",
            query(
                "time() - min by (role) (innerwatch_bundle_trained_timestamp_seconds)",
                "{{role}}",
                instant=True,
            ),
            unit="s",
        ),
        rows(
            "Promotions",
            "Bundles that were promoted, or taken back, in the time shown.",
            "SELECT time, name, digest, act FROM v_promotions WHERE $__timeFilter(time) ORDER BY time DESC",
            width=16,
            height=8,
        ),
    ]
