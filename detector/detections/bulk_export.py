"""Bulk export: data is taken out of the systems in amounts that are not this person's nor their peers'.

- Behaviour: exports, downloads, prints, copies and mails of customer records far above the usual, at once or in pieces.
- Data that proves it: `records.count` and `records.bytes` of successful export, download, print, send, share, copy.
- Assumption: the source reports how many records left, or at least which subjects.
- How an insider evades it: small amounts over weeks (the decayed sums of mild days answer that), or reading and
  typing off (customer breadth).
- What the analyst does next: ask for the purpose of the export, find where the file is now, suspend the right to export.
"""

from detector.detection import Detection
from detector.features import Feature, Peak
from detector.measures import Share, Size, Volume

DETECTION = Detection(
    name="bulk_export",
    technique="T1213",
    lead="Took far more data out than usual",
    measures=(
        Size("exported", Feature.EXPORTED, "records taken out"),
        Size("exported_hour", Peak.EXPORTED_HOUR, "records taken out within an hour"),
        Size("records", Feature.RECORDS, "records disclosed"),
        Size("kilobytes", Feature.KILOBYTES, "kB disclosed"),
        Size("exports", Feature.EXPORTS, "exports"),
        Size("removals", Feature.REMOVALS, "acts of printing, sending or copying away"),
        Share("exported_share", Feature.EXPORTED, Feature.RECORDS, "% of disclosed records taken out"),
        Share("exports_share", Feature.EXPORTS, Feature.EVENTS, "% of acts that take data out"),
        Share("removals_share", Feature.REMOVALS, Feature.EVENTS, "% of acts that carry data away"),
    ),
)
