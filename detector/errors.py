"""What can go wrong in the room that wires the others.

    DetectorError
        ConfigError         a configuration file, key or value
        ContextError        a roster, honey list, VIP list, assignment or calendar file
            ColumnError     one value of it
        CheckpointError     a state folder, snapshot or the record of a position
        RefusedBundleError  a bundle cannot be taken here
        TrainingError       a bundle cannot be trained
        MlflowError         a bundle cannot be exported to MLflow
        ReportError         a report that does not speak for a promotion
        BackupError         a backup cannot be made, or is none, or cannot be restored here
        MetricsError        the endpoint of the metrics cannot be opened
        ApiError            the API cannot be served as it is configured
        TopicsError         a topic of Kafka that must be mended before a run
        UnreadableError     a log of which not one record could be read
        ExportError         an export that cannot be written, or is not what it says
        BacktestError       bundles cannot be compared over this past
        NotFoundError       an alert or an actor that was asked for and is not there

Every message says what, where, and what to do; the command line prints it and exits with 1.
"""


class DetectorError(Exception):
    """The root of every named error of this room."""


class ConfigError(DetectorError):
    """A configuration cannot be used: names the file and the key."""


class ContextError(DetectorError):
    """A context file cannot be used: names the file, the line and the column."""


class ColumnError(ContextError):
    """A value of a column is malformed; the message shows it, which logs must not."""

    def __init__(self, column: str, text: str, wanted: str) -> None:
        super().__init__(f"{column} is {text!r}; expected {wanted}")
        self.column, self.wanted = column, wanted


class CheckpointError(DetectorError):
    """Saved state cannot be used: names the file and what to do."""


class RefusedBundleError(DetectorError):
    """A bundle is not trusted, damaged, or made of other features or by another scikit-learn: names it."""


class MlflowError(DetectorError):
    """A bundle cannot be exported to MLflow: names the place and what to do."""


class ReportError(DetectorError):
    """A report of a backtest is none, or does not speak for the bundle: names the file and what to do."""


class BackupError(DetectorError):
    """A backup cannot be made or restored: names the folder and what to do."""


class MetricsError(DetectorError):
    """The endpoint of the metrics cannot be opened: names the address."""


class ApiError(DetectorError):
    """The API cannot be served: names the key of the configuration."""


class TopicsError(DetectorError):
    """A topic must be mended before a run: names it."""


class UnreadableError(DetectorError):
    """Not one record of a log could be read: names the format and how to find the right one."""


class TrainingError(DetectorError):
    """A bundle cannot be trained: names the export, the learner or the key and what to do."""


class ExportError(DetectorError):
    """An export cannot be written, or is not what it says: names the folder or file."""


class BacktestError(DetectorError):
    """Bundles cannot be compared, or the report not be written: names what and what to do."""


class NotFoundError(DetectorError):
    """What was asked for by name is not there."""
