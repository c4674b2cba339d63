"""CloudEvents: the envelope is taken off, what is inside is decoded like any other record."""

from __future__ import annotations

import base64
from typing import Annotated, Final

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType
from msgspec.structs import replace

from streams.event import AccessEvent
from streams.formats.format import Format, FormatCounts
from streams.formats.seal import BadEvent
from streams.formats.words import malformed, strings_in, without_values
from streams.record import Record
from streams.rejected import Reason, Rejected
from streams.sources.framing import Framing

STRUCTURED: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch"

Said = Annotated[str, Meta(min_length=1)]


class _Envelope(msgspec.Struct):
    """What every CloudEvent says of itself, and its data; what else it says is not ours."""

    specversion: Annotated[str, Meta(pattern=r"^1\.")]
    id: Said
    source: Said
    type: Said
    data: Raw = Raw(b"")
    data_base64: str | UnsetType = UNSET


_decode_envelope = msgspec.json.Decoder(_Envelope).decode
_decode_members = msgspec.json.Decoder(dict[str, Raw]).decode


class CloudEvents:
    """A format in front of which envelopes of CloudEvents 1.x in structured mode are taken off.

    Records without a content type, binary mode among them, go to `inner` as they are. What is rejected keeps
    the envelope, so that it can be tried again. A batch in one record is refused: one record is one event.
    """

    def __init__(self, inner: Format) -> None:
        self.inner = inner
        self._decode = inner.decode

    @property
    def framing(self) -> Framing:
        """That of the format inside."""
        return self.inner.framing

    @property
    def counts(self) -> FormatCounts:
        """Those of the format inside."""
        return self.inner.counts

    def decode(self, record: Record) -> AccessEvent | Rejected | None:
        """The event in the envelope, or in the bare record; why there is none; None for a dropped one."""
        if not record.content_type or record.flaw is not None:
            return self._decode(record)
        try:
            data = _opened(record)
        except BadEvent as error:
            return record.rejected(error.reason, str(error))
        except msgspec.ValidationError as error:
            return record.rejected(Reason.INVALID, f"the envelope: {without_values(str(error))}")
        except (msgspec.DecodeError, RecursionError, ValueError) as error:
            return record.rejected(Reason.INVALID, f"the envelope: {malformed(error)}")
        decoded = self._decode(Record(data, record.position))
        if isinstance(decoded, Rejected):
            return replace(decoded, raw=record.raw, key=record.key, content_type=record.content_type)
        return decoded


def _opened(record: Record) -> bytes:
    kind = record.content_type.partition(";")[0].strip()
    if kind.startswith(BATCH):
        raise BadEvent(Reason.INVALID, "a batch of CloudEvents in one record; send each event as a record of its own")
    if kind != STRUCTURED:
        raise BadEvent(Reason.INVALID, f"a CloudEvent that is not JSON; send {STRUCTURED}, or binary mode")
    envelope = _decode_envelope(record.raw)
    members = _decode_members(record.raw)
    if strings_in(record.raw) != len(members) + sum([strings_in(bytes(member)) for member in members.values()]):
        raise BadEvent(Reason.DUPLICATE_KEY, "the envelope says the same key twice")
    data, encoded = bytes(envelope.data), envelope.data_base64
    if bool(data) == (encoded is not UNSET):
        raise BadEvent(Reason.INVALID, "the envelope: Expected either data or data_base64")
    if encoded is UNSET:
        return data
    try:
        return base64.b64decode(encoded, validate=True)
    except ValueError:
        raise BadEvent(Reason.INVALID, "the envelope: Expected base64 - at `$.data_base64`") from None
