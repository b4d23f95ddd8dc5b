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

// Names of what the gateway is compared with.
const (
	floorGin     = "gin"         // reads the body and answers 202: no proof, nothing kept
	floorPublish = "gin+publish" // proves the sender and publishes the body, acknowledged after fsync
)

// newFloorCommand returns the hidden command that is a floor, a process of its own as
// the gateway is.
func newFloorCommand() *cobra.Command {
	var data, key string
	command := &cobra.Command{
		Use: "floor", Hidden: true, Args: cobra.NoArgs, Short: "What `gateway bench` compares with",
		RunE: func(command *cobra.Command, _ []string) error {
			ctx, stop := untilSignal(command.Context())
			defer stop()
			handler, err := floorOf(ctx, data, []byte(key))
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
	command.Flags().StringVar(&data, "data", "", "folder of its broker; none = it keeps nothing")
	command.Flags().StringVar(&key, "key", "", "what deliveries are signed with")
	return command
}

// floorOf makes a floor: gin alone, or with a folder, gin that publishes.
func floorOf(ctx context.Context, data string, key []byte) (http.Handler, error) {
	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	router.GET("/metrics", gin.WrapH(promhttp.HandlerFor(registry, promhttp.HandlerOpts{})))
	keep := func(context.Context, []byte) error { return nil }
	if data != "" {
		b, err := broker.Open(ctx, broker.Config{DataDir: data}, zerolog.Nop())
		if err != nil {
			return nil, err
		}
		if _, err := b.JetStream().CreateOrUpdateStream(ctx, jetstream.StreamConfig{Name: "FLOOR", Subjects: []string{"floor"}}); err != nil {
			return nil, fmt.Errorf("make stream: %w", err)
		}
		keep = func(ctx context.Context, body []byte) error {
			_, err := b.JetStream().Publish(ctx, "floor", body)
			return err
		}
	}
	router.POST("/hooks/bench", func(c *gin.Context) {
		body, err := c.GetRawData()
		if err != nil || data != "" && !signedWith(key, body, c.GetHeader(benchHeader)) {
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
