package events

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// TestWhatAConsumerPassesOverIsHandedOn gives some messages of a stream as a consumer
// would that passes others over, which the stream still holds or holds no more.
func TestWhatAConsumerPassesOverIsHandedOn(t *testing.T) {
	t.Parallel()
	stream, _ := streamOf(t, "a", "b", "a", "b", "a", "b", "a") // 1 to 7
	if err := stream.DeleteMsg(t.Context(), 4); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		stream jetstream.Stream
		filter string
		from   uint64
		given  []uint64
		want   []uint64
	}{
		"nothing":            {stream, "", 1, []uint64{1, 2, 3, 5}, []uint64{1, 2, 3, 5}},
		"two, and one gone":  {stream, "", 1, []uint64{1, 5, 6}, []uint64{1, 2, 3, 5, 6}},
		"the first":          {stream, "", 1, []uint64{3}, []uint64{1, 2, 3}},
		"not before a start": {stream, "", 2, []uint64{3}, []uint64{2, 3}},
		"one of a filter":    {stream, "t.a", 1, []uint64{1, 7}, []uint64{1, 3, 5, 7}},
		"others' only":       {stream, "t.b", 1, []uint64{2, 6}, []uint64{2, 6}},
		"without copies":     {nil, "", 1, []uint64{1, 5}, []uint64{1, 5}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []uint64
			w := whole{stream: test.stream, filter: test.filter, next: test.from, f: func(msg stored) error {
				if body := fmt.Sprint("body ", msg.sequence); msg.subject != "" && string(msg.body) != body {
					t.Errorf("message %d is %q", msg.sequence, msg.body)
				}
				got = append(got, msg.sequence)
				return nil
			}}
			for _, sequence := range test.given {
				if err := w.take(t.Context(), stored{sequence: sequence}); err != nil {
					t.Fatal(err)
				}
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("given %v, handed on %v, want %v", test.given, got, test.want)
			}
		})
	}
}

// TestMessageThatTheLeaderHasNotYetIsWaitedFor asks for a message before it is there,
// as of a leader that is behind the copy a consumer reads, and for one that is gone.
func TestMessageThatTheLeaderHasNotYetIsWaitedFor(t *testing.T) {
	t.Parallel()
	stream, js := streamOf(t, "a", "b")
	if err := stream.DeleteMsg(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if _, err := held(t.Context(), js, "T", 1); !errors.Is(err, jetstream.ErrMsgNotFound) {
		t.Errorf("a message that is gone: %v", err)
	}
	asked := countingLooks{JetStream: js, at: 3, do: func() {
		if _, err := js.Publish(t.Context(), "t.c", []byte("late")); err != nil {
			t.Error(err)
		}
	}}
	if msg, err := held(t.Context(), &asked, "T", 3); err != nil || string(msg.Data) != "late" {
		t.Errorf("a message that comes with the third look: %v, %v", msg, err)
	}
	if asked.looks != 3 {
		t.Errorf("looked %d times, want 3", asked.looks)
	}
}

// countingLooks does something before one of its looks at a stream.
type countingLooks struct {
	jetstream.JetStream
	looks, at int
	do        func()
}

func (c *countingLooks) Stream(ctx context.Context, name string) (jetstream.Stream, error) {
	if c.looks++; c.looks == c.at {
		c.do()
	}
	return c.JetStream.Stream(ctx, name)
}

// streamOf makes a stream of one message for each subject `t.<name>`.
func streamOf(t *testing.T, names ...string) (jetstream.Stream, jetstream.JetStream) {
	t.Helper()
	s, err := server.NewServer(&server.Options{JetStream: true, StoreDir: t.TempDir(), DontListen: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	conn, err := nats.Connect("", nats.InProcessServer(s))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "T", Subjects: []string{"t.>"}})
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range names {
		if _, err := js.Publish(t.Context(), "t."+name, fmt.Append(nil, "body ", i+1)); err != nil {
			t.Fatal(err)
		}
	}
	return stream, js
}
