package main

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// otlpAgain is the first wait before spans are sent again; it doubles.
const otlpAgain = 500 * time.Millisecond

// An otlp sends spans as OTLP over HTTP in protobuf. It is written here because the
// official client brings all of gRPC along, 5 MB, for one POST.
type otlp struct {
	url     string
	header  http.Header
	gzip    bool
	timeout time.Duration
	client  *http.Client
}

// newOTLP reads the environment as OpenTelemetry's specification of the OTLP exporter
// has it. It returns nil when no endpoint is named, or traces are switched off.
func newOTLP(getenv func(string) string) (*otlp, error) {
	setting := func(name string) string {
		return cmp.Or(getenv("OTEL_EXPORTER_OTLP_TRACES_"+name), getenv("OTEL_EXPORTER_OTLP_"+name))
	}
	endpoint := getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
	if base := getenv("OTEL_EXPORTER_OTLP_ENDPOINT"); endpoint == "" && base != "" {
		endpoint = strings.TrimRight(base, "/") + "/v1/traces"
	}
	if endpoint == "" || strings.EqualFold(getenv("OTEL_SDK_DISABLED"), "true") || getenv("OTEL_TRACES_EXPORTER") == "none" {
		return nil, nil
	}
	if protocol := setting("PROTOCOL"); protocol != "" && protocol != "http/protobuf" {
		return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_PROTOCOL: %s is not spoken: set http/protobuf, and the endpoint's HTTP port, usually 4318", protocol)
	}
	if target, err := url.Parse(endpoint); err != nil || target.Host == "" || target.Scheme != "http" && target.Scheme != "https" {
		return nil, errors.New("OTEL_EXPORTER_OTLP_ENDPOINT: expected a URL such as http://localhost:4318")
	}
	milliseconds, err := strconv.ParseUint(cmp.Or(setting("TIMEOUT"), "10000"), 10, 31)
	if err != nil {
		return nil, errors.New("OTEL_EXPORTER_OTLP_TIMEOUT: expected milliseconds, such as 10000")
	}
	o := &otlp{url: endpoint, gzip: setting("COMPRESSION") == "gzip", timeout: time.Duration(milliseconds) * time.Millisecond}
	if o.header, err = otlpHeaders(setting("HEADERS")); err != nil {
		return nil, err
	}
	o.header.Set("Content-Type", "application/x-protobuf")
	if o.gzip {
		o.header.Set("Content-Encoding", "gzip")
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSHandshakeTimeout: o.timeout, IdleConnTimeout: time.Minute}
	transport.TLSClientConfig, err = otlpTLS(setting("CERTIFICATE"), setting("CLIENT_CERTIFICATE"), setting("CLIENT_KEY"))
	o.client = &http.Client{Transport: transport}
	return o, err
}

// otlpHeaders reads `name=value,name=value`, values percent-encoded. An error shows
// no value: they are secrets.
func otlpHeaders(text string) (http.Header, error) {
	header := http.Header{}
	for pair := range strings.SplitSeq(text, ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		name, value, ok := strings.Cut(pair, "=")
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if !ok || err != nil {
			return nil, errors.New("OTEL_EXPORTER_OTLP_HEADERS: expected name=value,name=value")
		}
		header.Set(strings.TrimSpace(name), value)
	}
	return header, nil
}

// otlpTLS reads the files of a private authority and of the client's own certificate.
func otlpTLS(authority, certificate, key string) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if authority != "" {
		pem, err := os.ReadFile(authority)
		config.RootCAs = x509.NewCertPool()
		if err != nil || !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, errors.Join(errors.New("OTEL_EXPORTER_OTLP_CERTIFICATE: no certificate can be read there"), err)
		}
	}
	if certificate != "" {
		pair, err := tls.LoadX509KeyPair(certificate, key)
		if err != nil {
			return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// Start does nothing: a connection is made when there is something to send.
func (o *otlp) Start(context.Context) error { return nil }

// Stop lets go of connections.
func (o *otlp) Stop(context.Context) error {
	o.client.CloseIdleConnections()
	return nil
}

// UploadTraces sends spans. What may pass is tried again until the time-out.
func (o *otlp) UploadTraces(ctx context.Context, spans []*tracepb.ResourceSpans) error {
	// On the wire, TracesData is the request of the collector's service.
	body, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: spans})
	if err != nil {
		return fmt.Errorf("encode spans: %w", err)
	}
	if o.gzip {
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		if _, err := w.Write(body); err != nil {
			return fmt.Errorf("compress spans: %w", err)
		}
		if err := w.Close(); err != nil {
			return fmt.Errorf("compress spans: %w", err)
		}
		body = packed.Bytes()
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	for wait := otlpAgain; ; wait *= 2 {
		again, err := o.post(ctx, body)
		if err == nil || !again {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait):
		}
	}
}

// post sends one request, and says whether another may help.
func (o *otlp) post(ctx context.Context, body []byte) (again bool, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, o.url, bytes.NewReader(body))
	if err != nil {
		return false, errors.New("send spans: the endpoint cannot be used")
	}
	request.Header = o.header.Clone()
	response, err := o.client.Do(request)
	if outer := new(url.Error); errors.As(err, &outer) {
		err = outer.Err // the address may hold a secret
	}
	if err != nil {
		return true, fmt.Errorf("send spans: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	_, _ = io.CopyN(io.Discard, response.Body, 64<<10)
	switch response.StatusCode {
	case http.StatusOK, http.StatusAccepted, http.StatusNoContent:
		return false, nil
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		again = true
	}
	return again, fmt.Errorf("send spans: answered %d", response.StatusCode)
}
