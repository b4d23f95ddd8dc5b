package broker_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/qlikgateway/gateway/events/broker"
	"github.com/rs/zerolog"
)

const etlSecret = "correct horse"

func listening(t *testing.T) *broker.Broker {
	t.Helper()
	return open(t, broker.Config{
		DataDir: t.TempDir(), Listen: "127.0.0.1:0",
		Users: []broker.User{
			{Name: "etl", Secret: etlSecret, Publish: []string{"etl.>", "*.loose.>"}, Subscribe: []string{"qlik.events.>", "etl.>"}},
			{Name: "reader", Secret: "r", Subscribe: []string{"qlik.events.>"}},
		},
	})
}

// A person is a client of the embedded server that remembers what was refused.
type person struct {
	*nats.Conn
	refused chan error
}

func connect(t *testing.T, b *broker.Broker, name, secret string) person {
	t.Helper()
	refused := make(chan error, 64)
	conn, err := nats.Connect(b.ClientURL(), nats.UserInfo(name, secret),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { refused <- err }))
	if err != nil {
		t.Fatalf("connect as %s: %v", name, err)
	}
	t.Cleanup(conn.Close)
	return person{conn, refused}
}

// wantRefused fails the test unless the server refuses what was just sent.
func (p person) wantRefused(t *testing.T, what string) {
	t.Helper()
	if err := p.Flush(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-p.refused:
		if !errors.Is(err, nats.ErrPermissionViolation) {
			t.Errorf("%s: %v", what, err)
		}
	case <-time.After(5 * time.Second):
		t.Errorf("%s was not refused", what)
	}
}

func messages(t *testing.T, b *broker.Broker) uint64 {
	t.Helper()
	var total uint64
	for info := range b.JetStream().ListStreams(t.Context()).Info() {
		total += info.State.Msgs
	}
	return total
}

func TestPersonCannotPublishToTheGatewaysSubjects(t *testing.T) {
	t.Parallel()
	b := listening(t)
	etl := connect(t, b, "etl", etlSecret)
	for _, subject := range []string{
		"gateway.in.acme.dbt", "gateway.loose.x", "gateway.out.acme.run.failed.x", "gateway.dead.acme.dbt",
		"qlik.events.acme.run.succeeded.x", "$KV.GATEWAY_LEDGER.epoch.acme", "$JS.API.STREAM.DELETE.GATEWAY_IN",
		"$JS.API.STREAM.PURGE.GATEWAY_IN", "$SYS.REQ.SERVER.PING", "other.x", "_INBOX.guess",
	} {
		if err := etl.Publish(subject, []byte("x")); err != nil {
			t.Fatal(err)
		}
		etl.wantRefused(t, subject)
	}
	if n := messages(t, b); n != 0 {
		t.Errorf("%d messages were stored", n)
	}
	reader := connect(t, b, "reader", "r")
	if err := reader.Publish("etl.x.done", nil); err != nil {
		t.Fatal(err)
	}
	reader.wantRefused(t, "publish by a user without a publish list")
}

