"""The MITRE ATT&CK techniques that findings name, and what an analyst does first about each."""

import msgspec


class Technique(msgspec.Struct, frozen=True):
    """A technique of MITRE ATT&CK for Enterprise: its id, its name, and the first steps to take.

    `tactic_id` says what it is for, a key of `TACTICS`; of several, the one that comes first in ATT&CK's
    matrix. None where the technique is not in the table.
    """

    technique_id: str
    name: str
    first_steps: tuple[str, ...]
    tactic_id: str | None = None


PRESERVE = "Preserve the access logs of these days before they roll over."
SUPERVISOR = "Ask the supervisor, in confidence, whether this work was assigned."
PURPOSE = "Check the claims, cases or tickets named as purpose: do they exist, and do they cover these customers?"
OWNER = "Ask whether this person made these accesses; compare badge, shift and leave records."
SUSPEND_EXPORT = "If no purpose is found, have the right to export suspended."
SUSPEND_LOGIN = "If it was somebody else, lock the account and end its sessions."
DESTINATION = "Find out where the data went and what it held; ask for its return or deletion."
ENTITLEMENT = "Compare the right that was used with the role; have it removed if the role does not need it."
ROBOT = "Check for an approved robot or batch job before asking the person."

_COLLECTION = (SUPERVISOR, PURPOSE, SUSPEND_EXPORT, PRESERVE)
_AUTOMATION = (ROBOT, *_COLLECTION)
_ACCOUNT = (OWNER, ENTITLEMENT, SUSPEND_LOGIN, PRESERVE)
_EXFILTRATION = (DESTINATION, PURPOSE, SUSPEND_EXPORT, PRESERVE)
_DISCOVERY = (SUPERVISOR, ENTITLEMENT, PRESERVE)
_TAMPERING = (PRESERVE, OWNER, SUPERVISOR)
_ANY = (SUPERVISOR, PURPOSE, PRESERVE)

TACTICS: dict[str, str] = {
    "TA0001": "Initial Access",
    "TA0003": "Persistence",
    "TA0005": "Stealth",  # until ATT&CK 19: Defense Evasion
    "TA0007": "Discovery",
    "TA0009": "Collection",
    "TA0010": "Exfiltration",
    "TA0040": "Impact",
}
"""The name of every tactic that `TECHNIQUES` names."""

TECHNIQUES: dict[str, Technique] = {
    technique.technique_id: technique
    for technique in (
        Technique("T1005", "Data from Local System", _COLLECTION, "TA0009"),
        Technique("T1020", "Automated Exfiltration", _EXFILTRATION, "TA0010"),
        Technique("T1030", "Data Transfer Size Limits", _EXFILTRATION, "TA0010"),
        Technique("T1039", "Data from Network Shared Drive", _COLLECTION, "TA0009"),
        Technique("T1046", "Network Service Discovery", _DISCOVERY, "TA0007"),
        Technique("T1048", "Exfiltration Over Alternative Protocol", _EXFILTRATION, "TA0010"),
        Technique("T1052", "Exfiltration Over Physical Medium", _EXFILTRATION, "TA0010"),
        Technique("T1052.001", "Exfiltration over USB", _EXFILTRATION, "TA0010"),
        Technique("T1070", "Indicator Removal", _TAMPERING, "TA0005"),
        Technique("T1074", "Data Staged", _COLLECTION, "TA0009"),
        Technique("T1078", "Valid Accounts", _ACCOUNT, "TA0001"),
        Technique("T1078.002", "Domain Accounts", _ACCOUNT, "TA0001"),
        Technique("T1078.004", "Cloud Accounts", _ACCOUNT, "TA0001"),
        Technique("T1087", "Account Discovery", _DISCOVERY, "TA0007"),
        Technique("T1098", "Account Manipulation", _ACCOUNT, "TA0003"),
        Technique("T1113", "Screen Capture", _COLLECTION, "TA0009"),
        Technique("T1114", "Email Collection", _COLLECTION, "TA0009"),
        Technique("T1119", "Automated Collection", _AUTOMATION, "TA0009"),
        Technique("T1135", "Network Share Discovery", _DISCOVERY, "TA0007"),
        Technique("T1199", "Trusted Relationship", _ACCOUNT, "TA0001"),
        Technique("T1213", "Data from Information Repositories", _COLLECTION, "TA0009"),
        Technique("T1213.004", "Customer Relationship Management Software", _COLLECTION, "TA0009"),
        Technique("T1213.006", "Databases", _COLLECTION, "TA0009"),
        Technique("T1530", "Data from Cloud Storage", _COLLECTION, "TA0009"),
        Technique("T1560", "Archive Collected Data", _COLLECTION, "TA0009"),
        Technique("T1565.001", "Stored Data Manipulation", _TAMPERING, "TA0040"),
        Technique("T1567", "Exfiltration Over Web Service", _EXFILTRATION, "TA0010"),
        Technique("T1567.002", "Exfiltration to Cloud Storage", _EXFILTRATION, "TA0010"),
        Technique("T1657", "Financial Theft", _TAMPERING, "TA0040"),
    )
}
"""Every technique by its id. Names as published at attack.mitre.org."""


def technique_of(technique_id: str) -> Technique:
    """The technique of an id; one that is not in the table goes by its id, with steps that fit any access.

    >>> technique_of("T1213.006").name
    'Databases'
    >>> technique_of("T9999").name
    'T9999'
    """
    return TECHNIQUES.get(technique_id) or Technique(technique_id, technique_id, _ANY)
