"""An alert as a Detection Finding of OCSF, the form that security data lakes and SIEMs take in."""

import re
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import Final

import msgspec

from alerts.alert import Alert, Severity, severity_of
from alerts.errors import ContractError
from alerts.escape import escape
from alerts.finding import Finding
from alerts.rarity import rarity
from alerts.techniques import TACTICS, TECHNIQUES, technique_of

SCHEMA_VERSION: Final = "1.8.0"
"""The release of the Open Cybersecurity Schema Framework whose class is written."""
CLASS_UID: Final = 2004
CATEGORY_UID: Final = 2
PRODUCT: Final = "innerwatch"
RELEASE: Final = version(PRODUCT)
PROFILES: Final = ("host",)
"""What gives the class an `actor`; without it there is no place for who did it."""
SEVERITY_IDS: Final = {Severity.LOW: 2, Severity.MEDIUM: 3, Severity.HIGH: 4, Severity.CRITICAL: 5}
RISK_LEVEL_IDS: Final = {Severity.LOW: 1, Severity.MEDIUM: 2, Severity.HIGH: 3, Severity.CRITICAL: 4}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_ATTACK_ID = re.compile(r"(T[0-9]{4})(\.[0-9]{3})?")


def ocsf_line(alert: Alert, revision: int) -> bytes:
    """The alert's Detection Finding as one line of UTF-8 JSON with its newline.

    Keys are sorted, so equal alerts give equal bytes. No character in it can steer a terminal: see `escape`.

    Raises:
        ContractError: the revision is below 1.
    """
    return escape(msgspec.json.encode(detection_finding(alert, revision), order="sorted").decode()).encode() + b"\n"


def detection_finding(alert: Alert, revision: int) -> dict[str, object]:
    """The alert as an OCSF Detection Finding, plain JSON values.

    The first revision is a Create, every later one an Update. A receiver may have been spared the revisions
    in between, the first among them, so each is whole: the newest `metadata.sequence` of a `finding_info.uid`
    says all. `time` is when the alert last changed. A later revision has no status, lest it undo what an
    analyst has set. Each finding stands whole, with the keys of the alert's own JSON, in `evidences[].data`;
    `anomaly_analyses` says again what was observed and what is normal, where OCSF wants it. `risk_score` is
    the risk cut to a whole number, since OCSF has no fractions there; `unmapped` has it in full.

    Confidence is high where a finding is certain and unknown otherwise: a p-value says how rare such a day
    is, not how likely this one is a theft.

    Raises:
        ContractError: the revision is below 1.
    """
    if revision < 1:
        raise ContractError(f"alert {alert.alert_id!r}: revision is {revision}; the first is 1")
    return {
        **_classification(revision),
        **_grades(alert),
        "time": _milliseconds(alert.updated_at),
        "message": alert.findings[0].sentence,
        "is_alert": True,
        "metadata": _metadata(alert, revision),
        "finding_info": _finding_info(alert),
        "actor": {"user": _user(alert)},
        "observables": [_observable(alert)],
        "evidences": [_evidence(alert, finding) for finding in alert.findings],
        **_listed("anomaly_analyses", [_analysis(alert, finding) for finding in alert.findings if not finding.certain]),
        "unmapped": {"position": alert.position, "risk": float(alert.risk)},
    }


def _classification(revision: int) -> dict[str, object]:
    activity_id, activity = (1, "Create") if revision == 1 else (2, "Update")
    status: dict[str, object] = {"status_id": 1, "status": "New"} if revision == 1 else {}
    return {
        "activity_id": activity_id,
        "activity_name": activity,
        "category_uid": CATEGORY_UID,
        "category_name": "Findings",
        "class_uid": CLASS_UID,
        "class_name": "Detection Finding",
        "type_uid": CLASS_UID * 100 + activity_id,
        "type_name": f"Detection Finding: {activity}",
        **status,
    }


def _grades(alert: Alert) -> dict[str, object]:
    certain = any(finding.certain for finding in alert.findings)
    # The level is the score's own: a certain finding raises the severity above it, and that is said there.
    level = severity_of(alert.risk, certain=False)
    return {
        "severity_id": SEVERITY_IDS[alert.severity],
        "severity": alert.severity.capitalize(),
        "risk_score": int(alert.risk),
        "risk_level_id": RISK_LEVEL_IDS[level],
        "risk_level": level.capitalize(),
        "confidence_id": 3 if certain else 0,
        "confidence": "High" if certain else "Unknown",
    }