func TestPersonHasNoJetStream(t *testing.T) {
	t.Parallel()
	b := listening(t)
	js, err := jetstream.New(connect(t, b, "etl", etlSecret).Conn, jetstream.WithDefaultTimeout(300*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.Stream(t.Context(), "GATEWAY_IN"); err == nil {
		t.Error("a person sees the journal")
	}
	if _, err := js.KeyValue(t.Context(), "GATEWAY_LEDGER"); err == nil {
		t.Error("a person sees the ledger")
	}
}

func TestReplySubjectCannotMakeTheGatewayPublish(t *testing.T) {
	t.Parallel()
	b := listening(t)
	etl := connect(t, b, "etl", etlSecret)
	refused := make(chan error, 16)
	b.Edge().SetErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { refused <- err })
	// As the ingress does, but trusting every reply subject.
	if _, err := b.Edge().QueueSubscribe("etl.*.done", b.Names().Queue, func(m *nats.Msg) { _ = m.Respond([]byte("answer")) }); err != nil {
		t.Fatal(err)
	}
	if err := b.Edge().Flush(); err != nil {
		t.Fatal(err)
	}
	for _, reply := range []string{
		"gateway.in.acme.dbt", "$KV.GATEWAY_LEDGER.epoch.acme", "$JS.API.STREAM.PURGE.GATEWAY_IN",
		"qlik.events.acme.run.succeeded.x", "etl.other.done", "$SYS.REQ.SERVER.PING",
	} {
		if err := etl.PublishRequest("etl.x.done", reply, nil); err != nil {
			t.Fatal(err)
		}
		if err := etl.Flush(); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-refused:
			if !errors.Is(err, nats.ErrPermissionViolation) {
				t.Errorf("reply to %s: %v", reply, err)
			}
		case err := <-etl.refused: // the server may refuse the request itself
			if !errors.Is(err, nats.ErrPermissionViolation) {
				t.Errorf("request with reply %s: %v", reply, err)
			}
		case <-time.After(5 * time.Second):
			t.Errorf("reply to %s was not refused", reply)
		}
	}
	if n := messages(t, b); n != 0 {
		t.Errorf("%d messages were stored", n)
	}
	answer, err := etl.Request("etl.x.done", nil, 5*time.Second)
	if err != nil || string(answer.Data) != "answer" {
		t.Errorf("an honest request got %v, %v", answer, err)
	}
}

func TestTraceHeaderCannotReachTheStreams(t *testing.T) {
	t.Parallel()
	b := listening(t)
	etl := connect(t, b, "etl", etlSecret)
	for _, destination := range []string{"gateway.in.acme.dbt", "$KV.GATEWAY_LEDGER.epoch.acme"} {
		msg := nats.NewMsg("etl.x.done")
		msg.Header.Set("Nats-Trace-Dest", destination)
		if err := etl.PublishMsg(msg); err != nil {
			t.Fatal(err)
		}
	}
	if err := etl.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := b.Conn().Flush(); err != nil {
		t.Fatal(err)
	}
	if n := messages(t, b); n != 0 {
		t.Errorf("%d messages were stored", n)
	}
}

func TestPersonCannotJoinTheIngressQueue(t *testing.T) {
	t.Parallel()
	b := listening(t)
	etl := connect(t, b, "etl", etlSecret)
	for _, queue := range []string{b.Names().Queue, b.Names().Queue + ".jobs"} {
		if _, err := etl.QueueSubscribeSync("etl.*.done", queue); err != nil {
			t.Fatal(err)
		}
		etl.wantRefused(t, "subscription in queue "+queue)
	}
	if _, err := etl.QueueSubscribeSync("etl.*.done", "mine"); err != nil {
		t.Fatal(err)
	}
	if err := etl.Flush(); err != nil || len(etl.refused) > 0 {
		t.Errorf("a queue of one's own was refused: %v", err)
	}
}

func TestOutcomesReachPeopleOnceAndOnlyAfterTheyAreStored(t *testing.T) {
	t.Parallel()
	b := listening(t)
	etl := connect(t, b, "etl", etlSecret)
	sub, err := etl.SubscribeSync("qlik.events.>")
	if err != nil {
		t.Fatal(err)
	}
	if err := etl.Flush(); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"a", "a", "b"} {
		if _, err := b.JetStream().Publish(t.Context(), "gateway.out.acme.run.succeeded.r1", []byte(id), jetstream.WithMsgID(id)); err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range []string{"a", "b"} {
		msg, err := sub.NextMsg(5 * time.Second)
		if err != nil {
			t.Fatalf("outcome %d: %v", i, err)
		}
		if string(msg.Data) != want || msg.Subject != "qlik.events.acme.run.succeeded.r1" || msg.Reply != "" {
			t.Errorf("got %q on %s with reply %q, want %q", msg.Data, msg.Subject, msg.Reply, want)
		}
		if msg.Header.Get("Nats-Sequence") != fmt.Sprint(i+1) {
			t.Errorf("sequence %q", msg.Header.Get("Nats-Sequence"))
		}
	}
	stored, err := b.JetStream().Stream(t.Context(), b.Names().Out)
	if err != nil {
		t.Fatal(err)
	}
	last, err := stored.GetLastMsgForSubject(t.Context(), "qlik.events.acme.>")
	if err != nil || string(last.Data) != "b" {
		t.Errorf("stored %v, %v", last, err)
	}
}

