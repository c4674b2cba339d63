"""What comes back from receivers, as the configuration has it: posted to us, or asked for."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager

from alerts.desk import Desk
from alerts.errors import ReceiverError
from alerts.inbound.inbound import Inbound
from alerts.inbound.poller import Asked, Poller
from alerts.inbound.sender import Sender, SenderConfig
from alerts.inbound.table import open_poll, open_sender
from alerts.incident import Verdict
from alerts.receivers.receiver import Outcome
from detector.config import Config
from detector.config_delivery import ReceiverConfig
from detector.deliver import open_desk


def open_inbound(config: Config, stack: ExitStack, now: Callable[[], float]) -> Inbound:
    """The door for receivers with an `inbound_secret_file`; closed with the stack.

    Raises:
        ReceiverError: a secret cannot be used; the message names the receiver.
        DetectorError, StoreError: the state cannot be used.
    """
    senders: dict[str, Sender] = {}
    for name, one in config.delivery.receivers.items():
        if one.inbound_secret_file is not None:
            secrets = SenderConfig(secret_file=str(one.inbound_secret_file), verdicts=_verdicts(one))
            with _named(name):
                senders[name] = open_sender(one.kind, secrets)
    return stack.enter_context(closing(Inbound(open_desk(config), senders, now)))


def open_poller(
    config: Config,
    desk: Desk,
    stack: ExitStack,
    may_call: Callable[[str, float], bool],
    told: Callable[[str, Outcome], None],
) -> Poller:
    """What asks receivers with a `poll_s`; closed with the stack. See `Poller`.

    Raises:
        ReceiverError: a receiver cannot be asked as it is configured; the message names it.
    """
    asked: dict[str, Asked] = {}
    for name, one in config.delivery.receivers.items():
        if one.poll_s is not None:
            with _named(name):
                poll = stack.enter_context(closing(open_poll(one.kind, one.settings, _verdicts(one))))
            asked[name] = Asked(poll, one.poll_s)
    return Poller(desk, asked, may_call, told)


def _verdicts(config: ReceiverConfig) -> dict[str, Verdict]:
    return {word: Verdict(verdict) for word, verdict in config.verdicts.items()}


@contextmanager
def _named(name: str) -> Iterator[None]:
    try:
        yield
    except ReceiverError as error:
        raise ReceiverError(f"delivery.receivers.{name}: {error}") from None
