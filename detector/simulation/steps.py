"""The single accesses that work is made of: which system, which data, how many records, how likely.

The numbers are plausible orders of size for an insurer, with no claim to be measured at one. Together with
the roles they give about 65 events for each employee and working day.
"""

from typing import NamedTuple

KNOBS = ("none", "export", "unmask", "print", "update", "search", "mail", "explain")
"""The habits in which people differ; a step names the one that scales its chance."""

FIELDS: dict[str, tuple[str, ...]] = {
    "none": (),
    "basic": ("name", "policy_no"),
    "contact": ("phone", "address"),
    "identity": ("id_no", "phone"),
    "bank": ("bank_account", "id_no"),
    "health": ("diagnosis", "hospital"),
}


class Step(NamedTuple):
    """One access inside a workflow.

    `chance` is scaled by the person's `knob`; `rows` is the median of the records disclosed and `spread` the
    sigma of their logarithm; `reach` says whose data: `case` the customer at hand, `none`, or `many`.
    """

    action: str
    system: str
    kind: str
    chance: float = 1.0
    knob: str = "none"
    level: str = "C2"
    fields: str = "basic"
    rows: float = 1.0
    spread: float = 0.0
    channel: str = "ui"
    unmasked: float = 0.03
    reach: str = "case"
    dwell_s: float = 40.0
    name: str = ""


class Workflow(NamedTuple):
    """A piece of work: its share of the role's work, what explains it, how often the customer is new."""

    name: str
    weight: float
    purpose: str
    explained: float
    fresh: float
    steps: tuple[Step, ...]


