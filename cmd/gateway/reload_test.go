package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/qlikgateway/gateway/bridge"
)

// A reloading gateway runs in the test, which decides when it looks at its file.
type reloading struct {
	t    *testing.T
	path string
	url  string
	asks chan os.Signal
	look chan time.Time
	log  *lockedBuffer
}

// lockedBuffer is a log that several goroutines may write to.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func reloadable(t *testing.T, text string) *reloading {
	t.Helper()
	return reloadableAfter(t, text, nil)
}

// reloadableAfter does something between the reading of the file and the start.
func reloadableAfter(t *testing.T, text string, early func(*reloading)) *reloading {
	t.Helper()
	folder := t.TempDir()
	r := &reloading{t: t, path: filepath.Join(folder, "gateway.yaml"), asks: make(chan os.Signal), look: make(chan time.Time), log: &lockedBuffer{}}
	r.write(text)
	cfg, problems := loadConfig(r.path)
	if cfg == nil {
		t.Fatal(lines(problems))
	}
	g := &gateway{cfg: cfg, log: zerolog.New(r.log), limits: bridge.DefaultLimits(), files: newConfigFiles(r.path, cfg.Files), idle: true}
	g.files.stop()
	g.files.asks, g.files.look = r.asks, r.look
	if early != nil {
		early(r)
	}
	ctx, stop := context.WithCancel(context.Background())
	up, ended := make(chan addresses, 1), make(chan error, 1)
	go func() { ended <- g.run(ctx, func(a addresses) { up <- a }) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the gateway ended with %v", err)
		}
	})
	select {
	case a := <-up:
		r.url = "http://" + a.HTTP
	case err := <-ended:
		ended <- err
		t.Fatal(err)
	}
	return r
}

