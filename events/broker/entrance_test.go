package broker_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/qlikgateway/gateway/events/broker"
)

func TestUsersProveThemselvesWithNKeys(t *testing.T) {
	t.Parallel()
	right, other := pair(t, nkeys.CreateUser), pair(t, nkeys.CreateUser)
	b := open(t, broker.Config{DataDir: t.TempDir(), Listen: "127.0.0.1:0", Users: []broker.User{
		{Name: "etl", NKey: public(t, right), Publish: []string{"etl.>"}},
		{Name: "reader", Secret: "r", Subscribe: []string{"qlik.events.>"}},
	}})
	signed := func(as nkeys.KeyPair, by nkeys.KeyPair) nats.Option {
		return nats.Nkey(public(t, as), by.Sign)
	}
	conn, err := nats.Connect(b.ClientURL(), signed(right, right))
	if err != nil {
		t.Fatalf("right: %v", err)
	}
	defer conn.Close()
	if err := conn.Publish("etl.done", nil); err != nil || conn.Flush() != nil {
		t.Errorf("publish: %v", err)
	}
	if err := conn.Publish("gateway.in.acme.etl", nil); err != nil || conn.Flush() != nil || conn.LastError() == nil {
		t.Error("published to the gateway's own subject")
	}
	for name, options := range map[string][]nats.Option{
		"another key":           {signed(other, other)},
		"another's signature":   {signed(right, other)},
		"the name, no password": {nats.UserInfo("etl", "")},
		"the key as a user":     {nats.UserInfo(public(t, right), "")},
		"the key as a password": {nats.UserInfo("etl", public(t, right))},
		"nothing":               {},
		"the gateway's user":    {nats.UserInfo("$core", "")},
	} {
		if conn, err := nats.Connect(b.ClientURL(), options...); err == nil {
			conn.Close()
			t.Errorf("%s is let in", name)
		}
	}
}