FIND = Step("search", "crm", "customer", 0.9, "search", rows=4, spread=0.8, dwell_s=25)
FIND_POLICY = Step("search", "policy", "policy", 0.85, "search", rows=3, spread=0.7, dwell_s=25)
CUSTOMER = Step("read", "crm", "customer", fields="contact")
HISTORY = Step("read", "crm", "history", 0.5, fields="basic", level="C1", dwell_s=55)
POLICY = Step("read", "policy", "policy", 0.95, dwell_s=60)
POLICY_AGAIN = Step("read", "policy", "policy", 0.45, dwell_s=80)
CLAIM = Step("read", "claims", "claim", 0.97, level="C3", fields="health", dwell_s=75)
CLAIM_FILE = Step("read", "claims", "document", 0.7, level="C3", fields="health", dwell_s=110)
CLAIM_FILE_AGAIN = Step("read", "claims", "document", 0.4, level="C3", fields="health", dwell_s=140)
INVOICE = Step("read", "billing", "account", 0.8, level="C3", fields="bank", unmasked=0.1, dwell_s=50)
UNMASK_PHONE = Step("unmask", "crm", "customer", 0.16, "unmask", "C3", "contact", unmasked=1.0, dwell_s=15)
UNMASK_ID = Step("unmask", "policy", "policy", 0.08, "unmask", "C4", "identity", unmasked=1.0, dwell_s=15)
UNMASK_BANK = Step("unmask", "billing", "account", 0.10, "unmask", "C4", "bank", unmasked=1.0, dwell_s=15)
NOTE = Step("create", "crm", "note", 0.7, "update", "C1", "none", dwell_s=90)
CHANGE_CONTACT = Step("update", "policy", "contact", 0.12, "update", "C3", "contact", dwell_s=70)
CHANGE_BANK = Step("update", "billing", "bank_details", 0.05, "update", "C4", "bank", dwell_s=70)
DECIDE = Step("update", "claims", "claim", 0.6, "update", "C3", "health", dwell_s=120)
PRICE = Step("update", "policy", "offer", 0.65, "update", dwell_s=150)
LETTER = Step("print", "policy", "letter", 0.10, "print", "C2", "contact", 1.5, 0.5, "print")
CLAIM_PRINT = Step("print", "claims", "document", 0.06, "print", "C3", "health", 3, 0.8, "print")
MAIL = Step("send", "mail", "message", 0.2, "mail", "C2", "basic", 1, 0.3, "email")
LIST = Step("export", "crm", "report", 0.6, "export", "C2", "contact", 45, 1.0, reach="many", dwell_s=60)
CLAIM_LIST = Step("export", "claims", "report", 0.6, "export", "C3", "health", 35, 1.0, reach="many", dwell_s=60)
POLICY_LIST = Step("export", "policy", "report", 0.6, "export", "C2", "basic", 60, 1.1, reach="many", dwell_s=60)
BILL_LIST = Step("export", "billing", "report", 0.7, "export", "C3", "bank", 130, 1.1, reach="many", dwell_s=80)
BIG_LIST = Step("export", "dwh", "report", 0.5, "export", "C3", "contact", 900, 1.3, reach="none", dwell_s=120)
WORK_LIST = Step("query", "crm", "worklist", 0.8, "search", "C1", "basic", 20, 0.5, reach="none")
SHARED_FILE = Step("read", "fileshare", "file", 0.8, level="C1", fields="none", reach="none", channel="file")
SHARED_FILE_AGAIN = Step("read", "fileshare", "file", 0.5, level="C1", fields="none", reach="none", channel="file")
SAVE_FILE = Step("create", "fileshare", "file", 0.3, "update", "C1", "none", reach="none", channel="file")
DOWNLOAD = Step("download", "fileshare", "file", 0.25, "export", "C2", "basic", 10, 1.2, "file", reach="none")
PROBE = Step(
    "query",
    "dwh",
    "table",
    0.95,
    level="C2",
    rows=80,
    spread=1.8,
    channel="sql",
    reach="none",
    name="t_policy",
)
PROBE_CLAIM = Step("query", "dwh", "table", 0.6, "none", "C3", "health", 150, 1.9, "sql", reach="none", name="t_claim")
PROBE_PARTY = Step("query", "dwh", "table", 0.3, "none", "C3", "contact", 120, 1.7, "sql", reach="none", name="t_party")
REST = Step("query", "dwh", "dataset", 0.5, "none", "C2", "basic", 40, 1.4, "api", reach="none")
CHECK_TABLE = Step("query", "policy", "table", 0.9, "none", "C2", "basic", 12, 1.5, "sql", reach="none", name="policy")
CHECK_LOG = Step("query", "dwh", "table", 0.7, "none", "C1", "none", 60, 1.2, "sql", reach="none", name="t_audit")
GRANT = Step("grant", "crm", "account", 0.15, level="C1", fields="none", reach="none")
COPY_USB = Step("copy", "endpoint", "file", 0.012, "export", "C2", "contact", 8, 1.0, "usb", reach="none")
MAIL_FILE = Step("send", "mail", "attachment", 0.08, "mail", "C2", "contact", 6, 1.0, "email", reach="none")
ARCHIVE = Step("archive", "fileshare", "file", 0.03, level="C2", fields="none", channel="file", reach="none")
TAKE_FILE = Step("download", "fileshare", "file", 0.1, "export", "C2", "contact", 12, 1.1, "file", reach="none")
ACCOUNTS = Step("query", "billing", "table", 0.012, "none", "C4", "bank", 9, 1.6, "sql", 0.7, "none", name="t_account")
DIAGNOSES = ACCOUNTS._replace(system="claims", fields="health", name="t_diagnosis")
PEOPLE = ACCOUNTS._replace(system="crm", fields="identity", chance=0.02, name="t_person")
FOREIGN_TABLES = (ACCOUNTS, DIAGNOSES, PEOPLE)
"""Tables that administrators and analysts seldom look into, each for few rows."""
QUESTION = (PROBE, PROBE, PROBE_CLAIM, PROBE_PARTY, PROBE_CLAIM._replace(chance=0.4), REST, *FOREIGN_TABLES)
"""What an analyst asks the warehouse."""
PAY = Step("update", "billing", "payment", 0.7, "update", "C3", "bank")
LOGIN = Step("login", "portal", "session", level="C1", fields="none", reach="none")
LOGOUT = Step("logout", "portal", "session", level="C1", fields="none", reach="none")
FILES = Workflow(
    "files",
    0.1,
    "",
    0.0,
    0.0,
    (SHARED_FILE, SHARED_FILE_AGAIN, DOWNLOAD, SAVE_FILE, MAIL, TAKE_FILE, MAIL_FILE, ARCHIVE, COPY_USB),
)
