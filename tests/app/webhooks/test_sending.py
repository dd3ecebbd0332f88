"""Messages reach partners: signed, at least once, and nobody waits for somebody else's server."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
import time_machine
from sqlmodel import Session, select
from standardwebhooks import WebhookVerificationError

from app import watches
from app.audit.models import Action, AuditEvent
from app.audit.service import SYSTEM
from app.core.clock import now
from app.core.context import Context, open_context
from app.tips.models import ChannelKind, TipState
from app.webhooks import outward, queries, sending, service, watching
from app.webhooks.models import DeliveryState, WebhookDelivery, WebhookEndpoint, WebhookMessage
from tests.app.webhooks.conftest import PartnerServer, Scene, scene_of
from tests.guards import stored_bytes
from tests.make import Make


def changed(scene: Scene, count: int = 1) -> None:
    """Let something happen to some tips."""
    for _ in range(count):
        scene.move(scene.tip(photos=0), TipState.ROUTED)


def later(**kwargs: float) -> Any:
    """A moment from now."""
    return time_machine.travel(now() + timedelta(**kwargs))


def endpoint_of(session: Session, endpoint: WebhookEndpoint) -> WebhookEndpoint:
    """The endpoint in a session."""
    return session.get_one(WebhookEndpoint, endpoint.id)


class TestDelivered:
    def test_a_message_arrives_and_its_signature_is_good(self, scene: Scene, server: PartnerServer) -> None:
        """The library of Standard Webhooks takes it, and no other secret does."""
        _, secret = scene.endpoint(server.url)
        changed(scene)

        watching.look(scene.context)

        (taken,) = server.taken
        (row,) = scene.rows()
        assert taken.verified(secret) == row.body
        assert taken.id == str(row.id)
        assert taken.headers["content-type"] == "application/json"
        with pytest.raises(WebhookVerificationError):
            taken.verified("whsec_" + "A" * 43 + "=")
        (delivery,) = scene.deliveries()
        assert (delivery.state, delivery.tries, delivery.last_status) == (DeliveryState.DELIVERED, 1, 204)

    def test_nothing_is_sent_twice(self, scene: Scene, server: PartnerServer) -> None:
        """What was taken is done with."""
        scene.endpoint(server.url)
        changed(scene, 3)

        for _ in range(3):
            watching.look(scene.context)
        with later(days=3):
            watching.look(scene.context)

        assert len({each.id for each in server.taken}) == len(server.taken) == 3

    def test_a_trial_channels_messages_arrive(
        self, inside: Context, make: Make, server: PartnerServer
    ) -> None:
        """A partner tries its program with everything."""
        trial = scene_of(inside, make, "Street watch trial", ChannelKind.SANDBOX)
        _, secret = trial.endpoint(server.url)
        changed(trial)

        watching.look(inside)

        assert server.taken[0].verified(secret)["type"] == "tip.updated"

    def test_the_worker_looks_after_it(self, scene: Scene, server: PartnerServer) -> None:
        """Webhooks are among what every worker watches."""
        scene.endpoint(server.url)
        changed(scene)

        watches.look_once(scene.context)

        assert len(server.taken) == 1

    def test_without_leave_nothing_goes_inside(
        self, context: Context, scene: Scene, server: PartnerServer
    ) -> None:
        """An address that was allowed for a trial is not used once that is over."""
        scene.endpoint(server.url)
        changed(scene)

        watching.look(context)

        assert server.taken == []
        assert scene.deliveries()[0].last_error == "forbidden_address"


class TestFailing:
    def test_a_failing_server_is_tried_again_and_recovers(self, scene: Scene, server: PartnerServer) -> None:
        """The message is the same at every try: id, bytes; time and signature are those of the try."""
        _, secret = scene.endpoint(server.url)
        server.status = 500
        changed(scene)
        watching.look(scene.context)
        watching.look(scene.context)
        assert len(server.taken) == 1

        server.status = 200
        with later(seconds=6):
            watching.look(scene.context)
            again = server.taken[-1].verified(secret)

        first, second = server.taken
        assert again == first.verified(secret)
        assert (first.id, first.body) == (second.id, second.body)
        assert first.headers["webhook-timestamp"] < second.headers["webhook-timestamp"]
        assert scene.deliveries()[0].state == DeliveryState.DELIVERED

    def test_pauses_grow_until_it_is_dead(self, scene: Scene, server: PartnerServer) -> None:
        """Ten tries within three days and a half, as Standard Webhooks advises; then somebody has to look."""
        scene.endpoint(server.url)
        server.status = 503
        changed(scene)
        pauses: list[timedelta] = []
        with time_machine.travel(now(), tick=False) as clock:
            watching.look(scene.context)
            while (delivery := scene.deliveries()[0]).state == DeliveryState.WAITING:
                pauses.append(delivery.next_try_at - now())
                clock.shift(pauses[-1] - timedelta(milliseconds=1))
                assert sending.send_due(scene.context) == 0
                clock.shift(timedelta(milliseconds=2))
                sending.send_due(scene.context)

        assert len(server.taken) == delivery.tries == 10
        assert delivery.state == DeliveryState.DEAD
        assert all(
            least <= pause <= least * 1.1 for least, pause in zip(sending.BACK_OFF, pauses, strict=True)
        )
        with scene.context.db.read() as session:
            assert [sent.delivery.id for sent in queries.dead(session, scene.channel.id)] == [delivery.id]

    def test_dead_letters_are_sent_again(self, scene: Scene, server: PartnerServer) -> None:
        """One, or all of an endpoint since a moment; the ids stay."""
        endpoint, _ = scene.endpoint(server.url)
        changed(scene, 3)
        server.status = 500
        watching.look(scene.context)
        with scene.context.db.write() as session:
            for row in session.exec(select(WebhookDelivery)):
                row.state = DeliveryState.DEAD
                session.add(row)
        server.status = 204
        with scene.context.db.write() as session:
            first = session.get_one(WebhookDelivery, scene.deliveries()[0].id)
            service.replay(session, SYSTEM, first)
        watching.look(scene.context)
        one = [row.state for row in scene.deliveries()]
        with scene.context.db.write() as session:
            kept = endpoint_of(session, endpoint)
            none = service.replay_dead(session, SYSTEM, kept, now() + timedelta(hours=1))
            rest = service.replay_dead(session, SYSTEM, kept, now() - timedelta(hours=1))

        watching.look(scene.context)

        assert one == [DeliveryState.DELIVERED, DeliveryState.DEAD, DeliveryState.DEAD]
        assert (none, rest) == (0, 2)
        assert {row.state for row in scene.deliveries()} == {DeliveryState.DELIVERED}
        assert {each.id for each in server.taken} == {str(row.id) for row in scene.rows()}
        with scene.context.db.read() as session:
            replayed = select(AuditEvent).where(AuditEvent.action == Action.WEBHOOK_REPLAYED)
            assert len(session.exec(replayed).all()) == 3

    def test_a_redirect_is_not_followed(self, scene: Scene, server: PartnerServer) -> None:
        """It could lead anywhere."""
        scene.endpoint(server.url)

        def elsewhere(request: BaseHTTPRequestHandler) -> None:
            request.send_response(307)
            request.send_header("Location", server.url + "/elsewhere")
            request.send_header("Content-Length", "0")
            request.end_headers()

        server.answer = elsewhere
        changed(scene)

        watching.look(scene.context)

        assert [each.path for each in server.taken] == ["/hook"]
        (delivery,) = scene.deliveries()
        assert (delivery.last_status, delivery.last_error) == (307, "redirect")

    def test_gone_pauses_the_endpoint_and_keeps_its_messages(
        self, scene: Scene, server: PartnerServer
    ) -> None:
        """A partner who says that nothing is there is not asked again until it says otherwise."""
        endpoint, _ = scene.endpoint(server.url)
        server.status = 410
        changed(scene, 3)
        watching.look(scene.context)
        with later(days=2):
            watching.look(scene.context)
        asked = len(server.taken)
        with scene.context.db.read() as session:
            paused = endpoint_of(session, endpoint).paused_at
        server.status = 204
        with scene.context.db.write() as session:
            service.change(
                session, scene.context.settings, SYSTEM, endpoint_of(session, endpoint), paused=False
            )

        watching.look(scene.context)

        assert asked == 1
        assert paused is not None
        assert {row.state for row in scene.deliveries()} == {DeliveryState.DELIVERED}

    @pytest.mark.parametrize(
        ("value", "least", "most"),
        [
            ("600", 600, 601),
            ("99999999", 86_400, 86_401),
            ("1" * 400, 5, 86_401),
            ("soon", 5, 6),
            ("-5", 5, 6),
            ("0", 5, 6),
            ("²", 5, 6),
            ("date", 890, 901),
        ],
    )
    def test_a_partners_wish_to_wait_is_respected_within_a_day(
        self, scene: Scene, server: PartnerServer, value: str, least: int, most: int
    ) -> None:
        """Retry-After as seconds or as a date; nonsense is none."""
        scene.endpoint(server.url)
        if value == "date":
            value = format_datetime(now() + timedelta(minutes=15), usegmt=True)

        def busy(request: BaseHTTPRequestHandler) -> None:
            request.wfile.write(b"HTTP/1.1 429 Slow down\r\nRetry-After: " + value.encode() + b"\r\n\r\n")
            request.close_connection = True

        server.answer = busy
        changed(scene)
        watching.look(scene.context)

        wait = (scene.deliveries()[0].next_try_at - now()).total_seconds()

        assert least - 5 <= wait <= most

    def test_a_huge_answer_is_not_read(self, scene: Scene, server: PartnerServer) -> None:
        """The status counts; a server that never stops talking costs nothing."""
        scene.endpoint(server.url)
        written: list[int] = []

        def talk(request: BaseHTTPRequestHandler) -> None:
            request.send_response(200)
            request.send_header("Content-Length", str(2**40))
            request.end_headers()
            try:
                for _ in range(10_000):
                    request.wfile.write(b"x" * 2**16)
                    written.append(2**16)
            except OSError:
                request.close_connection = True

        server.answer = talk
        changed(scene)

        watching.look(scene.context)

        assert scene.deliveries()[0].state == DeliveryState.DELIVERED
        assert sum(written) < 2**26

    def test_nonsense_is_no_answer(self, scene: Scene, server: PartnerServer) -> None:
        """What is no HTTP is tried again."""
        scene.endpoint(server.url)

        def nonsense(request: BaseHTTPRequestHandler) -> None:
            request.wfile.write(b"\x00\xff nonsense\r\n\r\n")
            request.close_connection = True

        server.answer = nonsense
        changed(scene)

        watching.look(scene.context)

        assert scene.deliveries()[0].last_error == "garbled"

    def test_nothing_that_a_server_wrote_is_kept(self, scene: Scene, server: PartnerServer) -> None:
        """A stranger's words end up in no table and no list."""
        scene.endpoint(server.url)

        def planted(request: BaseHTTPRequestHandler) -> None:
            request.send_response(500, "planted-reason")
            request.send_header("X-Planted", "planted-header")
            request.send_header("Content-Length", "12")
            request.end_headers()
            request.wfile.write(b"planted-body")

        server.answer = planted
        changed(scene)
        watching.look(scene.context)

        assert b"planted" not in stored_bytes(scene.context)