// write makes the configuration file: what is fixed, and text.
func (r *reloading) write(text string) {
	r.t.Helper()
	fixed := fmt.Sprintf("console: {addr: '127.0.0.1:0'}\nbroker: {data_dir: %s}\n%s", filepath.Join(filepath.Dir(r.path), "data"), tenantWithKey)
	if !strings.Contains(text, "http:") {
		fixed += "http: {addr: '127.0.0.1:0'}\n"
	}
	if err := os.WriteFile(r.path, []byte(fixed+text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

const tenantWithKey = "tenants: {acme: {url: 'https://acme.eu.qlikcloud.com', api_key: a-key-that-is-never-used}}\n"

// reload asks the gateway to read its file and returns when it has.
func (r *reloading) reload(text string) {
	r.t.Helper()
	r.write(text)
	r.asks <- os.Interrupt
	r.asks <- os.Interrupt // taken only when the first was done with
}

func (r *reloading) post(source, token string) int {
	request, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, r.url+"/hooks/"+source, strings.NewReader(`{"done":true}`))
	if err != nil {
		r.t.Error(err)
		return 0
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		r.t.Error(err)
		return 0
	}
	defer response.Body.Close()
	return response.StatusCode
}

const (
	firstToken  = "the-first-token-of-the-test"
	secondToken = "the-second-token-of-the-test"
	sharedToken = "the-token-that-always-counts"
)

func twoTokens(token string, rule int) string {
	return fmt.Sprintf("sources: {jobs: {verify: bearer, secret: [%s, %s]}}\nrules: [{name: r%d, on: jobs, when: data.done == true, app: 2f1c6e0a-0b1c-4d2e-8f3a-4b5c6d7e8f90, do: [reload]}]\n", token, sharedToken, rule)
}

func TestReloadRefusesNoValidRequest(t *testing.T) {
	t.Parallel()
	r := reloadable(t, twoTokens(firstToken, 0))
	var refused, taken atomic.Int64
	ctx, stop := context.WithCancel(t.Context())
	var senders sync.WaitGroup
	for range 3 {
		senders.Go(func() {
			for ctx.Err() == nil {
				if status := r.post("jobs", sharedToken); status != http.StatusAccepted {
					refused.Add(1)
				}
				taken.Add(1)
			}
		})
	}
	for i := range 20 {
		token, other := firstToken, secondToken
		if i%2 == 0 {
			token, other = secondToken, firstToken
		}
		r.reload(twoTokens(token, i))
		if now, before := r.post("jobs", token), r.post("jobs", other); now != http.StatusAccepted || before != http.StatusUnauthorized {
			t.Errorf("reload %d: the new token is answered %d, the old one %d", i, now, before)
		}
	}
	stop()
	senders.Wait()
	if refused.Load() > 0 || taken.Load() < 20 {
		t.Errorf("%d of %d valid requests were refused", refused.Load(), taken.Load())
	}
}

func TestConfigurationThatCannotBeUsedChangesNothing(t *testing.T) {
	t.Parallel()
	r := reloadable(t, twoTokens(firstToken, 0))
	for text, want := range map[string]string{
		"sources: [":                        "has mistakes",
		"sources: {jobs: {verify: bearer}}": "a secret is needed",
		"http: {addr: '127.0.0.1:1'}\nsources: {jobs: {verify: bearer, secret: " + secondToken + "}}": "a restart is needed for a change of http.addr",
		"http: {addr: '127.0.0.1:0', trusted_proxies: [10.0.0.1]}\n" + twoTokens(secondToken, 0):      "a restart is needed for a change of http.trusted_proxies",
	} {
		r.reload(text)
		if !strings.Contains(r.log.String(), want) {
			t.Errorf("%s: the log does not say %q", text, want)
		}
		if now, then := r.post("jobs", firstToken), r.post("jobs", secondToken); now != http.StatusAccepted || then != http.StatusUnauthorized {
			t.Errorf("%s: the token is answered %d, the new one %d", text, now, then)
		}
	}
	if strings.Contains(r.log.String(), firstToken) || strings.Contains(r.log.String(), "never-used") {
		t.Error("the log shows a secret")
	}
}

// seen has the gateway look at its files, also at those that the first look added, and
// returns when it has: each look is taken only when the one before was done with.
func (r *reloading) seen() {
	r.t.Helper()
	for range 3 {
		r.look <- time.Now()
	}
}

func TestFileThatChangedBeforeTheGatewayWasUpIsTakenOver(t *testing.T) {
	t.Parallel()
	r := reloadableAfter(t, twoTokens(firstToken, 0), func(r *reloading) { r.write(twoTokens(secondToken, 0)) })
	if r.seen(); r.post("jobs", secondToken) != http.StatusAccepted {
		t.Errorf("the change is not in force:\n%s", r.log)
	}
}

func TestSecretThatComesAfterTheConfigurationThatNamesItIsTaken(t *testing.T) {
	t.Parallel()
	r := reloadable(t, twoTokens(firstToken, 0))
	file := filepath.Join(t.TempDir(), "token")
	r.write(twoTokens("file:"+file, 0))
	if r.seen(); !strings.Contains(r.log.String(), "no such file") {
		t.Fatalf("the missing file is not named:\n%s", r.log)
	}
	if err := os.WriteFile(file, []byte(secondToken+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r.seen(); r.post("jobs", secondToken) != http.StatusAccepted {
		t.Errorf("the secret is there and is not looked for again:\n%s", r.log)
	}
	if n := strings.Count(r.log.String(), "in force"); n != 1 {
		t.Errorf("%d times in force:\n%s", n, r.log)
	}
}

func TestSecretsInFilesAreSeenToChange(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(firstToken+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	look := make(chan time.Time)
	files := &configFiles{path: file, look: look, others: []string{file}}
	before := files.print()
	if files.print() != before {
		t.Error("nothing changed, and it is seen")
	}
	if err := os.WriteFile(file, []byte(secondToken+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if files.print() == before {
		t.Error("a change is not seen")
	}
}

// pair writes a certificate of a new key, signed by itself, and returns it.
func pair(t *testing.T, folder, name string, usage x509.ExtKeyUsage) (certPath, keyPath string, made tls.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.ParseIP("127.0.0.1")}, ExtKeyUsage: []x509.ExtKeyUsage{usage}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: private})
	certPath, keyPath = filepath.Join(folder, name+".pem"), filepath.Join(folder, name+"-key.pem")
	for path, text := range map[string][]byte{certPath: certPEM, keyPath: keyPEM} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	made, err = tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		t.Fatal(err)
	}
	return certPath, keyPath, made
}

func TestClientCertificatesProveOverTLSAndTheServersIsExchanged(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	cert, key, served := pair(t, folder, "server", x509.ExtKeyUsageServerAuth)
	ca, _, client := pair(t, folder, "client", x509.ExtKeyUsageClientAuth)
	_, _, stranger := pair(t, folder, "stranger", x509.ExtKeyUsageClientAuth)
	text := fmt.Sprintf("http: {addr: '127.0.0.1:0', tls: {cert: %s, key: %s}}\nsources: {m: {verify: {mtls: {ca: %s}}}}\n", cert, key, ca)
	r := reloadable(t, text)
	send := func(certificates ...tls.Certificate) (int, *big.Int) {
		transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true, Certificates: certificates}} //nolint:gosec // the test looks at the certificate itself
		defer transport.CloseIdleConnections()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, strings.Replace(r.url, "http", "https", 1)+"/hooks/m", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		response, err := transport.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		return response.StatusCode, response.TLS.PeerCertificates[0].SerialNumber
	}
	for name, tt := range map[string]struct {
		certificates []tls.Certificate
		status       int
	}{"the client's": {[]tls.Certificate{client}, 202}, "a stranger's": {[]tls.Certificate{stranger}, 401}, "none": {nil, 401}} {
		status, serial := send(tt.certificates...)
		if status != tt.status || serial.Cmp(served.Leaf.SerialNumber) != 0 {
			t.Errorf("%s certificate: %d", name, status)
		}
	}
	_, _, next := pair(t, folder, "server", x509.ExtKeyUsageServerAuth)
	r.reload(text)
	if status, serial := send(client); status != 202 || serial.Cmp(next.Leaf.SerialNumber) != 0 {
		t.Errorf("after the exchange: %d with certificate %d", status, serial)
	}
}