// selfSigned makes a certificate, signed by itself, that is a server's, a client's and
// its own CA.
func selfSigned(t *testing.T, folder, name string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.ParseIP("127.0.0.1")}, DNSNames: []string{"localhost"}, IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(folder, name+".pem"), filepath.Join(folder, name+"-key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: raw}, key: {Type: "EC PRIVATE KEY", Bytes: encoded}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

func TestEmbeddedServerIsReachedOverTLS(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	serverCert, serverKey := selfSigned(t, folder, "server")
	clientCert, clientKey := selfSigned(t, folder, "client")
	strangerCert, strangerKey := selfSigned(t, folder, "stranger")
	for name, ca := range map[string]string{"any client": "", "clients of the CA": clientCert} {
		b := open(t, broker.Config{
			DataDir: t.TempDir(), Listen: "127.0.0.1:0", TLS: broker.TLS{Cert: serverCert, Key: serverKey, CA: ca},
			Users: []broker.User{{Name: "etl", Secret: etlSecret, Publish: []string{"etl.>"}}},
		})
		if err := b.Ready(); err != nil {
			t.Fatal(err)
		}
		trusting := []nats.Option{nats.UserInfo("etl", etlSecret), nats.RootCAs(serverCert)}
		for what, tt := range map[string]struct {
			options []nats.Option
			want    bool
		}{
			"with the CA's certificate":   {append(trusting[:2:2], nats.ClientCert(clientCert, clientKey)), true},
			"with a stranger's":           {append(trusting[:2:2], nats.ClientCert(strangerCert, strangerKey)), ca == ""},
			"without one":                 {trusting, ca == ""},
			"without trust in the server": {[]nats.Option{nats.UserInfo("etl", etlSecret)}, false},
			"with a wrong password":       {[]nats.Option{nats.UserInfo("etl", "x"), nats.RootCAs(serverCert), nats.ClientCert(clientCert, clientKey)}, false},
		} {
			conn, err := nats.Connect(b.ClientURL(), tt.options...)
			if (err == nil) != tt.want {
				t.Errorf("%s, %s: %v", name, what, err)
			}
			if err == nil {
				if !conn.TLSRequired() {
					t.Errorf("%s, %s: in the clear", name, what)
				}
				conn.Close()
			}
		}
	}
}

// TestEntranceIsRenewedWhileItIsOpen: another certificate, and another password, count
// from the next connection on; who is connected stays.
func TestEntranceIsRenewedWhileItIsOpen(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	cert, key := selfSigned(t, folder, "server")
	cfg := broker.Config{
		DataDir: t.TempDir(), Listen: "127.0.0.1:0", TLS: broker.TLS{Cert: cert, Key: key},
		Users: []broker.User{{Name: "etl", Secret: etlSecret, Publish: []string{"etl.>"}}},
	}
	b := open(t, cfg)
	enter := func(password string) (*nats.Conn, error) {
		return nats.Connect(b.ClientURL(), nats.UserInfo("etl", password), nats.RootCAs(cert))
	}
	before, err := enter(etlSecret)
	if err != nil {
		t.Fatal(err)
	}
	defer before.Close()
	selfSigned(t, folder, "server") // in the same files
	if conn, err := enter(etlSecret); err == nil {
		conn.Close()
		t.Error("the new certificate is shown before it was taken")
	}
	next := cfg
	next.Users = []broker.User{{Name: "etl", Secret: "another", Publish: []string{"etl.>"}}}
	if err := b.Renew(next); err != nil {
		t.Fatal(err)
	}
	after, err := enter("another")
	if err != nil {
		t.Fatalf("the new password over the new certificate: %v", err)
	}
	defer after.Close()
	if conn, err := enter(etlSecret); err == nil {
		conn.Close()
		t.Error("the old password still lets in")
	}
	if err := before.Flush(); err != nil {
		t.Errorf("who was connected: %v", err)
	}
	if err := os.WriteFile(cert, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := b.Renew(cfg); err == nil || !strings.Contains(err.Error(), "broker.tls") {
		t.Errorf("a certificate that cannot be read: %v", err)
	}
	if err := after.Flush(); err != nil {
		t.Error(err)
	}
	if known, err := nats.Connect(b.ClientURL(), nats.UserInfo("etl", "another"), nats.Secure(&tls.Config{InsecureSkipVerify: true})); err != nil { //nolint:gosec // its file is gone
		t.Errorf("after a renewal that failed: %v", err)
	} else {
		known.Close()
	}
}

func TestEntranceThatCannotWorkIsRefused(t *testing.T) {
	t.Parallel()
	key := public(t, pair(t, nkeys.CreateUser))
	for want, cfg := range map[string]broker.Config{
		"both a secret and an nkey": {DataDir: "x", Listen: "127.0.0.1:0", Users: []broker.User{{Name: "etl", Secret: "s", NKey: key}}},
		"not the public key":        {DataDir: "x", Listen: "127.0.0.1:0", Users: []broker.User{{Name: "etl", NKey: "UABC"}}},
		"secret is empty":           {DataDir: "x", Listen: "127.0.0.1:0", Users: []broker.User{{Name: "etl"}}},
		"both cert and key":         {DataDir: "x", Listen: "127.0.0.1:0", Users: []broker.User{{Name: "etl", NKey: key}}, TLS: broker.TLS{Cert: "a"}},
		"the external server's own": {URL: "nats://x:4222", Sync: broker.SyncInterval},
		"expected always or inter":  {DataDir: "x", Sync: "never"},
		"nobody can reach":          {DataDir: "x", TLS: broker.TLS{Cert: "a", Key: "b"}},
		"add cert and key":          {DataDir: "x", Listen: "127.0.0.1:0", Users: []broker.User{{Name: "etl", NKey: key}}, TLS: broker.TLS{CA: "a"}},
	} {
		if err := cfg.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
