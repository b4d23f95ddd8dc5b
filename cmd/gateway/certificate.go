package main

import (
	"crypto/tls"
	"fmt"
	"sync/atomic"

	"github.com/qlikgateway/gateway/events/broker"
)

// A certificate is the one that senders are shown. It can be exchanged while
// connections are open.
type certificate struct {
	current atomic.Pointer[tls.Certificate]
}

// loadCertificate reads a certificate and its key.
func loadCertificate(files tlsFiles) (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(files.Cert, files.Key)
	if err != nil {
		return nil, fmt.Errorf("read http.tls: %w", err)
	}
	return &pair, nil
}

// config asks clients for a certificate and judges none: the verifier of the
// source does that, over the CA that the source names.
func (c *certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		ClientAuth:     tls.RequestClientCert,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current.Load(), nil },
	}
}

// tls reads the listener's certificate once, so that `check` says what is wrong.
func (r *reader) tls() tlsFiles {
	written := r.written.HTTP.TLS
	if written == nil {
		return tlsFiles{}
	}
	files := tlsFiles(*written)
	r.files = append(r.files, files.Cert, files.Key)
	if r.lookup == nil {
		return files // nothing is shown to anybody: it may be elsewhere, as secrets may
	}
	if _, err := loadCertificate(files); err != nil {
		r.report(err.Error(), "http", "tls")
	}
	return files
}

// entrance notes the files that the embedded NATS server shows and asks by, so that they
// are seen to change. For an external server they are read whenever a connection is made.
func (r *reader) entrance(files broker.TLS) {
	for _, file := range []string{files.CA, files.Cert, files.Key} {
		if file != "" {
			r.files = append(r.files, file)
		}
	}
}
