package ingress

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
)

// MTLS proves a sender by the certificate that it showed when it connected. It
// works only where the gateway itself ends TLS.
type MTLS struct {
	CA    string   // certificates in PEM that sign the senders'
	Names []string // names that a certificate may have: DNS, e-mail, URI, or the common name; none = any of the CA's
}

type mtlsProof struct {
	roots *x509.CertPool
	names []string
}

func (c MTLS) proof() (proof, error) {
	p := mtlsProof{roots: x509.NewCertPool(), names: c.Names}
	if !p.roots.AppendCertsFromPEM([]byte(c.CA)) {
		return nil, errors.New("mtls.ca: expected certificates in PEM")
	}
	return p, nil
}

func (p mtlsProof) glance(e *evidence) error {
	if len(e.certificates) == 0 {
		return errors.New("a client certificate is needed")
	}
	leaf, between := e.certificates[0], x509.NewCertPool()
	for _, certificate := range e.certificates[1:] {
		between.AddCert(certificate)
	}
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots: p.roots, Intermediates: between, CurrentTime: e.now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return fmt.Errorf("the client certificate is not valid here: %w", err)
	}
	if len(p.names) > 0 && !slices.ContainsFunc(namesOf(leaf), func(name string) bool { return slices.Contains(p.names, name) }) {
		return errors.New("the client certificate is of somebody else")
	}
	return nil
}

// namesOf are the names that a certificate is for.
func namesOf(certificate *x509.Certificate) []string {
	names := slices.Concat(certificate.DNSNames, certificate.EmailAddresses)
	for _, uri := range certificate.URIs {
		names = append(names, uri.String())
	}
	if len(names) == 0 && certificate.Subject.CommonName != "" { // the common name counts where nothing else is said
		names = append(names, certificate.Subject.CommonName)
	}
	return names
}

func (p mtlsProof) prove(_ context.Context, e *evidence) error { return p.glance(e) }

func (p mtlsProof) sign(*evidence) error {
	return errors.New("mtls: a certificate is shown by the connection and not by the request")
}

func (p mtlsProof) challenge() string { return "Certificate" }
