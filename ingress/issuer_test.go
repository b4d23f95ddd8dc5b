package ingress

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// An issuer is an OpenID Connect provider on this machine.
type issuer struct {
	*httptest.Server
	key     *rsa.PrivateKey
	fetches atomic.Int64 // of its keys
	down    atomic.Bool
}

func newIssuer(t testing.TB) *issuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{key: key}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		if i.down.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, i.URL, i.URL+"/keys")
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		i.fetches.Add(1)
		if i.down.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k1", Algorithm: "RS256", Use: "sig"}}})
	})
	i.Server = httptest.NewServer(mux)
	t.Cleanup(i.Close)
	return i
}

// token makes a token of claims, signed with a key of the issuer's or another.
func (i *issuer) token(t testing.TB, key any, algorithm jose.SignatureAlgorithm, id string, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: jose.JSONWebKey{Key: key, KeyID: id}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// amazon is a signer of SNS messages and the host that has its certificate.
type amazon struct {
	key     *rsa.PrivateKey
	pem     []byte
	asked   chan string // addresses that were fetched
	answer  int
	forward string // where it redirects to; "" = it does not
	part    string // only addresses with it in them
}

const (
	snsTopic = "arn:aws:sns:eu-west-1:123456789012:loads"
	snsCert  = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123.pem"
)

func newAmazon(t testing.TB, until time.Time) *amazon {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return &amazon{key: key, pem: selfSigned(t, key, &x509.Certificate{NotBefore: until.Add(-24 * time.Hour), NotAfter: until}), asked: make(chan string, 64), answer: 200}
}

// selfSigned returns a certificate in PEM that its own key signed.
func selfSigned(t testing.TB, key crypto.Signer, template *x509.Certificate) []byte {
	t.Helper()
	template.SerialNumber, template.Subject = big.NewInt(1), pkix.Name{CommonName: "test"}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})
}

// RoundTrip answers for every host.
func (a *amazon) RoundTrip(r *http.Request) (*http.Response, error) {
	a.asked <- r.URL.String()
	response := &http.Response{StatusCode: a.answer, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(a.pem)), Request: r}
	if a.forward != "" && strings.Contains(r.URL.String(), a.part) {
		response.StatusCode = http.StatusFound
		response.Header.Set("Location", a.forward)
	}
	return response, nil
}

// message signs a message of SNS and returns its body.
func (a *amazon) message(t testing.TB, version string, fields map[string]any) []byte {
	t.Helper()
	fields["SignatureVersion"] = version
	if fields["SigningCertURL"] == nil {
		fields["SigningCertURL"] = snsCert
	}
	unsigned, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	read, err := readBody(unsigned)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := (snsProof{topics: []string{fields["TopicArn"].(string)}}).signed(read)
	if err != nil {
		t.Fatal(err)
	}
	sum, hash := sha1.Sum([]byte(signed)), crypto.SHA1
	digest := sum[:]
	if version == "2" {
		strong := sha256.Sum256([]byte(signed))
		hash, digest = crypto.SHA256, strong[:]
	}
	signature, err := rsa.SignPKCS1v15(nil, a.key, hash, digest)
	if err != nil {
		t.Fatal(err)
	}
	fields["Signature"] = base64.StdEncoding.EncodeToString(signature)
	body, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// notice is a message for the topic.
func notice(sent time.Time) map[string]any {
	return map[string]any{
		"Type": "Notification", "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324", "TopicArn": snsTopic,
		"Subject": "loaded", "Message": "{\"table\":\"orders\"}", "Timestamp": sent.UTC().Format("2006-01-02T15:04:05.000Z"),
	}
}

// confirmation is what SNS sends when a subscription is made.
func confirmation(sent time.Time, address string) map[string]any {
	return map[string]any{
		"Type": "SubscriptionConfirmation", "MessageId": "165545c9-2a5c-472c-8df2-7ff2be2b3b1b", "TopicArn": snsTopic, "Token": "2336",
		"Message": "You have chosen to subscribe.", "SubscribeURL": address, "Timestamp": sent.UTC().Format("2006-01-02T15:04:05.000Z"),
	}
}

// clientCertificate returns a certificate of a new CA, and the CA in PEM.
func clientCertificate(t testing.TB, template *x509.Certificate) (*x509.Certificate, string) {
	t.Helper()
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: template.NotBefore, NotAfter: template.NotAfter, KeyUsage: x509.KeyUsageCertSign,
	}
	caRaw, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(2)
	raw, err := x509.CreateCertificate(rand.Reader, template, ca, key.Public(), caKey)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return certificate, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caRaw}))
}
