"""Odd session: the joint picture is unusual although each single measure is mild.

- Behaviour: a mix of acts that this person does not show: research then change, refused attempts, many searches.
- Data that proves it: every measure of every detection together, each calibrated against its own history.
- Assumption: an ordinary odd day is odd in one way; an insider's is odd in several at once, or mildly for many days.
- How an insider evades it: changes one habit at a time, slowly; the decayed sums of mild days answer part of that.
- What the analyst does next: read the day as a story, in order; the findings name the measures that make it odd.
"""

from detector.detection import Detection
from detector.features import Feature
from detector.measures import Share, Volume

DETECTION = Detection(
    name="odd_session",
    technique="T1213",
    lead="A combination of acts unlike this person's days",
    measures=(
        Volume("changes", Feature.CHANGES, "changes"),
        Volume("searches", Feature.SEARCHES, "searches"),
        Volume("refused", Feature.REFUSED, "refused or failed attempts"),
        Share("changes_share", Feature.CHANGES, Feature.EVENTS, "% of acts that change data"),
        Share("searches_share", Feature.SEARCHES, Feature.EVENTS, "% of acts that search"),
        Share("refused_share", Feature.REFUSED, Feature.EVENTS, "% of acts refused or failed"),
    ),
)