def _metadata(alert: Alert, revision: int) -> dict[str, object]:
    return {
        "version": SCHEMA_VERSION,
        "product": {"name": PRODUCT, "vendor_name": PRODUCT, "version": RELEASE},
        "profiles": list(PROFILES),
        "log_name": "alerts",
        # The alert's own JSON changes with releases alone.
        "log_version": RELEASE,
        "uid": f"{alert.alert_id}.{revision}",
        "correlation_uid": alert.alert_id,
        "sequence": revision,
    }


def _finding_info(alert: Alert) -> dict[str, object]:
    times = [finding.time for finding in alert.findings]
    detections = list(dict.fromkeys(finding.detection for finding in alert.findings))
    analytics: dict[tuple[str, str, bool], dict[str, object]] = {
        (finding.detection, finding.model_version, finding.certain): _analytic(finding) for finding in alert.findings
    }
    first, *others = analytics.values()
    techniques = dict.fromkeys(finding.technique for finding in alert.findings)
    return {
        "uid": alert.alert_id,
        "title": f"Insider risk: {', '.join(detections)}",
        "desc": "\n".join(dict.fromkeys(finding.sentence for finding in alert.findings)),
        "types": detections,
        "created_time": _milliseconds(alert.opened_at),
        "modified_time": _milliseconds(alert.updated_at),
        "first_seen_time": _milliseconds(min(times)),
        "last_seen_time": _milliseconds(max(times)),
        "analytic": first,
        **_listed("related_analytics", others),
        **_listed("attacks", [attack for technique in techniques if (attack := _attack(technique))]),
    }


def _analytic(finding: Finding) -> dict[str, object]:
    type_id, kind = (1, "Rule") if finding.certain else (2, "Behavioral")
    return {
        "uid": finding.detection,
        "name": finding.detection,
        "type_id": type_id,
        "type": kind,
        "version": finding.model_version,
    }


def _attack(technique_id: str) -> dict[str, object]:
    """The ATT&CK object of a technique; empty for what is no id of one, which the evidence still shows."""
    match = _ATTACK_ID.fullmatch(technique_id)
    if match is None:
        return {}
    attack: dict[str, object] = {"technique": _named(match[1])}
    if match[2]:
        attack["sub_technique"] = _named(technique_id)
    tactic_id = technique_of(technique_id).tactic_id
    if tactic_id is not None:
        attack["tactic"] = {"uid": tactic_id, "name": TACTICS[tactic_id]}
    return attack


def _named(technique_id: str) -> dict[str, object]:
    named: dict[str, object] = {"uid": technique_id}
    if technique_id in TECHNIQUES:
        named["name"] = TECHNIQUES[technique_id].name
    return named


def _user(alert: Alert) -> dict[str, object]:
    person = {"job_title": alert.role, "department": alert.department}
    known = {name: text for name, text in person.items() if text is not None}
    user: dict[str, object] = {"uid": alert.actor, "name": alert.actor}
    return user | ({"ldap_person": known} if known else {})


def _observable(alert: Alert) -> dict[str, object]:
    return {"name": "actor.user.name", "type_id": 4, "type": "User Name", "value": alert.actor}


def _evidence(alert: Alert, finding: Finding) -> dict[str, object]:
    return {
        "name": finding.detection,
        "actor": {"user": {"uid": alert.actor, "name": alert.actor}},
        "data": {**msgspec.to_builtins(finding), "event_ids": list(finding.event_ids)},
    }


def _analysis(alert: Alert, finding: Finding) -> dict[str, object]:
    baselines = [
        _observed(finding, expected, whose)
        for expected, whose in (
            (finding.expected, f"own normal (days of history: {finding.sample_size})"),
            (finding.peer_expected, f"peers' normal (peers: {finding.peer_sample_size})"),
        )
        if expected is not None
    ]
    return {
        "analysis_targets": [{"name": alert.actor, "type": "User Account"}],
        "anomalies": [_observed(finding, finding.observed, rarity(finding.p_value))],
        **_listed("baselines", baselines),
    }


def _observed(finding: Finding, number: float, pattern: str) -> dict[str, object]:
    return {
        "observation_parameter": finding.unit,
        "observation_type": finding.detection,
        "observed_pattern": pattern,
        "observations": [{"value": repr(number).removesuffix(".0")}],
    }


def _listed(name: str, items: list[dict[str, object]]) -> dict[str, object]:
    # What there is none of is left out: an empty list would say that somebody looked and found nothing.
    return {name: items} if items else {}


def _milliseconds(time: datetime) -> int:
    return (time - _EPOCH) // _MILLISECOND