func TestWrongSecretIsRefused(t *testing.T) {
	t.Parallel()
	b := listening(t)
	for _, option := range []nats.Option{
		nats.UserInfo("etl", "wrong"), nats.UserInfo("nobody", etlSecret), nats.UserInfo("", ""), nats.UserInfo("$core", ""), nats.Name("anonymous"),
	} {
		if conn, err := nats.Connect(b.ClientURL(), option); !errors.Is(err, nats.ErrAuthorization) {
			t.Errorf("connected: %v, %v", conn, err)
		}
	}
}

func TestBadConfigurationIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	user := func(u broker.User) broker.Config {
		u.Name, u.Secret = "etl", "s"
		return broker.Config{DataDir: "never-made", Listen: "127.0.0.1:0", Users: []broker.User{u}}
	}
	asks := func(subject string) broker.Config { return user(broker.User{Publish: []string{subject}}) }
	for name, c := range map[string]struct {
		cfg  broker.Config
		want string
	}{
		"nothing":         {broker.Config{}, "set data_dir"},
		"both":            {broker.Config{DataDir: "d", URL: "nats://h"}, "both set"},
		"listen outside":  {broker.Config{URL: "nats://h", Listen: "h:1"}, "belong to the embedded server"},
		"replicas":        {broker.Config{DataDir: "d", Replicas: 3}, "external cluster"},
		"prefix":          {broker.Config{DataDir: "d", Prefix: "x.y"}, "upper-case"},
		"no port":         {broker.Config{DataDir: "d", Listen: "localhost", Users: []broker.User{{Name: "a", Secret: "s"}}}, "host:port"},
		"nobody":          {broker.Config{DataDir: "d", Listen: "h:1"}, "lets nobody in"},
		"name":            {broker.Config{DataDir: "d", Users: []broker.User{{Name: "$core", Secret: "s"}}}, "lower-case"},
		"no secret":       {broker.Config{DataDir: "d", Users: []broker.User{{Name: "a"}}}, "secret is empty"},
		"twice":           {broker.Config{DataDir: "d", Users: []broker.User{{Name: "a", Secret: "s"}, {Name: "a", Secret: "s"}}}, "twice"},
		"bad subject":     {asks("etl..x"), "not a NATS subject"},
		"queue subject":   {user(broker.User{Subscribe: []string{"etl.> gateway"}}), "not a NATS subject"},
		"journal":         {asks("gateway.in.acme.dbt"), "gateway's own"},
		"all of it":       {asks("gateway.>"), "gateway's own"},
		"everything":      {asks(">"), "gateway's own"},
		"ledger":          {asks("$KV.>"), "$KV.>"},
		"API":             {asks("$JS.API.>"), "$JS.>"},
		"outcomes":        {asks("qlik.events.>"), "qlik.events.>"},
		"outcomes hidden": {asks("qlik.*.acme.>"), "qlik.events.>"},
	} {
		_, err := broker.Open(t.Context(), c.cfg, zerolog.Nop())
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v does not say %q", name, err, c.want)
		}
	}
}

func TestSecretsAreNeverPrinted(t *testing.T) {
	t.Parallel()
	cfg := broker.Config{Users: []broker.User{{Name: "a", Secret: "hunter2"}}, Login: broker.Login{Password: "hunter2"}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		if text := fmt.Sprintf(verb, cfg); strings.Contains(text, "hunter2") || strings.Contains(text, "68756e74657232") {
			t.Errorf("%s prints %s", verb, text)
		}
	}
}
