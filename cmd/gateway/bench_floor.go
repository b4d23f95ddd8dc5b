package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/qlikgateway/gateway/events/broker"
)

// Names of what the gateway is compared with. Each but the first proves the sender.
const (
	floorGin     = "gin"         // reads the body and answers 202: no proof, nothing kept
	floorPublish = "gin+publish" // publishes the body, acknowledged after fsync
	floorBatch   = "gin+batch"   // the same; when many wait, in one atomic batch
	floorAsync   = "gin+async"   // publishes the body, acknowledged before fsync
)

// newFloorCommand returns the hidden command that is a floor, a process of its own as
// the gateway is.
func newFloorCommand() *cobra.Command {
	var f floor
	command := &cobra.Command{
		Use: "floor", Hidden: true, Args: noArguments, Short: "What `gateway bench` compares with",
		RunE: func(command *cobra.Command, _ []string) error {
			ctx, stop := untilSignal(command.Context())
			defer stop()
			handler, err := f.handler(ctx)
			if err != nil {
				return err
			}
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return fmt.Errorf("listen: %w", err)
			}
			if err := json.NewEncoder(command.OutOrStdout()).Encode(map[string]string{"url": "http://" + listener.Addr().String()}); err != nil {
				return err
			}
			server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
			go func() { <-ctx.Done(); _ = server.Close() }()
			if err := server.Serve(listener); ctx.Err() == nil {
				return err
			}
			return nil
		},
	}
	command.Flags().StringVar(&f.kind, "kind", floorGin, "which one")
	command.Flags().StringVar(&f.data, "data", "", "folder of its broker")
	command.Flags().StringVar(&f.key, "key", "", "what deliveries are signed with")
	command.Flags().IntVar(&f.alone, "alone", floorAlone, "with --kind gin+batch: publishes by themselves at a time")
	return command
}

// A floor is the least that has to be done with a delivery.
type floor struct {
	kind, data, key string
	alone           int
}

// handler returns what takes deliveries, and says what its process used.
func (f floor) handler(ctx context.Context) (http.Handler, error) {
	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	router.GET("/metrics", gin.WrapH(promhttp.HandlerFor(registry, promhttp.HandlerOpts{})))
	router.GET("/debug/pprof/profile", gin.WrapF(pprof.Profile))
	keep, err := f.keeper(ctx)
	if err != nil {
		return nil, err
	}
	key := []byte(f.key)
	router.POST("/hooks/bench", func(c *gin.Context) {
		body, err := c.GetRawData()
		if err != nil || f.kind != floorGin && !signedWith(key, body, c.GetHeader(benchHeader)) {
			c.Status(http.StatusUnauthorized)
			return
		}
		if err := keep(c.Request.Context(), body); err != nil {
			c.Status(http.StatusServiceUnavailable)
			return
		}
		c.JSON(http.StatusAccepted, gin.H{"ok": true})
	})
	return router, nil
}

// keeper returns what makes a body safe before it is answered.
func (f floor) keeper(ctx context.Context) (func(context.Context, []byte) error, error) {
	if f.kind == floorGin {
		return func(context.Context, []byte) error { return nil }, nil
	}
	cfg := broker.Config{DataDir: f.data}
	if f.kind == floorAsync {
		cfg.Sync = broker.SyncInterval
	}
	b, err := broker.Open(ctx, cfg, zerolog.Nop())
	if err != nil {
		return nil, err
	}
	js := b.JetStream()
	stream := jetstream.StreamConfig{Name: "FLOOR", Subjects: []string{floorSubject}, AllowAtomicPublish: true}
	if _, err := js.CreateOrUpdateStream(ctx, stream); err != nil {
		return nil, fmt.Errorf("make stream: %w", err)
	}
	switch f.kind {
	case floorPublish:
		return func(ctx context.Context, body []byte) error {
			_, err := js.Publish(ctx, floorSubject, body)
			return err
		}, nil
	case floorAsync:
		return func(_ context.Context, body []byte) error {
			ack, err := js.PublishAsync(floorSubject, body)
			if err != nil {
				return err
			}
			select {
			case <-ack.Ok():
				return nil
			case err := <-ack.Err():
				return err
			}
		}, nil
	case floorBatch:
		return (&floorBatcher{js: js, alone: f.alone}).keep, nil
	}
	return nil, fmt.Errorf("no floor is named %q", f.kind)
}

// benchHeader has the signature of a delivery.
const benchHeader = "X-Signature"

func signature(key, body []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

func signedWith(key, body []byte, given string) bool {
	return hmac.Equal([]byte(signature(key, body)), []byte(given))
}
