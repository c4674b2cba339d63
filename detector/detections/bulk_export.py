"""Bulk export: data is taken out of the systems in amounts that are not this person's nor their peers'.

- Behaviour: exports, downloads, prints, copies and mails of customer records far above the usual, at once or in pieces.
- Data that proves it: `records.count` and `records.bytes` of successful export, download, print, send, share, copy.
- Assumption: the source reports how many records left, or at least which subjects.
- How an insider evades it: small amounts over weeks (the decayed sums of mild days answer that), or reading and
  typing off (customer breadth).
- What the analyst does next: ask for the purpose of the export, find where the file is now, suspend the right.
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
        Size("unexplained_exported", Feature.UNEXPLAINED_EXPORTED, "records taken out without a stated purpose"),
        Size("exported_hour", Peak.EXPORTED_HOUR, "records taken out within an hour without a stated purpose"),
        Size("records", Feature.RECORDS, "records disclosed without a stated purpose"),
        Size("kilobytes", Feature.KILOBYTES, "kB disclosed without a stated purpose"),
        Volume("exports", Feature.EXPORTS, "exports without a stated purpose"),
        Volume("removals", Feature.REMOVALS, "acts of printing, sending or copying away without a stated purpose"),
        Share(
            "exported_share",
            Feature.UNEXPLAINED_EXPORTED,
            Feature.DISCLOSED,
            "% of records taken out without a purpose",
        ),
        Share("exports_share", Feature.EXPORTS, Feature.EVENTS, "% of acts taking data out without a purpose"),
        Share(
            "removals_share",
            Feature.REMOVALS,
            Feature.EVENTS,
            "% of acts carrying data away without a purpose",
        ),
    ),
)