def hang(server: PartnerServer) -> Callable[[BaseHTTPRequestHandler], None]:
    """Answer nothing until the test is over."""

    def wait(_request: BaseHTTPRequestHandler) -> None:
        server.ending.wait(30)

    return wait


class TestFair:
    def test_one_hanging_server_delays_nobody_else(
        self, scene: Scene, serve: Callable[[], PartnerServer], make: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A partner's silence costs one try; its other messages wait with that, and others' arrive."""
        monkeypatch.setattr(outward.post, "__kwdefaults__", {"inside": False, "patience_s": 0.5})
        silent, sound = serve(), serve()
        silent.answer = hang(silent)
        other = scene_of(scene.context, make, "Other")
        stuck, _ = scene.endpoint(silent.url)
        good, _ = other.endpoint(sound.url)
        changed(scene, 5)
        changed(other, 5)

        delivered = watching.look(scene.context)

        assert delivered == 5
        assert len(silent.taken) == 1
        assert {row.state for row in scene.deliveries(good.id)} == {DeliveryState.DELIVERED}
        waiting = scene.deliveries(stuck.id)
        assert sorted(row.tries for row in waiting) == [0, 0, 0, 0, 1]
        assert all(row.next_try_at > now() for row in waiting)
        assert next(row.last_error for row in waiting if row.tries) == "timeout"

    def test_a_server_that_dribbles_is_cut_off(self, scene: Scene, server: PartnerServer) -> None:
        """A byte now and then does not stretch the time that one request has."""
        scene.endpoint(server.url)

        def dribble(request: BaseHTTPRequestHandler) -> None:
            try:
                request.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                while not server.ending.wait(0.05):
                    request.wfile.write(b"x")
            except OSError:
                request.close_connection = True

        server.answer = dribble

        with pytest.raises(outward.NotReached) as error:
            outward.post(server.url, b"{}", {}, inside=True, patience_s=0.5)

        assert error.value.failure == outward.Failure.TIMEOUT

    def test_a_long_queue_leaves_room_for_others(
        self, scene: Scene, serve: Callable[[], PartnerServer], make: Make
    ) -> None:
        """Of each endpoint a few messages are sent in one look, however many wait for one of them."""
        busy, calm = serve(), serve()
        scene.endpoint(busy.url)
        other = scene_of(scene.context, make, "Other")
        other.endpoint(calm.url)
        changed(scene, sending.PER_ENDPOINT + 5)
        changed(other)

        watching.look(scene.context)

        assert (len(busy.taken), len(calm.taken)) == (sending.PER_ENDPOINT, 1)

    def test_out_of_time_the_rest_is_given_back(
        self, scene: Scene, server: PartnerServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A look ends in time; what it did not send counts no try and is due at once."""
        scene.endpoint(server.url)
        changed(scene, 3)
        with monkeypatch.context() as hurry:
            hurry.setattr(sending, "LONGEST_S", -1.0)
            watching.look(scene.context)
        given_back = [row.tries for row in scene.deliveries()]

        watching.look(scene.context)

        assert given_back == [0, 0, 0]
        assert len(server.taken) == 3


class TestWorkers:
    def test_a_worker_killed_before_it_noted_the_answer(
        self, scene: Scene, server: PartnerServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The message comes again under the same id, once the lease is over and not before."""
        scene.endpoint(server.url)
        changed(scene)

        def killed(*_args: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as kill:
            kill.setattr(sending, "_noted", killed)
            with pytest.raises(KeyboardInterrupt):
                watching.look(scene.context)
        watching.look(scene.context)
        before = len(server.taken)
        with later(seconds=61):
            watching.look(scene.context)

        assert before == 1
        assert [each.id for each in server.taken] == [str(scene.rows()[0].id)] * 2
        assert scene.deliveries()[0].state == DeliveryState.DELIVERED

    def test_workers_that_look_at_once_send_once(self, scene: Scene, server: PartnerServer) -> None:
        """Of several workers one writes and sends each message."""
        scene.endpoint(server.url)
        changed(scene, 10)
        workers = [open_context(scene.context.settings) for _ in range(3)]
        together = threading.Barrier(len(workers))

        def look(worker: Context) -> int:
            together.wait()
            return watching.look(worker)

        with ThreadPoolExecutor(len(workers)) as pool:
            delivered = sum(pool.map(look, workers))
        for worker in workers:
            worker.close()

        assert delivered == len(server.taken) == len({each.id for each in server.taken}) == 10
        assert len(scene.rows()) == 10

    def test_a_replay_while_it_is_on_its_way_is_not_lost(self, scene: Scene, server: PartnerServer) -> None:
        """Whoever asks for a message again gets it again, also when the first one arrives meanwhile."""
        scene.endpoint(server.url)

        def replayed(request: BaseHTTPRequestHandler) -> None:
            with scene.context.db.write() as session:
                service.replay(session, SYSTEM, session.exec(select(WebhookDelivery)).one())
            server.answer = None
            request.send_response(204)
            request.end_headers()

        server.answer = replayed
        changed(scene)

        watching.look(scene.context)
        watching.look(scene.context)

        assert len(server.taken) == 2


class TestSecrets:
    def test_for_a_day_both_secrets_sign(self, scene: Scene, server: PartnerServer) -> None:
        """A partner changes its secret without losing a message."""
        endpoint, old = scene.endpoint(server.url)
        with scene.context.db.write() as session:
            new = service.rotate(session, scene.context.keys, SYSTEM, endpoint_of(session, endpoint))
        changed(scene)
        with later(hours=23):
            watching.look(scene.context)
            server.taken[-1].verified(old)
            server.taken[-1].verified(new)
        changed(scene)
        with later(hours=25):
            watching.look(scene.context)
            server.taken[-1].verified(new)
            with pytest.raises(WebhookVerificationError):
                server.taken[-1].verified(old)

            with scene.context.db.read() as session:
                kept = endpoint_of(session, endpoint)

        assert len(server.taken) == 2
        assert new != old
        assert (kept.old_secret_sealed, kept.old_secret_until) == (None, None)

    def test_secrets_lie_sealed(self, scene: Scene, server: PartnerServer) -> None:
        """Whoever reads the database cannot sign."""
        endpoint, secret = scene.endpoint(server.url)

        assert secret.removeprefix("whsec_").encode() not in endpoint.secret_sealed


class TestEnding:
    def test_a_removed_endpoint_gets_nothing_more(self, scene: Scene, server: PartnerServer) -> None:
        """What waited is not sent, and its secret is erased."""
        endpoint, _ = scene.endpoint(server.url)
        server.status = 500
        changed(scene)
        watching.look(scene.context)
        with scene.context.db.write() as session:
            service.remove(session, SYSTEM, endpoint_of(session, endpoint))
        changed(scene)
        with later(days=1):
            watching.look(scene.context)

        assert len(server.taken) == 1
        with scene.context.db.read() as session:
            assert endpoint_of(session, endpoint).secret_sealed == b""

    def test_old_messages_are_erased(self, scene: Scene, server: PartnerServer) -> None:
        """A month later nothing is kept of what was told."""
        scene.endpoint(server.url)
        changed(scene, 2)
        watching.look(scene.context)
        with time_machine.travel(now() + timedelta(days=31)):
            watching.look(scene.context)

        with scene.context.db.read() as session:
            assert session.exec(select(WebhookMessage)).all() == []
            assert session.exec(select(WebhookDelivery)).all() == []
