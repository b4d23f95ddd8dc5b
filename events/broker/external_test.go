package broker_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
	"github.com/qlikgateway/gateway/events/broker"
	"github.com/rs/zerolog"
)

// run starts a NATS server with JetStream, as an operator would, and waits for it.
func run(t *testing.T, options *server.Options) *server.Server {
	t.Helper()
	s := start(t, options)
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("server is not ready")
	}
	return s
}

func start(t *testing.T, options *server.Options) *server.Server {
	t.Helper()
	options.Host, options.NoSigs, options.JetStream, options.StoreDir = "127.0.0.1", true, true, t.TempDir()
	if options.Port == 0 {
		options.Port = server.RANDOM_PORT
	}
	s, err := server.NewServer(options)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	return s
}

// external starts a server with one user.
func external(t *testing.T) (string, broker.Login) {
	t.Helper()
	s := run(t, &server.Options{Username: "gateway", Password: "pw"})
	return s.ClientURL(), broker.Login{User: "gateway", Password: "pw"}
}

func write(t *testing.T, name string, text []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func seed(t *testing.T, pair nkeys.KeyPair) []byte {
	t.Helper()
	text, err := pair.Seed()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func public(t *testing.T, pair nkeys.KeyPair) string {
	t.Helper()
	key, err := pair.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func pair(t *testing.T, make func() (nkeys.KeyPair, error)) nkeys.KeyPair {
	t.Helper()
	pair, err := make()
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func TestNKeyAndEdgeLoginAreUsed(t *testing.T) {
	t.Parallel()
	user := pair(t, nkeys.CreateUser)
	s := run(t, &server.Options{
		Nkeys: []*server.NkeyUser{{Nkey: public(t, user)}},
		Users: []*server.User{{Username: "edge", Password: "e", Permissions: &server.Permissions{
			Publish: &server.SubjectPermission{Allow: []string{"_INBOX.>"}},
		}}},
	})
	cfg := broker.Config{URL: s.ClientURL(), Login: broker.Login{NKey: write(t, "gateway.nk", seed(t, user))}, EdgeLogin: broker.Login{User: "edge", Password: "e"}}
	b := open(t, cfg)
	if err := b.Ready(); err != nil {
		t.Error(err)
	}
	if err := b.Edge().Publish("gateway.in.acme.dbt", nil); err != nil {
		t.Fatal(err)
	}
	if err := b.Edge().Flush(); err != nil || b.Edge().LastError() == nil {
		t.Errorf("the edge connection may publish anywhere: %v, %v", err, b.Edge().LastError())
	}
	cfg.Login = broker.Login{NKey: write(t, "other.nk", seed(t, pair(t, nkeys.CreateUser)))}
	if _, err := broker.Open(t.Context(), cfg, zerolog.Nop()); err == nil || !strings.Contains(err.Error(), "credentials") {
		t.Errorf("a stranger's key opened it: %v", err)
	}
	cfg.Login = broker.Login{NKey: "missing.nk"}
	if _, err := broker.Open(t.Context(), cfg, zerolog.Nop()); err == nil || !strings.Contains(err.Error(), "nkey file") {
		t.Errorf("a missing file is not said: %v", err)
	}
}

func TestCredentialsFileIsUsed(t *testing.T) {
	t.Parallel()
	operator, system, account, user := pair(t, nkeys.CreateOperator), pair(t, nkeys.CreateAccount), pair(t, nkeys.CreateAccount), pair(t, nkeys.CreateUser)
	sign := func(claims jwt.Claims, by nkeys.KeyPair) string {
		text, err := claims.Encode(by)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	operatorClaims := jwt.NewOperatorClaims(public(t, operator))
	operatorClaims.SystemAccount = public(t, system)
	accountClaims := jwt.NewAccountClaims(public(t, account))
	accountClaims.Limits.JetStreamLimits = jwt.JetStreamLimits{MemoryStorage: -1, DiskStorage: -1}
	resolver := &server.MemAccResolver{}
	for _, stored := range []struct{ key, token string }{
		{public(t, system), sign(jwt.NewAccountClaims(public(t, system)), operator)},
		{public(t, account), sign(accountClaims, operator)},
	} {
		if err := resolver.Store(stored.key, stored.token); err != nil {
			t.Fatal(err)
		}
	}
	trusted, err := jwt.DecodeOperatorClaims(sign(operatorClaims, operator))
	if err != nil {
		t.Fatal(err)
	}
	s := run(t, &server.Options{TrustedOperators: []*jwt.OperatorClaims{trusted}, AccountResolver: resolver, SystemAccount: public(t, system)})
	creds, err := jwt.FormatUserConfig(sign(jwt.NewUserClaims(public(t, user)), account), seed(t, user))
	if err != nil {
		t.Fatal(err)
	}
	b := open(t, broker.Config{URL: s.ClientURL(), Login: broker.Login{Credentials: write(t, "gateway.creds", creds)}})
	if err := b.Ready(); err != nil {
		t.Error(err)
	}
}

func TestTLSIsUsed(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	trusted := x509.NewCertPool()
	ca, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	trusted.AddCert(ca)
	s := run(t, &server.Options{TLSVerify: true, TLSConfig: &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: trusted, MinVersion: tls.VersionTLS12,
	}})
	cert := write(t, "cert.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	cfg := broker.Config{URL: s.ClientURL(), TLS: broker.TLS{
		CA: cert, Cert: cert, Key: write(t, "key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs})),
	}}
	if b := open(t, cfg); b.Ready() != nil || !b.Conn().TLSRequired() {
		t.Errorf("ready: %v, TLS: %v", b.Ready(), b.Conn().TLSRequired())
	}
	cfg.TLS.Cert, cfg.TLS.Key = "", ""
	if _, err := broker.Open(t.Context(), cfg, zerolog.Nop()); err == nil || !strings.Contains(err.Error(), "certificates") {
		t.Errorf("connected without a certificate: %v", err)
	}
}

// TestJournalMadeAnewGoesOnBehindTheOldOne: dispatchers know up to which sequence they
// have read. The events of a new journal must not get one of these.
func TestJournalMadeAnewGoesOnBehindTheOldOne(t *testing.T) {
	t.Parallel()
	url, login := external(t)
	cfg := broker.Config{URL: url, Login: login, JournalBytes: 64 << 20}
	publish := func(b *broker.Broker, subject string) uint64 {
		t.Helper()
		ack, err := b.JetStream().Publish(t.Context(), subject, []byte("x"))
		if err != nil {
			t.Fatal(err)
		}
		return ack.Sequence
	}
	b := open(t, cfg)
	var old uint64
	for range 5 {
		old = publish(b, "gateway.in.acme.dbt")
	}
	publish(b, "$KV.GATEWAY_LEDGER.cursor.acme")
	if old != 5 {
		t.Errorf("a journal beside an empty ledger begins at %d", old-4)
	}
	if err := b.JetStream().DeleteStream(t.Context(), "GATEWAY_IN"); err != nil {
		t.Fatal(err)
	}
	b = open(t, cfg)
	first := publish(b, "gateway.in.acme.dbt")
	if first < 1_000_000 {
		t.Errorf("the new journal begins at %d", first)
	}
	if next := publish(open(t, cfg), "gateway.in.acme.dbt"); next != first+1 {
		t.Errorf("another replica has it go on at %d, want %d", next, first+1)
	}
}
